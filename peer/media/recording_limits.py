"""How much space recordings may use, in all and per second. The other side decides how much it sends."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from shared.config.schema import MediaSettings
from shared.errors import MediaError

MEGABYTE = 1_000_000

BYTES_PER_SECOND = 1_000_000
"How much of a call is recorded on average: more than five times what this program sends."

BURST = 8 * MEGABYTE
"How much more may come at once."


class RecordingLimits(msgspec.Struct, frozen=True):
    """The limits, in bytes."""

    recording: int = 2_000 * MEGABYTE
    "The largest size of one recording."

    folder: int = 10_000 * MEGABYTE
    "The largest size of the whole folder when a recording begins."

    free: int = 500 * MEGABYTE
    "How much space recordings leave free on the disk."

    @classmethod
    def of(cls, settings: MediaSettings) -> RecordingLimits:
        """The configured limits. The configuration counts in megabytes."""
        return cls(
            settings.recording_mb * MEGABYTE, settings.recordings_mb * MEGABYTE, settings.recordings_leave_mb * MEGABYTE
        )

    def check_folder(self, folder: Path) -> None:
        """Check that another recording may begin in the folder. Raises MediaError if not, and OSError."""
        self.check_disk(folder)
        with os.scandir(folder) as entries:
            kept = sum(entry.stat().st_size for entry in entries if entry.is_file(follow_symlinks=False))
        if kept >= self.folder:
            raise MediaError(
                f"The recordings in {folder} take {kept // MEGABYTE} MB, the most that they may take together.",
                "Delete some or move them elsewhere, or raise `recordings_mb` under [media] of copybara.toml.",
            )

    def check_disk(self, folder: Path) -> None:
        """Check that the disk has room for more. Raises MediaError if not, and OSError."""
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < self.free:
            raise MediaError(
                f"The disk is nearly full, so {folder} takes no more recordings.",
                "Make room, or lower `recordings_leave_mb` under [media] of copybara.toml.",
            )


class Rate:
    """Lets BYTES_PER_SECOND through on average, and BURST bytes at once."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at: float | None = None

    def take(self, count: int, now: float) -> bool:
        """Whether `count` bytes may pass at `now`, a time in seconds."""
        if self._at is not None:
            self._left = min(BURST, self._left + max(0.0, now - self._at) * BYTES_PER_SECOND)
        self._at = now
        if count > self._left:
            return False
        self._left -= count
        return True
