"""Finds the call that the owner means with a command without a name. Pure: calls in, one call out.

Anybody who sees a contact's link in the chat can make another call ring before the owner has typed a word. So it means
nothing which call rang, connected or called last. Without a name, /answer takes a call only if its caller is the only
proven one. The other commands take a call only if there is just one person whom they can mean.
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
"How many calls of the log a command or button may be about, newest first."

JUST_NOW_SECONDS = 10
"How many seconds after its end a command may still mean a call: the owner reads and types, and the message travels."

LATELY_SECONDS = 3600
"How many seconds after its end the owner may still save the stranger of a call."

ALL = "all"
"Replaces a name: the whole conversation."

SHORTEST_NODE = 8
"How many characters of a node id identify a caller without a name."

UP = (State.CONNECTING, State.ACTIVE, State.RECONNECTING)

_BY_ITSELF = {EndReason.REMOTE_CANCELLED, EndReason.MISSED}
"Ends of ringing calls that the owner may not know about yet."

_BY_OTHERS = {EndReason.REMOTE_HUNG_UP, EndReason.LOST, EndReason.FLOODED}
"Ends of connected calls that the owner may not know about yet."


def to_answer(
    lines: Sequence[Line], log: Sequence[CallRecord], now: float, whom: str = "", contacts: Collection[str] = ()
) -> Line:
    """The call that /answer means. Raises NothingRings, WhichCall.

    It is the ringing call, or else one that waits for the owner, or else one that they have answered before. `log` are
    the last ended calls, `now` is in Unix seconds, `contacts` are all names in the book.
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
                if ringing and (impersonated := [each for each in gone if _claims_name_of(line, each, whom)]):
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
    lines: Sequence[Line], log: Sequence[CallRecord], now: float, argument: str, contacts: Collection[str] = ()
) -> tuple[Line, str]:
    """The call that /decline means, and the words for its caller. Raises NothingRings, WhichCall.

    `argument` begins with a name, if it must. `contacts` are all names in the book.
    """
    rings = [line for line in lines if line.call.state is State.RINGING]
    words = argument.split()
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
    line = rings[-1]
    # A call that is declined by mistake is lost, so a key proves nothing here: another one may be meant.
    others = [each for each in _rang_just_now(log, now) if (each.peer, each.proven) != (line.peer, line.proven)]
    if others:
        raise WhichCall(*refusals.another_rings(others[0], line, "/decline"))
    return line, argument


def to_hang_up(
    lines: Sequence[Line],
    whom: str = "",
    contacts: Collection[str] = (),
    log: Sequence[CallRecord] = (),
    now: float = 0.0,
) -> Line:
    """The call that /hangup means: the one that takes the owner's time before one on hold, or else the only other one.

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
    """The call that /differ means. Raises NoCall, WhichCall.

    It is the call whose four words were shown, or the last connected one until an hour after its end. If there is
    another call, the ended one counts only if the owner may not know of its end. `contact` is the contact with the name
    `whom`, if there is one.
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
    """The call that /hold means: the one that the owner is in. Raises NothingToHold, NoCall, WhichCall."""
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
    """The call that /resume and /swap mean: the one on hold. Raises NotOnHold, NoCall, WhichCall."""
    held = [line for line in lines if line.engaged and (line.on_hold or whom)]
    line = _one(one_each(_meant(held, whom, contacts, NotOnHold)), command, refusals.several_up, whole=bool(whom))
    # Usually people resume a call because another person has hung up.
    gone = _ended_call_meant(line, log, now, whom)
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
    """The call that /record means. Raises NotRecordable, NothingRecorded, NoCall, WhichCall.

    It is the call that the owner is in. With `stop` it is the call that we record, with `refuse` the call that the
    other side records.
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
    if not what and (gone := _ended_call_meant(line, log, now, whom)) is not None:
        raise WhichCall(*refusals.ended_and_recordable(gone, line))
    return line


def to_agree(lines: Sequence[Line], asked: list[Line], gone: Sequence[Line], whom: str = "") -> Line | None:
    """The call whose question /agree and /refuse answer. None if nothing is asked. Raises NoCall, WhichCall.

    `asked` are the calls with an open question. In those of `gone` the question has ended, which the owner may not know
    yet. Of two calls with one node, one may be a contact's and the other somebody else's at their address.
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
    argument: str,
    contacts: Collection[str],
    command: str = "/say",
) -> tuple[Line, str]:
    """The call that `/say [NAME:] TEXT` means, and the text. Raises InputError, WhichCall.

    The owner must be in the call; the answering machine's calls don't count. `contacts` are all names in the book. The
    same for `/send [NAME:] FILE`. But a text is for a whole conversation, and a file for one person.
    """
    up = [line for line in lines if line.engaged]
    whom, colon, text = argument.partition(":")
    if colon and text.strip():
        if found := named(up, whom, contacts):
            line = _there(_one(found, command, refusals.several_to_write_to))
            if (gone := _ended_call_meant(line, log, now, whom)) is not None:
                raise WhichCall(*refusals.ended_and_up(gone, line, command))
            return line, text.strip()
        if named(lines, whom) or any(_same(name, whom) for name in contacts):
            raise InputError(*refusals.not_in_call_with(whom))
    line = _unnamed(up, command)
    if others := _others_ended(line, log, now):
        raise WhichCall(*refusals.ended_and_up(others[0], line, command))
    return line, argument


def to_say(
    lines: Sequence[Line], log: Sequence[CallRecord], now: float, argument: str, contacts: Collection[str]
) -> tuple[Line, str, bool]:
    """The call that `/say` means, the text, and whether it is for that call alone. Raises what to_write raises.

    With a name it is for that call alone. With `all:` or without a name, it is for the whole conversation. A person who
    has just joined the conversation may be one who must not read the text.
    """
    whom, colon, text = argument.partition(":")
    up = [line for line in lines if line.engaged]
    together = any(line.together for line in up) and not any(_same(name, ALL) for name in contacts)
    if colon and text.strip() and together and _same(whom, ALL):
        return _unnamed(up, "/say"), text.strip(), False
    line, text = to_write(lines, log, now, argument, contacts)
    if len(text) < len(argument):
        return line, text, True
    there = [each for each in up if each is line or (line.together and each.together == line.together)]
    if any(_within(JUST_NOW_SECONDS, each.shown.together_since, now) for each in there):
        raise WhichCall(*refusals.just_come_together(there))
    return line, text, False


def _unnamed(up: list[Line], command: str) -> Line:
    """The call for a text or file without a name."""
    if not up:
        raise InputError(*refusals.NOBODY_TO_WRITE_TO)
    attended = [each for each in up if not each.on_hold] or up
    if command == "/say":
        attended = one_each(attended)
    return _there(_one(attended, command, refusals.several_to_write_to, whole=False))


def to_save(lines: Sequence[Line], log: Sequence[CallRecord], now: float, contacts: Collection[NodeId]) -> NodeId:
    """The node that `/contact add NAME` means: the only stranger in a call, or else the only one who was in any.

    `contacts` are the nodes in the book. If there was no stranger, it is the contact whose call connected last. Raises
    InputError, WhichCall.
    """
    # Test calls have no other person.
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
    """The calls with a person: by the contact's name, the node id or its beginning.

    A contact's name never counts as a node id, because anybody can search for a key whose id begins like a name.
    """
    found = [line for line in lines if line.shown.contact is not None and _same(line.shown.contact, whom)]
    if not found and len(whom) >= SHORTEST_NODE and not any(_same(name, whom) for name in contacts):
        found = [line for line in lines if str(line.peer).startswith(whom.lower())]
    return found


def _certain(rings: list[Line]) -> Line:
    """The ringing call. If there are several, the one with a proven caller, if that is only one person.

    Calls of one node have the same name, so asking for a name wouldn't distinguish them.
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
    """The latest proven call, or else the latest one, if all calls are with one person.

    Otherwise `several` makes the refusal, with whole node ids if `whole`.
    """
    if len({line.peer for line in found}) > 1:
        raise WhichCall(*several(found, command, whole=whole))
    return next((line for line in reversed(found) if line.proven), found[-1])


def _rang_just_now(log: Sequence[CallRecord], now: float) -> list[CallRecord]:
    """The calls, latest first, that stopped ringing so recently that the owner may not know it yet."""
    return [
        record
        for record in log
        if record.role == Role.CALLEE
        and record.connected is None
        and record.reason in _BY_ITSELF
        and _within(JUST_NOW_SECONDS, record.ended, now)
    ]


def _claims_name_of(line: Line, gone: CallRecord, whom: str) -> bool:
    """Whether `whom` meant the contact's own call that is gone, and this call lacks the contact's key."""
    return (
        not line.proven
        and gone.proven
        and gone.peer == line.peer
        and line.shown.contact is not None
        and _same(line.shown.contact, whom)
    )


def _there(line: Line) -> Line:
    """Check that something can be written in a call now, and return it. Raises InputError."""
    if line.call.state is not State.ACTIVE:
        raise InputError(*refusals.reconnecting(line))
    return line


def _ended_just_now(log: Sequence[CallRecord], now: float) -> list[CallRecord]:
    """The connected calls, latest first, that others ended so recently that the owner may not know it yet."""
    return [
        record
        for record in log
        if record.connected is not None and record.reason in _BY_OTHERS and _within(JUST_NOW_SECONDS, record.ended, now)
    ]


def _others_ended(line: Line, log: Sequence[CallRecord], now: float) -> list[CallRecord]:
    """The calls of `_ended_just_now` with somebody else. A proven and an unproven call of one node are two people's.

    Two calls that both lack the shared key may also be two people's.
    """
    return [
        each
        for each in _ended_just_now(log, now)
        if (each.peer, each.proven) != (line.peer, line.proven) or _may_be_another_person(line, each)
    ]


def _ended_call_meant(line: Line, log: Sequence[CallRecord], now: float, whom: str) -> CallRecord | None:
    """The call of `_ended_just_now` that a command may mean, though it would now apply to this call.

    `whom` is the name that the owner used, or empty. A contact's name means the contact, and a call without the key may
    be with somebody else.
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
            and (_claims_name_of(line, each, whom) or (not by_node and _may_be_another_person(line, each)))
        ),
        None,
    )


def _may_be_another_person(line: Line, gone: CallRecord) -> bool:
    """Whether a call without the shared key may be with another person than the call that is gone."""
    return line.link.keyed and not line.proven and gone.reference != line.link.reference


def _within(seconds: float, moment: float, now: float) -> bool:
    """Whether `moment` is within `seconds` of `now`, before or after: a clock may have been set back since."""
    return abs(now - moment) < seconds


def _same(name: str, whom: str) -> bool:
    return name_key(name) == name_key(whom)
