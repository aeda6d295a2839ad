"""`copybara` with an entrance for tests: a socket that lists the running program's tasks and ends one of them.

KILLING has the socket's address. A request is the name of a task, or empty. The reply is a JSON list of the names of
all tasks that were running, after one task with that name was cancelled. A task without a name is listed as its
coroutine.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from signal import Signals
from typing import Any

import bot.app
from bot.cli.main import main
from tests.bot.console import Person

KILLING = "COPYBARA_TEST_KILLING"

Run = Callable[..., Coroutine[Any, Any, Signals | None]]


class Mortal(Person):
    """A person whose program's tasks can be ended one by one."""

    def command(self, *arguments: str) -> list[str]:
        os.environ[KILLING] = str(self._killing)
        self._killing.unlink(missing_ok=True)
        return [sys.executable, "-m", "tests.bot.killing", "--home", str(self.home), *arguments]

    async def tasks(self, kill: str = "") -> list[str]:
        """End one task with that name, if one is given. Returns the names of the tasks that were running before."""
        reader, writer = await asyncio.open_unix_connection(str(self._killing))
        writer.write(f"{kill}\n".encode())
        names: list[str] = json.loads(await reader.readline())
        writer.close()
        return names

    @property
    def _killing(self) -> Path:
        return self.home.with_suffix(".killing")


def _with_a_way_in(run: Run) -> Run:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        tasks = [(_name(task), task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in [task for each, task in tasks if each == name][:1]:
            task.cancel()
        writer.write(json.dumps(sorted(each for each, _ in tasks)).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def run_with_it(*arguments: Any, **options: Any) -> Signals | None:
        async with await asyncio.start_unix_server(serve, os.environ[KILLING]):
            return await run(*arguments, **options)

    return run_with_it


def _name(task: asyncio.Task[Any]) -> str:
    name = task.get_name()
    return getattr(task.get_coro(), "__qualname__", name) if name.startswith("Task-") else name


if __name__ == "__main__":
    bot.app._run = _with_a_way_in(bot.app._run)
    sys.exit(main(sys.argv[1:]))
