"""What holds for every SDP and every cut of a stream; Hypothesis looks for the one that breaks it."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from voiceplane.sip import sdp
from voiceplane.sip.framing import MAX_BODY_BYTES, MAX_HEAD_BYTES, BrokenStreamError, Framer

THOROUGH = settings(max_examples=800, deadline=None)
LOCAL = sdp.LocalMedia("127.0.0.1", 20000, 7)
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
NUMBERS = st.integers(-1, 300)
PROTOS = st.sampled_from(["RTP/AVP", "RTP/SAVP", ""])
TYPES = st.lists(NUMBERS, max_size=5).map(lambda numbers: " ".join(map(str, numbers)))
NAMES = st.sampled_from(["PCMU", "pcma", "G722", "opus", "telephone-event", "", "\u0663"])
CLOCKS = st.sampled_from(["8000", "16000", "48000", "0", "x", "-8000", "8000/2"])
ADDRESSES = st.sampled_from(["192.0.2.1", "0.0.0.0", "224.0.0.1", "::1", "host.example", "", "999.1.1.1"])
LINES = st.one_of(
    st.builds("m={} {} {} {}".format, st.sampled_from(["audio", "video", ""]), st.integers(-1, 70_000), PROTOS, TYPES),
    st.builds("a=rtpmap:{} {}/{}".format, NUMBERS, NAMES, CLOCKS),
    st.builds("a=fmtp:{} {}".format, NUMBERS, st.text(max_size=8)),
    st.builds("c=IN {} {}".format, st.sampled_from(["IP4", "IP6"]), ADDRESSES),
    st.sampled_from([f"a={direction}" for direction in DIRECTIONS]),
    st.sampled_from(["v=0", "s=-", "t=0 0", "o=- 1 1 IN IP4 192.0.2.1", "o=", "a=", "=", "b=AS:x", "a=ptime:x"]),
    st.text(max_size=20),
)
PIECES = st.one_of(st.binary(max_size=400), st.sampled_from([b"\r\n\r\n", b"\r\nContent-Length: 5", b"A" * 9_000]))
USABLE = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 0"]
BODIES = st.one_of(
    st.binary(max_size=300),
    st.lists(LINES, max_size=12).map(lambda lines: "\r\n".join(lines).encode("utf-8", "replace")),
    st.lists(LINES, max_size=6).map(lambda lines: "\r\n".join([*USABLE, *lines, ""]).encode("utf-8", "replace")),
)


@THOROUGH
@given(BODIES)
@example(b"")
@example("\r\n".join(USABLE).encode())
def test_an_sdp_is_refused_or_answered_with_one_section_for_each_of_its_own(body: bytes) -> None:
    try:
        offer = sdp.read(body)
        agreed = sdp.agree(offer)
    except sdp.UnacceptableSdpError:
        return
    assert 0 < agreed.port < 65_536 and 0 <= agreed.payload_type < 128 and agreed.codec in sdp.CODECS
    answer = sdp.write_answer(offer, agreed, LOCAL).decode()
    sections = [line for line in answer.split("\r\n") if line.startswith("m=")]
    assert len(sections) == len(offer.sections)
    assert [section.split()[1] for section in sections].count("20000") == 1
    assert all(line == "" or line[1] == "=" for line in answer.split("\r\n")), "a value of theirs broke a line of ours"


@given(st.sampled_from(sorted(sdp.CODECS)), st.sampled_from(DIRECTIONS), st.sampled_from([None, 96, 101, 127]))
def test_what_we_offer_again_agrees_on_the_same_when_the_far_side_mirrors_it(
    codec: str, direction: str, events: int | None
) -> None:
    agreed = sdp.Agreed(codec, sdp.CODECS[codec][0], events, "192.0.2.1", 4000, direction)
    theirs = sdp.agree(sdp.read(sdp.write_again(LOCAL, agreed)))
    back = sdp.agree(sdp.read(sdp.write_again(sdp.LocalMedia("192.0.2.1", 4000, 9), theirs)))
    assert back == agreed


@THOROUGH
@given(st.lists(st.binary(max_size=300), max_size=5), st.data())
def test_a_stream_is_cut_the_same_however_it_comes_in_pieces(bodies: list[bytes], data: st.DataObject) -> None:
    messages = [b"OPTIONS sip:a SIP/2.0\r\nl: %d\r\n\r\n%b" % (len(body), body) for body in bodies]
    stream = b"\r\n\r\n".join([b"", *messages])  # keep-alives between them
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    framer = Framer()
    got: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += framer.push(stream[start:end])
    assert got == messages


@THOROUGH
@given(st.lists(PIECES, max_size=30))
def test_a_stream_of_anything_gives_its_own_bytes_or_is_called_broken_within_its_bound(pieces: list[bytes]) -> None:
    framer = Framer()
    given_bytes, taken = 0, 0
    stream = b"".join(pieces)
    for piece in pieces:
        given_bytes += len(piece)
        try:
            messages = framer.push(piece)
        except BrokenStreamError:
            return
        assert all(message in stream for message in messages)
        taken += sum(map(len, messages))
        assert taken <= given_bytes
        assert len(framer._buffer) <= MAX_HEAD_BYTES + 4 + MAX_BODY_BYTES
