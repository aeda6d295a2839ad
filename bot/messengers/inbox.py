"""What a messenger brings: stored first, acted on once, also if the program is killed in between.

Acting on an entry, what it wants to have written and the mark that it is done are one transaction, so an entry that
isn't done has sent nothing. An entry that can't be read, or that fails, is set aside and told; it holds up nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bot.messengers.journal_writer import JournalWriter
from shared.store.journal import Journal

BEGUN = "begun"
"The fact that says which entry was begun at the start, and how often."

STARTS = 3
"How many times an entry may kill the program before it is set aside."

logger = logging.getLogger(__name__)


@dataclass
class Outcome:
    """What comes of acting on entries, until it is stored with the mark that they are done."""

    outgoing: list[tuple[str | None, bytes]] = field(default_factory=list)
    "Messages, each with the call that it belongs to."

    shown: set[str] = field(default_factory=set)
    "Calls whose message says something else now."

    missed: list[bytes] = field(default_factory=list)
    facts: dict[str, bytes] = field(default_factory=dict)
    aside: list[bytes] = field(default_factory=list)
    "Entries that nobody could act on."

    def __bool__(self) -> bool:
        return bool(self.outgoing or self.shown or self.missed or self.facts or self.aside)


Act = Callable[[bytes, bool], Awaitable[None]]
"Acts on one entry. True: the program may have begun with it when it was killed."


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
        """`shown` is what is kept of a call that is shown. `written` is called when what came of something is in the
        journal, and may leave; `lost` when an entry was set aside, with the reason.
        """
        self._journal = journal
        self._writer = writer
        self._shown = shown
        self._written = written
        self._lost = lost
        self._outcome: Outcome | None = None

    async def store(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Keep new entries, each with the messenger's own number for it; those that are known stay as they are."""
        kept = list(entries)
        if kept:
            await self._writer.write(functools.partial(Journal.store, entries=kept, now=int(time.time())))

    async def act_on_waiting(self, act: Act, *, again: bool = False) -> None:
        """Act on what is stored, in its order; `again`: the first may have been begun by a program that was killed."""
        without_trace: list[int] = []
        for kept in self._journal.waiting():
            with self.collecting(keep=True) as outcome:
                if again and await self._killed_us(kept.id):
                    self._set_aside(kept.value, "the program ended each time it tried", outcome)
                else:
                    await self._act(act, kept.value, outcome, again=again)
            again = False
            if outcome:
                await self.done([*without_trace, kept.id], outcome)
                without_trace.clear()
            else:
                without_trace.append(kept.id)
            await asyncio.sleep(0)
        if without_trace:
            await self.done(without_trace, Outcome())

    @contextlib.contextmanager
    def collecting(self, *, keep: bool = False) -> Iterator[Outcome]:
        """Collect what is to be stored. What comes while an entry is acted on is stored with it, all else soon."""
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
        """Whether an entry is being acted on."""
        return self._outcome is not None

    async def done(self, numbers: list[int], outcome: Outcome) -> None:
        """Store what came of entries, with the mark that they are done."""
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
        """Count that an entry is begun after a start; whether the program was killed with it often enough."""
        begun = self._journal.fact(BEGUN)
        last, _, times = (begun or b"").decode("ascii", "replace").partition(":")
        count = int(times) + 1 if last == str(number) and times.isdigit() else 1
        await self._writer.write(functools.partial(Journal.set_facts, facts={BEGUN: f"{number}:{count}".encode()}))
        return count > STARTS
