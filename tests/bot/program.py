"""A program like the demo's that starts without loading its imports, see tests/preloaded."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import BinaryIO, cast

from bot.demo.node import DemoNode
from tests import preloaded

COPYBARA = [sys.executable, "-m", "bot.cli"]


class PreloadedNode(DemoNode):
    """A DemoNode, forked from a process that has imported everything."""

    async def _launched(self, arguments: list[str], errors: BinaryIO | None) -> asyncio.subprocess.Process:
        command = self.command(*arguments)
        if command[: len(COPYBARA)] != COPYBARA:
            # For another user, or another host.
            return await super()._launched(arguments, errors)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        stderr = errors.fileno() if errors is not None else 2
        program = await preloaded.start(command[len(COPYBARA) :], environment, stderr)
        return cast(asyncio.subprocess.Process, program)
