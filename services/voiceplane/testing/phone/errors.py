"""What can go wrong on the test phone's side of a call.

PhoneError
├── CallRefused          the other side answered with a final response of 300 or more; carries it
├── CallNotAnswered      no final response in time
├── NoAgentAudio         the agent was not heard in time
├── CallEnded            the other side hung up while the script wanted to go on
└── SignalingError       an answer that breaks the protocol, or none to an in-dialog request
"""


class PhoneError(Exception):
    """Any failure of a call as the phone sees it."""


class CallRefused(PhoneError):
    """The other side refused the call."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep the SIP status, which decides the exit code of `voiceplane call`."""
        super().__init__(f"refused: {status} {reason}".rstrip())
        self.status = status
        self.reason = reason


class CallNotAnswered(PhoneError):
    """Nobody answered in time; the call was cancelled."""

    def __init__(self, waited_s: float, *, rang: bool) -> None:
        """Keep whether anything came back at all: by UDP a wrong address looks like a slow agent."""
        super().__init__(f"no answer in {waited_s:.1f} s")
        self.rang = rang


class NoAgentAudio(PhoneError):
    """The agent was silent for longer than the script allows."""


class CallEnded(PhoneError):
    """The other side hung up or the call was transferred away."""


class SignalingError(PhoneError):
    """An answer that breaks RFC 3261, or no answer to an in-dialog request."""
