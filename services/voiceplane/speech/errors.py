"""What can go wrong with speech.

SpeechError
    SpeechUnavailableError   no server answers, or it is starting: worth another try
    SpeechTimedOutError      the deadline passed: worth another try
    SpeechRefusedError       the server understood and said no (unknown voice, bad audio): not worth another try
"""


class SpeechError(Exception):
    """Speech could not be recognized, judged or synthesized."""


class SpeechUnavailableError(SpeechError):
    """No speech server answers."""


class SpeechTimedOutError(SpeechError):
    """The speech server did not answer in time."""


class SpeechRefusedError(SpeechError):
    """The speech server refused the request."""
