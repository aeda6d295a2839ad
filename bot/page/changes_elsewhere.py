"""Changes to the contacts by the owner's other devices that nobody at home has seen yet. A device may be stolen."""

from __future__ import annotations

from collections.abc import Iterable

from bot.texts.devices import more_changes

KEPT = 5
"How many changes are kept. The others are counted, so that none that was made first is hidden by many that follow."


class ChangesElsewhere:
    """What pages at home show until somebody there says that they have seen it."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._more = 0

    def add(self, sentence: str) -> None:
        """Keep one more change."""
        if len(self._kept) < KEPT:
            self._kept.append(sentence)
        else:
            self._more += 1

    @property
    def shown(self) -> list[str]:
        """The sentences that a page shows, oldest first."""
        return [*self._kept, *([more_changes(self._more)] if self._more else [])]

    def seen(self, sentences: Iterable[str] | None) -> None:
        """Drop what a page has shown. None: everything. A change that came meanwhile stays."""
        if sentences is None:
            self._kept.clear()
            self._more = 0
            return
        for sentence in sentences:
            if sentence in self._kept:
                self._kept.remove(sentence)
            elif sentence == more_changes(self._more):
                self._more = 0
