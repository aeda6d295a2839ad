"""A human with matrix-js-sdk and Element's own crypto, in a Node process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parent / "node" / "human.mjs"

PATIENCE = 60.0
"The limit in seconds for something that takes one or two on an idle machine."


class Human:
    """Writes, reads, and verifies as Element does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.user = ""
        self.device = ""
        self.told: list[dict[str, Any]] = []
        "All events, in order."
        self._process = process
        self._numbers = itertools.count(1)
        self._ended = False
        self._news = asyncio.Condition()

    async def read(self) -> None:
        """Read the process's events until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            async with self._news:
                self.told.append(json.loads(line))
                self._news.notify_all()
        async with self._news:
            self._ended = True
            self._news.notify_all()

    async def until(self, what: Callable[[dict[str, Any]], Any], after: int = 0) -> dict[str, Any]:
        """The first event after the first `after` ones for which `what` is true. Waits for it."""
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                while not (found := next((each for each in self.told[after:] if what(each)), None)):
                    assert not self._ended, f"the process of {self.user} has ended; see its stderr"
                    await self._news.wait()
                return found
        except TimeoutError:
            latest = "\n".join(str(each) for each in self.told[-12:])
            raise AssertionError(f"that didn't happen; {self.user} saw:\n{latest}") from None

    async def do(self, command: str, **options: Any) -> dict[str, Any]:
        """Carry out a command. Returns its result."""
        number = next(self._numbers)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "command": command, **options}).encode() + b"\n")
        done = await self.until(lambda each: each["type"] == "done" and each["id"] == number)
        assert "error" not in done, done["error"]
        return done

    async def reads(self, *words: str, room: str | None = None, after: int = 0) -> dict[str, Any]:
        """A message from somebody else with all these words."""
        return await self.until(
            lambda each: (
                each["type"] == "message"
                and each["from"] != self.user
                and room in (None, each["room"])
                and all(word in str(each["text"]) for word in words)
            ),
            after,
        )


@contextlib.asynccontextmanager
async def human(server: str, user: str, password: str, *more: str) -> AsyncIterator[Human]:
    """A logged-in human."""
    process = await asyncio.create_subprocess_exec(
        "node", PROGRAM, server, user, password, *more,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip
    someone = Human(process)
    async with asyncio.TaskGroup() as group:
        group.create_task(someone.read())
        try:
            ready = await someone.until(lambda each: each["type"] == "ready")
            someone.user, someone.device = ready["user"], ready["device"]
            yield someone
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
