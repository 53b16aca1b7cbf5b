"""What the sender tells the call about what has left."""

import socket
import struct

from voiceplane.contract.audio import WordTime
from voiceplane.media.codecs import CODECS
from voiceplane.media.playout import Playout
from voiceplane.media.sender import Sender, SenderEvents

FRAME = struct.pack("<160h", *([1000] * 160))


def test_a_turn_that_follows_another_without_a_pause_begins_too() -> None:
    begun: list[int] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        theirs.bind(("127.0.0.1", 0))
        ours.bind(("127.0.0.1", 0))
        playout = Playout(8000, 0.0)
        sender = Sender(ours, playout, SenderEvents(begun.append, lambda before, after: None))
        sender.send_to(theirs.getsockname())
        sender.use_codec(CODECS["PCMU"], 0)
        for _ in range(2):
            playout.begin()
            playout.append(FRAME * 2, (WordTime("word", 0.0, 40.0),))
            for _ in range(2):
                sender.prepare()
                assert sender.send()
        assert len(begun) == 2
