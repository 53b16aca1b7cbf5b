"""What SIP tells the call, and what it gives the network. Frozen facts."""

from dataclasses import dataclass

from voiceplane.contract.ids import CallId
from voiceplane.sip.identity import Identity
from voiceplane.sip.message import Peer
from voiceplane.sip.sdp import Agreed, MediaOffer


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the network."""

    data: bytes
    peer: Peer


@dataclass(frozen=True, slots=True)
class CallOffered:
    """An INVITE that was admitted: answer it by ring, accept or reject."""

    key: str
    call_id: CallId
    sip_call_id: str
    remote_session_id: str
    caller: str  # by its own word; personal data
    called: str
    offer: MediaOffer | None
    identity: Identity | None = None  # what the trunk vouches for, if the ACK proves that the trunk called


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The ACK came; `agreed` is final now, also when the offer was ours."""

    key: str
    agreed: Agreed


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """A re-INVITE or UPDATE changed address, codec or direction (hold)."""

    key: str
    agreed: Agreed


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The dialog is over: bye, cancelled, no-ack, session-expired, bad-answer or local."""

    key: str
    reason: str
    bye: bool = False  # our BYE went out: its TransactionOver is still to come


@dataclass(frozen=True, slots=True)
class TransactionOver:
    """A BYE, re-INVITE, UPDATE or NOTIFY of a call has its final answer, or never gets one: for the call's trace."""

    key: str
    method: str
    status: int | None  # None: nobody answered our request
    ours: bool  # we asked, the far side answered
    began_at: float


@dataclass(frozen=True, slots=True)
class ReferProgress:
    """What became of our REFER so far: a SIP status, final or not."""

    key: str
    status: int
    final: bool


@dataclass(frozen=True, slots=True)
class CallRefused:
    """An INVITE was refused before the call layer saw it."""

    status: int  # 0: it got no answer
    reason: str


Event = CallOffered | Confirmed | MediaChanged | CallEnded | ReferProgress | CallRefused | TransactionOver
Output = Send | Event
