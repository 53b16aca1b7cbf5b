"""The events of one call on their way to the call layer: bounded, and only frames may be lost."""

import asyncio
from collections import deque

from voiceplane.media.ports import Frame, MediaEvent

MAX_FRAMES = 100  # 2 s; then the oldest frame is dropped: late audio is worthless to a turn
MAX_OTHERS = 64  # keys and the like: nobody types faster than the call reads for that long


class Inbox:
    """One writer side on the event loop, one reader."""

    def __init__(self) -> None:
        """Start empty."""
        self._events: deque[MediaEvent] = deque()
        self._frames = 0
        self._ready = asyncio.Event()
        self.dropped = 0

    def put(self, event: MediaEvent) -> None:
        """Add an event; a full box gives up its oldest frame, or refuses what is not a frame."""
        if isinstance(event, Frame):
            if self._frames >= MAX_FRAMES:
                self._drop_oldest_frame()
            self._frames += 1
        elif len(self._events) - self._frames >= MAX_OTHERS:
            self.dropped += 1
            return
        self._events.append(event)
        self._ready.set()

    async def get(self) -> MediaEvent:
        """Wait for the next event."""
        while not self._events:
            self._ready.clear()
            await self._ready.wait()
        event = self._events.popleft()
        self._frames -= isinstance(event, Frame)
        return event

    def _drop_oldest_frame(self) -> None:
        for index, event in enumerate(self._events):
            if isinstance(event, Frame):
                del self._events[index]
                self._frames -= 1
                self.dropped += 1
                return
