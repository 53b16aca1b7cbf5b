"""What the tests of the tool gateway's core share."""

from collections.abc import AsyncIterator

import pytest
from tests.tools.desk import BUNDLE, Desk, opened


@pytest.fixture
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Open the desk of the test's module where that has its own BUNDLE."""
    async with opened(getattr(request.module, "BUNDLE", BUNDLE)) as running:
        yield running
