"""The calls that this program had when it was killed: what is on the disk of them when it runs again.

Three things can become of one. If the other side may still be dialling, the call is taken up. If it was ringing, and
its messenger brings the link again, it rings again. Otherwise it is over: it is logged, and the owner reads that it
was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from peer.calls.line_keeping import AWAITED_SECONDS
from peer.calls.line_records import interrupted
from peer.calls.line_records import rejoined as rejoined_line
from peer.calls.lines import Lines, LineStarter
from peer.calls.redial import REDIAL_SECONDS
from shared.call.records import CallRecord, RunningCall
from shared.call.table import rejoined
from shared.secrets.handshake import Role
from shared.store import Store, StoreThread

SETTLE_SECONDS = 60.0
"How long after its link has expired a messenger may still bring a call that rang when the program was killed."


class LastRun:
    """The calls of the run before this one. Empty if that run ended all its calls."""

    def __init__(
        self,
        lines: Lines,
        starter: LineStarter,
        writes: StoreThread,
        *,
        rings_again: Callable[[str], bool],
        lifetime: int,
        clock: Callable[[], float],
    ) -> None:
        """`rings_again` tells whether the messenger of that chat brings a call again that rang when the program was
        killed. A link may be used for `lifetime` seconds; `clock` is the time in Unix seconds.
        """
        self.interrupted: list[RunningCall] = []
        "Calls that were up, and that nobody can be waiting in any more."

        self._lines = lines
        self._starter = starter
        self._writes = writes
        self._store = writes.store
        self._rings_again = rings_again
        self._lifetime = lifetime
        self._clock = clock
        self._awaited: list[RunningCall] = []
        "Calls that were up, and whose other side may be dialling."

        self._rang: list[RunningCall] = []
        "Calls that weren't up yet, and that their messenger may bring again."

    async def find(self) -> None:
        """Read which calls there are, and log those that are over. Raises StoreError."""
        now = int(self._clock())
        over: list[RunningCall] = []
        for call in self._store.running_calls():
            if not call.started and self._rings_again(call.chat):
                # The messenger tells what became of a call that we had placed ourselves.
                (self._rang if Role(call.role) is Role.CALLEE else over).append(call)
            elif _may_be_awaited(call, now):
                self._awaited.append(call)
            else:
                self.interrupted.append(call)
        await self._log([interrupted(call, now) for call in (*over, *self.interrupted)])

    async def settle(self) -> None:
        """Log the calls that rang, once their links are too old to ring again. Raises StoreError."""
        if not self._rang:
            return
        now = int(self._clock())
        running = {call.reference for call in self._store.running_calls()}
        lines = {line.link.reference for line in self._lines}
        for call in [*self._rang]:
            if call.reference not in running:
                self._rang.remove(call)
            elif call.reference not in lines and not 0 <= now - call.created <= self._lifetime + SETTLE_SECONDS:
                await self._log([interrupted(call, now)])
                self._rang.remove(call)

    async def _log(self, ended: Sequence[CallRecord]) -> None:
        def end(store: Store) -> None:
            for record in ended:
                store.end_call(record)

        if ended:
            await self._writes.write(end)

    @property
    def rejoins(self) -> bool:
        """Whether there are calls to be taken up."""
        return bool(self._awaited)

    async def rejoin(self) -> None:
        """Take up the calls whose other side may be dialling."""
        while self._awaited:
            kept = self._awaited.pop()
            call, effects = rejoined(Role(kept.role), paired=kept.paired)
            contact = self._store.contact_of(kept.peer)
            name = contact.name if contact else None
            awaited_until = kept.alive + AWAITED_SECONDS
            line = rejoined_line(self._lines.next_number(), call, kept, name, self._lifetime, awaited_until)
            self._lines.latest = line
            await self._starter.start(line, effects)


def _may_be_awaited(call: RunningCall, now: int) -> bool:
    """Whether the other side of a call may be dialling at `now`, Unix seconds.

    A call with another program has no redial secret, so it can't be dialled again. If the last sign of life lies far
    in the future, the clock was set back, and nothing is known.
    """
    known = call.secret and call.port and call.remote_port
    return bool(known) and -REDIAL_SECONDS < now - call.alive < AWAITED_SECONDS
