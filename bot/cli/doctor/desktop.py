"""What `copybara doctor` checks of the desktop: whether it opens links with this program. Nothing of it is needed."""

from __future__ import annotations

from bot.browser import has_browser
from bot.cli.doctor.check import Check
from bot.desktop.install import anything_installed, installed
from bot.desktop.places import Places
from shared.errors import StoreError


def links() -> Check | None:
    """Whether a click on a link opens the page. None where there is no desktop."""
    try:
        return _links(Places.of_user())
    except StoreError as error:
        return Check("desktop", ok=True, note=True, detail=error.sentence, hint=error.hint)


def _links(places: Places) -> Check | None:
    if installed(places):
        how = "and it starts when you log in" if places.autostart.exists() else "and it doesn't start when you log in"
        return Check("desktop", ok=True, detail=f"links copybara:… open the page, {how}")
    if not has_browser():
        return None
    what = "another program opens links copybara:…" if anything_installed(places) else "links copybara:… open nothing"
    return Check("desktop", ok=True, note=True, detail=what, hint="To let them open the page: copybara desktop install")
