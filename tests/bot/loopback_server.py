"""An HTTP server on loopback in the test's own process, which can stop and start again at the same address."""

from __future__ import annotations

import abc
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Self

from aiohttp import web


class LoopbackServer(abc.ABC):
    """Serves one application."""

    def __init__(self) -> None:
        self.address = ""
        self._port = 0
        self._runner: web.AppRunner | None = None

    @abc.abstractmethod
    def application(self) -> web.Application:
        """The application to serve."""

    @abc.abstractmethod
    async def release(self) -> None:
        """Answer waiting requests, because the server stops."""

    @property
    def is_served(self) -> bool:
        """Whether it can be reached."""
        return self._runner is not None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Serve during the block."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start at the same address each time."""
        self._runner = web.AppRunner(self.application(), handle_signals=False, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        with socket.create_server(("127.0.0.1", self._port), reuse_port=False) as listening:
            site = web.SockSite(self._runner, listening.dup())
            self._port = listening.getsockname()[1]
            await site.start()
        self.address = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Stop, so that it can't be reached."""
        runner, self._runner = self._runner, None
        await self.release()
        if runner is not None:
            await runner.cleanup()
