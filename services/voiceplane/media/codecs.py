"""Payloads and samples: PCMU, PCMA and G.722, by aiortp's codecs. One Encoder and one Decoder per stream."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import itemgetter

from aiortp.codecs import Codec, get_codec

RTP_CLOCK_HZ = 8000  # of all three (G.722 too: RFC 3551 section 4.5.2)
CLOCK_PER_FRAME = RTP_CLOCK_HZ // 50  # ticks in 20 ms; in all three one byte of payload is one tick


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """A codec by SDP encoding name and static payload type (RFC 3551 table 4)."""

    name: str
    payload_type: int
    sample_rate: int  # of the audio

    def frame_samples(self, ptime_ms: int) -> int:
        """Return the samples of one packet."""
        return self.sample_rate * ptime_ms // 1000


CODECS = {
    spec.name: spec for spec in (CodecSpec("G722", 9, 16_000), CodecSpec("PCMU", 0, 8000), CodecSpec("PCMA", 8, 8000))
}


def encoder(spec: CodecSpec) -> Callable[[bytes], bytes]:
    """Return a function from s16le at the codec's rate to payload; G.722 keeps state in it."""
    codec: Codec = get_codec(spec.payload_type)
    return codec.encode


def decoder(spec: CodecSpec) -> Callable[[bytes], bytes]:
    """Return a function from payload to s16le at the codec's rate; G.722 keeps state in it."""
    codec: Codec = get_codec(spec.payload_type)
    return codec.decode


def frame_encoder(spec: CodecSpec) -> Callable[[bytes], bytes]:
    """Return an encoder for the pacer's thread: like `encoder`, but it never gives up the interpreter lock.

    numpy.take, which aiortp's G.711 encoders use, releases the lock, and then the thread waits for it.
    """
    if spec.name == "G722":
        return encoder(spec)
    table = _g711_table(spec.name)

    def encode(pcm: bytes) -> bytes:
        return bytes(itemgetter(*memoryview(pcm).cast("H"))(table))

    return encode


@cache
def _g711_table(name: str) -> bytes:
    """Return the code of each sample, by its 16 bits as an unsigned number (of a little-endian machine)."""
    return encoder(CODECS[name])(array("H", range(65536)).tobytes())
