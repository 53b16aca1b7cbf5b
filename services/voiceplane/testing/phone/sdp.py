"""The phone's SDP: offers, answers and what it reads from the other side's (RFC 4566, RFC 3264). Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from aiosipua.sdp import parse_sdp

from voiceplane.testing.phone.codecs import CLOCK_RATE, CODECS, EVENT_TYPE, CodecName
from voiceplane.testing.phone.errors import SignalingError


class Direction(StrEnum):
    """Which way audio flows, seen from the side that writes it."""

    BOTH = "sendrecv"
    SEND = "sendonly"
    RECEIVE = "recvonly"
    NONE = "inactive"


MIRRORED = {
    Direction.BOTH: Direction.BOTH,
    Direction.SEND: Direction.RECEIVE,
    Direction.RECEIVE: Direction.SEND,
    Direction.NONE: Direction.NONE,
}


@dataclass(frozen=True, slots=True)
class Description:
    """What one side said of its audio."""

    address: tuple[str, int]
    codecs: tuple[CodecName, ...]
    event_type: int | None  # payload type of telephone-event, if it has one
    direction: Direction


def read(body: str) -> Description:
    """Read the other side's SDP; SignalingError if it has no audio that the phone can speak."""
    try:
        message = parse_sdp(body)
    except ValueError as error:
        raise SignalingError(f"SDP that cannot be read: {error}") from error
    audio, address = message.audio, message.rtp_address
    if audio is None or address is None or not address[1]:
        raise SignalingError("SDP without an audio stream")
    codecs = tuple(
        replace(CODECS[codec.encoding_name.upper()], payload_type=codec.payload_type)
        for codec in audio.codecs
        if codec.encoding_name.upper() in CODECS
    )
    if not codecs:
        raise SignalingError(f"SDP without a codec of ours: {' '.join(audio.formats)}")
    event_types = [codec.payload_type for codec in audio.codecs if codec.encoding_name.lower() == "telephone-event"]
    session_wide = next((name for name in Direction if name in message.attributes), Direction.BOTH)
    own = next((name for name in Direction if name in audio.attributes), session_wide)
    return Description(address, codecs, event_types[0] if event_types else None, Direction(own))


@dataclass(frozen=True, slots=True)
class Speaker:
    """The phone's own side of an offer or answer; `version` grows with each change (RFC 3264 section 8)."""

    address: tuple[str, int]
    session_id: int
    codecs: tuple[CodecName, ...]
    event_type: int | None = EVENT_TYPE

    def write(self, version: int, direction: Direction = Direction.BOTH) -> str:
        """Write the SDP body."""
        host, port = self.address
        family = "IP6" if ":" in host else "IP4"
        types = [str(codec.payload_type) for codec in self.codecs]
        lines = [
            "v=0",
            f"o=- {self.session_id} {version} IN {family} {host}",
            "s=-",
            f"c=IN {family} {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {' '.join(types + ([str(self.event_type)] if self.event_type else []))}",
            *(f"a=rtpmap:{codec.payload_type} {codec.name}/{CLOCK_RATE}" for codec in self.codecs),
        ]
        if self.event_type:
            lines += [f"a=rtpmap:{self.event_type} telephone-event/{CLOCK_RATE}", f"a=fmtp:{self.event_type} 0-15"]
        lines += ["a=ptime:20", f"a={direction}"]
        return "\r\n".join(lines) + "\r\n"


def chosen(names: tuple[str, ...]) -> tuple[CodecName, ...]:
    """Turn codec names into codecs, keeping the order of preference; ValueError on an unknown one."""
    unknown = [name for name in names if name not in CODECS]
    if unknown or not names:
        raise ValueError(f"codecs are {', '.join(CODECS)}, not {', '.join(unknown) or 'none'}")
    return tuple(CODECS[name] for name in names)
