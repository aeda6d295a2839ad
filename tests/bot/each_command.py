"""Runs commands one after the other, each in a fork of this process, so that their imports are loaded once.

It reads a JSON list of command lines from the file in argv[1], and writes a JSON list of [code, stdout, stderr] to
argv[2]. argv[3] lists the standard descriptors that stay unchanged, such as "1" if stdout is a full device or closed.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import pkgutil
import sys
import tempfile
import traceback

import bot.cli
from bot.cli.main import main


def import_everything() -> None:
    """Import what commands import when they run."""
    importlib.import_module("bot.app")
    importlib.import_module("bot.demo.run")
    for module in pkgutil.walk_packages(bot.cli.__path__, "bot.cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def run(arguments: list[str], kept: str) -> tuple[int, str, str]:
    """The command's exit code and output."""
    out, err = _scratch(), _scratch()
    child = os.fork()
    if child == 0:
        if "1" not in kept:
            os.dup2(out, 1)
        if "2" not in kept:
            os.dup2(err, 2)
        code = 70
        try:
            code = main(arguments)
            if sys.stdout is not None:
                sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), _written(out), _written(err)


def _scratch() -> int:
    """A file that takes no standard descriptor, even if one is closed: the command would write into it."""
    with tempfile.TemporaryFile(dir="/dev/shm") as file:
        return fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, 10)


def _written(file: int) -> str:
    with os.fdopen(file, "rb") as read:
        read.seek(0)
        return read.read().decode("utf-8", "replace")


if __name__ == "__main__":
    import_everything()
    with open(sys.argv[1], encoding="utf-8") as given:
        commands = json.load(given)
    ended = [run(arguments, sys.argv[3]) for arguments in commands]
    with open(sys.argv[2], "w", encoding="utf-8") as results:
        json.dump(ended, results)
