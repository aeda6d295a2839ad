"""The Staex node's command: `mcc id` and `mcc resolve ID`. Each prints one line."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import closing, suppress
from io import FileIO

from peer.overlay.bounded import read_bounded
from shared.errors import ConfigError, OverlayDown
from shared.node_id import NodeId

DEFAULT_COMMAND = ("mcc",)

MOST_BYTES = 1024
"The longest output in bytes. The longest valid one, a node id, has 52."


class StaexCommand:
    """Runs the node's command without a shell, without input, and with a time limit."""

    def __init__(self, command: Sequence[str] = DEFAULT_COMMAND, *, timeout: float = 5.0) -> None:
        """`command` is the program and its first arguments. `timeout` is how many seconds one run may take.

        Raises ConfigError if the command is empty or invalid.
        """
        if isinstance(command, str) or not command or not all(part and "\0" not in part for part in command):
            raise ConfigError(
                'The Staex command must be a list of words, like ["docker", "exec", "mcc", "mcc"].',
                key="staex.command",
            )
        self._command = tuple(command)
        self._timeout = timeout
        self.where = f"The command `{' '.join(self._command)}`"

    async def own_id(self) -> str:
        """The node's id as the command printed it, without surrounding white space. May be empty."""
        return await self._run("id")

    async def resolve(self, node: NodeId) -> str:
        """A node's address as the command printed it. Empty if the node isn't known.

        The text of a NodeId has only digits and letters, so it can't be mistaken for an option.
        """
        return await self._run("resolve", str(node))

    async def _run(self, *arguments: str) -> str:
        """The command's output.

        Raises OverlayDown if the command can't run, fails, takes too long or prints too much.
        """
        hint = f"Run it yourself to see why: {' '.join((*self._command, arguments[0]))}"
        try:
            async with asyncio.timeout(self._timeout):
                status, printed = await self._status_and_output(arguments)
        except TimeoutError as error:
            raise OverlayDown(f"{self.where} didn't end within {self._timeout:g} seconds.", hint) from error
        except (OSError, ValueError) as error:
            why = "isn't there" if isinstance(error, FileNotFoundError) else "can't be run"
            raise OverlayDown(
                f"{self.where} {why}.", "Set the command that asks the Staex node: copybara manual overlays"
            ) from error
        if printed is None:
            raise OverlayDown(f"{self.where} printed more than {MOST_BYTES} bytes.", hint)
        if status != 0:
            raise OverlayDown(f"{self.where} failed with status {status}.", hint)
        if not printed.isascii():
            raise OverlayDown(f"{self.where} printed something that isn't text.", hint)
        return printed.decode("ascii").strip()

    async def _status_and_output(self, arguments: tuple[str, ...]) -> tuple[int, bytes | None]:
        """The exit status and the output. The output is None if it was too long.

        The pipe is our own, not asyncio's. So a process that the command left behind with the pipe open can't make us
        wait longer than the time limit.
        """
        reading, writing = os.pipe()
        with FileIO(reading, "rb") as pipe, FileIO(writing, "wb") as into:
            output = asyncio.StreamReader(limit=MOST_BYTES)
            loop = asyncio.get_running_loop()
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), pipe)
            with closing(transport):
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    *arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=into,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
                into.close()
                try:
                    printed = await read_bounded(output, MOST_BYTES)
                    if printed is None:
                        return 0, None
                    return await process.wait(), printed
                finally:
                    await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the command and the processes that it has started, and leave no zombie.

    It leads its own process group. Once it has ended, its number may be reused, so nothing is killed then.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
