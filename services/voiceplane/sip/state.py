"""What the parts of the user agent share: settings, dialogs, transactions and the outbox."""

from dataclasses import dataclass, field

from voiceplane.sip.admission import DRAINING, PAUSED, Bucket, Limits, Load, Refusal
from voiceplane.sip.dialog import Dialog
from voiceplane.sip.events import Output, TransactionOver
from voiceplane.sip.transactions import ClientTransaction, ClientTransactions, ServerTransaction, ServerTransactions
from voiceplane.sip.trunks import Ways

# What a call's trace shows one by one. The first INVITE and REFER have more to tell, and are told by the call layer.
TOLD = frozenset({"BYE", "INVITE", "UPDATE", "NOTIFY"})


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How the gateway names itself, and its session interval in seconds (RFC 4028)."""

    host: str = "127.0.0.1"
    port: int = 5060
    session_expires_s: int = 1800
    product: str = "voiceplane"

    def contact(self, *, reliable: bool) -> str:
        """Return our Contact."""
        transport = ";transport=tcp" if reliable else ""
        return f"<sip:voiceplane@{self.host}:{self.port}{transport}>"


@dataclass(slots=True)
class AgentState:
    """The mutable part; one per gateway."""

    settings: AgentSettings
    limits: Limits
    bucket: Bucket
    draining: bool = False
    paused: bool = False
    ways: Ways = field(default_factory=Ways)
    lag_s: float = 0.0  # how late the process is with its work, as the shell measures it
    dialogs: dict[str, Dialog] = field(default_factory=dict)
    server: ServerTransactions = field(default_factory=ServerTransactions)
    client: ClientTransactions = field(default_factory=ClientTransactions)
    _out: list[Output] = field(default_factory=list)

    @property
    def closed(self) -> Refusal | None:
        """Return why no call may come in whatever the load is, if so."""
        return DRAINING if self.draining else PAUSED if self.paused else None

    @property
    def load(self) -> Load:
        """Return what admission looks at."""
        return Load(len(self.dialogs), self.lag_s)

    def put(self, output: Output) -> None:
        """Add to what leaves."""
        self._out.append(output)

    def over(self, key: str, transaction: ServerTransaction | ClientTransaction, status: int | None) -> None:
        """Tell the call `key` that a transaction inside it has come to its end."""
        ours = isinstance(transaction, ClientTransaction)
        method = transaction.method if isinstance(transaction, ClientTransaction) else transaction.request.method
        if method in TOLD:
            self.put(TransactionOver(key, method, status, ours, transaction.began_at))

    def take(self) -> list[Output]:
        """Return and forget what leaves."""
        out, self._out = self._out, []
        return out
