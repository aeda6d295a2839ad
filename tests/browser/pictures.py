"""How the page is looked at, and its pictures for docs/handset.md."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parents[2] / "docs" / "images"

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}

LOOKS = {"light": (WIDE, "light"), "dark": (WIDE, "dark"), "narrow": (NARROW, "light")}
"Window and colour scheme."


async def look_like(page: Any, look: str) -> None:
    """Give the page's window that size and those colours."""
    size, scheme = LOOKS[look]
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)


def wanted() -> bool:
    """Whether pictures are to be taken."""
    return os.environ.get("COPYBARA_WRITE_DOCS") == "1"


def graded() -> re.Pattern[str]:
    """How good a page says a call is; for a picture, of one for which the machine had the time."""
    return re.compile(r"^Good connection$" if wanted() else r"^(Good|Fair|Poor) connection$")


async def taken(page: Any, name: str) -> None:
    """Take the picture, if pictures are wanted; made small where pngquant is installed."""
    if not wanted():
        return
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"handset-{name}.png"
    await page.screenshot(path=path, animations="disabled")
    if shutil.which("pngquant"):
        smaller = ("pngquant", "--force", "--skip-if-larger", "--ext", ".png", "--strip", str(path))
        await (await asyncio.create_subprocess_exec(*smaller)).wait()
