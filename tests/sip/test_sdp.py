"""Offer and answer (RFC 3264) for one audio stream."""

import pytest

from voiceplane.sip.sdp import (
    Agreed,
    LocalMedia,
    UnacceptableSdpError,
    agree,
    read,
    write_again,
    write_answer,
    write_offer,
)

LOCAL = LocalMedia("198.51.100.7", 20000, 77)
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def agreed(media: str, *, wanted: str | None = None) -> Agreed:
    return agree(read((HEAD + media).encode()), wanted=wanted)


@pytest.mark.parametrize(
    ("types", "codec", "payload_type"),
    [("0 8 9", "PCMU", 0), ("9 0", "G722", 9), ("18 8", "PCMA", 8), ("3 18 4 0", "PCMU", 0)],
)
def test_the_first_of_the_callers_codecs_that_we_know_is_used(types: str, codec: str, payload_type: int) -> None:
    outcome = agreed(f"m=audio 4000 RTP/AVP {types}\r\n")
    assert (outcome.codec, outcome.payload_type) == (codec, payload_type)


def test_a_codec_may_have_a_payload_type_of_its_own() -> None:
    outcome = agreed("m=audio 4000 RTP/AVP 110\r\na=rtpmap:110 g722/8000\r\n")
    assert (outcome.codec, outcome.payload_type) == ("G722", 110)


def test_a_static_payload_type_that_is_mapped_to_something_else_is_not_ours() -> None:
    with pytest.raises(UnacceptableSdpError, match="no codec in common"):
        agreed("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 OPUS/48000/2\r\n")


def test_the_telephone_event_of_our_clock_is_used() -> None:
    outcome = agreed(
        "m=audio 4000 RTP/AVP 111 0 110 126\r\na=rtpmap:111 opus/48000/2\r\n"
        "a=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"
    )
    assert (outcome.codec, outcome.event_payload_type) == ("PCMU", 126)


def test_without_telephone_event_none_is_answered() -> None:
    offer = read((HEAD + "m=audio 4000 RTP/AVP 0\r\n").encode())
    assert b"telephone-event" not in write_answer(offer, agree(offer), LOCAL)


def test_the_answer_has_the_offers_sections_in_order_and_only_one_audio() -> None:
    offer = read((HEAD + "m=video 5000 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 8\r\n").encode())
    answer = write_answer(offer, agree(offer), LOCAL).decode()
    assert [line for line in answer.splitlines() if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 96",
        "m=audio 20000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 8",
    ]
    assert "c=IN IP4 198.51.100.7" in answer


@pytest.mark.parametrize("theirs", ["sendrecv", "sendonly", "recvonly", "inactive"])
@pytest.mark.parametrize("level", ["session", "media"])
def test_a_direction_counts_at_both_levels(theirs: str, level: str) -> None:
    ours = {"sendonly": "recvonly", "recvonly": "sendonly"}.get(theirs, theirs)
    line, media = f"a={theirs}\r\n", "m=audio 4000 RTP/AVP 0\r\n"
    outcome = agreed(line + media if level == "session" else media + line)
    assert outcome.direction == ours
    assert outcome.sends == (ours in ("sendrecv", "sendonly"))


def test_the_old_way_to_say_hold_stops_our_audio() -> None:
    assert not agreed("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n").sends


def test_the_address_of_the_section_counts_before_the_sessions() -> None:
    outcome = agreed("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.44\r\n")
    assert (outcome.host, outcome.port) == ("192.0.2.44", 4000)


def test_the_codec_in_use_is_kept_when_it_is_offered_again() -> None:
    assert agreed("m=audio 4000 RTP/AVP 0 9\r\n", wanted="G722").codec == "G722"
    assert agreed("m=audio 4000 RTP/AVP 8\r\n", wanted="G722").codec == "PCMA"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"m=audio\r\n",
        (HEAD + "m=audio 0 RTP/AVP 0\r\n").encode(),
        (HEAD + "m=audio 4000/2 RTP/AVP 0\r\n").encode(),
        (HEAD + "m=audio 4000 RTP/AVP 0\r\na=rtpmap:zero PCMU/8000\r\n").encode(),
        (HEAD + "m=audio 4000 RTP/AVP 0\r\n" + "m=audio 1 RTP/AVP 0\r\n" * 20).encode(),
        b"v=0\r\nm=audio 4000 RTP/AVP 0\r\n",
        b"v=0\r\n" + b"a=x\r\n" * 5000,
    ],
)
def test_what_cannot_be_used_is_refused(body: bytes) -> None:
    with pytest.raises(UnacceptableSdpError):
        agree(read(body))


def test_our_own_offers_can_be_read_back() -> None:
    ours = agree(read(write_offer(LOCAL)))
    assert (ours.codec, ours.event_payload_type, ours.host, ours.port) == ("PCMU", 101, "198.51.100.7", 20000)
    again = agree(read(write_again(LOCAL, Agreed("G722", 110, 96, "192.0.2.1", 4000, "recvonly"))))
    assert (again.codec, again.payload_type, again.event_payload_type) == ("G722", 110, 96)
    assert again.direction == "sendonly"
