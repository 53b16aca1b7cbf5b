"""What the tests of the tool gateway's core share."""

from collections.abc import AsyncIterator

import pytest
from tests.tools.desk import BUNDLE, Desk, opened


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened(BUNDLE) as running:
        yield running
