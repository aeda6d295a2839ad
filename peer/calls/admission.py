"""Acts on links from the chat: a link begins a call, says something about a call that runs, or leads to nothing.

shared/policy.py decides what may happen to a call that somebody else begins; here it happens.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Literal

from peer.calls.budget import Caller, caller_of
from peer.calls.call_link import CallLink
from peer.calls.incoming import Beginning, ComingCall, IncomingCalls
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from peer.calls.lines import gives_way
from peer.calls.link_reader import LinkReader, OwnLink, SaidLink
from peer.calls.link_writer import LinkWriter
from peer.calls.moves import MovedLink, read_move
from peer.calls.out_of_time import out_of_time
from peer.calls.reading import MissedCall, OtherClock, Reading
from shared.call.events import (
    Glare,
    Offered,
    RemoteAccepted,
    RemoteBusy,
    RemoteCancelled,
    RemoteDeclined,
    RemoteRinging,
)
from shared.call.table import EndReason, State, glare
from shared.contacts import Contact, Trust
from shared.errors import LocalProtocolError
from shared.links.kinds import MAX_CLOCK_AHEAD, BadLink, Card, Response, Status
from shared.links.paired import Operation
from shared.policy import Decision, KnownCaller, Verdict, WantedCall
from shared.reasons import Reason
from shared.store import Store
from shared.store.restored import links_from

LOG_SEARCHED = 9
"How many calls of the log are searched for one that began just before the program was killed."

FUTURE_REMEMBERED = 256
"How many links from the future are remembered after the owner heard of them; few come from one contact, see budget.py."

MISSED_SECONDS = 24 * 3600
"""How long after it has expired a link counts as a missed call: messengers keep messages for a day (Bot API,
getUpdates)."""


class Admission:
    """Acts on the links that one node reads, one after the other."""

    def __init__(self, calls: IncomingCalls, reader: LinkReader, writer: LinkWriter) -> None:
        self._calls = calls
        self._reader = reader
        self._writer = writer
        self._links_from = links_from(calls.store)
        self._future: deque[bytes] = deque(maxlen=FUTURE_REMEMBERED)

    def may_be_used_already(self, link: CallLink) -> bool:
        """Whether a link was written before a backup was restored: then nobody knows whether it was used."""
        return link.created < self._links_from

    async def read(self, token: str, *, chat: str = "chat", again: bool = False, by_hand: bool = False) -> Reading:
        """Read one link and act on it. Raises StoreError; what is wrong with a link is in the Reading.

        `chat` is where it was read, and where answers to it go. `again`: this program may have begun to act on it just
        before it was killed. Then a link that is marked as used, but has led to no call, is used once more.
        `by_hand`: the owner has read what the link is and pressed *Answer*, so nothing is answered automatically.
        """
        async with self._calls.turn:
            try:
                opened = self._reader.open(token)
            except BadLink as bad:
                return Reading(bad.reason)
            match opened:
                case OwnLink():
                    return Reading(Reason.OWN_LINK)
                case Card():
                    return Reading(card=opened)
                case CallLink():
                    came = await self._let_in(opened, chat, again=again, by_hand=by_hand)
                    if isinstance(came, Beginning):
                        await self._calls.starter.start(came.line, came.effects)
                        return Reading(came.reason, came.line)
                    return came
                case SaidLink():
                    return await self._said(opened)
                case MovedLink():
                    return await read_move(self._calls, opened, self._reader.own)
                case Response():
                    return self._responded(opened)

    async def reply_to(self, clock: OtherClock) -> str:
        """Write the token that tells a contact at what time, by our clock, we read their link. Raises StoreError."""
        return await self._writer.out_of_time(clock.link)

    def decision(self, link: CallLink) -> Decision:
        """What would become of a call now whose link was opened. Nothing is used or counted. Raises StoreError."""
        seen = self._calls.store.links_seen(link.marks)
        return self._decide(link, self._calls.store.contact_of(link.peer), self._crossing(link), seen)

    def _decide(
        self, link: CallLink, contact: Contact | None, ours: Line | None, seen: Literal["ours", "used"] | None
    ) -> Decision:
        return self._calls.policy.decide(
            KnownCaller(contact, link.proven, link.keyed),
            link.peer,
            WantedCall(link.media, link.created, "used" if self.may_be_used_already(link) else seen),
            ours=ours,
        )

    async def _let_in(self, link: CallLink, chat: str, *, again: bool, by_hand: bool) -> Beginning | Reading:
        """Judge a link that begins a call, and use it. Returns its call if that begins now, else what became of it."""
        now = int(self._calls.clock())
        seen = self._calls.store.links_seen(link.marks)
        untold = again and seen == "used" and not self._came_to_a_call(link.reference, interrupted=False)
        again = again and seen == "used" and not self._came_to_a_call(link.reference)
        contact = self._calls.store.contact_of(link.peer)
        caller = caller_of(contact is not None, link.proven)
        ours = self._crossing(link)
        decision = self._decide(link, contact, ours, None if again else seen)
        if decision.verdict is Verdict.IGNORE:
            return await self._ignored(link, contact, caller, decision.reason, now, again=untold)
        if not (again or self._calls.budget.take(caller, link.peer)):
            return self._calls.no_room(Reason.BUSY, caller, link.peer, contact)
        expires = link.created + self._calls.settings.lifetime
        answered = decision.verdict is Verdict.AUTO and ours is None
        shown = Presented.coming(contact, automatic=answered and not by_hand)
        coming = ComingCall(link, chat, decision.media or link.media, expires, shown)
        stands_alone = ours is None and self._crossed(link) is None
        if not await self._calls.use(coming, expires + MAX_CLOCK_AHEAD, stands_alone=stands_alone, again=again):
            return Reading(Reason.ALREADY_USED)
        if (crossed := self._crossed(link)) is not None:
            if stands_alone:
                await self._calls.writes.write(lambda store: store.forget_call(link.reference))
            return Reading(decision.reason, crossed)
        line = self._calls.line(coming)
        if ours is None:
            return self._calls.beginning(line, decision, by_hand=by_hand)
        if ours.awaits_answer:
            # Both sides have called: one of the two calls is the one.
            ours.crosses(line)
            ours.put(Glare(ours_wins=glare(ours.link.raw, link.raw)))
            return Reading(decision.reason, ours)
        # It has ended in this moment, and what was decided counted on it.
        reason = Reason.ASK if decision.verdict is Verdict.AUTO else decision.reason
        await self._calls.keep(line)
        return Beginning(line, line.begin(Offered(), reason), reason)

    def _crossing(self, link: CallLink) -> Line | None:
        """Our own unanswered call to the writer of this link: both have called, and the two calls become one.

        None if they can't become one. A request that proves nothing mustn't replace a call that only the true contact
        can answer. Nor can a link replace a call that we make with another program, one that was only placed in
        advance, or one to somebody who was introduced to us.
        """
        for line in self._calls.lines:
            meets = (
                line.awaits_answer and line.foreign is None and not (line.shown.provisional or line.shown.introduced)
            )
            if line.peer == link.peer and meets and gives_way(line, link.proven):
                return line
        return None

    def _crossed(self, link: CallLink) -> Line | None:
        """The call with the writer of this link, if it connected after the link was written.

        Then both had called, and this link arrives late. None for a newer link, or one sealed with a newer secret: its
        writer has lost that call, perhaps in a crash that we haven't noticed yet, and calls again.
        """
        for line in self._calls.lines:
            same_key = link.secret == line.link.secret if link.proven else gives_way(line, proven=False)
            up = line.call.state is State.ACTIVE and line.foreign is None
            if line.peer == link.peer and up and same_key:
                return line if link.created <= (line.connection.connected_at or 0) else None
        return None

    def _came_to_a_call(self, reference: bytes, *, interrupted: bool = True) -> bool:
        """Whether a link has led to a call: one that is there, or one in the log. `reference` has 8 bytes.

        Without `interrupted`, a call that was stopped before it was connected doesn't count.
        """
        return any(line.link.reference == reference for line in self._calls.lines) or any(
            record.reference == reference
            and (interrupted or record.connected is not None or record.reason != EndReason.STOPPED)
            for record in self._calls.store.call_log(LOG_SEARCHED)
        )

    async def _ignored(
        self, link: CallLink, contact: Contact | None, caller: Caller, reason: Reason, now: int, *, again: bool
    ) -> Reading:
        """What the Reading says of a link that the policy ignores.

        If it came too late and its call would have rung, it says who has called; if it is from the future, whose clock
        differs; otherwise it has only the reason.
        """
        if reason is Reason.CLOCK:
            return Reading(reason, other_clock=self._from_the_future(link, contact, caller, now))
        told_until = link.created + self._calls.settings.lifetime + MISSED_SECONDS
        if reason is not Reason.EXPIRED or now >= told_until:
            return Reading(reason)
        if contact.trust is Trust.BLOCK if contact else self._calls.settings.unknown == "ignore":
            return Reading(reason)
        if self._calls.store.links_seen(link.marks) is not None and not again:
            return Reading(reason)
        if not (again or self._calls.budget.take_missed(caller, link.peer)):
            return self._calls.no_room(reason, caller, link.peer, contact)
        used = await self._calls.writes.write(lambda store: store.use_links(link.marks, expires=told_until))
        if not (used or again):
            return Reading(reason)
        doubtful = contact is not None and link.keyed and not link.proven
        missed = MissedCall(link.peer, contact.name if contact else None, link.created, doubtful)
        clock = OtherClock(contact.name, link.created - now, link) if contact is not None and link.proven else None
        return Reading(reason, missed=missed, other_clock=clock)

    def _from_the_future(self, link: CallLink, contact: Contact | None, caller: Caller, now: int) -> OtherClock | None:
        """Whose link it is, when it is read first. It isn't marked as used: it can be used once its time has come."""
        if contact is None or not link.proven or contact.trust is Trust.BLOCK:
            return None
        digest = hashlib.sha256(link.raw).digest()
        if digest in self._future or not self._calls.budget.take_missed(caller, link.peer):
            return None
        self._future.append(digest)
        return OtherClock(contact.name, link.created - now, link)

    async def _said(self, link: SaidLink) -> Reading:
        line = next((line for line in self._calls.lines if line.link.reference == link.said.reference), None)
        if line is None or not _is_the_other_sides(link, line):
            return Reading(Reason.EXPIRED)
        until = line.expires + MAX_CLOCK_AHEAD

        def use(store: Store) -> bool:
            if not store.use_link(link.raw, ours=False, expires=until):
                return False
            store.note_secret_used(link.source, link.secret)
            return True

        if not await self._calls.writes.write(use):
            return Reading(Reason.ALREADY_USED)
        match link.said.operation:
            case Operation.RINGING | Operation.ACCEPT:
                line.put(RemoteRinging())
            case Operation.DECLINE if link.said.media:
                line.put(out_of_time(line, link.said, int(self._calls.clock())))
            case Operation.DECLINE:
                line.put(RemoteDeclined(authenticated=True))
            case Operation.BUSY:
                line.put(RemoteBusy(authenticated=True))
            case Operation.CANCEL:
                line.put(RemoteCancelled())
            case Operation.CALL:
                raise LocalProtocolError()
        return Reading(line=line)

    def _responded(self, response: Response) -> Reading:
        line = next(
            (
                each
                for each in self._calls.lines
                if each.awaits_answer and each.link.request and response.answers(each.link.request)
            ),
            None,
        )
        if line is None or line.link.request is None:
            return Reading(Reason.NOT_FOR_THIS_NODE)
        if not line.first_contact.read(response):
            return Reading(Reason.ALREADY_USED)
        # A refusal is proven only if nobody but the callee could read the request that it quotes.
        proven = line.link.sealed and response.proves(line.link.request)
        match response.status:
            case Status.ACCEPT:
                line.first_contact.untried.append(response)
                line.put(RemoteAccepted())
            case Status.DECLINE:
                line.put(RemoteDeclined(authenticated=proven))
            case Status.BUSY:
                line.put(RemoteBusy(authenticated=proven))
        return Reading(line=line)


def _is_the_other_sides(link: SaidLink, line: Line) -> bool:
    """Whether the other side of a call wrote the link that is about it, and nobody else can have.

    Programs that speak SDP write no such links. A quarantined key counts only in the calls of the one who holds it: a
    call that it sealed, or in which it was agreed.
    """
    if line.foreign is not None or line.peer != link.source:
        return False
    own = link.secret in (line.link.secret, line.connection.agreed_secret)
    return link.proven or (own and not line.proven)
