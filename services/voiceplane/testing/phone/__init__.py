"""The test phone: an independent SIP and RTP caller for tests, benchmarks and `voiceplane call`."""

from voiceplane.testing.phone.answering import AnsweringPhone, AnsweringSettings
from voiceplane.testing.phone.call import CallFacts, PhoneCall, TransferPolicy
from voiceplane.testing.phone.errors import (
    CallEnded,
    CallNotAnswered,
    CallRefused,
    NoAgentAudio,
    PhoneError,
    SignalingError,
)
from voiceplane.testing.phone.phone import Phone, PhoneSettings
from voiceplane.testing.phone.timings import TurnTiming

__all__ = [
    "AnsweringPhone",
    "AnsweringSettings",
    "CallEnded",
    "CallFacts",
    "CallNotAnswered",
    "CallRefused",
    "NoAgentAudio",
    "Phone",
    "PhoneCall",
    "PhoneError",
    "PhoneSettings",
    "SignalingError",
    "TransferPolicy",
    "TurnTiming",
]
