"""What the owner hears about messages that do nothing: each thing once, a few for each person, then one with a number.

Anybody can have as many devices and keys as they like. So a person has a budget for each subject, strangers together
have one as well, and what is beyond it is counted: one notice says of how many devices nothing was read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from bot.messengers.matrix.vault import Vault

DAY = 24 * 3600
EACH_PERSON, STRANGERS = 3, 10
"Notices in a day about one person and subject, and about all strangers together."

TOGETHER_AFTER, TOGETHER_EVERY = 60, 3600
"Seconds until the owner hears of what was only counted, and how often at most."

MOST_REMEMBERED, MOST_PEOPLE = 20, 500
"How much of one person and subject is remembered, and of how many."

MOST_COUNTED = 10_000
"Of more the notice says that there are more."

_NAME = "told:"


class Told(msgspec.Struct):
    """What the owner has heard about one person and subject."""

    about: list[str] = []
    "Short hashes, the newest last."

    when: list[int] = []
    "Unix seconds."

    counted_until: int = 0
    "Until when nothing more is said or counted: the owner has heard the number."


@dataclass(frozen=True, slots=True)
class Counted:
    """What the owner hears as a number."""

    things: int
    people: tuple[str, ...]
    is_all: bool
    "False: there were more."


@dataclass
class Notices:
    """Decides; what is said is in texts.py. All times are Unix seconds."""

    vault: Vault
    _strangers: list[int] = field(default_factory=list)
    _counted: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    "By subject and person."

    _things: int = 0
    "How many that is."

    _due: int = 0
    "When the owner hears of what was counted; 0: nothing was."

    _together: int = 0
    "When that was last."

    def tell(self, subject: str, user: str, about: str, now: int, *, stranger: bool) -> bool:
        """Whether the owner hears of this now."""
        name, short = f"{_NAME}{subject} {user}", hashlib.sha256(about.encode("utf-8", "replace")).hexdigest()[:12]
        told = self.vault.get(name, Told) or Told()
        # What is dated later than that was so by a clock that was set back since.
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
        """The number of what was only counted, once it is time; the same people aren't counted for a day."""
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
            # The owner may hear of those who are forgotten again, within the budgets.
            ages = {each: max([known.counted_until - DAY, *known.when]) for each in names if (known := self._of(each))}
            for each in sorted(names, key=lambda each: ages.get(each, 0))[: len(names) - MOST_PEOPLE]:
                self.vault.drop(each)

    def _of(self, name: str) -> Told | None:
        return self.vault.get(name, Told)
