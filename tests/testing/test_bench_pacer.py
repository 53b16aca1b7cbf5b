"""The pacer's suite, from its own process to its lines; how late packets are is the machine's affair."""

from typing import Any, cast

import pytest

from voiceplane.testing.bench import pacer
from voiceplane.testing.bench.place import Effort


async def test_the_suite_measures_calls_of_each_codec_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacer, "CALLS", 2)
    monkeypatch.setattr(pacer, "QUICK_SECONDS", 1)
    lines = await pacer.run(cast(Any, None), Effort(quick=True))
    names = [line.what for line in lines]
    assert [sum(codec in name for name in names) for codec in pacer.CODECS] == [4, 4]
    late = [line.values[0] for line in lines if line.unit == "ms"]
    for p99, p50, worst in (late[:3], late[3:]):
        assert 0 < p50 <= p99 <= worst


async def test_a_process_that_fails_is_an_error_and_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacer, "CODECS", ("SPEEX",))
    with pytest.raises(OSError, match="the pacer's process ended with status 2"):
        await pacer.run(cast(Any, None), Effort(quick=True))
