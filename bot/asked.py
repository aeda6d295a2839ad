"""Asks other programs of this machine, with a limit of time and a limit of what is read."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Sequence

MOST_BYTES = 1 << 20
"The most that is read of stdout and stderr together. systemd, the journal and apt write less."

CHUNK = 64 * 1024

GIVEN_UP = 124
"The exit code of a program that took too long or wrote too much, as in timeout(1)."


def asked(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a program. Returns its exit code and output. Raises OSError if it can't be started."""
    until = time.monotonic() + seconds
    with subprocess.Popen(  # noqa: S603 - no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            out, errors = _written(process, until)
            code = process.wait(max(0.0, until - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            return subprocess.CompletedProcess(command, GIVEN_UP, "", "it took too long")
        except _TooMuch:
            return subprocess.CompletedProcess(command, GIVEN_UP, "", "it wrote too much")
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, code, out, errors)


class _TooMuch(Exception):
    """The program wrote more than is read."""


def _written(process: subprocess.Popen[bytes], until: float) -> tuple[str, str]:
    """The output up to the end of both streams. Raises TimeoutError, _TooMuch."""
    assert process.stdout is not None
    assert process.stderr is not None
    written = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    with selectors.DefaultSelector() as selector:
        for number in written:
            selector.register(number, selectors.EVENT_READ)
        while selector.get_map():
            if (left := until - time.monotonic()) <= 0:
                raise TimeoutError
            for key, _ in selector.select(left):
                if not (data := os.read(key.fd, CHUNK)):
                    selector.unregister(key.fd)
                written[key.fd] += data
            if sum(map(len, written.values())) > MOST_BYTES:
                raise _TooMuch
    out, errors = (raw.decode(errors="replace") for raw in written.values())
    return out, errors
