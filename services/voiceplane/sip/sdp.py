"""Offer and answer for one audio stream (RFC 3264). Reading is aiosipua's, the choice and the directions are ours."""

import ipaddress
from dataclasses import dataclass, replace

from aiosipua.sdp import MediaDescription, SdpMessage, parse_sdp

from voiceplane.sip.message import is_ipv4

CODECS = {"G722": (9, 8000), "PCMU": (0, 8000), "PCMA": (8, 8000)}  # payload type and RTP clock (RFC 3551)
PREFERENCE = ("PCMU", "PCMA", "G722")  # used for our own offers; for an answer the caller's order counts
OUR_EVENT_TYPE = 101
MAX_SDP_BYTES = 16_384
MAX_SECTIONS = 16
_MIRRORED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class UnacceptableSdpError(ValueError):
    """An offer or answer that we cannot use: 488, with a warning for people and a code of RFC 3261 section 20.43."""

    def __init__(self, problem: str, *, code: int = 399) -> None:
        """Say what is wrong."""
        super().__init__(problem)
        self.warning = ("Warning", f'{code} voiceplane "{problem}"')


@dataclass(frozen=True, slots=True)
class MediaOffer:
    """What the far side offered or answered for audio."""

    host: str
    port: int
    codecs: tuple[tuple[str, int], ...]  # names we know with the payload type in use, in their order
    event_payload_type: int | None
    direction: str  # theirs
    sections: tuple[str, ...]  # every m= line: an answer has as many


@dataclass(frozen=True, slots=True)
class Agreed:
    """The outcome: what is sent where, and our direction."""

    codec: str
    payload_type: int
    event_payload_type: int | None
    host: str
    port: int
    direction: str  # ours

    @property
    def sends(self) -> bool:
        """Say whether we may send audio."""
        return self.direction in ("sendrecv", "sendonly")


@dataclass(frozen=True, slots=True)
class LocalMedia:
    """Our side: where RTP is received, and the SDP session's id and version."""

    host: str
    port: int
    session: int
    version: int = 1

    def next(self) -> "LocalMedia":
        """Return it with the version counted on, as each new SDP of a session needs (RFC 3264 section 8)."""
        return replace(self, version=self.version + 1)


def read(body: bytes) -> MediaOffer:
    """Read the far side's SDP; UnacceptableSdpError when there is no audio that we can use."""
    if len(body) > MAX_SDP_BYTES:
        raise UnacceptableSdpError("the SDP is larger than 16 kB")
    try:
        sdp = parse_sdp(body.decode("utf-8", "replace"))
    except (ValueError, IndexError, KeyError) as error:
        raise UnacceptableSdpError("the SDP cannot be read") from error
    audio = sdp.audio
    connection = (audio.connection or sdp.connection) if audio else None
    if audio is None or connection is None or not 0 < audio.port < 65536:
        raise UnacceptableSdpError("no audio stream with an address and a port", code=304)
    if audio.proto != "RTP/AVP":
        raise UnacceptableSdpError("audio over RTP/AVP only", code=302)
    if not is_ipv4(connection.address) or ipaddress.IPv4Address(connection.address).is_multicast:
        raise UnacceptableSdpError("the connection address is not one IPv4 host", code=301)
    if len(sdp.media) > MAX_SECTIONS or not all(section.media and section.proto for section in sdp.media):
        raise UnacceptableSdpError("a media section cannot be read, or there are too many")
    codecs = tuple(
        (codec.encoding_name.upper(), codec.payload_type)
        for codec in audio.codecs
        if codec.encoding_name.upper() in CODECS and codec.clock_rate in (0, 8000) and 0 <= codec.payload_type < 128
    )
    named = [codec for codec in audio.codecs if codec.encoding_name.lower() == "telephone-event"]
    events = [codec.payload_type for codec in named if codec.clock_rate == 8000]  # Opus brings one of 48000 too
    held = connection.address == "0.0.0.0"  # RFC 2543's way to say hold
    return MediaOffer(
        connection.address,
        audio.port,
        codecs,
        events[0] if events and 95 < events[0] < 128 else None,
        "inactive" if held else _direction(sdp, audio),
        tuple(f"{m.media} 0 {m.proto} {' '.join(m.formats[:1]) or '0'}" for m in sdp.media),
    )


def _direction(sdp: SdpMessage, audio: MediaDescription) -> str:
    for attributes in (audio.attributes, sdp.attributes):
        for direction in _MIRRORED:
            if direction in attributes:
                return direction
    return "sendrecv"


def agree(offer: MediaOffer, *, wanted: str | None = None) -> Agreed:
    """Choose from the far side's codecs, the first that we know (or `wanted` when it is there); else 488."""
    if not offer.codecs:
        raise UnacceptableSdpError("no codec in common: we speak PCMU, PCMA and G722", code=305)
    name, payload_type = next((codec for codec in offer.codecs if codec[0] == wanted), offer.codecs[0])
    return Agreed(name, payload_type, offer.event_payload_type, offer.host, offer.port, _MIRRORED[offer.direction])


def write_answer(offer: MediaOffer, agreed: Agreed, local: LocalMedia) -> bytes:
    """Write the answer: one m= line for each of the offer's, all but the first audio refused with port 0."""
    lines = _head(local)
    answered = False
    for section in offer.sections:
        if section.startswith("audio") and not answered:
            answered = True
            codecs = [(agreed.codec, agreed.payload_type)]
            lines += _audio(local, codecs, agreed.event_payload_type, agreed.direction)
        else:
            lines.append(f"m={section}")
    return _body(lines)


def write_offer(local: LocalMedia) -> bytes:
    """Write our own offer, for an INVITE without one."""
    codecs = [(name, CODECS[name][0]) for name in PREFERENCE]
    return _body([*_head(local), *_audio(local, codecs, OUR_EVENT_TYPE, "sendrecv")])


def write_again(local: LocalMedia, agreed: Agreed) -> bytes:
    """Offer what is agreed already, unchanged: for a refresh (RFC 4028 section 7.4)."""
    codecs = [(agreed.codec, agreed.payload_type)]
    return _body([*_head(local), *_audio(local, codecs, agreed.event_payload_type, agreed.direction)])


def _head(local: LocalMedia) -> list[str]:
    return [
        "v=0",
        f"o=voiceplane {local.session} {local.version} IN IP4 {local.host}",
        "s=voiceplane",
        f"c=IN IP4 {local.host}",
        "t=0 0",
    ]


def _audio(local: LocalMedia, codecs: list[tuple[str, int]], events: int | None, direction: str) -> list[str]:
    types = [str(payload_type) for _, payload_type in codecs] + ([str(events)] if events is not None else [])
    lines = [f"m=audio {local.port} RTP/AVP {' '.join(types)}"]
    lines += [f"a=rtpmap:{payload_type} {name}/8000" for name, payload_type in codecs]
    if events is not None:
        lines += [f"a=rtpmap:{events} telephone-event/8000", f"a=fmtp:{events} 0-16"]
    return [*lines, "a=ptime:20", f"a={direction}"]


def _body(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()
