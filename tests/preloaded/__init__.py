"""`copybara` for tests without a second of imports: it is forked from a process that has imported everything.

Each is a process like any other, with its own arguments, environment, streams and exit code, and can be killed. Tests
about a program's start, or about the time of its imports, start Python itself.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

READ_LIMIT = 256 * 1024
"The most bytes in a line that is read from a program."


class Program:
    """A running program, with the methods of asyncio.subprocess.Process."""

    def __init__(self, pid: int, ended: int, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        """The exit code arrives at `ended` when the program ends."""
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._ended = ended
        self._code = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(ended, self._read_code)

    @property
    def returncode(self) -> int | None:
        """The exit code, or the negative number of the signal that ended the program. None while it runs."""
        return int(self._code.result()) if self._code.done() else None

    async def communicate(self, written: bytes) -> bytes:
        """Write this, close the input, and return the whole output once the program has ended."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the program may read nothing, or not all
            self.stdin.write(written)
            await self.stdin.drain()
        self.stdin.close()
        said = await self.stdout.read()
        await self.wait()
        return said

    async def wait(self) -> int:
        """Wait until the program has ended, and return its exit code."""
        return int(await asyncio.shield(self._code))

    def send_signal(self, number: int) -> None:
        """Send a signal. Raises ProcessLookupError if the program is known to have ended."""
        if self._code.done():
            raise ProcessLookupError
        # The program may have ended a moment ago, before we have heard of it.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM, as a service manager does."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read_code(self) -> None:
        code = os.read(self._ended, 16)
        asyncio.get_running_loop().remove_reader(self._ended)
        os.close(self._ended)
        if not self._code.done():
            # Nothing arrives if the server process has ended, and the program has ended with it.
            self._code.set_result(int(code or -signal.SIGKILL))


async def start(arguments: Sequence[str], environment: Mapping[str, str], stderr: int) -> Program:
    """Run `copybara` with these arguments. Its stderr goes to that descriptor."""
    loop = asyncio.get_running_loop()
    (their_in, our_in), (our_out, their_out), (our_end, their_end) = os.pipe(), os.pipe(), os.pipe()
    try:
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": os.getcwd()}
        server = _server()
        socket.send_fds(server, [json.dumps(request).encode()], [their_in, their_out, stderr, their_end])
        pid = int(server.recv(16))
        # The server began earlier, perhaps outside of before_others().
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0))
    finally:
        for each in (their_in, their_out, their_end):
            os.close(each)
    reader = asyncio.StreamReader(READ_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(our_out, "rb", 0))
    pipe, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(our_in, "wb", 0))
    return Program(pid, our_end, asyncio.StreamWriter(pipe, protocol, None, loop), reader)


@functools.cache
def _server() -> socket.socket:
    """The process that has imported everything. There is one for each process that runs tests."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            # Pipes, like those of its programs.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    @atexit.register
    def end() -> None:
        ours.close()
        process.communicate()

    return ours
