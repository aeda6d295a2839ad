"""What the handset page says about calls and links, beside the sentences of chat.py."""

from __future__ import annotations

import re
import time

from bot.kinds import Kind, Sentence
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from bot.texts.times import time_of_day
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.link_reader import SaidLink
from peer.calls.moves import MovedLink
from peer.handset.page import Page
from shared.call.table import CONNECTED, EndReason, State
from shared.contacts import STRANGER, Contact, Trust
from shared.errors import (
    CallRefused,
    CopybaraError,
    FileRefused,
    InCall,
    InputError,
    LookingUp,
    NoCall,
    NoDevice,
    NoPairing,
    NothingRecorded,
    NothingRings,
    NothingToHold,
    NotOnHold,
    NotRecordable,
    OnlyForTrusted,
    OwnNode,
    TwoCalls,
    UnknownCommand,
    WhichCall,
    WrongUse,
    hint_of,
)
from shared.links.card import Card
from shared.links.kinds import Response, Status
from shared.links.paired import Operation
from shared.secrets.handshake import Role
from shared.typed import in_shell

NOTHING_THERE = "There is no Copybara link in that. A link has 64 characters or more."

NOT_CONNECTED = "The call isn't connected yet, so nothing can be sent.", "Try again once it is."


_COMMAND = re.compile(r"(^|\s)/[a-z]")
"Something to type in a chat."

_HINTS: dict[type[CopybaraError], str] = {
    InputError: "Use a contact's name, a node id or a contact card.",
    OwnNode: "Send your card to the other person, and use theirs; it is on their page under “My card”.",
    UnknownCommand: "",
    WrongUse: "",
    CallRefused: "",
    NothingRings: "",
    WhichCall: "",
    NoCall: "",
    InCall: "End it first.",
    TwoCalls: "End one of them first.",
    NotOnHold: "",
    NothingToHold: "",
    NotRecordable: "",
    NothingRecorded: "",
    OnlyForTrusted: "Open their entry in your contacts and choose “Answer automatically”.",
    LookingUp: "Wait until it is done, or cancel it in the chat.",
    NoDevice: "",
    NoPairing: "",
    FileRefused: "",
}
"What to do, for errors whose own hint is a command to type. A test keeps the table complete."

ANOTHER_CONTACT = "They were removed, or have another node now.", "Look at your contacts, then choose again."
ASKS_ANOTHER_THING = "They ask something else by now.", "Read it, then answer."


def hint(error: CopybaraError) -> str:
    """What to do next, for somebody who has buttons."""
    own = _HINTS.get(type(error))
    return own if own is not None and error.hint == hint_of(type(error)) else error.hint


def place_of(page: Page | None) -> str:
    """Where a page is, among the owner's own; empty: there is none."""
    if page is None:
        return ""
    return page.device or "the computer at home"


def port_taken(port: int) -> str:
    """Another program listens where the page should be."""
    return (
        f"Another program has port {port}, so your page is at another address. Don't use tabs and links that "
        f"begin with http://127.0.0.1:{port}/: they lead to that program."
    )


def port_kept(port: int) -> str:
    """Our own service's socket unit holds it, and this program runs beside that service."""
    return (
        f"Your own background service keeps port {port}, so your page is at another address. If the service fails, "
        "`copybara service status` says why, and `copybara service remove` frees the port."
    )


def port_forbidden(port: int) -> str:
    """The system doesn't let this user listen there."""
    return (
        f"This user may not use port {port}, so your page is at another address. Set `port` under [handset] of "
        "copybara.toml to a number from 1024 on."
    )


_SAYS = {
    Operation.RINGING: "your call is ringing there",
    Operation.ACCEPT: "your call was answered",
    Operation.DECLINE: "they declined your call",
    Operation.BUSY: "they are busy",
    Operation.CANCEL: "they cancelled their call",
}

OVER = "That link is about a call that is over. There is nothing left to do."

ANSWERS_NOTHING = "That link answers no call of yours that is waiting. Call them again, and send them the new link."

_ANSWERS = {
    Status.ACCEPT: "They answered your call. Connect now?",
    Status.DECLINE: "This link says that they declined your call. Anyone in the chat could have written it.",
    Status.BUSY: "This link says that they are busy. Anyone in the chat could have written it.",
}


def call_sentence(line: Line) -> Sentence:
    """What the state of a call means."""
    match line.call.state:
        case State.CALLING:
            return texts.calling(line)
        case State.RINGING:
            return texts.rings(line, line.shown.reason)
        case State.CONNECTING:
            return Sentence(Kind.CONNECTING, f"Connecting with {line.name} …")
        case State.ACTIVE if line.on_hold:
            return texts.on_hold(line)
        case State.ACTIVE if line.remote_on_hold:
            return texts.remote_on_hold(line)
        case State.ACTIVE:
            return texts.connected(line)
        case State.RECONNECTING:
            return texts.reconnecting(line)
        case State.ENDED:
            if line.shown.echo and line.call.reason is EndReason.HUNG_UP:
                return Sentence(Kind.ENDED, "The test call is over.")
            said = texts.ended(line)
            # What can be typed in a chat is of no use here; what can be done about a device is.
            return said if _COMMAND.search(said.hint) else Sentence(said.kind, said.text)


def trust_words(line: Line, contact: Contact | None, *, compared: bool = False) -> str:
    """How we know who it is; `compared`: the owner has compared the four words."""
    if line.shown.echo:
        return "Nobody is there: your own program sends back what you say and show, over the same route as any call."
    if contact is None:
        if compared:
            return f"{COMPARED} Save this person, and next time one link is enough."
        if line.call.state in CONNECTED:
            return "Compare the four words, then save this person."
        return "If you don't know who this is, don't answer."
    if compared:
        how = COMPARED
    elif line.proven:
        how = "The link was sealed with a key that only the two of you have."
    elif line.link.keyed and line.call.role is Role.CALLER:
        return f"This call doesn't have the key you share with {contact.name}. {_WITHOUT_KEY}"
    elif line.link.keyed:
        return f"It says it is {contact.name}, but doesn't have the key you share. {_WITHOUT_KEY}"
    else:
        how = "The overlay carries the call only to their node. To be sure that it is them, compare the four words."
    if contact.trust is Trust.AUTO and (line.proven or contact.unproven or line.call.role is Role.CALLER):
        return f"In your contacts: their calls are answered automatically. {how}"
    return f"In your contacts. {how}"


_WITHOUT_KEY = "Perhaps they restored a backup, perhaps it is somebody else. Compare the four words."

COMPARED = "You confirmed the four words: nobody is between you."

OTHER_WORDS = "Those aren't the words of this call.", "Compare those that it shows."


def words_match(contact: Contact | None, *, at_device: bool) -> Sentence:
    """The owner has compared the four words of a call; `contact` is who it is with. `at_device`: not at home."""
    who = f" and {contact.name}" if contact else ""
    if at_device:
        return Sentence(
            Kind.WORDS_MATCH,
            f"Then nobody is between you{who}. A device can be lost, so at home they still count as not compared: "
            "compare them there too, in a later call.",
        )
    return Sentence(Kind.WORDS_MATCH, f"Confirmed: nobody is between you{who}.")


SILENCED = Sentence(Kind.STRANGER_SILENCED, "Their calls won't ring for a day, and get no reply.")


def saved(contact: Contact, paired: bool, unconfirmed: bool) -> Sentence:
    """Somebody was saved. `paired`: we share a key; `unconfirmed`: there is one whose words weren't compared."""
    if paired:
        then = "From now on one link is enough."
    elif unconfirmed:
        then = "Compare the four words in your next call. After that, one link is enough."
    else:
        then = "After your first call, one link is enough."
    return Sentence(Kind.CONTACT_SAVED, f"Saved {contact.name}. {then}")


def path(overlay: str, local: str | None, remote: str | None) -> str:
    """Where a call's packets go."""
    if not (local and remote):
        return ""
    return f"Over {overlay}, from {local} to {remote}. No other address is used."


_WHEN_THEY_CALL = {
    Trust.AUTO: "answered automatically",
    Trust.RING: "rings when they call",
    Trust.BLOCK: "blocked",
}


def trust_in_words(contact: Contact, paired: bool) -> str:
    """What happens when a contact calls; `paired`: we share a key with them."""
    words = _WHEN_THEY_CALL[contact.trust]
    if contact.trust is Trust.AUTO:
        words += f" ({contact.media.words})"
        if not paired:
            words += ", on the node id alone: unproven" if contact.unproven else ", once you share a key"
    if contact.hours:
        words += f", {contact.hours}"
    return f"{words}; compare their words in your next call" if contact.confirmed_in_clear else words


def beyond_the_page(contact: Contact, paired: bool) -> str:
    """What is answered automatically that only a command has allowed; it stays when something else is set here.

    `paired`: we share a key with them.
    """
    also = [
        *(["calls that only their node id proves"] if contact.unproven and not paired else []),
        *(["calls of other programs"] if contact.classic else []),
    ]
    if contact.trust is not Trust.AUTO or not also:
        return ""
    return f"Also answered, as you set it in the chat: {' and '.join(also)}. “It rings” ends that."


def link_to_send(line: Line, *, by_hand: bool) -> Sentence:
    """What to do with a link. `by_hand`: the owner carries those of this call, also back."""
    if line.call.state is State.ENDED:
        kind = Kind.LINK_CANCEL if line.call.role is Role.CALLER else Kind.LINK_REFUSAL
        return Sentence(kind, f"Send this to {line.name} so that they know.")
    if line.call.role is Role.CALLEE:
        return Sentence(
            Kind.LINK_TO_SEND, f"The call connects as soon as they have {'pasted' if by_hand else 'read'} it."
        )
    until = time_of_day(line.expires)
    if line.call.paired:
        back = " If they decline, they have a link to send back: paste it here." if by_hand else ""
        return Sentence(
            Kind.LINK_TO_SEND, f"Send this to {line.name}. One link is enough; the call waits until {until}.{back}"
        )
    return Sentence(
        Kind.LINK_TO_SEND,
        f"Send this to {line.name}, and paste what they send back: an answer, or that they decline. The call waits "
        f"until {until}.",
    )


def explained_call(link: CallLink, contact: Contact | None, *, at_once: bool = False) -> str:
    """A link that begins a call. `at_once`: it doesn't ring, because their calls are answered automatically."""
    age = max(0, int(time.time()) - link.created)
    ago = "just now" if age < 10 else f"{age} seconds ago" if age < 120 else f"{age // 60} minutes ago"
    if contact is None:
        return (
            f"Somebody who isn't in your contacts is calling you ({link.media.words}); link made {ago}. "
            "If you don't know who it is, don't answer."
        )
    if link.keyed and not link.proven:
        return f"A call ({link.media.words}), {ago}, says it is {contact.name}, but doesn't have the key you share."
    text = f"{contact.name} is calling you ({link.media.words}); link made {ago}."
    return f"{text} If you answer, it connects at once, with your microphone and camera." if at_once else text


def already_here(line: Line) -> str:
    """The link of a call that hasn't ended, read again."""
    return f"That link was read already: it is the call with {line.name} that you see here."


def took_back(line: Line) -> Sentence:
    """A link that was pasted says that the call isn't meant any more."""
    return Sentence(Kind.ENDED, f"{texts.begun(line.name)} cancelled their call.")


def explained_said(link: SaidLink, contact: Contact | None) -> str:
    """A link that says something about a call."""
    who = contact.name if contact else STRANGER
    return f"From {who}: {_SAYS.get(link.said.operation, 'something')}."


def explained_move(link: MovedLink, contact: Contact) -> str:
    """A contact's notice of a new node id."""
    stolen = (
        f" Another new node id was announced, too: somebody has {contact.name}'s key. So this page accepts neither: "
        f"write “/contact move {contact.name} NODE” in the chat, or run “copybara contacts move "
        f"{in_shell(contact.name)} NODE”."
        if contact.other_announced(link.node)
        else ""
    )
    return (
        f"{contact.name} says that their node id is now {link.node}.{stolen} The key you share proves that the link is "
        "theirs, or of somebody who has stolen that key: ask them by voice or in person. Then their calls ring "
        "until you say otherwise."
    )


def explained_response(response: Response) -> str:
    """An answer to our request."""
    return _ANSWERS[response.status]


def card_named(name: str) -> Sentence:
    """The owner has chosen what their card calls them."""
    return Sentence(Kind.CARD_NAMED, f"Your card now says {name}." if name else "Your card now has no name.")


def explained_card(card: Card, known: Contact | None) -> str:
    """A contact card; the page shows its name above, and its node below."""
    if known is not None:
        return contact_texts.card_seen(card, known).sentence
    return "Save it if you got it from them: anyone can write a name on a card."


def goes_on(line: Line) -> Sentence:
    """The notice of a call that resumed after the program was killed."""
    return Sentence(Kind.REJOINED, f"The call with {line.name} resumed automatically after a restart.")
