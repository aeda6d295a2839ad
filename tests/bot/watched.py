"""`copybara` that writes down which function has called which, of its own: when it ends, as a list of pairs in JSON.

CALLS has the file's path. A function is named with its class, or with its file if it has none. A pair without a caller
is what the event loop has called: the first function of a task, or what asyncio calls of a protocol.
"""

from __future__ import annotations

import asyncio.events
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import bot.app
from bot.cli.main import main
from tests.bot.console import Person

CALLS = "COPYBARA_TEST_CALLS"

ROOT = Path(__file__).parents[2]
ROOMS = tuple(f"{ROOT / room}{os.sep}" for room in ("bot", "peer", "shared"))


class Watched(Person):
    """A person whose program's calls can be read once it has ended."""

    def command(self, *arguments: str) -> list[str]:
        os.environ[CALLS] = str(self._calls)
        return [sys.executable, "-m", "tests.bot.watched", "--home", str(self.home), *arguments]

    @property
    def made(self) -> set[tuple[str | None, str]]:
        """Which function has called which."""
        return {(caller, callee) for caller, callee in json.loads(self._calls.read_text())}

    @property
    def _calls(self) -> Path:
        return self.home.with_suffix(".calls")


class _Watch:
    """Notes who calls, for `sys.settrace`."""

    def __init__(self) -> None:
        self.made: set[tuple[CodeType | None, CodeType]] = set()

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        if not _is_ours(frame.f_code):
            return
        caller = frame.f_back
        while caller is not None and caller.f_code.co_filename != asyncio.events.__file__:
            if _is_ours(caller.f_code):
                self.made.add((caller.f_code, frame.f_code))
                return
            caller = caller.f_back
        self.made.add((None, frame.f_code))


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(ROOMS)


def _name(code: CodeType | None) -> str | None:
    if code is None:
        return None
    name = code.co_qualname
    return name if "." in name else f"{Path(code.co_filename).stem}.{name}"


def _watched(run: Callable[..., Awaitable[Any]], watch: _Watch) -> Callable[..., Awaitable[Any]]:
    async def run_watched(*arguments: Any, **options: Any) -> Any:
        sys.settrace(watch)
        try:
            return await run(*arguments, **options)
        finally:
            sys.settrace(None)

    return run_watched


if __name__ == "__main__":
    watch, calls = _Watch(), Path(os.environ[CALLS])
    bot.app._run = _watched(bot.app._run, watch)  # type: ignore[assignment]
    try:
        code = main(sys.argv[1:])
    finally:
        calls.write_text(json.dumps([(_name(caller), _name(callee)) for caller, callee in watch.made]))
    sys.exit(code)
