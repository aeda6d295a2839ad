"""Print the part of a lock file that the optional libraries have: `python optional.py requirements-dev.lock`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

WANTED = ("deltachat-rpc-server", "vodozemac", "sounddevice", "dbus-fast", "webrtc-noise-gain")
"They need no others that the program doesn't need anyway."


def part(lock: str) -> Iterator[str]:
    """The lines of these libraries. Raises ValueError if one isn't locked."""
    missing, inside = set(WANTED), False
    for line in lock.splitlines():
        if not line.startswith(" "):
            name = line.partition("==")[0]
            inside = name in WANTED
            missing.discard(name)
        if inside:
            yield line
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} isn't in the lock file.")


if __name__ == "__main__":
    sys.stdout.write("\n".join(part(Path(sys.argv[1]).read_text())) + "\n")
