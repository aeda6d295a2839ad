"""Where a user's desktop looks for files: the XDG Base Directory Specification 0.8, and what builds on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

ID = "copybara-relay"
"What the desktop calls this program: the name of its entry without `.desktop`, and of its icon."

ENTRY = f"{ID}.desktop"


class Places(msgspec.Struct, frozen=True):
    """The user's own files, before the system's."""

    application: Path
    "Among the applications (Desktop Entry Specification)."

    autostart: Path
    "What starts at each log-in (Desktop Application Autostart Specification)."

    icon: Path
    "In the theme that all others fall back to (Icon Theme Specification)."

    mimeapps: Path
    "Which application opens what (Association between MIME types and applications)."

    @classmethod
    def of_user(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Those of the user whose environment that is. A path that isn't absolute is ignored, as specified."""
        data = _folder(environment, "XDG_DATA_HOME", Path(".local", "share"))
        config = _folder(environment, "XDG_CONFIG_HOME", Path(".config"))
        return cls(
            application=data / "applications" / ENTRY,
            autostart=config / "autostart" / ENTRY,
            icon=data / "icons" / "hicolor" / "scalable" / "apps" / f"{ID}.svg",
            mimeapps=config / "mimeapps.list",
        )


def _folder(environment: Mapping[str, str], variable: str, usual: Path) -> Path:
    given = Path(environment.get(variable, ""))
    return given if given.is_absolute() else Path.home() / usual
