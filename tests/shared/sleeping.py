"""Sleep of the machine for one process: its boot-time clock jumps, the monotonic one doesn't (time_namespaces(7)).

The kernel lets a process with one thread enter another time namespace while it runs. So tests with sleep run in a
process of their own: `python -m tests.shared.sleeping MODULE FUNCTION` runs a coroutine function, which gets `sleep`.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator

from shared import asleep
from tests.peer.own_namespace import need

CLONE_NEWTIME = 0x80

SECONDS = 600.0

_libc = ctypes.CDLL(None, use_errno=True)


def sleep() -> None:
    """Sleep for ten minutes, without taking any time."""
    namespace = os.open(os.environ["SLEPT"], os.O_RDONLY)
    if _libc.setns(namespace, CLONE_NEWTIME):
        raise OSError(ctypes.get_errno(), "the time namespace can't be entered")
    os.close(namespace)


@contextlib.contextmanager
def slept() -> Iterator[str]:
    """Make a time namespace in which the machine has slept for ten more minutes. Yields its path."""
    need("unshare", "sh")
    command = ["unshare", "--time", f"--boottime={SECONDS:.0f}", "--fork", "sh", "-c", "echo $$; read nothing"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"/proc/{process.stdout.readline().strip()}/ns/time"
        process.communicate()


def run_sleeping(module: str, function: str) -> None:
    """Run a coroutine function of a test's module so that it can sleep."""
    with slept() as namespace:
        command = [sys.executable, "-m", "tests.shared.sleeping", module, function]
        done = subprocess.run(
            command, env=os.environ | {"SLEPT": namespace}, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    asleep.run(getattr(importlib.import_module(sys.argv[1]), sys.argv[2])(sleep))
