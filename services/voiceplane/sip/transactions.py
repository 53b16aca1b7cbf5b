"""Transactions (RFC 3261 section 17): retransmissions absorbed, answered and sent. Pure: time is an argument."""

from dataclasses import dataclass, field

from voiceplane.sip.message import T1, T2, TIMEOUT, Peer, Request, Response, branch_of, serialize, transaction_key

MAX_TRANSACTIONS = 20_000  # 32 s at 600 requests a second; above that only requests of live calls are taken
MAX_OF_CALLS = 10_000  # more, for those: a flood does not keep a caller from hanging up
Key = tuple[str, str, str]


@dataclass(slots=True)
class ServerTransaction:
    """A request we answer. Timers: `next_at` repeats a final answer to INVITE until ACK; `ends_at` forgets it."""

    request: Request
    peer: Peer
    ends_at: float
    began_at: float = 0.0
    last: bytes = b""
    status: int = 0
    next_at: float | None = None
    interval: float = T1


@dataclass(slots=True)
class ServerTransactions:
    """All requests of the last 32 s."""

    _open: dict[Key, ServerTransaction] = field(default_factory=dict)
    _invites: dict[str, Key] = field(default_factory=dict)  # new calls by what a merged copy has in common

    def receive(
        self, request: Request, peer: Peer, now: float, *, inside: bool
    ) -> tuple[ServerTransaction | None, bytes]:
        """Take a request: a new transaction, or None with what to send again for a repeated one."""
        key = transaction_key(request)
        known = self._open.get(key)
        if known is not None:
            return None, known.last
        if len(self._open) >= MAX_TRANSACTIONS + (MAX_OF_CALLS if inside else 0):
            return None, b""
        opened = ServerTransaction(request, peer, now + TIMEOUT, began_at=now)
        self._open[key] = opened
        if request.method == "INVITE":
            self._invites.setdefault(_merge_key(request), key)
        return opened, b""

    @property
    def waiting(self) -> int:
        """Count what is still remembered."""
        return len(self._open) + len(self._invites)

    @property
    def repeating(self) -> int:
        """Count the refusals of INVITEs that still wait for their ACK."""
        return sum(transaction.next_at is not None for transaction in self._open.values())

    def is_merged(self, transaction: ServerTransaction) -> bool:
        """Say whether this INVITE is another's copy that came by another path (RFC 3261 section 8.2.2.2)."""
        first = self._invites.get(_merge_key(transaction.request))
        return first is not None and self._open.get(first) is not transaction

    def find_invite(self, request: Request) -> ServerTransaction | None:
        """Find the INVITE transaction that a CANCEL or an ACK belongs to (same branch and sent-by)."""
        branch, sent_by, _ = transaction_key(request)
        return self._open.get((branch, sent_by, "INVITE"))

    def respond(self, transaction: ServerTransaction, response: Response, now: float) -> bytes:
        """Note the answer for repetitions; INVITE's refusals repeat until ACK (timer G), 2xx are the dialog's care."""
        transaction.last = serialize(response)
        transaction.status = response.status_code
        transaction.ends_at = now + TIMEOUT
        if transaction.request.method == "INVITE" and response.status_code >= 300 and not transaction.peer.reliable:
            transaction.interval, transaction.next_at = T1, now + T1
        return transaction.last

    def acknowledged(self, request: Request) -> bool:
        """Take an ACK for a refusal; False when it belongs to no refusal."""
        transaction = self.find_invite(request)
        if transaction is None or transaction.status < 300:
            return False
        transaction.next_at = None
        return True

    def tick(self, now: float) -> list[tuple[bytes, Peer]]:
        """Repeat what is due, forget what is over."""
        sends = []
        for key, transaction in list(self._open.items()):
            if transaction.ends_at <= now:
                del self._open[key]
                if transaction.request.method == "INVITE" and self._invites.get(_merge_key(transaction.request)) == key:
                    del self._invites[_merge_key(transaction.request)]
            elif transaction.next_at is not None and transaction.next_at <= now:
                sends.append((transaction.last, transaction.peer))
                transaction.interval = min(T2, transaction.interval * 2)
                transaction.next_at += transaction.interval
        return sends

    def pending(self, transaction: ServerTransaction, now: float) -> None:
        """Keep an INVITE that still rings."""
        transaction.ends_at = max(transaction.ends_at, now + TIMEOUT)


@dataclass(slots=True)
class ClientTransaction:
    """A request we sent inside a dialog; `purpose` tells the dialog what the answer is for."""

    call_key: str
    method: str
    purpose: str
    data: bytes
    peer: Peer
    ends_at: float
    next_at: float | None
    began_at: float
    interval: float = T1
    proceeding: bool = False


@dataclass(slots=True)
class ClientTransactions:
    """Our requests that wait for a final answer."""

    _open: dict[str, ClientTransaction] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Count the requests without a final answer."""
        return len(self._open)

    def send(self, branch: str, transaction: ClientTransaction) -> None:
        """Register a request that was just sent."""
        self._open[branch] = transaction

    def receive(self, response: Response) -> ClientTransaction | None:
        """Match a response; a final one closes the transaction; None for a stray."""
        cseq = response.cseq
        transaction = self._open.get(branch_of(response))
        if transaction is None or cseq is None or cseq.method != transaction.method:
            return None
        if response.status_code >= 200:
            del self._open[branch_of(response)]
        else:
            transaction.proceeding = True
        return transaction

    def tick(self, now: float) -> tuple[list[tuple[bytes, Peer]], list[ClientTransaction]]:
        """Return what to send again and what has timed out (timers A, B, E and F)."""
        sends: list[tuple[bytes, Peer]] = []
        over: list[ClientTransaction] = []
        for branch, transaction in list(self._open.items()):
            if transaction.ends_at <= now:
                over.append(self._open.pop(branch))
            elif transaction.next_at is not None and transaction.next_at <= now:
                if not (transaction.method == "INVITE" and transaction.proceeding):
                    sends.append((transaction.data, transaction.peer))
                transaction.interval = min(T2, transaction.interval * 2)
                transaction.next_at += transaction.interval
        return sends, over


def _merge_key(request: Request) -> str:
    sender, cseq = request.from_addr, request.cseq
    return f"{request.call_id}|{sender.tag if sender else None}|{cseq.seq if cseq else 0}"
