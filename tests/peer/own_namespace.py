"""Tests that need devices of their own. They run in a thread with its own network namespace."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000

NO_NODE = ("unshare", "--net", "--mount", "sh", "-ec", 'ip link set lo up; mount -t tmpfs none /run; exec "$@"', "sh")
"Before a command: it finds no node of this machine, at no address and no path."

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)


def need(*programs: str) -> None:
    """Skip with a reason of one line if this user isn't root or a program is missing."""
    missing = [program for program in programs if not shutil.which(program)]
    if os.geteuid() == 0 and not missing:
        return
    pytest.skip(f"not installed: {', '.join(missing)}" if missing else "a network namespace needs root")


def ip(line: str) -> None:
    """Run one `ip` command in the calling thread's namespace."""
    subprocess.run(["ip", *line.split()], check=True, timeout=60)


def mount(*arguments: str) -> None:
    """Run one `mount` command in the calling thread's namespace."""
    subprocess.run(["mount", *arguments], check=True, timeout=60)


def hide(folder: str) -> None:
    """Cover a folder with an empty one, in the calling thread's namespace."""
    mount("-t", "tmpfs", "none", folder)


def in_own_namespace(work: Callable[[], Coroutine[Any, Any, T]], *, own_mounts: bool = False) -> T:
    """Run a coroutine in a namespace with only a loopback device. The namespace ends once nothing uses it.

    With `own_mounts`, what it mounts is seen by its own thread alone, and by threads that this one starts. A pool of
    the program's may have other threads, so such a coroutine must not read or write files in one.
    """
    need("ip", "mount")

    def thread() -> T:
        if _libc.unshare(CLONE_NEWNET | (CLONE_NEWNS if own_mounts else 0)):
            raise OSError(ctypes.get_errno(), "no namespace can be made")
        ip("link set lo up")
        if own_mounts:
            mount("--make-rprivate", "/")
        return asyncio.run(work())

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(thread).result()
