"""Which devices the owner has removed and the database still holds, in a file of its own: a start lets none of them in.

Another process may hold the database for as long as it likes, and the program be killed meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from pathlib import Path

from shared.paired_device import PairedDevice
from shared.store.files import known_errors, locked_folder, replace_file


class RemovedDevices:
    """The file: a line for each device, with the SHA-256 of its key in hexadecimal digits. Without devices, no file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Lock()

    def among(self, devices: Collection[PairedDevice]) -> list[PairedDevice]:
        """Those of these devices that were removed. Raises StoreError."""
        with known_errors(self._path):
            lines = set(self._path.read_bytes().split()) if self._path.exists() else set()
        return [device for device in devices if _line(device) in lines]

    async def keep(self, devices: Collection[PairedDevice]) -> None:
        """Write down that these were removed, and no others. On the disk on return. Raises StoreError."""
        lines = b"".join(sorted(_line(device) + b"\n" for device in devices))
        async with self._turn:
            await asyncio.to_thread(self._write, lines)

    def _write(self, lines: bytes) -> None:
        with locked_folder(self._path.parent):
            if lines:
                replace_file(self._path, lines)
            else:
                with known_errors(self._path):
                    self._path.unlink(missing_ok=True)


def _line(device: PairedDevice) -> bytes:
    return hashlib.sha256(device.key).hexdigest().encode()
