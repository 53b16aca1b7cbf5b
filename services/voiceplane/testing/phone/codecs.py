"""The phone's codecs: what it offers in SDP and how it turns samples into payloads."""

from dataclasses import dataclass

from aiortp.codecs import Codec, get_codec

CLOCK_RATE = 8000  # Hz, the RTP clock of all three codecs (G.722 too: RFC 3551 section 4.5.2)
EVENT_TYPE = 101  # dynamic payload type that the phone gives telephone-event


@dataclass(frozen=True, slots=True)
class CodecName:
    """A codec by its SDP encoding name and payload type: the static one (RFC 3551 table 4), or what SDP maps to it."""

    name: str
    payload_type: int
    sample_rate: int  # Hz of the audio, which for G.722 is twice its RTP clock

    def open(self) -> Codec:
        """Make a fresh encoder and decoder: G.722 keeps state per stream and direction."""
        return get_codec(CODECS[self.name].payload_type)


CODECS = {
    codec.name: codec
    for codec in (CodecName("PCMU", 0, 8000), CodecName("PCMA", 8, 8000), CodecName("G722", 9, 16_000))
}
