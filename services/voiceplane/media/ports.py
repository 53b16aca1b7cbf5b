"""What the call layer sees of the media of a call: settings, what was agreed, events, quality. No behaviour."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where media is received. `advertised_host` is what SDP says: a node's or pod's address."""

    host: str = "127.0.0.1"
    advertised_host: str = "127.0.0.1"
    first_port: int = 20000
    last_port: int = 20999
    quarantine_s: float = 30.0
    timeout_s: float = 30.0
    min_wait_ms: int = 20  # the jitter buffer waits at least this long for a missing packet
    max_wait_ms: int = 120  # and at most this long
    comfort_noise: float = 6.0  # standard deviation in steps of 16 bit, about -75 dBFS; 0 is dead air


@dataclass(frozen=True, slots=True)
class MediaAgreement:
    """What offer and answer settled. `remote` is where SDP says; symmetric RTP may correct it."""

    codec: str
    remote: tuple[str, int]
    dtmf_payload_type: int | None
    sends: bool = True  # our direction: sendrecv or sendonly
    payload_type: int | None = None  # of the codec; None is its static number (RFC 3551 table 4)


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of the caller at 16 kHz s16le; `at` is when it ended (loop time); a jump of `index` is a drop."""

    pcm: bytes
    at: float
    concealed: bool
    index: int = 0


@dataclass(frozen=True, slots=True)
class Digits:
    """A key the caller pressed, when it was known, and for how long it was down."""

    digits: str
    at: float
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first packet with speech left after silence, with its RTP timestamp."""

    at: float
    rtp_timestamp: int = 0


@dataclass(frozen=True, slots=True)
class MediaTimedOut:
    """No packet came for the whole media timeout."""

    at: float


MediaEvent = Frame | Digits | PlayoutStarted | MediaTimedOut


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller has heard of the agent's turn."""

    text: str
    samples: int  # at the playout's rate
    complete: bool


@dataclass(frozen=True, slots=True)
class MediaStatistics:
    """The quality of a call, for its record."""

    codec: str
    sent: int
    received: int
    lost: int
    late: int
    jitter_ms: float
    round_trip_ms: float
    mos: float
    duplicate: int = 0
    concealed: int = 0
    unsent: int = 0  # packets the kernel refused
    remote_lost: int = 0  # of our packets, as the far side's RTCP says
