"""Decides what the owner hears about ignored messages: each thing once, a few per person, and then a single total.

Anybody can have any number of devices and keys. So each person has a budget per subject, and strangers together have
one too. What exceeds it is counted, and one notice says from how many devices messages were ignored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from bot.messengers.matrix.vault import Vault

DAY = 24 * 3600
EACH_PERSON, STRANGERS = 3, 10
"How many notices there are in a day about one person and subject, and about all strangers together."

TOGETHER_AFTER, TOGETHER_EVERY = 60, 3600
"After how many seconds the owner hears the total, and the shortest time between two totals."

MOST_REMEMBERED, MOST_PEOPLE = 20, 500
"How many things are remembered about one person and subject, and about how many people and subjects."

MOST_COUNTED = 10_000
"The highest total that is counted exactly."

_NAME = "told:"


class Told(msgspec.Struct):
    """What the owner has read about one person and subject."""

    about: list[str] = []
    "Short hashes of the things, the newest last."

    when: list[int] = []
    "When, in Unix seconds."

    counted_until: int = 0
    "Until then nothing more is said or counted, because the owner has read the total."


@dataclass(frozen=True, slots=True)
class Counted:
    """A total for the owner."""

    things: int
    people: tuple[str, ...]
    is_all: bool
    "False: there were more."


@dataclass
class Notices:
    """Decides what to tell; texts.py has the sentences. All times are in Unix seconds."""

    vault: Vault
    _strangers: list[int] = field(default_factory=list)
    _counted: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    "What was counted, by subject and person."

    _things: int = 0
    "The size of `_counted`."

    _due: int = 0
    "When the owner hears the total; 0: nothing was counted."

    _together: int = 0
    "When the owner last heard a total."

    def tell(self, subject: str, user: str, about: str, now: int, *, stranger: bool) -> bool:
        """Whether the owner hears of this now."""
        name, short = f"{_NAME}{subject} {user}", hashlib.sha256(about.encode("utf-8", "replace")).hexdigest()[:12]
        told = self.vault.get(name, Told) or Told()
        # A later time than that comes from a clock that has been set back since.
        if short in told.about or now < told.counted_until <= now + DAY:
            return False
        told.when = [each for each in told.when if now - DAY < each <= now]
        self._strangers = [each for each in self._strangers if now - DAY < each <= now]
        if len(told.when) >= EACH_PERSON or (stranger and len(self._strangers) >= STRANGERS):
            self._count(subject, user, short, now)
            return False
        if stranger:
            self._strangers.append(now)
        told.about = [*told.about[1 - MOST_REMEMBERED :], short]
        told.when.append(now)
        self._keep(name, told)
        return True

    def together(self, now: int) -> Counted | None:
        """The total, once it is due. Its people aren't counted again for a day."""
        if not self._due or now < self._due <= now + TOGETHER_EVERY:
            return None
        counted, things = self._counted, self._things
        self._counted, self._things, self._due, self._together = {}, 0, 0, now
        for subject, user in counted:
            name = f"{_NAME}{subject} {user}"
            told = self.vault.get(name, Told) or Told()
            told.counted_until = now + DAY
            self._keep(name, told)
        people = tuple(dict.fromkeys(user for _, user in counted))
        return Counted(things, people, things < MOST_COUNTED)

    def _count(self, subject: str, user: str, short: str, now: int) -> None:
        if self._things < MOST_COUNTED:
            known = self._counted.setdefault((subject, user), set())
            self._things += short not in known
            known.add(short)
            self._due = self._due or max(now + TOGETHER_AFTER, min(self._together, now) + TOGETHER_EVERY)

    def _keep(self, name: str, told: Told) -> None:
        self.vault.put(name, told)
        names = list(self.vault.names(_NAME))
        if len(names) > MOST_PEOPLE:
            # The owner may hear again of people who are forgotten here, within the budgets.
            ages = {each: max([known.counted_until - DAY, *known.when]) for each in names if (known := self._of(each))}
            for each in sorted(names, key=lambda each: ages.get(each, 0))[: len(names) - MOST_PEOPLE]:
                self.vault.drop(each)

    def _of(self, name: str) -> Told | None:
        return self.vault.get(name, Told)
