"""The looks in which the page is examined, and its pictures for docs/handset.md."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).parents[2] / "docs" / "images"

WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}

LOOKS = {"light": (WIDE, "light"), "dark": (WIDE, "dark"), "narrow": (NARROW, "light")}
"Window size and colour scheme."


async def look_like(page: Any, look: str) -> None:
    """Give the page's window that size and those colours."""
    size, scheme = LOOKS[look]
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)


def wanted() -> bool:
    """Whether pictures should be taken."""
    return os.environ.get("COPYBARA_WRITE_DOCS") == "1"


def graded() -> re.Pattern[str]:
    """The page's words for the quality of a call. For a picture, those of a call on an idle machine."""
    return re.compile(r"^Good connection$" if wanted() else r"^(Good|Fair|Poor) connection$")


READY = """() => [...([...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body)
  .querySelectorAll("button[data-settles][aria-disabled]")].every((each) => {
    const place = each.getBoundingClientRect();
    return !each.checkVisibility() || place.top > innerHeight || place.bottom < 0;
  })"""
"Whether no visible button looks disabled because it has just appeared."

SETTLED = 5.0
"In seconds: longer than any button takes, unless something covers it."


async def settled(page: Any) -> None:
    """Wait until the page looks as it does to a person after a moment."""
    from playwright.async_api import TimeoutError as TookTooLong

    with contextlib.suppress(TookTooLong):
        await page.wait_for_function(READY, timeout=SETTLED * 1000)


async def taken(page: Any, name: str) -> None:
    """Take the picture, if pictures are wanted. It is compressed if pngquant is installed."""
    if not wanted():
        return
    await settled(page)
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"handset-{name}.png"
    await page.screenshot(path=path, animations="disabled")
    if shutil.which("pngquant"):
        smaller = ("pngquant", "--force", "--skip-if-larger", "--ext", ".png", "--strip", str(path))
        await (await asyncio.create_subprocess_exec(*smaller)).wait()
