"""A person in the demo: a `copybara run --console --json` with its own home."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from shared.errors import DemoFailed

Said = dict[str, Any]
"A JSON line of the console."

READ_LIMIT = 256 * 1024

VARIABLE = "COPYBARA_DEMO"
"""The environment variable of a program that ends with `copybara demo --handset`, so that its page says how to run that
again."""

WITHOUT_PAGE = '[answer]\nendpoint = "pattern"\n[handset]\nenabled = false\n'
"The configuration of a node without a person."


class DemoNode:
    """A running copybara, and the person who types into it."""

    def __init__(
        self,
        name: str,
        home: Path,
        hear: Callable[[DemoNode, Said], None],
        *,
        config: str = WITHOUT_PAGE,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`hear` is called with every line that the program writes. `config` is added to a new home's configuration,
        `environment` to the program's environment.
        """
        self.name = name
        self.home = home
        self.node = ""
        "Its node id, once it is ready."

        self.handset: str | None = None
        "The address of its handset page, once it is ready. None if it has no page."

        self.calls: list[Said] = []
        "The states of its calls, in the order of its reports."

        self._config = config
        self._environment = environment
        self._hear = hear
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lines: list[Said] = []
        self._silent = False
        self._news = asyncio.Condition()

    @property
    def started(self) -> bool:
        """Whether there is a program to stop."""
        return self._process is not None

    def command(self, *arguments: str) -> list[str]:
        """The command line of `copybara` with its home."""
        return [sys.executable, "-m", "bot.cli", "--home", str(self.home), *arguments]

    def prepare(self) -> None:
        """Make a new home with a configuration, so that the home of the person who runs the demo isn't used."""
        self.home.mkdir(mode=0o700)
        (self.home / "copybara.toml").write_text(f'name = "{self.name}"\noverlay = "loopback"\n{self._config}')

    async def ended(self) -> None:
        """Wait for the program to end."""
        assert self._process is not None
        await self._process.wait()

    async def start(self, *options: str, errors: BinaryIO | None = None) -> None:
        """Start the program in a new home, or restart it in its own, and wait until it is ready.

        `options` are added to its command line. `errors` gets its stderr; None: our stderr.
        """
        if not self.home.exists():
            self.prepare()
        self._lines.clear()
        self._silent = False
        self._process = await self._launched(["run", "--console", "--json", *options], errors)
        self._reading = asyncio.create_task(self._read())
        ready = await self.until(lambda said: said["type"] == "ready")
        self.node, self.handset = str(ready["node"]), ready["handset"]

    async def _launched(self, arguments: list[str], errors: BinaryIO | None) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.command(*arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=READ_LIMIT,
            start_new_session=True,  # Ctrl-C in a terminal is for the demo, which ends its programs itself
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **self._environment},
        )

    async def stop(self) -> int:
        """End the program as Ctrl-C does, and return its exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        code = await self._process.wait()
        if self._reading is not None:
            await self._reading
        return code

    def write(self, text: str, *, sender: str = "owner") -> None:
        """Type as the owner, or deliver another person's text."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"from": sender, "text": text}).encode() + b"\n")

    async def until(self, wanted: Callable[[Said], bool], seconds: float = 60.0) -> Said:
        """Wait for a line that is `wanted`, from those not yet taken. Raises DemoFailed if it doesn't come."""
        try:
            async with asyncio.timeout(seconds), self._news:
                while True:
                    for place, said in enumerate(self._lines):
                        if wanted(said):
                            del self._lines[: place + 1]
                            return said
                    if self._silent:
                        raise DemoFailed(f"{self.name}'s program has ended.")
                    await self._news.wait()
        except TimeoutError:
            raise DemoFailed(f"{self.name}'s program didn't do in {seconds:.0f} s what it should.") from None

    async def posted(self, to: str, containing: str = "", *, kind: str = "") -> Said:
        """Its next message to the chat or the owner that contains a text and, if given, has that kind."""
        return await self.until(
            lambda said: (
                said["type"] == "post"
                and said["to"] == to
                and kind in ("", said["kind"])
                and containing in said["text"]
            )
        )

    async def call(self, state: str, **values: object) -> Said:
        """Its next report of a call in that state, with those values."""
        return await self.until(
            lambda said: (
                said["type"] == "call"
                and said["state"] == state
                and all(said[name] == value for name, value in values.items())
            )
        )

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if said["type"] == "call":
                self.calls.append(said)
            self._hear(self, said)
            async with self._news:
                self._lines.append(said)
                self._news.notify_all()
        async with self._news:
            self._silent = True
            self._news.notify_all()
