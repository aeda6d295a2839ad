"""Fixtures that the browser tests of a file share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.browser.chromium import Chromiums, chromiums


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_chromiums() -> AsyncIterator[None]:
    """Chromiums for all tests of a file; see ONE_CHROMIUM."""
    async with _shared(windowless=False):
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_headless_shells() -> AsyncIterator[None]:
    """Chromiums without windows for all tests of a file; see ONE_HEADLESS_SHELL."""
    async with _shared(windowless=True):
        yield


@contextlib.asynccontextmanager
async def _shared(*, windowless: bool) -> AsyncIterator[None]:
    async with chromiums(windowless=windowless) as shared:
        Chromiums.shared = shared
        try:
            yield
        finally:
            Chromiums.shared = None
