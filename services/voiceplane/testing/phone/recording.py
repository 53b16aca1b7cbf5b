"""Both directions of a call on one timeline. Fed by rtp.py with samples and arrival times; read when the call ends.

The timeline starts at the answer. A caller packet sent at T holds what the microphone took in [T - 20 ms, T]; an agent
packet that arrives at T is heard from T on: the phone adds no jitter buffer, so no wait is hidden or invented.
Within a run of packets the RTP timestamp places samples; the arrival clock anchors each run.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from voiceplane.testing.phone.audio import Samples, write_wav

MAX_SECONDS = 3600  # a test call; bounds the memory at about 115 MB for each direction at 16 kHz
_SLACK_S = 0.020  # a packet this far from where its timestamp puts it begins a new run: one packet time


@dataclass(slots=True)
class Track:
    """One direction: pieces of samples at their places."""

    sample_rate: int
    clock_rate: int  # Hz of the RTP timestamp
    pieces: list[tuple[int, Samples]] = field(default_factory=list)
    _anchor: float = 0.0  # seconds of the timeline where timestamp _origin plays
    _origin: int | None = None
    worst_jitter_ms: float = 0.0

    def place(self, samples: Samples, timestamp: int, *, at: float) -> float:
        """Lay a packet that is heard at `at` seconds of the timeline; return where it was put, in seconds."""
        if self._origin is None:
            self._origin, self._anchor = timestamp, at
        elapsed = ((timestamp - self._origin + 0x80000000) & 0xFFFFFFFF) - 0x80000000  # wraps at 2^32
        expected = self._anchor + elapsed / self.clock_rate
        late = at - expected
        if abs(late) > _SLACK_S:
            self._origin, self._anchor, expected = timestamp, at, at
        else:
            self.worst_jitter_ms = max(self.worst_jitter_ms, abs(late) * 1000)
        position = round(expected * self.sample_rate)
        if 0 <= position < MAX_SECONDS * self.sample_rate:
            self.pieces.append((position, samples))
        return expected

    def samples(self) -> Samples:
        """Return the whole track; where nothing came there is silence."""
        end = max((position + len(piece) for position, piece in self.pieces), default=0)
        track = np.zeros(end, dtype=np.int16)
        for position, piece in self.pieces:
            track[position : position + len(piece)] = piece
        return track


@dataclass(slots=True)
class Recording:
    """The caller's and the agent's track of one call, at one rate."""

    sample_rate: int
    caller: Track
    agent: Track

    def save(self, path: Path) -> None:
        """Write a stereo WAV: left the caller, right the agent."""
        write_wav(path, (self.caller.samples(), self.agent.samples()), self.sample_rate)


def new_recording(sample_rate: int, clock_rate: int) -> Recording:
    """Start an empty recording."""
    return Recording(sample_rate, Track(sample_rate, clock_rate), Track(sample_rate, clock_rate))
