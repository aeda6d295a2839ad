"""The bots' sentences, made by the functions that make them: tests wait for these, whatever the English is."""

from __future__ import annotations

from bot.conversation import Act
from bot.kinds import Sentence
from bot.messengers import texts as common
from bot.messengers.telegram import texts as telegram
from bot.texts import chat, names
from bot.texts import contacts as contact_texts
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from peer.calls.reading import MissedCall
from shared.call.records import RunningCall
from shared.call.table import Call, EndReason, State
from shared.contacts import Contact, Trust
from shared.links.card import Card
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.secrets.handshake import Role
from tests.bot.telegram.people import Person

_NODES = NodeId(bytes(31) + b"\1"), NodeId(bytes(range(224, 256)))


def _line(
    name: str | None = None,
    media: Media = Media.BOTH,
    node: NodeId = _NODES[0],
    *,
    expires: int = 600,
    phrase: str = "",
    taken_up: RunningCall | None = None,
) -> Line:
    return Line(
        1,
        Call(Role.CALLEE, paired=True, state=State.RINGING),
        CallLink(node, media, created=0, proven=True),
        chat="",
        expires=expires,
        connection=ConnectionState(media, taken_up=taken_up),
        shown=Presented(name, phrase=phrase),
    )


def _beginning(one: Sentence, other: Sentence) -> str:
    """The common beginning of two sentences that differ in something that a test can't know."""
    same = 0
    while one.text[same] == other.text[same]:
        same += 1
    assert same > 5, (one, other)
    return one.text[:same]


# Calls.


def calling(name: str) -> str:
    return _beginning(chat.calling(_line(name)), chat.calling(_line(name, expires=600 + 10 * 3600)))


def rings(name: str) -> str:
    return chat.rings(_line(name), Reason.ASK).text


def unproven_rings(name: str) -> str:
    """A call in a contact's name rings without their key."""
    return chat.rings(_line(name), Reason.UNPROVEN).text


def stranger_rings(media: Media = Media.BOTH) -> str:
    return _beginning(*(chat.rings(_line(media=media, node=node), Reason.NEW_CALLER) for node in _NODES))


def connected(name: str, media: Media = Media.BOTH) -> str:
    return chat.connected(_line(name, media)).text


def ended(reason: EndReason, name: str, *, known: bool = True) -> str:
    return chat.ending(reason, name, known=known, proven=known).text


def rejoining(name: str) -> str:
    kept = RunningCall(reference=bytes(8), peer=_NODES[0], role="callee", media=Media.BOTH, started=0, secret=bytes(32))
    return chat.reconnecting(_line(name, taken_up=kept)).text


def over() -> str:
    return common.OVER.text


def interrupted() -> str:
    return common.INTERRUPTED.text


def missed(*callers: str) -> str:
    """The beginning of the message about missed calls."""
    if len(callers) == 1:
        told = chat.missed(MissedCall(contact=callers[0], peer=_NODES[0], created=0))
        return _beginning(told, chat.ending(EndReason.MISSED, callers[0], known=True, proven=True))
    return common.missed_calls(callers).text.partition("\n")[0]


def words() -> str:
    return _beginning(*(chat.phrase(_line(phrase=phrase)) for phrase in ("lamp", "ocean")))


def _node(person: Person) -> str:
    """The node of the running program, which may have another home than the person's first."""
    return person.node or str(person.id)


def idle(person: Person) -> str:
    """The status without a call."""
    return chat.status(_node(person), "loopback", None, []).text


def status_of(person: Person) -> str:
    """The beginning of the status, with calls or without."""
    return _beginning(*(chat.status(_node(person), "loopback", None, lines) for lines in ([], [_line("x")])))


# Links, cards, contacts.


def send_this(name: str = "") -> str:
    return common.send_this(name)


def looking_up(name: str) -> str:
    return names.looking_up(name).text


def no_contacts() -> str:
    return contact_texts.no_contacts().text


def saved() -> str:
    contacts = (Contact(name=name, node=node, created=1) for name, node in zip("ab", _NODES, strict=True))
    return _beginning(*(contact_texts.contact_saved(each, paired=True) for each in contacts))


def blocked(name: str) -> str:
    return contact_texts.trust_set(Contact(name=name, node=_NODES[0], trust=Trust.BLOCK, created=1), paired=True).text


def card_seen() -> str:
    return _beginning(*(contact_texts.card_seen(Card(node=node, sealing_key=bytes(32)), None) for node in _NODES))


def own_card(person: Person) -> str:
    return contact_texts.card("", person.name).text.partition("\n")[0]


def many_cards() -> str:
    return common.MANY_CARDS.text


# The bot itself.


def help_(*, page: bool = False) -> str:
    return chat.help_with(page=page).text


def old_button() -> str:
    return telegram.UNKNOWN_BUTTON.text


def stranger() -> str:
    return telegram.STRANGER.text


def unclaimed() -> str:
    return telegram.NOT_CLAIMED.text


def claimed() -> str:
    return telegram.CLAIMED.text


def passed_on() -> str:
    return common.PASSED_ON.text


def too_late(command: str) -> str:
    return common.too_late(command).text


def tapped_late(act: Act) -> str:
    return telegram.tapped_late(act).text


def listening(bot: str) -> str:
    return telegram.listening(bot).text


def handset_page() -> str:
    return chat.HANDSET_PAGE.text


def about_handset() -> str:
    return telegram.ABOUT_HANDSET


# What goes wrong.


def set_aside() -> str:
    return _beginning(common.set_aside("this"), common.set_aside("other"))


def not_delivered() -> str:
    return _beginning(*(common.not_delivered("Telegram", "", why) for why in ("this", "other")))


def cannot_store() -> str:
    return _beginning(common.cannot_store("This."), common.cannot_store("Other."))


def can_store() -> str:
    return common.can_store().text


def clock_is_off(seconds: float) -> str:
    return common.clock_is_off("Telegram's", seconds).text


def unreachable() -> str:
    return telegram.unreachable().text


def reachable() -> str:
    return telegram.back().text


def conflict() -> str:
    return telegram.conflict().text


def revoked() -> str:
    return telegram.revoked().text


def token_holds() -> str:
    return telegram.token_holds().text
