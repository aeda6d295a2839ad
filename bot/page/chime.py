"""Plays the notice of an automatic answer at the page: once, and only if a page can play it."""

from __future__ import annotations

from collections.abc import Callable

from peer.handset.page import Page, Pages


class Chime:
    """Knows which pages can play sound, and which calls' notices nobody has heard yet."""

    def __init__(self, pages: Pages, sound: Callable[[int], None]) -> None:
        """`sound` makes the page play the notice of the call with that number."""
        self._pages = pages
        self._sound = sound
        self._audible: set[Page] = set()
        "The pages that have said that they can play sound."

        self._unheard: set[int] = set()

    def can_be_heard(self, page: Page, on: bool) -> None:
        """Note whether a page's owner can hear what it plays."""
        self._audible.intersection_update(self._pages.open)
        if on:
            self._audible.add(page)
            for number in tuple(self._unheard):
                self.give(number)
        else:
            self._audible.discard(page)

    def give(self, number: int) -> bool:
        """Play the notice of a call at a page. Returns False if no page can play it."""
        if self._pages.current not in self._audible:
            return False
        self._unheard.discard(number)
        self._sound(number)
        return True

    def give_once_heard(self, number: int) -> None:
        """Play the notice of a call as soon as a page can play it."""
        if not self.give(number):
            self._unheard.add(number)

    def forget(self, number: int) -> None:
        """Forget a call that is over. Its notice isn't needed any more."""
        self._unheard.discard(number)
