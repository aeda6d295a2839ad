"""The notice of an automatic answer, sounded at the page: once, and only where a page can be heard."""

from __future__ import annotations

from collections.abc import Callable

from peer.handset.page import Page, Pages


class Chime:
    """Knows which pages can be heard, and which calls' notices nobody has heard yet."""

    def __init__(self, pages: Pages, sound: Callable[[int], None]) -> None:
        """`sound` has the page give the notice of the call with that number."""
        self._pages = pages
        self._sound = sound
        self._audible: set[Page] = set()
        "The pages that have said that they can be heard."

        self._unheard: set[int] = set()

    def can_be_heard(self, page: Page, on: bool) -> None:
        """A page says whether its owner hears what it plays."""
        self._audible.intersection_update(self._pages.open)
        if on:
            self._audible.add(page)
            for number in tuple(self._unheard):
                self.give(number)
        else:
            self._audible.discard(page)

    def give(self, number: int) -> bool:
        """Give the notice of a call at a page. Returns False if no page can be heard."""
        if self._pages.current not in self._audible:
            return False
        self._unheard.discard(number)
        self._sound(number)
        return True

    def give_once_heard(self, number: int) -> None:
        """Give the notice of a call at a page as soon as one can be heard."""
        if not self.give(number):
            self._unheard.add(number)

    def forget(self, number: int) -> None:
        """The call is over: its notice isn't needed any more."""
        self._unheard.discard(number)
