"""A call whose record cannot be written is over all the same, through the whole join."""

import asyncio
from pathlib import Path

import pytest
from tests.call.joined import joined

from voiceplane.records.rows import CallRow
from voiceplane.testing.phone import Phone


async def test_a_call_whose_record_cannot_be_written_still_leaves_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: asyncio.Queue[CallRow] = asyncio.Queue()

    def fail(row: CallRow) -> None:
        tried.put_nowait(row)
        raise OSError("the disk is full")

    ended: list[str] = []
    with pytest.raises(ExceptionGroup) as failure:
        async with joined(tmp_path) as gateway:
            monkeypatch.setattr(gateway.records, "append", fail)
            events = gateway.site.hub.watch("")
            async with Phone(gateway.target) as call:
                await call.wait_for_agent_silence(quiet_ms=300)
                assert len(gateway.site.hub.live()) == 1
            async with asyncio.timeout(20):
                async for event in events:
                    if event.kind == "ended":
                        ended.append(event.call_id)
                        break
    assert failure.group_contains(OSError, match="the disk is full")
    assert (ended, gateway.site.hub.live()) == ([tried.get_nowait().call_id], ())
