"""Why a command isn't carried out, each as a sentence and a hint: the two lines of an error. Pure.

Why a link isn't used says `refusal` in chat.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.texts.chat import shown
from peer.calls.line import Line
from shared.call.records import CallRecord
from shared.contacts import OTHER_PROGRAMS, STRANGER, Contact
from shared.messages import MAX_TEXT
from shared.names import endings
from shared.nearest import did_you_mean
from shared.node_id import NodeId
from shared.typed import in_shell

Refusal = tuple[str, str]

LONGEST_NAME = 60
"Characters of a name that are repeated."

MOST_LISTED = 5
"Callers that one sentence names."

CONTACT_USAGE = (
    "/contact add NAME [NODE ID or CARD], or: show, trust, ring, block, confirm, remove NAME, rename OLD NEW, "
    f"endpoint NAME ENDPOINT, files NAME always or ask, program NAME {' or '.join(OTHER_PROGRAMS)}"
)

# How commands are written.
TOO_LONG = "That is too long to be a name, a node id or a card.", "A node id has 52 characters, a card at most 400."
COMMAND_TOO_LONG = "That command is longer than the 4096 characters that I read. I did nothing.", "Write a shorter one."
WHOM_TO_CALL = "Say whom to call.", "Write for example: /call anna, or /call anna audio"
WHAT_TO_SAY = "Say what to write to the other side.", "Write for example: /say I can't hear you"
MORE_THAN_ANSWER = (
    "That is too much after /answer.",
    "Write /answer, /answer audio, or /answer NAME audio; with another call: /answer hold or /answer hangup",
)
NO_WAY_TO_USE_CONTACT = "I don't understand that.", f"/contacts lists your contacts. Or write {CONTACT_USAGE}."
WHICH_PAGE = "There is no such page of your contacts.", "Write /contacts, or /contacts 2 for the second page."
WHICH_NAME = "Say which name.", "Write for example: /name copybara.azero, or /name follow copybara.azero"
SAID_TWICE = "That gives the same thing twice.", f"Write {CONTACT_USAGE}."
OFFER_OR_TAKE = (
    "Say whether to write an offer or to take one.",
    "/sdp offer NAME, or /sdp answer NAME and the offer after it, or /sdp take and their answer after it.",
)

# What isn't there.
NOBODY_TO_WRITE_TO = "There is no call to write in.", "/call NAME makes one."
NO_CALL_TO_RECORD = "There is no call to record.", "/call NAME makes one."
NO_CALL_YET = "There has been no call yet.", "Write /contact add NAME NODE-ID, or paste their card."
NEITHER_NODE_NOR_CARD = (
    "That is neither a node id nor a contact card.",
    "Ask the other person for their card. On their side /card shows it.",
)


TOO_LONG_AGO = "That call is too long ago.", "Use /contact add NAME NODE-ID."
A_LINK = (
    "That is the link of a call, not a contact card.",
    "If they sent it to you, paste it alone into your page or chat: then it rings. If it is yours, send it to them. "
    "To save or call somebody you need their card: /card on their side.",
)
NOT_THAT_CONTACT = (
    "That contact was removed or renamed since.",
    "/contacts lists the people you know.",
)
NO_NAME_LEFT = "I couldn't find a free name for them.", "Write /contact add NAME NODE-ID."
_ONLY_IN_DELTACHAT = "I can only do that in Delta Chat, where I see who is there."
NO_PAGE = "Your page is switched off.", "Set `enabled = true` under [handset] of copybara.toml, and start me again."
_TO_STOP = ("stop", "quit", "exit")
_HOW_TO_STOP = "Ctrl-C ends Copybara, in the window where it runs. To end a call: /hangup"
LOOK_UP_ENDED = "That lookup is no longer running.", "To look a name up: /name NAME"


def more_than_a_name(command: str) -> Refusal:
    """After a command for one of several calls."""
    return f"That is too much after {command}.", f"Write {command} alone, or {command} NAME."


def only_in_deltachat(contact: Contact) -> Refusal:
    """After `/contact deltachat NAME`, anywhere else."""
    return _ONLY_IN_DELTACHAT, f"Write it in your own Delta Chat chat with me: /contact deltachat {contact.name}"


def text_too_long(length: int) -> tuple[str, str]:
    """It has `length` characters."""
    return f"That text has {length} characters, and the limit is {MAX_TEXT}.", "Send it in parts."


def why_too_long(length: int, most: int) -> tuple[str, str]:
    """Words for a caller who is declined; nothing was done."""
    return (
        f"Those words are too long: {length} characters, and the limit is {most}. The call still rings.",
        "Write less.",
    )


def unknown_command(word: str, known: Collection[str], contact: str) -> Refusal:
    """A word after / that means nothing; `known` are those that do. `contact` is the contact with that name, if any.

    An empty hint is the error's own.
    """
    if word in _TO_STOP:
        return f"There is no command /{word}.", _HOW_TO_STOP
    meant = f"Did you mean /call {contact}?" if contact else did_you_mean(word, known, before="/")
    return f"There is no command /{shown(word, 20)}.", meant


def unknown_use(command: str, words: Sequence[str], known: Collection[str], usage: Refusal) -> Refusal:
    """A command that goes on with a word that means nothing there, or isn't whole: `usage`, and what may be meant."""
    sentence, hint = usage
    near = did_you_mean(words[0], known, before=f"{command} ") if words and words[0] not in known else ""
    return sentence, f"{near} {hint}".strip()


def takes_nothing(command: str) -> Refusal:
    """A command with something after it."""
    return f"{shown(command, LONGEST_NAME)} takes nothing after it.", f"Write it alone: {shown(command, LONGEST_NAME)}"


def look_up_first(name: str) -> Refusal:
    """A name of a name system where only a node can stand."""
    return (
        f"{shown(name, LONGEST_NAME)} has to be looked up first.",
        f"This looks it up and calls: /call {shown(name, LONGEST_NAME)}",
    )


def no_such_name(name: str) -> Refusal:
    """A name that no name system has."""
    return f"{shown(name, LONGEST_NAME)} can't be looked up.", f"Names that can end in {endings.in_words()}."


def nobody_known(name: str, contacts: Collection[str]) -> Refusal:
    """A name that nobody has; `contacts` are the names in the book. An empty hint is the error's own."""
    return f"No one is known as {shown(name, LONGEST_NAME)}.", did_you_mean(name, contacts)


def no_contact(name: str, contacts: Collection[str]) -> Refusal:
    """A name that isn't in the contact book; `contacts` are those that are."""
    otherwise = "/contacts lists them." if contacts else "You have none yet. With a friend's card: /contact add CARD"
    return (
        f"There is no contact called {shown(name, LONGEST_NAME)}.",
        did_you_mean(name, contacts, otherwise=otherwise),
    )


def taken(known: Contact, *, is_name: bool) -> Refusal:
    """A name or a node that is another contact's. `is_name`: it is the name, and the node is another one."""
    return (
        f"{known.name} is already in your contacts, with node {known.node.short}…",
        f"If this is {known.name} at a new address, remove the old entry first: /contact remove {known.name}. "
        "Otherwise choose another name."
        if is_name
        else f"To change the name: /contact rename {known.name} NAME",
    )


def which_words(contact: Contact, waiting: Sequence[str]) -> Refusal:
    """The owner didn't say which words they have compared; calls with these wait to be confirmed."""
    if len(waiting) == 1:
        return (
            f"A call that said it was {contact.name} had these four words: {waiting[0]}.",
            f"If {contact.name} read the same four to you: /contact confirm {contact.name} {waiting[0]}",
        )
    return (
        f"Several calls said they were {contact.name}.",
        f"Write the four words of the right one after it: /contact confirm {contact.name} WORDS",
    )


def other_words(contact: Contact) -> Refusal:
    """Calls in a contact's name wait to be confirmed, and none has the words that the owner gave."""
    return (
        f"No unconfirmed call that said it was {contact.name} has those words.",
        f"Nothing changed. /contact confirm {contact.name} shows the words that wait. "
        f"If {contact.name} read others to you than you see: /differ {contact.name}",
    )


def words_not_known(name: str) -> Refusal:
    """A button that no longer shows which words its call had."""
    return (
        "I no longer know which four words this was about.",
        f"Write them after it: /contact confirm {name} WORDS",
    )


def rename_elsewhere(contact: Contact, new: str) -> Refusal:
    """A contact's name is what the page calls, so it isn't changed where others can write."""
    return (
        f"Others could write that here in your place, and the page would then call {contact.name} by another name.",
        "Rename them on the page, or at your computer: "
        f"copybara contacts rename {in_shell(contact.name)} {in_shell(shown(new))}",
    )


def remove_elsewhere(contact: Contact) -> Refusal:
    """Who is removed leaves their name behind, and somebody else may be added under it where others can write."""
    return (
        f"Others could write that here in your place, and give the name {contact.name} to somebody else then.",
        f"Remove them on the page, or at your computer: copybara contacts remove {in_shell(contact.name)}. "
        f"Here you can have their calls get no answer: /contact block {contact.name}",
    )


def nothing_to_confirm(contact: Contact) -> Refusal:
    """No call in a contact's name waits to be confirmed."""
    return (
        f"There is no new key of {contact.name} to confirm.",
        "Only a call that rang as unproven has one. In any other there is nothing to type if the words are the same. "
        f"If they differ: /differ {contact.name}",
    )


def no_key_for_notice(contact: Contact) -> Refusal:
    """The notice of a new node id is sealed with a key that isn't there."""
    return (
        f"You share no key with {contact.name}, so nothing can prove to them that the new node is yours.",
        "Give them your new card: /card",
    )


def nothing_announced(contact: Contact) -> Refusal:
    """No notice of a contact's waits for the owner."""
    return (
        f"There is no new node id of {contact.name} to accept.",
        "They write the notice with: /contact tell NAME",
    )


def other_node_announced(contact: Contact, node: NodeId) -> Refusal:
    """The owner accepts a node that no notice has announced."""
    return (
        f"{contact.name} hasn't announced that node id.",
        f"What they have announced is {node}. If they say the same: /contact move {contact.name} {node.short}",
    )


def several_nodes_announced(contact: Contact) -> Refusal:
    """Notices of several nodes wait, and the owner hasn't named one."""
    return (
        f"Different new node ids of {contact.name} were announced: somebody has stolen the key that you share.",
        f"Ask {contact.name} by voice or in person, and write the whole node id: /contact move {contact.name} NODE",
    )


def does_not_ring(whom: str, lines: Sequence[Line] = ()) -> Refusal:
    """The owner named a call that isn't there; `lines` are those that are."""
    return f"No call from {shown(whom, LONGEST_NAME)} is ringing.", _one_of(whom, lines)


def several_ring(rings: Sequence[Line], command: str, *, whole: bool = False) -> Refusal:
    """The owner hasn't said which. `whole`: the beginning of a node id isn't enough to tell them apart."""
    callers = {each: line for line in rings if (each := _handle(line, whole=whole))}
    said = [f"{each}{'' if line.proven else ' (unproven)'}" for each, line in callers.items()]
    commands = [f"{command} {each}" for each in callers]
    return f"Several calls are ringing: {_listed(said)}.", f"Say which: {_listed(commands, 'or')}"


def several_up(lines: Sequence[Line], command: str, *, whole: bool = False) -> Refusal:
    """The owner hasn't said which of the calls that aren't over."""
    callers = list(dict.fromkeys(_handle(line, whole=whole) for line in lines))
    return f"There are several calls: {_listed(callers)}.", f"Say which: {_listed(_each(command, callers), 'or')}"


def several_to_write_to(lines: Sequence[Line], command: str, *, whole: bool = False) -> Refusal:
    """The owner is in several calls, and hasn't said for which the text, or the file, is."""
    callers = list(dict.fromkeys(_handle(line, whole=whole) for line in lines))
    return (
        f"Nothing was sent: you are in several calls, with {_listed(callers)}.",
        f"Say to whom: {_listed(_each(command, callers, _WHAT_IS_SENT[command]), 'or')}",
    )


_WHAT_IS_SENT = {"/say": ": TEXT", "/send": ": FILE"}


def several_to_save(nodes: Sequence[NodeId]) -> Refusal:
    """Several strangers were in calls, latest first, and the owner hasn't said which of them they want to save."""
    return (
        f"You had calls with several people who aren't in your contacts: {_listed([node.short for node in nodes])}.",
        f"Say which: {_listed(_each('/contact add NAME', [str(node) for node in nodes]), 'or')}",
    )


def no_call_with(whom: str, lines: Sequence[Line] = ()) -> Refusal:
    """The owner named a call that isn't there; `lines` are those that are."""
    return f"There is no call with {shown(whom, LONGEST_NAME)}.", _one_of(whom, lines)


def no_words_to_compare(whom: str, contact: Contact | None) -> Refusal:
    """No call has shown four words that the owner could say differ; `contact` is the one with that name."""
    who = f" with {shown(whom, LONGEST_NAME)}" if whom else ""
    none = f"There is no call{who} whose words you could have compared."
    if contact is not None:
        return none, f"To agree on a new key in your next call, and compare its words: /contact renew {contact.name}"
    return none, "Only a first call, or one that rang as unproven, shows you words. To end any other: /hangup"


def not_in_call_with(whom: str) -> Refusal:
    """The owner named somebody to write to, and the text is for nobody else."""
    return f"Nothing was sent: you have no call with {shown(whom, LONGEST_NAME)}.", "/status shows what is going on."


def reconnecting(line: Line) -> Refusal:
    """The call that the text is for has lost its connection."""
    return f"Nothing was sent: the connection to {_handle(line)} is down at the moment.", "Try again when it is back."


def ended_and_up(gone: CallRecord, line: Line, command: str) -> Refusal:
    """The call that the text, or the file, may be for has just ended, and the owner is in another one."""
    handle = _beside(gone, line)
    return (
        f"Nothing was sent: your call with {_who(gone)} has just ended.",
        f"To send it to {handle}{_unproven(gone, line)}: {command} {handle}{_WHAT_IS_SENT[command]}",
    )


def just_come_together(lines: Sequence[Line]) -> Refusal:
    """The text may have been begun before these were one conversation."""
    names = _listed([_handle(line) for line in lines])
    return (
        f"Nothing was sent: you have only just come into a conversation with {names}, and it would reach all of them.",
        f"To write to all: /say all: TEXT. To one alone: /say {_handle(lines[0])}: TEXT",
    )


def ended_and_held(gone: CallRecord, line: Line) -> Refusal:
    """The call that the owner may want to end has just ended, and another one is on hold."""
    return (
        f"Your call with {_who(gone)} has just ended. {line.label}{_unproven(gone, line)} is still on hold.",
        f"To end that call too: /hangup {_beside(gone, line)}",
    )


def ended_and_resumable(gone: CallRecord, line: Line, command: str) -> Refusal:
    """The call that the owner may want to go on with has just ended, and there is another one."""
    handle = _beside(gone, line)
    return (
        f"Your call with {_who(gone)} has just ended. {line.label}{_unproven(gone, line)} is still on hold.",
        f"To go on with that call: {command} {handle}",
    )


def ended_and_recordable(gone: CallRecord, line: Line) -> Refusal:
    """The call that the owner may want to record has just ended, and there is another one."""
    handle = _beside(gone, line)
    return (
        f"Nothing is recorded: your call with {_who(gone)} has just ended.",
        f"To record the call with {handle}{_unproven(gone, line)}: /record {handle}",
    )


def records_nothing_on_hold(held: Sequence[Line]) -> Refusal:
    """The owner wants to record, and has put all calls on hold."""
    callers = list(dict.fromkeys(_handle(line) for line in held))
    return (
        f"Nothing is recorded: your call with {_listed(callers)} is on hold.",
        f"Take it off hold first: {_listed(_each('/resume', callers), 'or')}",
    )


def another_rings(gone: CallRecord, line: Line, command: str = "/answer") -> Refusal:
    """The call that the owner may mean has just ended, and another one rings."""
    handle = _beside(gone, line)
    return (
        f"{gone.name or STRANGER.capitalize()} has just stopped calling. The call ringing now is a different one: "
        f"{_handle(line)}{'' if line.proven else ' (unproven)'}.",
        f"To {'take' if command == '/answer' else 'decline'} that one: {command} {handle}",
    )


def rings_no_more(gone: CallRecord, waiting: Line) -> Refusal:
    """The call that the owner may mean has just ended, and another one waits to hear and see them."""
    return (
        f"{gone.name or STRANGER.capitalize()} has just stopped calling.",
        f"To turn your microphone and camera on in the other call: /answer {_handle(waiting)}",
    )


def _handle(line: Line, *, whole: bool = False) -> str:
    """What to write for somebody."""
    return line.shown.contact or (str(line.peer) if whole else line.peer.short)


def _one_of(whom: str, lines: Sequence[Line]) -> str:
    return did_you_mean(whom, [_handle(line) for line in lines], otherwise="/status shows what is going on.")


def _beside(gone: CallRecord, line: Line) -> str:
    """What to write for somebody beside whose call another one has ended.

    By a contact's name the owner means the contact, so a call without the key has its node id for a name.
    """
    return line.peer.short if gone.peer == line.peer and not line.proven else _handle(line)


def _unproven(gone: CallRecord, line: Line) -> str:
    return " (unproven)" if gone.peer == line.peer and not line.proven else ""


def _who(record: CallRecord) -> str:
    return record.name or STRANGER


def _each(command: str, callers: Sequence[str], more: str = "") -> list[str]:
    return [f"{command} {each}{more}" for each in callers]


def _listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`, of at most as many as a sentence carries."""
    words = [*words[:MOST_LISTED], "others"] if len(words) > MOST_LISTED else list(words)
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def room_in_clear(name: str, endpoint: str) -> Refusal:
    """A contact is to see or hear the room, says a chat in which others can write in the owner's place."""
    return (
        f"{endpoint} lets {name} into the room, and others could write that here in your place.",
        f"Say it at the computer: copybara contacts endpoint {in_shell(name)} {endpoint}",
    )


def files_in_clear(contact: Contact) -> Refusal:
    """A contact's files are to be accepted without asking, says a chat in which others can write."""
    return (
        f"Others could write that here in your place, and {contact.name} could then put files on this computer.",
        f"Say it on the page, or at your computer: copybara contacts files {in_shell(contact.name)} always",
    )


def follow_elsewhere(contact: Contact, name: str) -> Refusal:
    """A contact with a key is to get another node and no key, says a chat in which others can write."""
    return (
        f"Others could write that here in your place, and {contact.name} would be somebody whose key you don't have.",
        f"Compare the nodes with {contact.name} first. Then say it at your computer: "
        f"copybara resolve --follow {in_shell(name)}",
    )


def nothing_held(name: str) -> Refusal:
    """A name that hasn't changed."""
    return f"There is nothing to decide about {shown(name, LONGEST_NAME)}.", "/name NAME looks a name up."
