"""What is kept on the disk of calls that aren't over, so that a program that is killed can take them up again.

A session reports a step with one of the `Kept` events and waits until it is written: only then may anything rest on
it. The step is passed on to the call table and to the listeners here, in the same order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from peer.calls.conversation import SILENCE_SECONDS
from peer.calls.line import Line
from peer.calls.line_records import begun, running
from peer.calls.lines import Lines, may_be_ended
from peer.calls.news import CallListeners, NotKept, Paired, PhraseKnown
from peer.calls.redial import REDIAL_SECONDS
from peer.calls.session_events import (
    Committed,
    Connected,
    Dials,
    Kept,
    MediaAgreed,
    Proposed,
    RemoteAnsweredAlone,
)
from shared.call.events import LegUp, PathRestored, Replaced
from shared.call.table import State
from shared.errors import StoreError
from shared.store import Store, StoreThread
from shared.store.secrets import NO_CHAIN

logger = logging.getLogger(__name__)

LIFE_SECONDS = 10.0
"How often we store that a call is up, so that a restarted program knows whether the other side may be waiting."

AWAITED_SECONDS = LIFE_SECONDS + SILENCE_SECONDS + REDIAL_SECONDS
"How long after the last stored sign of life the other side may be waiting: it notices the silence, and then dials."


class LineKeeping:
    """Keeps the lines of one node."""

    def __init__(self, lines: Lines, writes: StoreThread, listeners: CallListeners, clock: Callable[[], float]) -> None:
        """`listeners` hear what happens in calls, `clock` is the time in Unix seconds."""
        self._lines = lines
        self._writes = writes
        self._listeners = listeners
        self._clock = clock

    async def keep(self, line: Line, *, alive: bool = False) -> None:
        """Keep a call that is up as it is now; `alive`: we have just heard the other side. Raises StoreError.

        Does nothing for a call that isn't up.
        """
        if alive:
            line.heard(int(self._clock()))
        if (writing := self.begin_to_keep(line)) is not None:
            await writing

    def begin_to_keep(self, line: Line) -> Coroutine[Any, Any, None] | None:
        """The same without waiting: gives what a task has to await. None for a call that isn't up."""
        if line.call.ended or (call := running(line)) is None:
            return None
        return self._writes.write(lambda store: store.save_call(call))

    async def keep_begun(self, line: Line) -> None:
        """Keep a call that isn't up yet: if the program is killed, the next one logs it. Raises StoreError."""
        if line.link.reference and not line.logged:
            call = begun(line.link, line.call.role, line.chat, line.shown)
            await self._writes.write(lambda store: store.save_call(call))

    async def keep_signs_of_life(self) -> None:
        """Keep that the calls that are up still are. Raises StoreError."""
        for line in tuple(self._lines):
            if line.call.state is State.ACTIVE and not line.shown.echo:
                await self.keep(line, alive=True)

    async def join(self, line: Line, conversation: bytes) -> None:
        """Make a call part of a conversation (16 bytes; empty: of none), and keep that. Raises StoreError."""
        line.joins(conversation)
        await self.keep(line)

    async def keep_step(self, line: Line, step: Kept) -> None:
        """Keep what a session reports, and pass it on. Raises StoreError if the session must not go on without it."""
        try:
            match step:
                case Connected() if line.call.ended:
                    pass  # its leg came up while it was being closed: it is no call that others have to give way to
                case Connected():
                    await self._keep_connected(line, step.secret, step.first_heard)
                    self._end_others(line)
                    line.put(LegUp())
                case MediaAgreed():
                    if line.media != step.media:
                        line.agree_media(step.media)
                        await self.keep(line)
                        self._listeners.told(line, step)
                case RemoteAnsweredAlone():
                    if not line.shown.remote_automatic:
                        line.remote_answered_automatically()
                        await self.keep(line)
                        self._listeners.told(line, step)
                case Proposed():
                    await self._propose(line, step)
                    self._listeners.told(line, PhraseKnown())
                case Committed():
                    peer, secret = line.peer, step.secret
                    await self._writes.write(lambda store: store.commit_secret(peer, secret))
                    self._listeners.told(line, Paired())
                case Dials():
                    line.redials(step.epoch)
                    await self.keep(line)
                case PathRestored():
                    line.restored()
                    await self.keep(line, alive=True)
                    line.put(step)
        except StoreError as error:
            match step:
                case MediaAgreed() | RemoteAnsweredAlone():
                    # Only a restarted program needs it, and it is kept with the next sign of life.
                    logger.warning("line %d: %s", line.number, error.sentence)
                    self._listeners.told(line, step)
                case Proposed() | Committed():
                    self._listeners.told(line, NotKept(error))
                    raise
                case _:
                    raise

    async def _propose(self, line: Line, step: Proposed) -> None:
        """Keep a new pair secret, and in the same write that this call has it.

        A program that is killed between two writes would take the call up without the secret, and agree on another.
        """
        before = line.connection.agreed_secret
        # Before it is kept: the owner who saves the caller meanwhile saves them with this secret.
        line.agree_secret(step.secret)
        peer, secret, now = line.peer, step.secret, int(self._clock())
        chain = line.link.chain if line.proven else NO_CHAIN
        call = None if line.call.ended else running(line)

        def propose(store: Store) -> bool:
            # Asked now: what has set up the call, and what was shown in it, may have been quarantined since.
            shown = (store.chain_of(peer, each) for each in step.shown if store.proves(peer, each))
            continued = chain if store.chain_proves(peer, chain) else next(shown, NO_CHAIN)
            free = store.propose_secret(peer, secret, now, chain=continued, stranger=_is_stranger(line, store))
            if store.contact_of(peer) is None:
                store.keep_continued(peer, line.link.reference, continued)
            if call is not None:
                store.save_call(replace(call, agreed=secret, phrase=step.phrase, quarantined=not free))
            return free

        try:
            free = await self._writes.write(propose)
        except StoreError:
            line.agree_secret(before)
            raise
        line.pairs(step.phrase, quarantined=not free)

    async def _keep_connected(self, line: Line, redial_secret: bytes, first_heard: float | None) -> None:
        line.connects(redial_secret, first_heard, int(self._clock()))
        self._lines.latest = line
        line.heard(int(self._clock()))
        peer, secret, call = line.peer, line.link.secret, None if line.call.ended else running(line)

        def keep(store: Store) -> None:
            if secret is not None:
                store.note_secret_used(peer, secret)
            if call is not None:
                store.save_call(call)

        await self._writes.write(keep)

    def _end_others(self, line: Line) -> None:
        """A call is up: end another one with the same node, unless it rings.

        Both sides have called, or the other side has lost that call and has called again.
        """
        for other in self._lines:
            under_way = not other.shown.machine and other.call.state not in (State.RINGING, State.ENDED)
            if other is not line and under_way and may_be_ended(other, line.peer, line.proven):
                other.put(Replaced())


def _is_stranger(line: Line, store: Store) -> bool:
    """Whether the other side is a stranger by the contact book in the store, which another process may have changed."""
    try:
        return line.is_stranger_to(store.contact_of(line.peer))
    except StoreError:
        return True
