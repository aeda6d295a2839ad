"""Entries from a messenger. Each is stored first and carried out once, even if the program is killed in between.

One transaction stores the effects of an entry, the messages that it causes, and the mark that it is done. So an entry
that isn't done has sent nothing. An entry that fails or can't be read is set aside and reported, and the next one goes
on.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.messengers.journal_writer import JournalWriter
from shared.store.journal import Journal

BEGUN = "begun"
"The fact that says which entry was tried first after the start, and how many times."

STARTS = 3
"How many times an entry may kill the program before it is set aside."

logger = logging.getLogger(__name__)


@dataclass
class Outcome:
    """What entries have caused. It is stored together with the mark that they are done."""

    outgoing: list[tuple[str | None, bytes]] = field(default_factory=list)
    "Messages to send, each with the id of its call, if it has one."

    shown: set[str] = field(default_factory=set)
    "The calls whose message has changed."

    missed: list[bytes] = field(default_factory=list)
    facts: dict[str, bytes | None] = field(default_factory=dict)
    "Single values. Those that are None are deleted."

    aside: list[bytes] = field(default_factory=list)
    "Entries that couldn't be carried out."

    def __bool__(self) -> bool:
        return bool(self.outgoing or self.shown or self.missed or self.facts or self.aside)


Act = Callable[[bytes, bool], Awaitable[None]]
"Carries out one entry. True: the program may have begun with it before it was killed."


class Inbox:
    """The entries of one messenger."""

    def __init__(
        self,
        journal: Journal,
        writer: JournalWriter,
        *,
        shown: Callable[[str], bytes | None],
        written: Callable[[Outcome], None],
        lost: Callable[[str], None],
    ) -> None:
        """`shown` gives the stored form of a call that is shown.

        `written` is called when an outcome is in the journal and its messages may be sent. `lost` is called with the
        reason when an entry was set aside.
        """
        self._journal = journal
        self._writer = writer
        self._shown = shown
        self._written = written
        self._lost = lost
        self._outcome: Outcome | None = None

    async def store(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Store new entries, each with the messenger's number for it. Entries that are stored already don't change."""
        new = list(entries)
        if new:
            await self._writer.write(functools.partial(Journal.store, entries=new, now=int(time.time())))

    async def act_on_waiting(self, act: Act, *, again: bool = False) -> None:
        """Carry out the stored entries in order. `again`: a killed program may have begun with the first one."""
        without_trace: list[int] = []
        for entry in self._journal.waiting():
            with self.collecting(keep=True) as outcome:
                if again and await self._killed_us(entry.id):
                    self._set_aside(entry.value, "the program ended each time it tried", outcome)
                else:
                    await self._act(act, entry.value, outcome, again=again)
            again = False
            if outcome:
                await self.done([*without_trace, entry.id], outcome)
                without_trace.clear()
            else:
                without_trace.append(entry.id)
            await asyncio.sleep(0)
        if without_trace:
            await self.done(without_trace, Outcome())

    async def act_once_more(self, commands: Mapping[str, bytes], act: Act) -> None:
        """Carry out commands that the last run has left, by the names of their facts.

        Each fact is deleted together with what its command causes, so that no kill in between loses one.
        """
        for name, value in commands.items():
            with self.collecting(keep=True) as outcome:
                outcome.facts[name] = None
                await self._act(act, value, outcome, again=True)
            await self.done([], outcome)

    @contextlib.contextmanager
    def collecting(self, *, keep: bool = False) -> Iterator[Outcome]:
        """Collect what must be stored.

        During an entry, the outcome is stored with that entry. Otherwise it is stored soon, or by the caller with
        `keep`.
        """
        if self._outcome is not None:
            yield self._outcome
            return
        self._outcome = outcome = Outcome()
        try:
            yield outcome
        finally:
            self._outcome = None
        if outcome and not keep:
            self._writer.put(self._change([], outcome), then=functools.partial(self._written, outcome))

    @property
    def is_collecting(self) -> bool:
        """Whether an entry is being carried out."""
        return self._outcome is not None

    async def done(self, numbers: list[int], outcome: Outcome) -> None:
        """Store the outcome of entries, with the mark that they are done."""
        await self._writer.write(self._change(numbers, outcome))
        self._written(outcome)

    def _change(self, numbers: list[int], outcome: Outcome) -> Callable[[Journal], None]:
        shown = {call: value for call in outcome.shown if (value := self._shown(call)) is not None}
        return functools.partial(
            Journal.done,
            numbers=numbers,
            outgoing=outcome.outgoing,
            shown=shown,
            missed=outcome.missed,
            facts=outcome.facts,
            aside=outcome.aside,
        )

    async def _act(self, act: Act, value: bytes, outcome: Outcome, *, again: bool) -> None:
        try:
            await act(value, again)
        except Exception as error:
            logger.error(
                "A message failed and was set aside: %s",
                type(error).__name__,
                exc_info=logger.isEnabledFor(logging.DEBUG),
            )
            self._set_aside(value, type(error).__name__, outcome)

    def _set_aside(self, value: bytes, why: str, outcome: Outcome) -> None:
        outcome.aside.append(value)
        self._lost(why)

    async def _killed_us(self, number: int) -> bool:
        """Count a try of this entry after a start. Returns whether it has killed the program too often."""
        begun = self._journal.fact(BEGUN)
        last, _, times = (begun or b"").decode("ascii", "replace").partition(":")
        count = int(times) + 1 if last == str(number) and times.isdigit() else 1
        await self._writer.write(functools.partial(Journal.set_facts, facts={BEGUN: f"{number}:{count}".encode()}))
        return count > STARTS
