"""What the browser tests of a file share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.browser.chromium import Chromiums, chromiums


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_chromiums() -> AsyncIterator[None]:
    """Chromiums for all tests of a file; see ONE_CHROMIUM."""
    async with chromiums() as shared:
        Chromiums.shared = shared
        try:
            yield
        finally:
            Chromiums.shared = None
