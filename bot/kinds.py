"""What a sentence says, as one word that stays when its English changes: for scripts, tests and the page.

Each sentence of `texts/` is made with its kind, and both travel as one value. An error's kind is made from the name of
its class, see shared/errors.py. `python -m bot.kinds docs/console.md` writes the table into the page for scripts.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.call.table import State
from shared.contacts import STRANGER
from shared.errors import CopybaraError, kind_of


class Kind(enum.StrEnum):
    """The part before the dot says what it is about. Words are added; none is renamed, none gets another meaning."""

    def __new__(cls, word: str, meaning: str) -> Kind:
        """`meaning`: when it is said, for docs/console.md."""
        kind = str.__new__(cls, word)
        kind._value_ = word
        kind.meaning = meaning
        return kind

    meaning: str

    CALLING = "call.calling", "Your call was placed."
    RINGS = "call.rings", "A contact is calling."
    UNPROVEN_RINGS = "call.unproven-rings", "A call names a contact but lacks the key that you share with them."
    STRANGER_RINGS = "call.stranger-rings", "Somebody who isn't in your contacts is calling."
    ANSWERING = "call.answering", "You answered."
    ANSWERED_BEFORE = "call.answered-before", "You answered a call that was answered already."
    CONNECTING = "call.connecting", "The call is being connected."
    ANSWERED_AUTOMATICALLY = "call.answered-automatically", "The call of a trusted contact was answered."
    REMOTE_ANSWERED_AUTOMATICALLY = (
        "call.remote-answered-automatically",
        "The other side's program answered; the person may not be there.",
    )
    TAKES_MESSAGE = "call.takes-message", "The answering machine takes a call that you didn't answer."
    MESSAGE = "call.message", "The answering machine has recorded a message."
    RECORDED = "call.recorded", "A recording of a call is finished."
    MEDIA_TROUBLE = "call.media-trouble", "Something about your own sound or picture in a call has changed, or stopped."
    TEST_CALL = "call.test", "A call with your own program's echo was placed."
    CONNECTED = "call.connected", "The call is up."
    WORDS_MATCH = "call.words-match", "You confirmed at the page that the four words of a call were the same."
    WORDS_DIFFER = (
        "call.words-differ",
        "You said that the four words of a call differ: the key that was agreed in it proves nothing.",
    )
    MEDIA_AGREED = "call.media-agreed", "The other side answered with less than you called for: sound only."
    RECONNECTING = "call.reconnecting", "The connection was lost; the program tries to restore it."
    REJOINING = "call.rejoining", "The program was interrupted during the call and tries to restore it."
    REJOINED = "call.rejoined", "Such a call is up again."
    ON_HOLD = "call.on-hold", "You put the call on hold: nothing of you is sent, and nothing of them is played."
    OFF_HOLD = "call.off-hold", "You took it off hold."
    HELD = "call.held", "The other side put the call on hold."
    RESUMED = "call.resumed", "The other side took it off hold."
    HELD_AGAIN = "call.held-again", "The other side keeps doing both; not each time is said any more."
    AGAIN = "call.again", "The same happens again and again in a call; not each time is said any more."
    CONVERSATION_ASKING = "conversation.asking", "You want to merge your calls: the others are being asked."
    CONVERSATION_ASKED = "conversation.asked", "Somebody asks you to be in one conversation with others."
    CONVERSATION_AGREED = "conversation.agreed", "You agreed; the others may not have answered yet."
    CONVERSATION_REFUSED = "conversation.refused", "You refused; nobody got your node id."
    CONVERSATION_JOINED = "conversation.joined", "Somebody is in the conversation with you."
    CONVERSATION_LEFT = "conversation.left", "Somebody has left the conversation."
    CONVERSATION_OFF = "conversation.off", "Nothing comes of it: the calls stay as they were."
    CONVERSATION_CIRCLE = "conversation.circle", "Some in the conversation don't hear each other, or do again."
    CONVERSATION_CANT_MEET = "conversation.cant-meet", "You can't be connected with somebody in the conversation."
    WORDS = "call.words", "Four words to compare by voice, after a first contact."
    REMOTE_RINGS = "call.remote-rings", "It rings on the other side."
    UNPROVEN_REFUSAL = "call.unproven-refusal", "A refusal that anyone in the chat could have written."
    TEXT = "call.text", "The other side wrote a line of text beside the call."
    TEXT_SENT = "call.text-sent", "Your line of text was sent beside the call."
    ENDED = "call.ended", "The call is over; the `call` line has the reason."
    INTERRUPTED = "call.interrupted", "The call ended because the program was interrupted."
    LOG = "call.log", "The calls that ended last, a line each."
    MISSED = "call.missed", "Somebody called while the program didn't run."
    CALL_DROPPED = "call.impostor-dropped", "A call in a contact's name that proved nothing was silenced."
    STRANGER_SILENCED = "call.stranger-silenced", "Calls of somebody who isn't in the contacts won't ring for a day."
    DROPPED = "call.dropped", "So many calls came that some weren't shown."
    NOT_KEPT = "call.not-kept", "Something about a call couldn't be written to the disk."

    FILE_READING = "file.reading", "A large file is being read before it is offered."
    FILE_OFFERING = "file.offering", "You offered a file in a call."
    FILE_OFFERED = "file.offered", "The other side of a call offers you a file."
    FILE_SENDING = "file.sending", "They accepted it, and it is on its way."
    FILE_RECEIVING = "file.receiving", "A file is arriving that you accepted, or always accept."
    FILE_PAUSED = "file.paused", "The call is over before the file was complete; it continues in the next one."
    FILE_DELIVERED = "file.delivered", "The other side has your file."
    FILE_RECEIVED = "file.received", "A file is complete, and where it is."
    FILE_DECLINED = "file.declined", "A file was declined, by you or by them."
    FILE_CANCELLED = "file.cancelled", "A file was cancelled, by you or by them."
    FILE_FAILED = "file.failed", "A file couldn't be sent or received, and why."
    FILE_LIST = "file.list", "The files on their way."

    MESSAGE_KEPT = "message.kept", "Your voice message for a contact waits here until you are connected."
    MESSAGE_OFFERED = (
        "message.offered",
        "A voice message is offered in a call, by you or by them.",
    )
    MESSAGE_DELIVERED = "message.delivered", "The other side has your voice message."
    MESSAGE_RECEIVED = "message.received", "A contact's voice message has come, and where it is."

    RECORDING_ASKED = (
        "recording.asked",
        "You want to record a call; it begins once the other side sees that.",
    )
    RECORDING_STARTED = "recording.started", "You are recording a call, and the other side sees that."
    RECORDING_STOPPED = "recording.stopped", "Your recording of a call is over, and where it is."
    RECORDING_REFUSED = "recording.refused", "A recording was refused, by you or by them, and ends."
    RECORDING_FAILED = "recording.failed", "A call can't be recorded, or not any longer, and why."
    RECORDING_BY_THEM = "recording.by-them", "The other side is recording a call."
    RECORDING_BY_THEM_OVER = "recording.by-them-over", "The other side no longer records it."
    RECORDING_BY_THEM_AGAIN = "recording.by-them-again", "It keeps doing both; not each time is said any more."

    LINK_REQUEST = "link.request", "For the chat: the link that begins a call."
    LINK_ANSWER = "link.answer", "For the chat: the link that answers a first call."
    LINK_REFUSAL = "link.refusal", "For the chat: the link that declines a call or says that you are busy."
    LINK_MOVED = "link.moved", "For the chat: the link that tells a contact your new node id."
    LINK_CANCEL = "link.cancel", "For the chat: the link that takes a call back."
    LINK_TO_SEND = "link.to-send", "On the page: what to do with a link."
    LINK_DAMAGED = "link.damaged", "The link can't be read."
    LINK_WRONG_VERSION = "link.wrong-version", "The link is of another version of the format."
    LINK_NOT_FOR_THIS_NODE = "link.not-for-this-node", "The link is meant for another node."
    LINK_CLOCK = "link.clock-out-of-range", "The link was made in the future."
    CLOCKS_DIFFER = "link.clocks-differ", "A contact called, with a link from another time: your clocks differ."
    LINK_EXPIRED = "link.expired", "The link is too old."
    LINK_ALREADY_USED = "link.already-used", "The link was used before."
    LINK_UNKNOWN_CALLER = "link.unknown-caller", "The link is a stranger's, and strangers may not call."
    LINK_KEY_UNKNOWN = "link.key-unknown", "None of the keys of a home that was restored opens a link."
    LINK_BLOCKED = "link.blocked", "The link is from a contact whom you blocked."
    LINK_NOT_ALLOWED_NOW = "link.not-allowed-now", "The contact may not call at this time, or not with this media."
    LINK_BUSY = "link.busy", "The link is a call's, and you are in another call."
    LINK_OWN = "link.own", "The link is your own."

    CARD = "card.own", "Your own contact card."
    CARD_NAMED = "card.named", "Your contact card has another name now."
    INVITATION = "card.invitation", "A text for a friend who doesn't have the program yet, with your card."
    INVITATION_SOURCE = "card.invitation-source", "An invitation can't say where to get the program."
    INVITATION_PEER = "card.invitation-peer", "An invitation doesn't name the private peer that connects you."
    CARD_OWN_SEEN = "card.own-seen", "Your own contact card was pasted."
    CARD_SEEN = "card.seen", "A card of somebody who isn't in your contacts."
    CARD_KNOWN = "card.known", "A card of somebody who is."
    CARDS_DROPPED = "card.dropped", "One person sent more cards than are shown."

    CONTACT_LIST = "contact.list", "Your contacts, a line each."
    NO_CONTACTS = "contact.none", "There are no contacts yet."
    CONTACT_DETAILS = "contact.details", "All that is known of a contact."
    CONTACT_SAVED = "contact.saved", "A contact was saved."
    CONTACT_KNOWN = "contact.known", "That contact was saved before."
    CONTACT_TRUSTED = "contact.trusted", "A contact's calls will be answered automatically."
    CONTACT_CONFIRMED = "contact.confirmed", "A contact's new key was confirmed by comparing the words."
    CONTACT_RENEWS = "contact.renews", "The next call with a contact agrees on a new key."
    CONTACT_ANNOUNCED = "contact.announced", "A contact says that they have a new node id; you decide."
    CONTACT_MOVED = "contact.moved", "A contact's new node id was accepted."
    CONTACT_RINGS = "contact.rings", "A contact's calls will ring."
    CONTACT_BLOCKED = "contact.blocked", "A contact's calls will be ignored."
    CONTACT_PROGRAM = "contact.program", "Calls to the contact are for another program from now on."
    CONTACT_ENDPOINT = "contact.endpoint", "What answers a contact's calls was changed."
    CONTACT_FILES = "contact.files", "Whether a contact's files are accepted without asking was changed."
    CONTACT_RENAMED = "contact.renamed", "A contact has another name."
    CONTACT_REMOVED = "contact.removed", "A contact and the keys shared with them were removed."

    NAME_LOOKING_UP = "name.looking-up", "A name is being looked up."
    NAME_STOPPED = "name.stopped", "The look-up was given up."
    NAME_FOUND = "name.found", "Where the name that you call leads."
    NAME_DETAILS = "name.details", "All that is known of a name."
    NAME_FOLLOWED = "name.followed", "The name's new node is used from now on."
    NAME_KEPT = "name.kept", "The name's old node stays in use."

    OVERLAY_DOWN = "overlay.down", "No calls can be made: the overlay can't be used."
    OVERLAY_ALONE = "overlay.alone", "The overlay's node runs, but is connected to no other: nobody can be reached."
    OVERLAY_LOOPBACK = "overlay.loopback", "On the page: calls stay on this machine, for trying."
    OVERLAY_BACK = "overlay.back", "Calls can be made again."

    READY = "node.ready", "The program is ready for links and calls."
    PART_RESTARTED = "node.part-restarted", "A part of the program failed and was started again."
    STATUS = "node.status", "Your node and its calls."
    HELP = "help.commands", "What you can write."
    NOT_UNDERSTOOD = "help.not-understood", "There was no link and no command in your message."
    MESSAGE_CUT = "help.message-cut", "Your message was longer than what is read."
    OUTPUT_LOST = "console.output-lost", "Lines were left out because nobody read them in time."
    HANDSET_PAGE = "handset.page", "The way to the handset page."
    NOTICES = "node.notices", "What you should know about this start of the program."

    DEVICES = "device.list", "Your other devices."
    DEVICE_PAIRING = "device.pairing", "A device can be added now, by the address in the text."
    DEVICE_WAITS = "device.waits", "A device has opened that address and shows a code for you to compare."
    DEVICE_ADDED = "device.added", "You confirmed the code: it is one of your devices."
    DEVICE_CANCELLED = "device.cancelled", "No device is being added any more."
    DEVICE_REMOVED = "device.removed", "A device was locked out."
    DEVICE_CHANGED_BOOK = "device.changed-book", "Your contacts or your card were changed on one of your devices."

    BOT_LISTENING = "bot.listening", "The messenger's bot is reading its messages."
    BOT_UNCLAIMED = "bot.unclaimed", "The bot has no owner yet."
    BOT_CLAIMED = "bot.claimed", "You are the bot's owner now."
    BOT_STRANGER = "bot.stranger", "To somebody who isn't the owner: what the bot is for."
    BOT_CONNECTED = "bot.connected", "The bot was connected to your own account."
    BOT_DISCONNECTED = "bot.disconnected", "The bot is no longer connected to your own account."
    BOT_FORWARDED = "bot.forwarded", "A forwarded message had no link; commands in it aren't carried out."
    BOT_OLD_BUTTON = "bot.old-button", "The button that you tapped no longer works."
    BOT_TOO_LATE = "bot.too-late", "A command reached the program so late that it wasn't carried out."
    BOT_SET_ASIDE = "bot.set-aside", "A message couldn't be handled and was set aside."
    BOT_NOT_DELIVERED = "bot.not-delivered", "The messenger refused a message of the bot."
    BOT_NOT_STORED = "bot.not-stored", "Messages can't be written to the disk, so they wait."
    BOT_STORED = "bot.stored", "They can again."
    BOT_NOT_ENCRYPTED = "bot.not-encrypted", "A message wasn't encrypted, or not by a verified device: it did nothing."
    BOT_KEY_CHANGED = "bot.key-changed", "Somebody has another key in the messenger than before."
    BOT_KEY_ACCEPTED = "bot.key-accepted", "You said that a new key is theirs."
    BOT_UNREAD = "bot.unread", "There were more messages than the bot reads when it comes back."
    BOT_KEY_WITHHELD = "bot.key-withheld", "Somebody's app doesn't let the bot read their messages."
    BOT_OTHER_ACCOUNT = "bot.other-account", "Another account than before brought a contact's link."
    BOT_ACCOUNT_ACCEPTED = "bot.account-accepted", "You said that it is the contact's."
    BOT_CLOCK = "bot.clock", "Your computer's clock differs from the messenger's."
    BOT_UNREACHABLE = "bot.unreachable", "The messenger can't be reached."
    BOT_REACHABLE = "bot.reachable", "It can be reached again."
    BOT_CONFLICT = "bot.conflict", "Another program reads the messages of the same bot."
    BOT_TOKEN_REFUSED = "bot.token-refused", "The messenger refuses the bot's token."
    BOT_TOKEN_ACCEPTED = "bot.token-accepted", "It accepts the token again."
    BOT_APP_CALL = "bot.app-call", "Somebody pressed the call button of their app, and the bot can't answer."
    BOT_WHOSE_APP = "bot.whose-app", "An unknown app calls, and only you can say whose it is."
    BOT_APP_TIED = "bot.app-tied", "You have said whose app it is, or that it is nobody's."
    BOT_RESTARTED = "bot.restarted", "A part of the messenger failed and was started again."


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a person reads, and what it says: one value."""

    kind: str
    "A `Kind`, or an error's."

    sentence: str
    "What there is to say, wherever it is read."

    hint: str = ""
    "What can be typed about it. The page has buttons there, and leaves it out."

    def __post_init__(self) -> None:
        if self.sentence.startswith(STRANGER):
            object.__setattr__(self, "sentence", self.sentence[:1].upper() + self.sentence[1:])

    @property
    def text(self) -> str:
        """For a chat: both, the hint on a line of its own if it begins with the end of one."""
        gap = " " if self.hint and not self.hint.startswith("\n") else ""
        return f"{self.sentence}{gap}{self.hint}"


STATES = {
    State.CALLING: Kind.CALLING,
    State.RINGING: Kind.RINGS,
    State.CONNECTING: Kind.CONNECTING,
    State.ACTIVE: Kind.CONNECTED,
    State.RECONNECTING: Kind.RECONNECTING,
    State.ENDED: Kind.ENDED,
}
"What the report of a call in a state says."


def of_error(error: CopybaraError) -> Sentence:
    """An error as a sentence: what happened, then what to do."""
    return Sentence(error.kind, error.sentence, error.hint)


def errors() -> Iterator[type[CopybaraError]]:
    """Every class of error that the program has."""
    import pkgutil  # here, because only the documentation asks

    for room in ("shared", "peer", "bot"):
        for module in pkgutil.walk_packages(importlib.import_module(room).__path__, f"{room}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    waiting = [CopybaraError]
    while waiting:
        error = waiting.pop(0)
        if error.__module__.partition(".")[0] in ("shared", "peer", "bot"):
            yield error
            waiting += error.__subclasses__()


def table() -> str:
    """Both tables of docs/console.md, as Markdown."""
    kinds = [f"| `{kind}` | {kind.meaning} |" for kind in Kind]
    faults = sorted(f"| `{kind_of(error)}` | {_first_sentence(error)} |" for error in errors())
    return "\n".join(
        ["| kind | said when |", "|---|---|", *kinds, "", "| kind | what went wrong |", "|---|---|", *faults]
    )


def _first_sentence(error: type[CopybaraError]) -> str:
    return " ".join((inspect.getdoc(error) or "").partition("\n\n")[0].split())


BEGIN, END = "<!-- kinds: written by `make docs` -->", "<!-- end of kinds -->"


def with_table(page: str) -> str:
    """The page with its tables as they are now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(with_table(document.read_text()))
