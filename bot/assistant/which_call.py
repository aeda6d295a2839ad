"""Which call the owner means by a command that needn't name it. Pure: calls in, one of them out.

Anybody who sees a contact's link in the chat can let another call ring before the owner has typed a word. So what rang,
connected or called last means nothing. /answer takes a caller without a name only if they are the only one who is
proven; the other commands do so only if there is one person whom they can be about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from bot.texts import conversations, refusals
from bot.texts.refusals import Refusal
from peer.calls.line import Line
from peer.calls.lines import one_each
from shared.call.records import CallRecord
from shared.call.table import EndReason, State
from shared.contacts import Contact, name_key, names_before
from shared.errors import (
    CallRefused,
    InputError,
    NoCall,
    NothingRecorded,
    NothingRings,
    NothingToHold,
    NotOnHold,
    NotRecordable,
    WhichCall,
)
from shared.node_id import NodeId
from shared.secrets.handshake import Role

CALLS_REMEMBERED = 100
"Calls of the log that a command or button may still be about, newest first."

JUST_NOW_SECONDS = 10
"For how long after its end a call may be the one that a command is for: they read, type, and the message travels."

LATELY_SECONDS = 3600
"For how long after its end a stranger's call may be the one after which the owner wants to save somebody."

ALL = "all"
"In place of a name: the whole conversation."

SHORTEST_NODE = 8
"Characters of a node id by which a caller without a name can be meant."

UP = (State.CONNECTING, State.ACTIVE, State.RECONNECTING)

_BY_ITSELF = {EndReason.REMOTE_CANCELLED, EndReason.MISSED}
"Ends of a ring that the owner needn't know of yet."

_BY_OTHERS = {EndReason.REMOTE_HUNG_UP, EndReason.LOST, EndReason.FLOODED}
"Ends of a connected call that the owner needn't know of yet."


def to_answer(
    lines: Sequence[Line], log: Sequence[CallRecord], now: float, whom: str = "", contacts: Collection[str] = ()
) -> Line:
    """What /answer means: the call that rings, else one that waits for the owner's word, else one that they have
    answered before. `log` are the calls that ended last, `now` is in Unix seconds, `contacts` are all names in the
    book. Raises NothingRings, WhichCall.
    """
    rings = [line for line in lines if line.call.state is State.RINGING]
    up = [
        line
        for line in lines
        if line.call.state in UP and (line.connection.waits_for_owner or line.call.role is Role.CALLEE)
    ]
    waiting = [line for line in up if line.connection.waits_for_owner]
    gone = _rang_just_now(log, now)
    if whom:
        for found in (named(each, whom, contacts) for each in (rings, waiting, up)):
            if found:
                line = _one(found, "/answer")
                ringing = line.call.state is State.RINGING
                if ringing and (impersonated := [each for each in gone if _takes_the_name_of(line, each, whom)]):
                    raise WhichCall(*refusals.another_rings(impersonated[0], line))
                return line
        raise NothingRings(*refusals.does_not_ring(whom, rings))
    if rings:
        line = _certain(rings)
        if not line.proven and (other := [each for each in gone if (each.peer, each.proven) != (line.peer, False)]):
            raise WhichCall(*refusals.another_rings(other[0], line))
        return line
    if waiting and gone:
        raise WhichCall(*refusals.rings_no_more(gone[0], waiting[-1]))
    for line in reversed(waiting or up):
        return line
    raise NothingRings()


def to_decline(
    lines: Sequence[Line], log: Sequence[CallRecord], now: float, said: str, contacts: Collection[str] = ()
) -> tuple[Line, str]:
    """What /decline means, and the words for that caller: `said` begins with a name, if it has to. `contacts` are all
    names in the book.

    Raises NothingRings, WhichCall.
    """
    rings = [line for line in lines if line.call.state is State.RINGING]
    words = said.split()
    callers = [line.shown.contact for line in rings if line.shown.contact is not None]
    counts = names_before(words, callers) or [1]
    if longer := [count for count in names_before(words, contacts) if count > counts[0]]:
        raise NothingRings(*refusals.does_not_ring(" ".join(words[: longer[0]]), rings))
    if found := named(rings, " ".join(words[: counts[0]])):
        return _one(found, "/decline"), " ".join(words[counts[0] :])
    gone = [record.name for record in _rang_just_now(log, now) if record.name]
    if counts := names_before(words, gone):
        raise NothingRings(*refusals.does_not_ring(" ".join(words[: counts[0]])))
    if not rings:
        raise NothingRings()
    if len({line.peer for line in rings}) > 1:
        raise WhichCall(*refusals.several_ring(rings, "/decline"))
    return rings[-1], said


def to_hang_up(
    lines: Sequence[Line],
    whom: str = "",
    contacts: Collection[str] = (),
    log: Sequence[CallRecord] = (),
    now: float = 0.0,
) -> Line:
    """What /hangup means: the call that takes the owner's time, before one on hold, else the only other one.

    Raises NoCall, WhichCall.
    """
    ours = [line for line in lines if line.occupies]
    others = [line for line in lines if not (line.occupies or line.call.ended)]
    if whom:
        for found in (named(each, whom, contacts) for each in (ours, others)):
            if found:
                return _one(found, "/hangup", refusals.several_up)
        raise NoCall(*refusals.no_call_with(whom, [*ours, *others]))
    attended = [line for line in ours if not line.on_hold]
    found = attended or ours or [line for line in others if not line.shown.provisional] or others
    if not found:
        raise NoCall()
    line = _one(one_each(found), "/hangup", refusals.several_up, whole=False)
    if ours and not attended and (gone := _others_ended(line, log, now)):
        raise WhichCall(*refusals.ended_and_held(gone[0], line))
    return line


def to_differ(
    lines: Sequence[Line],
    latest: Line | None,
    log: Sequence[CallRecord],
    now: float,
    whom: str = "",
    contact: Contact | None = None,
) -> Line:
    """What /differ means: the call whose four words were shown, or the one that was connected last, for an hour after
    its end; beside another one only if its end may be news to the owner. `contact` is the one with the name `whom`, if
    there is such. Raises NoCall, WhichCall.
    """
    up = [line for line in lines if is_to_compare(line) and not line.call.ended]
    over = [latest] if latest is not None and latest.call.ended and is_to_compare(latest) else []
    ends = [record.ended for record in log if latest is not None and record.reference == latest.link.reference]
    if whom:
        names = [contact.name] if contact else []
        for found in (up, over):
            if meant := named(found, whom, names) or [each for each in found if contact and each.peer == contact.node]:
                found[:] = meant
            else:
                found.clear()
    seconds = JUST_NOW_SECONDS if up else LATELY_SECONDS
    found = [*(over if all(_within(seconds, ended, now) for ended in ends) else []), *up]
    if not found:
        raise NoCall(*refusals.no_words_to_compare(whom, contact))
    return _one(found, "/differ", refusals.several_up, whole=bool(whom))


def is_to_compare(line: Line) -> bool:
    """Whether the chat has shown the words of that call, and the owner hasn't confirmed them since."""
    return bool(line.shown.phrase) and not (line.proven or line.shown.echo)


def to_hold(lines: Sequence[Line], whom: str = "", contacts: Collection[str] = ()) -> Line:
    """What /hold means: the call that the owner is in. Raises NothingToHold, NoCall, WhichCall."""
    up = [line for line in lines if line.engaged and not (whom == "" and line.on_hold)]
    return _one(one_each(_meant(up, whom, contacts, NothingToHold)), "/hold", refusals.several_up, whole=bool(whom))


def to_resume(
    lines: Sequence[Line],
    log: Sequence[CallRecord],
    now: float,
    command: str,
    whom: str = "",
    contacts: Collection[str] = (),
) -> Line:
    """What /resume and /swap mean: the call that is on hold. Raises NotOnHold, NoCall, WhichCall."""
    held = [line for line in lines if line.engaged and (line.on_hold or whom)]
    line = _one(one_each(_meant(held, whom, contacts, NotOnHold)), command, refusals.several_up, whole=bool(whom))
    # That another person has hung up is the usual reason to go back to the one on hold.
    gone = _perhaps_meant(line, log, now, whom)
    if gone is not None and gone.peer == line.peer:
        raise WhichCall(*refusals.ended_and_resumable(gone, line, command))
    return line


def to_record(
    lines: Sequence[Line],
    log: Sequence[CallRecord],
    now: float,
    what: str,
    whom: str = "",
    contacts: Collection[str] = (),
) -> Line:
    """What /record means: the call that the owner is in; with `stop` the one that we record, with `refuse` the one
    that the other side does. Raises NotRecordable, NothingRecorded, NoCall, WhichCall.
    """
    if what == "refuse":
        found = [line for line in lines if line.recordings.recorded]
    elif what == "stop":
        found = [line for line in lines if line.recordings.recording]
    else:
        up = [line for line in lines if line.engaged]
        found = [line for line in up if not line.on_hold] if whom == "" else up
        if not (up or whom):
            raise NotRecordable(*refusals.NO_CALL_TO_RECORD)
        if up and not found:
            raise NotRecordable(*refusals.records_nothing_on_hold(up))
    meant = _meant(found, whom, contacts, NothingRecorded if what else NotRecordable)
    line = _one(meant, f"/record {what}".strip(), refusals.several_up, whole=bool(whom))
    if not what and (gone := _perhaps_meant(line, log, now, whom)) is not None:
        raise WhichCall(*refusals.ended_and_recordable(gone, line))
    return line


def to_agree(lines: Sequence[Line], asked: list[Line], gone: Sequence[Line], whom: str = "") -> Line | None:
    """Whose question /agree and /refuse answer: of the calls in which one is `asked`; in those that are `gone` it isn't
    any more, which the owner may not know yet. None if nothing is asked. Raises NoCall, WhichCall.

    Of two calls with one node the one may be a contact's and the other somebody else's at their address.
    """
    if whom and not (asked := named(asked, whom)):
        raise NoCall(*refusals.no_call_with(whom))
    if len({line.peer for line in asked}) > 1:
        raise WhichCall(*conversations.SEVERAL_ASKED)
    if not asked:
        return None
    line = next((each for each in reversed(asked) if each.proven), asked[-1])
    by_node = whom != "" and str(line.peer).startswith(whom.lower())
    beside = [*(each for each in lines if each.proven and each.engaged), *(each for each in gone if each is not line)]
    if not (line.proven or by_node) and any(each.peer == line.peer for each in beside):
        raise WhichCall(*conversations.another_asks(line))
    if line in gone:
        raise WhichCall(*conversations.asks_another_thing(line))
    if not whom and (others := [each for each in gone if each is not line]):
        raise WhichCall(*conversations.asks_no_more(others[-1], line))
    return line


def _meant(lines: list[Line], whom: str, contacts: Collection[str], nothing: type[CallRefused]) -> list[Line]:
    if whom and not (meant := named(lines, whom, contacts)):
        raise NoCall(*refusals.no_call_with(whom, lines))
    if whom:
        return meant
    if not lines:
        raise nothing()
    return lines


def to_write(
    lines: Sequence[Line],
    log: Sequence[CallRecord],
    now: float,
    said: str,
    contacts: Collection[str],
    command: str = "/say",
) -> tuple[Line, str]:
    """What `/say [NAME:] TEXT` means: a call that the owner is in, and the text. `contacts` are all names in the book.

    The same for `/send [NAME:] FILE`, but that a text is for all of a conversation and a file for one person.
    The answering machine's calls are none of those. Raises InputError, WhichCall.
    """
    up = [line for line in lines if line.engaged]
    whom, colon, text = said.partition(":")
    if colon and text.strip():
        if found := named(up, whom, contacts):
            line = _there(_one(found, command, refusals.several_to_write_to))
            if (gone := _perhaps_meant(line, log, now, whom)) is not None:
                raise WhichCall(*refusals.ended_and_up(gone, line, command))
            return line, text.strip()
        if named(lines, whom) or any(_same(name, whom) for name in contacts):
            raise InputError(*refusals.not_in_call_with(whom))
    line = _unnamed(up, command)
    if others := _others_ended(line, log, now):
        raise WhichCall(*refusals.ended_and_up(others[0], line, command))
    return line, said


def to_say(
    lines: Sequence[Line], log: Sequence[CallRecord], now: float, said: str, contacts: Collection[str]
) -> tuple[Line, str, bool]:
    """The same for `/say`, and whether the text is for that call alone: with a name it is, `all:` and no name mean its
    whole conversation. Somebody who has only just come into that may be one who mustn't read it. Raises as to_write.
    """
    whom, colon, text = said.partition(":")
    up = [line for line in lines if line.engaged]
    together = any(line.together for line in up) and not any(_same(name, ALL) for name in contacts)
    if colon and text.strip() and together and _same(whom, ALL):
        return _unnamed(up, "/say"), text.strip(), False
    line, text = to_write(lines, log, now, said, contacts)
    if len(text) < len(said):
        return line, text, True
    there = [each for each in up if each is line or (line.together and each.together == line.together)]
    if any(_within(JUST_NOW_SECONDS, each.shown.together_since, now) for each in there):
        raise WhichCall(*refusals.just_come_together(there))
    return line, text, False


def _unnamed(up: list[Line], command: str) -> Line:
    """The call that a text or file without a name is for."""
    if not up:
        raise InputError(*refusals.NOBODY_TO_WRITE_TO)
    attended = [each for each in up if not each.on_hold] or up
    if command == "/say":
        attended = one_each(attended)
    return _there(_one(attended, command, refusals.several_to_write_to, whole=False))


def to_save(lines: Sequence[Line], log: Sequence[CallRecord], now: float, contacts: Collection[NodeId]) -> NodeId:
    """Whom `/contact add NAME` means: the only stranger in a call, else the only one who was in any.

    `contacts` are the nodes in the book; without a stranger it is the one of them whose call was connected last. Raises
    InputError, WhichCall.
    """
    # There is nobody behind a test call.
    up = [line for line in lines if line.connection.connected is not None and not line.shown.echo]
    connected = [line.peer for line in up]
    in_call = {line.peer for line in up if line.engaged} - set(contacts)
    over = [record for record in log if record.connected is not None]
    lately = {record.peer for record in over if _within(LATELY_SECONDS, record.ended, now)} - set(contacts)
    if len(in_call) == 1 and lately <= in_call:
        return in_call.pop()
    all_ = list(dict.fromkeys((*reversed(connected), *(record.peer for record in over))))
    strangers = [node for node in all_ if node not in contacts]
    if len(strangers) > 1:
        raise WhichCall(*refusals.several_to_save(strangers))
    if not all_:
        raise InputError(*refusals.NO_CALL_YET)
    return (strangers or all_)[0]


def named(lines: Sequence[Line], whom: str, contacts: Collection[str] = ()) -> list[Line]:
    """The calls with somebody: by the contact's name, their node id or its beginning.

    A contact's name is no node id: anybody can look for a key until its id begins like one.
    """
    found = [line for line in lines if line.shown.contact is not None and _same(line.shown.contact, whom)]
    if not found and len(whom) >= SHORTEST_NODE and not any(_same(name, whom) for name in contacts):
        found = [line for line in lines if str(line.peer).startswith(whom.lower())]
    return found


def _certain(rings: list[Line]) -> Line:
    """The call that rings; of several the one whose caller is proven, if that is one person only.

    Calls of one node have one name, so asking for it wouldn't tell them apart.
    """
    if len({line.peer for line in rings}) == 1:
        return _one(rings, "/answer")
    proven = [line for line in rings if line.proven]
    if len({line.peer for line in proven}) != 1:
        raise WhichCall(*refusals.several_ring(rings, "/answer"))
    return proven[-1]


def _one(
    found: list[Line], command: str, several: Callable[..., Refusal] = refusals.several_ring, *, whole: bool = True
) -> Line:
    """Of calls with one person the latest that is proven, else the latest. `several` refuses others, `whole` by whole
    node ids.
    """
    if len({line.peer for line in found}) > 1:
        raise WhichCall(*several(found, command, whole=whole))
    return next((line for line in reversed(found) if line.proven), found[-1])


def _rang_just_now(log: Sequence[CallRecord], now: float) -> list[CallRecord]:
    """The calls, latest first, whose ring has ended so lately that the owner may not know it yet."""
    return [
        record
        for record in log
        if record.role == Role.CALLEE
        and record.connected is None
        and record.reason in _BY_ITSELF
        and _within(JUST_NOW_SECONDS, record.ended, now)
    ]


def _takes_the_name_of(line: Line, gone: CallRecord, whom: str) -> bool:
    """Whether a call is there without the key of the contact whose own call was meant by that name."""
    return (
        not line.proven
        and gone.proven
        and gone.peer == line.peer
        and line.shown.contact is not None
        and _same(line.shown.contact, whom)
    )


def _there(line: Line) -> Line:
    """A call in which something can be written now. Raises InputError."""
    if line.call.state is not State.ACTIVE:
        raise InputError(*refusals.reconnecting(line))
    return line


def _ended_just_now(log: Sequence[CallRecord], now: float) -> list[CallRecord]:
    """The connected calls, latest first, that others have ended so lately that the owner may not know it yet."""
    return [
        record
        for record in log
        if record.connected is not None and record.reason in _BY_OTHERS and _within(JUST_NOW_SECONDS, record.ended, now)
    ]


def _others_ended(line: Line, log: Sequence[CallRecord], now: float) -> list[CallRecord]:
    """Of those the ones that somebody else was in: at one node a proven call and an unproven one are two people's.

    So may be two that both lack the key that is shared.
    """
    return [
        each
        for each in _ended_just_now(log, now)
        if (each.peer, each.proven) != (line.peer, line.proven) or _lacks_the_key_beside(line, each)
    ]


def _perhaps_meant(line: Line, log: Sequence[CallRecord], now: float, whom: str) -> CallRecord | None:
    """Of those the one that a command may be for which would now be about this call.

    `whom`: as the owner has named them, or empty. By a contact's name they mean the contact, whom a call without the
    key needn't be with.
    """
    if not whom:
        others = [each for each in _others_ended(line, log, now) if each.peer != line.peer or not line.proven]
        return next((each for each in others if each.peer == line.peer), next(iter(others), None))
    by_node = str(line.peer).startswith(whom.lower())
    return next(
        (
            each
            for each in _ended_just_now(log, now)
            if each.peer == line.peer
            and (_takes_the_name_of(line, each, whom) or (not by_node and _lacks_the_key_beside(line, each)))
        ),
        None,
    )


def _lacks_the_key_beside(line: Line, gone: CallRecord) -> bool:
    """Whether nothing says that a call without the shared key is with the one who was in the other call."""
    return line.link.keyed and not line.proven and gone.reference != line.link.reference


def _within(seconds: float, moment: float, now: float) -> bool:
    """Whether it was then. A moment of the future is from a clock that was set back since, and says nothing."""
    return abs(now - moment) < seconds


def _same(name: str, whom: str) -> bool:
    return name_key(name) == name_key(whom)
