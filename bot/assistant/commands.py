"""The owner's commands: text in, one frozen value out.

A command begins with `/`, as in every messenger with bots, and may contain the bot's name (`/call@anna_bot bob`).
Parsing looks nothing up: the assistant finds out whether `bob` exists. The contacts' names only tell where a name of
several words ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from bot.texts import devices as device_texts
from bot.texts import files as file_texts
from bot.texts import recording as recording_texts
from bot.texts import refusals
from peer.calls.switchboard import Instead
from shared.contacts import MAX_NAME, OTHER_PROGRAMS, Hours, Trust, check_name, name_key, names_before
from shared.errors import InputError, NameNotFound, UnknownCommand, WrongUse
from shared.links.pasted import DescriptionType
from shared.media import Media
from shared.messages import MAX_TEXT
from shared.nearest import nearest
from shared.printable import as_command, without_invisible_edges
from shared.typed import ENDS, keyword, typed

UNPROVEN = "unproven"
"After `/contact trust NAME`: answer automatically even while only the node id identifies the caller."

MAX_START = 400
"A command must begin within this many characters of a message, after spaces and invisible marks."

MAX_ARGUMENT = 400
"The longest argument in characters: longer than any card or link."

MAX_WHY = 200
"The longest text for a declined caller, in characters."

MAX_PAGE_DIGITS = 6

MAX_CUT = 9
"A word with digits may be part of a name up to this many characters. A longer one is a piece of a node id."

CLASSIC = "classic"
"After `/contact trust NAME`: answer calls of other programs automatically too."

_PROGRAMS = (*OTHER_PROGRAMS, "copybara")

_MEDIA = ("audio", "voice", "video")
"These words after /answer aren't names."

_INSTEAD: dict[str, Instead] = {"hold": "hold", "hangup": "hang-up"}
"These words aren't names either."

_AROUND_WORDS = f"{ENDS}\"'\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
"Characters that people write between and around the four words."

_CONTACT_WORDS = (
    *("add", "show", "confirm", "renew", "tell", "move", "trust", "program", "ring", "block", "files", "deltachat"),
    *("endpoint", "rename", "remove"),
)
"Words after /contact."

_DEVICE_WORDS = ("add", "confirm", "cancel", "remove")
"Words after /devices."

_FILE_WORDS = ("accept", "decline", "cancel")
"Words after /files."

_DESCRIPTION = ("v=0", "{")
"The beginnings of SDP, and of JSON around it."


Names = Callable[[], Iterable[str]]
"Gives the names of all contacts. It is called if a command has words that may be a name."


class Call(Struct, frozen=True):
    """`/call NAME [audio|video]`"""

    whom: str
    media: Media
    program: str | None = None
    "One of OTHER_PROGRAMS. None: the program that they use."


class OfferSdp(Struct, frozen=True):
    """`/sdp offer NAME [audio|video]`: call somebody who uses any other program."""

    whom: str
    media: Media


class TakeSdp(Struct, frozen=True):
    """`/sdp answer [NAME] OFFER`, `/sdp take ANSWER`: a description of another program, and its sender."""

    kind: DescriptionType
    text: str
    whom: str | None = None


class Answer(Struct, frozen=True):
    """`/answer [NAME] [hold|hangup] [audio|video]`; no media means what the caller asked for."""

    media: Media | None = None
    whom: str = ""
    "The caller, if several calls ring."

    instead: Instead = ""
    "What happens to the owner's present call."


class Decline(Struct, frozen=True):
    """`/decline [NAME] [why]`"""

    why: str = ""
    "It may begin with a name. That depends on who calls."


class HangUp(Struct, frozen=True):
    """`/hangup [NAME]`"""

    whom: str = ""
    "The other person, if there are several calls."


class Differ(Struct, frozen=True):
    """`/differ [NAME]`: the four words of a call differ between the two sides."""

    whom: str = ""
    "The other person, if several calls have words to compare."


class Hold(Struct, frozen=True):
    """`/hold [NAME]`"""

    whom: str = ""
    "The other person, if there are several calls."


class Resume(Struct, frozen=True):
    """`/resume [NAME]`: take a call off hold."""

    whom: str = ""
    "The other person, if several calls are on hold."


class Swap(Struct, frozen=True):
    """`/swap [NAME]`: put the owner's present call on hold, and take the other one off hold."""

    whom: str = ""
    "The other person of the call to resume, if several are on hold."


class Record(Struct, frozen=True):
    """`/record [stop|refuse] [NAME]`: record a call, stop recording it, or refuse to be recorded."""

    what: Literal["", "stop", "refuse"] = ""
    whom: str = ""
    "The other person, if there are several calls."


class Merge(Struct, frozen=True):
    """`/merge`: make one conversation of all calls that the owner is in."""


class Agree(Struct, frozen=True):
    """`/agree [NAME]`: join the conversation that somebody has asked for."""

    whom: str = ""
    "The person who asked, if several have."


class Refuse(Struct, frozen=True):
    """`/refuse [NAME]`: refuse to join, or withdraw the owner's own question."""

    whom: str = ""
    "The person who asked, if several have."


class Say(Struct, frozen=True):
    """`/say [NAME:] TEXT`: a line of text beside the call."""

    text: str
    "It may begin with a name. That depends on who is in a call."


class SendFile(Struct, frozen=True):
    """`/send [NAME:] FILE`: offer a file to the other side of a call."""

    text: str
    "It may begin with a name. That depends on who is in a call."


class LeaveMessage(Struct, frozen=True):
    """`/message NAME FILE`: keep a sound file for a contact until the next call with them."""

    whom: str
    file: str
    "The whole path, as it was typed."


class ListFiles(Struct, frozen=True):
    """`/files`: unfinished files."""


class AnswerFile(Struct, frozen=True):
    """`/files accept|decline|cancel NUMBER`. Without a number, the sender could replace the file in the meantime."""

    answer: Literal["accept", "decline", "cancel"]
    number: int


class ListContacts(Struct, frozen=True):
    """`/contacts [PAGE]`"""

    page: int = 1


class ShowLog(Struct, frozen=True):
    """`/log`: the last calls."""


class AddContact(Struct, frozen=True):
    """`/contact add [NAME] [NODE ID | CARD]`. Without a person, it means the only stranger who was in a call."""

    name: str
    "The name as it was typed. Empty: the name on the card."

    whom: str | None = None


class ShowContact(Struct, frozen=True):
    """`/contact show NAME`"""

    name: str


class SetTrust(Struct, frozen=True):
    """`/contact trust NAME [unproven] [classic] [audio|video] [08:00-22:00]`, `ring NAME [audio|video] [HOURS]`,
    `block NAME`.
    """

    name: str
    trust: Trust
    media: Media | None = None
    "The media that they may get. None: unchanged."

    hours: Hours | None = None
    "The hours of the day. None: always."

    classic: bool = False
    "With `trust`: also answer calls of other programs, which prove only the node that they come from."

    unproven: bool = False
    "Whether the node id alone is enough for an automatic answer, while both sides share no key."


class ConfirmContact(Struct, frozen=True):
    """`/contact confirm NAME WORDS`: both sides of a call in that name had the same four words."""

    name: str
    words: str = ""
    "The words of the call. Without them, the owner reads the words that can be confirmed."


class RenewContact(Struct, frozen=True):
    """`/contact renew NAME`: the contact may have a newer key than ours."""

    name: str


class TellMove(Struct, frozen=True):
    """`/contact tell NAME`: write the notice of our new node id."""

    name: str


class AcceptMove(Struct, frozen=True):
    """`/contact move NAME NODE`: accept the new node id that the contact has announced."""

    name: str
    node: str = ""
    "The id as it was shown, or its beginning. Empty if only one was announced."


class SetEndpoint(Struct, frozen=True):
    """`/contact endpoint NAME ENDPOINT`, or `default` for the configured one."""

    name: str
    endpoint: str


class SetProgram(Struct, frozen=True):
    """`/contact program NAME PROGRAM`: the program for which calls to them are made, `copybara` or another one."""

    name: str
    program: str


class SetFiles(Struct, frozen=True):
    """`/contact files NAME always|ask`: whether their files are accepted without asking."""

    name: str
    always: bool


class ChooseApp(Struct, frozen=True):
    """`/contact deltachat NAME`: choose their Delta Chat. The Delta Chat messenger reads this command before we do."""

    name: str


class RenameContact(Struct, frozen=True):
    """`/contact rename OLD NEW`"""

    old: str
    new: str


class RemoveContact(Struct, frozen=True):
    """`/contact remove NAME`"""

    name: str


class LookUp(Struct, frozen=True):
    """`/name NAME`"""

    name: str


class FollowName(Struct, frozen=True):
    """`/name follow NAME`: accept the new node of a name."""

    name: str


class KeepName(Struct, frozen=True):
    """`/name keep NAME`: keep the old node of a name."""

    name: str


class ShowCard(Struct, frozen=True):
    """`/card`"""


class Invite(Struct, frozen=True):
    """`/invite`"""


class ListDevices(Struct, frozen=True):
    """`/devices`: the owner's other devices."""


class AddDevice(Struct, frozen=True):
    """`/devices add NAME [ADDRESS | lan]`: `ADDRESS` is the device's, `lan` means through the local network."""

    name: str
    address: str | None = None


class ConfirmDevice(Struct, frozen=True):
    """`/devices confirm CODE`: the device shows the same code."""

    code: str


class CancelDevice(Struct, frozen=True):
    """`/devices cancel`"""


class RemoveDevice(Struct, frozen=True):
    """`/devices remove NAME`"""

    name: str


class OpenHandset(Struct, frozen=True):
    """`/handset`"""


class Status(Struct, frozen=True):
    """`/status`"""


class Help(Struct, frozen=True):
    """`/help`"""


CallCommand = Call | OfferSdp | Answer | Decline | HangUp | Differ | Hold | Resume | Swap | Say
"The commands about one call."

ConversationCommand = Merge | Agree | Refuse
"The commands about conversations of several people."

FileCommand = SendFile | LeaveMessage | ListFiles | AnswerFile
"The commands about files."

ContactCommand = (
    ListContacts
    | AddContact
    | ShowContact
    | SetTrust
    | ConfirmContact
    | RenewContact
    | TellMove
    | AcceptMove
    | SetProgram
    | SetFiles
    | ChooseApp
    | SetEndpoint
    | RenameContact
    | RemoveContact
    | FollowName
    | KeepName
)
"The commands about contacts."

DeviceCommand = ListDevices | AddDevice | ConfirmDevice | CancelDevice | RemoveDevice
"The commands about the owner's other devices."

ShowCommand = ShowLog | ShowCard | Invite | OpenHandset | Status | Help
"The commands that show something else."

Command = (
    CallCommand
    | ConversationCommand
    | FileCommand
    | ContactCommand
    | DeviceCommand
    | ShowCommand
    | Record
    | TakeSdp
    | LookUp
)


ONLY_SHOW = (Help, Status, ListContacts, ShowLog, ListFiles, ListDevices, ShowCard)
"Commands that change nothing. The owner may omit their slash in a chat that nobody else reads."


def is_command(text: str) -> bool:
    """Whether a message is meant as a command."""
    start = as_command(text[:MAX_START]) if text[:1] != "/" else text
    return start.startswith("/") and start[1:2].isalpha()


def without_slash(text: str, names: Names = tuple) -> Command | None:
    """The command that the message would be with a slash. None if it would be none."""
    if not text[:1].isalpha() or len(text) > MAX_START:
        return None
    try:
        return parse(f"/{text}", names, guesses=False)
    except InputError:
        return None


def parse(text: str, names: Names = tuple, *, guesses: bool = True) -> Command:
    """Read one command.

    `names` gives the contacts' names, so that a command about Ann Lee isn't taken for one about Ann. `guesses`: several
    words that are no contact's name may still be a name, such as a mistyped one. Raises InputError with a sentence that
    shows the right use.
    """
    text = as_command(text)
    head, *words = text.split() or [""]
    words = [*filter(None, map(without_invisible_edges, words))]  # keyboards add direction marks around a name
    word = keyword(head.lstrip("/").partition("@")[0])
    if word not in ("sdp", "say", "send", "decline") and any(len(argument) > MAX_ARGUMENT for argument in words):
        raise InputError(*refusals.TOO_LONG)
    reader = _READERS.get(word)
    if reader is None:
        contact = next((name for name in names() if name_key(name) == name_key(word)), "")
        raise UnknownCommand(*refusals.unknown_command(word, _READERS, contact))
    begins = _where_a_name_begins(word, words)
    words = _without_quotes(words, begins)
    known = [*names()] if begins < len(words) - 1 else []
    counts = names_before(words[begins:], known)
    refused: list[InputError] = []
    for count in counts or (_perhaps_a_name(words[begins:]) if guesses else [1]):
        try:
            return reader(_together(words, begins, begins + count), text)
        except InputError as error:
            # The rest of a longer name may look like the words after a shorter one: Ann such rebuild roast lazy.
            refused.append(error)
    raise (_mistyped(words[begins:], counts, known) if counts else None) or refused[0]


def _where_a_name_begins(word: str, words: list[str]) -> int:
    """The index of the word with which a contact's name begins. The number of words if the command takes no name."""
    if word in _ABOUT_A_CALL:
        return int(bool(words) and keyword(words[0]) in _BEFORE_A_NAME.get(word, ()))
    return 1 if word in _ABOUT_SOMEBODY else len(words)


def _without_quotes(words: list[str], begins: int) -> list[str]:
    """The words, in which a name no longer has the quotes that a shell needs."""
    mark = words[begins][0] if begins < len(words) else ""
    if mark not in ("'", '"'):
        return words
    for ends in range(begins, len(words)):
        name = " ".join(words[begins : ends + 1])
        if len(name) > 2 and name.endswith(mark):
            return [*words[:begins], *name[1:-1].split(), *words[ends + 1 :]]
    return words


def _together(words: list[str], begins: int, ends: int) -> list[str]:
    """The words, with some of them joined."""
    return [*words[:begins], *([" ".join(words[begins:ends])] if words[begins:ends] else []), *words[ends:]]


def _perhaps_a_name(words: list[str]) -> list[int]:
    """How many words may be the name of somebody who is no contact: one, or as many as a contact's name may have."""
    for count in range(min(len(words), MAX_NAME), 1, -1):
        with contextlib.suppress(InputError):
            check_name(" ".join(words[:count]))
            return [1, count]
    return [1]


def _mistyped(words: list[str], counts: list[int], names: list[str]) -> NameNotFound | None:
    """The error if words can't be read, and begin with a name that nearly is a contact's.

    `counts` are its possible lengths.
    """
    text = " ".join(words)
    meant = nearest(text, names)
    if not meant or name_key(meant) in {name_key(" ".join(words[:count])) for count in counts}:
        return None
    return NameNotFound(*refusals.no_contact(text, names))


def _call(words: list[str], _text: str) -> Command:
    match words:
        case [whom]:
            return Call(whom, Media.BOTH)
        case [whom, program] if program.lower() in OTHER_PROGRAMS:
            return Call(whom, Media.BOTH, program.lower())
        case [whom, program, media] if program.lower() in OTHER_PROGRAMS:
            return Call(whom, Media.parse(keyword(media)), program.lower())
        case [whom, media]:
            return Call(whom, Media.parse(keyword(media)))
    raise WrongUse(*refusals.WHOM_TO_CALL)


def _answer(words: list[str], _text: str) -> Command:
    instead: Instead = ""
    if chosen := [word for word in words if word.lower() in _INSTEAD][-1:]:
        instead = _INSTEAD[chosen[0].lower()]
        words = [word for word in words if word not in chosen]
    match words:
        case []:
            return Answer(instead=instead)
        case [media] if keyword(media) in _MEDIA:
            return Answer(Media.parse(keyword(media)), instead=instead)
        case [whom]:
            return Answer(whom=whom, instead=instead)
        case [whom, media] if keyword(whom) not in _MEDIA:
            return Answer(Media.parse(keyword(media)), whom, instead)
    raise WrongUse(*refusals.MORE_THAN_ANSWER)


def _decline(_words: list[str], text: str) -> Command:
    """The words after the command are sent completely or not at all."""
    why = " ".join(text.split()[1:])
    if len(why) > MAX_WHY:
        raise InputError(*refusals.why_too_long(len(why), MAX_WHY))
    return Decline(why)


def _alone(command: Command) -> Callable[[list[str], str], Command]:
    def read(words: list[str], text: str) -> Command:
        if words:
            raise WrongUse(*refusals.takes_nothing(text.split()[0]))
        return command

    return read


def _contacts(words: list[str], _text: str) -> Command:
    match words:
        case []:
            return ListContacts()
        case [page] if len(number := keyword(page)) <= MAX_PAGE_DIGITS and number.isascii() and number.isdecimal():
            return ListContacts(int(number))
    raise WrongUse(*refusals.WHICH_PAGE)


def _contact(words: list[str], _text: str) -> Command:
    match [keyword(words[0]), *words[1:]] if words else []:
        case ["add", card] if len(card) > MAX_NAME:
            return AddContact("", card)
        case ["add", *name, whom] if name and _is_no_name(whom):
            return AddContact(" ".join(name), whom)
        case ["add", *name] if name:
            return AddContact(" ".join(name))
        case ["show", name]:
            return ShowContact(name)
        case ["confirm", name, *four] if len(four) in (0, 4):
            return ConfirmContact(name, " ".join(word.strip(_AROUND_WORDS) for word in four))
        case ["renew", name]:
            return RenewContact(name)
        case ["tell", name]:
            return TellMove(name)
        case ["move", name, *node] if len(node) <= 1:
            return AcceptMove(name, "".join(node))
        case ["trust", name, *limits] if len(limits) <= 4:
            return _trust(name, Trust.AUTO, limits)
        case ["program", name, program] if program.lower() in _PROGRAMS:
            return SetProgram(name, program.lower())
        case ["ring", name, *limits] if len(limits) <= 2:
            return _trust(name, Trust.RING, limits)
        case ["block", name]:
            return SetTrust(name, Trust.BLOCK)
        case ["files", name, files] if keyword(files) in ("always", "ask"):
            return SetFiles(name, keyword(files) == "always")
        case ["deltachat", name]:
            return ChooseApp(name)
        case ["endpoint", name, endpoint]:
            return SetEndpoint(name, endpoint.lower())
        case ["rename", old, *new] if new:
            return RenameContact(old, " ".join(new))
        case ["remove", name]:
            return RemoveContact(name)
    raise WrongUse(*refusals.unknown_use("/contact", words, _CONTACT_WORDS, refusals.NO_WAY_TO_USE_CONTACT))


def _is_no_name(word: str) -> bool:
    """Whether the last word after a name is a node id or a card, perhaps cut off, or a name of a name system."""
    node = len(word) > MAX_CUT and any(character.isdigit() for character in word)
    return node or len(word) > MAX_NAME or any(mark in word[1:-1] for mark in ".:/")


def _name(words: list[str], _text: str) -> Command:
    match words:
        case ["follow", name]:
            return FollowName(name)
        case ["keep", name]:
            return KeepName(name)
        case [name]:
            return LookUp(name)
    raise WrongUse(*refusals.WHICH_NAME)


def _trust(name: str, trust: Trust, limits: list[str]) -> SetTrust:
    media, hours = None, None
    marks: set[str] = set()
    for limit in limits:
        mark = keyword(limit)
        if mark in (CLASSIC, UNPROVEN) and trust is Trust.AUTO and mark not in marks:
            marks.add(mark)
        elif ":" in typed(limit) and hours is None:
            hours = Hours.parse(keyword(limit))
        elif media is None:
            media = Media.parse(keyword(limit))
        else:
            raise WrongUse(*refusals.SAID_TWICE)
    return SetTrust(name, trust, media, hours, classic=CLASSIC in marks, unproven=UNPROVEN in marks)


def _sdp(words: list[str], text: str) -> Command:
    """The description is everything after the other words, unchanged."""
    match [keyword(words[0]), *words[1:]] if words else []:
        case ["offer", whom]:
            return OfferSdp(whom, Media.BOTH)
        case ["offer", whom, media]:
            return OfferSdp(whom, Media.parse(keyword(media)))
        case ["answer", first, *_] if first.startswith(_DESCRIPTION):
            return TakeSdp("offer", _behind(text, words[:1]))
        case ["answer", whom, second, *_] if second.startswith(_DESCRIPTION):
            return TakeSdp("offer", _behind(text, words[:2]), whom)
        case ["take", first, *_] if first.startswith(_DESCRIPTION):
            return TakeSdp("answer", _behind(text, words[:1]))
    raise InputError(*refusals.OFFER_OR_TAKE)


def _of_call(
    kind: type[HangUp | Differ | Hold | Resume | Swap | Agree | Refuse],
) -> Callable[[list[str], str], Command]:
    def read(words: list[str], text: str) -> Command:
        match words:
            case []:
                return kind()
            case [whom]:
                return kind(whom)
        raise WrongUse(*refusals.more_than_a_name(text.split()[0]))

    return read


def _record(words: list[str], _text: str) -> Command:
    match [keyword(words[0]), *words[1:]] if words else []:
        case []:
            return Record()
        case [("stop" | "refuse") as what]:
            return Record(what)
        case [("stop" | "refuse") as what, whom]:
            return Record(what, whom)
        case [_]:
            return Record(whom=words[0])
    raise WrongUse(*recording_texts.USAGE)


def _devices(words: list[str], _text: str) -> Command:
    match [keyword(words[0]), *words[1:]] if words else []:
        case []:
            return ListDevices()
        case ["add", *name, address] if name and (keyword(address) == "lan" or "." in address or ":" in address):
            return AddDevice(" ".join(name), address)
        case ["add", *name] if name:
            return AddDevice(" ".join(name))
        case ["confirm", *code] if code:
            return ConfirmDevice("".join(code))
        case ["cancel"]:
            return CancelDevice()
        case ["remove", *name] if name:
            return RemoveDevice(" ".join(name))
    raise WrongUse(*refusals.unknown_use("/devices", words, _DEVICE_WORDS, device_texts.USAGE))


def _say(words: list[str], text: str) -> Command:
    """The text after the word, unchanged. It is sent completely or not at all."""
    if not words:
        raise WrongUse(*refusals.WHAT_TO_SAY)
    line = text.split(maxsplit=1)[1].rstrip()
    if len(line) > MAX_TEXT:
        raise InputError(*refusals.text_too_long(len(line)))
    return Say(line)


def _send(words: list[str], text: str) -> Command:
    """The text after the word, unchanged, because file names may have spaces."""
    if not words:
        raise WrongUse(*file_texts.WHAT_TO_SEND)
    return SendFile(text.split(maxsplit=1)[1].rstrip())


def _message(words: list[str], text: str) -> Command:
    if len(words) < 2:
        raise WrongUse(*file_texts.WHAT_MESSAGE)
    return LeaveMessage(words[0], _behind(text, words[:1]).rstrip())


def _files(words: list[str], _text: str) -> Command:
    match [keyword(words[0]), *words[1:]] if words else []:
        case []:
            return ListFiles()
        case [("accept" | "decline" | "cancel") as answer, typed_number] if (
            len(number := keyword(typed_number)) <= MAX_PAGE_DIGITS and number.isascii() and number.isdecimal()
        ):
            return AnswerFile(answer, int(number))
    raise WrongUse(*refusals.unknown_use("/files", words, _FILE_WORDS, file_texts.USAGE))


def _behind(text: str, words: list[str]) -> str:
    """The text after the command and these words, unchanged."""
    return text.split(maxsplit=1 + len(" ".join(words).split()))[-1]


_ABOUT_A_CALL = (
    *("call", "answer", "hangup", "differ", "hold", "resume", "swap", "record", "agree", "refuse"),
    "message",
)
"Commands that a contact's name may follow."

_BEFORE_A_NAME = {"answer": tuple(_INSTEAD), "record": ("stop", "refuse")}
"Words that may come between."

_ABOUT_SOMEBODY = ("contact", "sdp")
"Commands with a word that a contact's name may follow."

_READERS: dict[str, Callable[[list[str], str], Command]] = {
    "call": _call,
    "sdp": _sdp,
    "answer": _answer,
    "decline": _decline,
    "hangup": _of_call(HangUp),
    "differ": _of_call(Differ),
    "hold": _of_call(Hold),
    "resume": _of_call(Resume),
    "swap": _of_call(Swap),
    "record": _record,
    "merge": _alone(Merge()),
    "agree": _of_call(Agree),
    "refuse": _of_call(Refuse),
    "say": _say,
    "send": _send,
    "message": _message,
    "files": _files,
    "contacts": _contacts,
    "log": _alone(ShowLog()),
    "contact": _contact,
    "name": _name,
    "card": _alone(ShowCard()),
    "invite": _alone(Invite()),
    "devices": _devices,
    "handset": _alone(OpenHandset()),
    "status": _alone(Status()),
    "help": _alone(Help()),
    "start": lambda _words, _text: Help(),
}
