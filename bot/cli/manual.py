"""`copybara manual [PAGE]`: the pages of docs/ in the terminal, for people who don't have the repository."""

from __future__ import annotations

import pydoc
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.terminal.streams import print_text
from shared.errors import InputError
from shared.nearest import did_you_mean

INSTALLED = Path(sysconfig.get_path("data")) / "share" / "doc" / "copybara-relay"
"Where the wheel installs the pages: see data-files in pyproject.toml."

_REPOSITORY = Path(__file__).parents[2]

FOLDERS = (INSTALLED, _REPOSITORY / "docs", _REPOSITORY / "config")
"The last two folders exist if the program runs from a clone."

SETTINGS = "settings"
"The example configuration."


def manual(page: str | None, folders: Sequence[Path] = FOLDERS) -> int:
    """Print a page, or the list of pages. Raises InputError if there is no such page."""
    pages = dict(_pages(folders))
    if page is None:
        width = max(map(len, pages), default=0)
        lines = [f"  copybara manual {name:{width}}  {_title(pages[name])}" for name in sorted(pages)]
        print_text("\n".join(lines))
        return 0
    if page not in pages:
        raise InputError(
            f"There is no page {page!r}.",
            did_you_mean(page, pages, before="copybara manual ", otherwise="`copybara manual` lists all pages."),
        )
    text = pages[page].read_text(encoding="utf-8")
    if sys.stdin.isatty() and sys.stdout.isatty():
        pydoc.pager(text)
    else:
        sys.stdout.write(text)
    return 0


def _pages(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        for path in folder.glob("*.md"):
            yield path.stem, path
        if (settings := folder / "copybara.toml").exists():
            yield SETTINGS, settings


def _title(page: Path) -> str:
    """The page's heading, from its first line."""
    if page.suffix != ".md":
        return "Every setting, explained"
    with page.open(encoding="utf-8") as file:
        return file.readline().strip("# \n")
