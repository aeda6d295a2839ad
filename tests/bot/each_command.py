"""Runs commands one after the other, each in a fork of this process: what they need is imported once.

Reads a JSON list of command lines from the file in argv[1]; writes a JSON list of [code, stdout, stderr] to argv[2].
argv[3] says which standard descriptors stay as they are, such as "1" where stdout is a full device or closed.
"""

from __future__ import annotations

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
    """What commands import when they run."""
    importlib.import_module("bot.app")
    importlib.import_module("bot.demo.run")
    for module in pkgutil.walk_packages(bot.cli.__path__, "bot.cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def run(arguments: list[str], kept: str) -> tuple[int, str, str]:
    """How the command ends, and what it wrote."""
    with tempfile.TemporaryFile(dir="/dev/shm") as out, tempfile.TemporaryFile(dir="/dev/shm") as err:
        child = os.fork()
        if child == 0:
            if "1" not in kept:
                os.dup2(out.fileno(), 1)
            if "2" not in kept:
                os.dup2(err.fileno(), 2)
            code = 70
            try:
                code = main(arguments)
                if sys.stdout is not None:
                    sys.stdout.flush()
            except BaseException:
                traceback.print_exc()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        written = []
        for file in (out, err):
            file.seek(0)
            written.append(file.read().decode("utf-8", "replace"))
    return os.waitstatus_to_exitcode(status), written[0], written[1]


if __name__ == "__main__":
    import_everything()
    with open(sys.argv[1], encoding="utf-8") as given:
        commands = json.load(given)
    with open(sys.argv[2], "w", encoding="utf-8") as results:
        json.dump([run(arguments, sys.argv[3]) for arguments in commands], results)
