"""What can go wrong with speech.

SpeechError
    SpeechUnavailableError   no server answers, or it is starting: worth another try
        SpeechOverloadedError    its queue is full, or the request waited there too long: so is this, a little later
    SpeechTimedOutError      the deadline passed: worth another try
    SpeechRefusedError       the server understood and said no (unknown voice, bad audio): not worth another try
"""


class SpeechError(Exception):
    """Speech could not be recognized, judged or synthesized."""


class SpeechUnavailableError(SpeechError):
    """No speech server answers."""


class SpeechOverloadedError(SpeechUnavailableError):
    """The speech server has more work than it can do in time."""


class SpeechTimedOutError(SpeechError):
    """The speech server did not answer in time."""


class SpeechRefusedError(SpeechError):
    """The speech server refused the request."""
