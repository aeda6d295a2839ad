"""The process that has imported everything and forks a program for each request. See __init__.py."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
from typing import Any

from bot.cli.main import main

WHAT_A_CALL_IMPORTS = (
    "aiohttp.web",
    "aiortc",
    "bot.app",
    "bot.messengers.telegram.messenger",
    "httpx",
    "peer.handset.server",
    "peer.media.endpoints.pattern",
    "telegram.ext",
    "webbrowser",
)

LONGEST_REQUEST = 256 * 1024


def program(control: socket.socket) -> dict[str, Any] | None:
    """Fork a program for each request. Returns the request in the program, and None when no more requests come."""
    running = selectors.DefaultSelector()
    running.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in running.select():
            if key.data:
                running.unregister(key.fd)
                os.close(key.fd)
                _tell_code(*key.data)
                continue
            message, descriptors, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 4)
            if not message:
                return None
            *streams, told = descriptors
            pid = os.fork()
            if not pid:
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                running.close()
                control.detach()
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                return dict(json.loads(message))
            for stream in streams:
                os.close(stream)
            running.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, told))
            control.send(str(pid).encode())


def _tell_code(pid: int, told: int) -> None:
    _, status = os.waitpid(pid, 0)
    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(told)


def become(request: dict[str, Any]) -> None:
    """Become a program that was just started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    sys.argv[1:] = request["arguments"]
    # Python made sys.stderr when descriptor 2 was another file, perhaps one that can be rewound.
    sys.stderr = os.fdopen(2, "w", 1, sys.stderr.encoding, "backslashreplace", closefd=False)


def _end(code: int) -> None:
    """End like an interpreter, but without deleting all imported objects, half the time of a short program."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):  # the interpreter does the same, and has nobody to report to either
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    # Ctrl-C is for the programs, and for the process that runs the tests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for each in WHAT_A_CALL_IMPORTS:
        importlib.import_module(each)
    gc.freeze()
    if request := program(socket.socket(fileno=int(sys.argv[1]))):
        become(request)
        _end(main())
