"""Every error that may reach a person, in one tree.

    CopybaraError
    ├── InputError              what the owner typed or configured
    │   ├── NodeIdError
    │   ├── NameNotFound
    │   │   ├── NameExpired
    │   │   └── NoNodeRecord
    │   ├── ConfusingName
    │   ├── OwnNode
    │   ├── UnknownCommand
    │   ├── WrongUse
    │   └── ConfigError
    ├── NameSystemError         a name system that can't be asked, or says what can't be used
    │   ├── ServerFault         … one of its servers
    │   │   ├── BadAnswer
    │   │   └── ContractGone
    │   ├── NamesUnreachable
    │   ├── BadRecord
    │   ├── OffChainName
    │   ├── NamesDisagree       two who read a name read different things
    │   └── NameHeld            a name that leads to another node than before
    ├── LinkError               a link that can't be used
    │   ├── BadLink             … or read, with its Reason (in tokens.py)
    │   └── BadDescription      an SDP offer or answer that can't be used
    │       └── OutsideOverlay  … because it names no way through the overlay
    ├── LocalProtocolError      our own program did what the protocol does not allow
    ├── RemoteProtocolError     the other side did
    │   └── RemoteFlood         … far too often
    ├── StoreError              the home folder and what is kept in it
    │   ├── DamagedStore
    │   ├── HomeInUse
    │   └── BadBackup           a file that no home can be restored from
    ├── OverlayError            the overlay network and its node
    │   ├── OverlayDown
    │   │   └── OverlayForbidden
    │   ├── NodeUnreachable
    │   ├── BadAddress
    │   ├── NodeChanged
    │   └── PortTaken
    ├── LegFailed               a connection to the other side
    │   └── WrongIdentity
    ├── MediaError              an endpoint that can't play, record or open its device
    ├── CallRefused             a call that can't be placed, answered or ended right now
    │   ├── NothingRings
    │   ├── WhichCall           several ring, or another one than the owner may mean
    │   ├── NoCall
    │   ├── InCall
    │   │   └── TwoCalls        … and another one is on hold
    │   ├── NotOnHold           no call to go on with
    │   ├── NothingToHold
    │   ├── NotRecordable       a call whose other side shows no recording
    │   ├── NothingRecorded
    │   ├── CantMerge           calls that can't be one conversation
    │   ├── NotAsked            … or aren't to be
    │   ├── CallOver
    │   ├── NothingToConfirm    no new key of a contact to confirm
    │   ├── OnlyForTrusted
    │   └── LookingUp           a name that can't be looked up right now
    ├── FileRefused             a file that can't be sent or received
    ├── MessengerError          a messenger's server that doesn't answer as it should
    ├── HandsetError            a handset page that isn't ours, or isn't of this version; a device that can't be served
    │   ├── NoLocalAddress      … because this computer isn't in that network
    │   ├── NoDevice
    │   └── NoPairing
    ├── NoNotifications         a desktop that shows none
    ├── NotRunning              no copybara runs with this home
    ├── DemoFailed              the demo didn't show what it promises
    └── Fault                   … of the program itself

The first paragraph of a class's docstring is the sentence that a person sees when nothing more exact is
known; the paragraph after it is the hint: what to do next.
"""

from __future__ import annotations

import re
from typing import TypeVar

_Error = TypeVar("_Error", bound=BaseException)


class CopybaraError(Exception):
    """Something went wrong.

    Run with -v to see more.
    """

    sentence: str
    "What happened, as a whole sentence without secrets in it."

    hint: str
    "What to do next; may be empty."

    kind: str
    "A word for scripts that stays when the sentence changes, such as `error.store`."

    def __init__(self, sentence: str = "", hint: str = "") -> None:
        self.sentence = sentence or " ".join(_doc(type(self)).partition("\n\n")[0].split())
        self.hint = hint or hint_of(type(self))
        self.kind = kind_of(type(self))
        super().__init__(self.sentence)


def _doc(error: type[CopybaraError]) -> str:
    """Its docstring, or that of what it is a kind of."""
    import inspect  # not before: it takes a tenth of the time of `copybara --help`

    return inspect.getdoc(error) or ""


def hint_of(error: type[CopybaraError]) -> str:
    """The hint of a class of errors, for when nothing more exact is known."""
    return " ".join(_doc(error).partition("\n\n")[2].split())


def kind_of(error: type[CopybaraError]) -> str:
    """The kind of a class of errors: `NodeIdError` is `error.node-id`."""
    words = re.findall("[A-Z][a-z]*", error.__name__.removesuffix("Error"))
    return f"error.{'-'.join(words).lower()}"


class InputError(CopybaraError):
    """That isn't something I can use.

    /help lists the commands.
    """


class NodeIdError(InputError):
    """That isn't a node id.

    A node id has 52 characters of 0-9 and a-z without i, l, o and u, like the one `copybara card` shows.
    """


class NameNotFound(InputError):
    """No one is known by that name.

    Use a contact's name, a node id or a contact card.
    """


class NameExpired(NameNotFound):
    """That name's registration has expired, so it leads nowhere.

    Ask the other person for their contact card, or to renew the name.
    """


class NoNodeRecord(NameNotFound):
    """That name exists, but its owner hasn't written a node id under it.

    Ask them to: `copybara card --records` prints what to write, `copybara manual names` says with which tools.
    """


class ConfusingName(InputError):
    """That name has characters that are made to look like others.

    Type it yourself instead of copying it. No server was asked for it.
    """


class OwnNode(InputError):
    """That is your own card or node id.

    Send your card to the other person, and use theirs: on their side, /card shows it. To call yourself: /call echo
    """


class UnknownCommand(InputError):
    """There is no such command.

    /help lists the commands.
    """


class WrongUse(InputError):
    """That isn't how that command is used.

    /help lists the commands.
    """


class ConfigError(InputError):
    """The configuration can't be used.

    Correct that line. `copybara manual settings` explains each setting.
    """

    def __init__(self, sentence: str = "", hint: str = "", *, line: int | None = None, key: str = "") -> None:
        super().__init__(sentence, hint)
        self.line = line
        self.key = key


class NameSystemError(CopybaraError):
    """The name system can't be asked.

    Try again later, or call the node id.
    """


class ServerFault(NameSystemError):
    """A server of the name system can't be used.

    Set other servers under [names] of copybara.toml. `copybara manual names` lists some.
    """


class BadAnswer(ServerFault):
    """A server of the name system answered with something that isn't an answer.

    Set other servers under [names] of copybara.toml.
    """


class ContractGone(ServerFault):
    """The name system's contract isn't on that chain.

    Compare `registry` and `router` under [names] of copybara.toml with those in `copybara manual names`.
    """


class NamesUnreachable(NameSystemError):
    """No server of the name system answers.

    Try again later, call the node id, or set other servers under [names] of copybara.toml.
    """


class BadRecord(NameSystemError):
    """The record under that name isn't a node id.

    Ask its owner to correct it: `copybara card --records` prints what belongs there.
    """


class OffChainName(NameSystemError):
    """That name's records aren't on the chain but at a web server that the chain names (CCIP-Read).

    That server isn't asked: its owner would learn your address and whom you call. Use the node id or a contact card.
    """


class NamesDisagree(NameSystemError):
    """Two servers disagree about where that name leads. Nothing was called.

    Try again in a minute. If they still disagree, one of them is wrong: call the node id or the card instead.
    """

    def __init__(self, name: str, *, first: tuple[str, str], second: tuple[str, str]) -> None:
        """`first` and `second` are who said something, and what."""
        super().__init__(
            f"Two sources disagree about {name}. Nothing was called.\n{first[0]}: {first[1]}\n{second[0]}: {second[1]}"
        )
        self.first = first
        self.second = second


class NameHeld(NameSystemError):
    """That name leads to another node than before. Nothing was called.

    Ask the other person through another channel which node is theirs.
    """

    def __init__(self, name: str, *, before: str, now: str) -> None:
        super().__init__(
            f"{name} leads to another node than before. Nothing was called.\nbefore  {before}\nnow     {now}"
        )
        self.name = name
        self.before = before
        self.now = now


class LinkError(CopybaraError):
    """That link can't be used.

    Ask for a new one.
    """


class BadDescription(LinkError):
    """That offer or answer can't be used.

    Ask for a new one, and copy it as a whole.
    """


class OutsideOverlay(BadDescription):
    """None of the addresses in that offer or answer is the other node's address in the overlay.

    Nothing was sent. The other side has to call from the device its overlay node runs on, while the node is up; a
    browser lists that address only once it may use the microphone.
    """


class LocalProtocolError(CopybaraError):
    """The program tried a step that the call doesn't allow now.

    This is a bug in the program; please report what you did just before.
    """


class RemoteProtocolError(CopybaraError):
    """The other side sent something that the protocol doesn't allow.

    Both sides should run the same version; ask which one the other has.
    """


class RemoteFlood(RemoteProtocolError):
    """The other side sent far more messages than a call needs, so the call was ended.

    Block them if it happens again.
    """


class StoreError(CopybaraError):
    """The home folder can't be used.

    Check that it exists, belongs to you and has free space.
    """


class DamagedStore(StoreError):
    """The database is damaged and was set aside.

    Put a backup in its place, or start again: a new, empty one is made at the next start.
    """


class HomeInUse(StoreError):
    """Another copybara is running with this home.

    Stop it first, or give this one another home with --home.
    """

    process: int | None = None
    "Its number, if it could be read."


class BadBackup(StoreError):
    """That file isn't a backup that this version can read.

    Give a file that `copybara backup` wrote, or take another one.
    """


class OverlayError(CopybaraError):
    """The overlay network can't be used.

    `copybara doctor` shows what is missing.
    """


class OverlayDown(OverlayError):
    """The overlay node doesn't answer.

    Start it, or restart it if it runs. Then run `copybara doctor`.
    """


class OverlayForbidden(OverlayDown):
    """You may not talk to the overlay node.

    If you were only just given permission, log out and in again; otherwise see `copybara manual overlays`.
    """

    joined_since = False
    "Whether the user is a member of its group already, and only this session began before that."


class NodeUnreachable(OverlayError):
    """The overlay has no route to that node.

    Ask whether the other node is running, and check its node id.
    """


class BadAddress(OverlayError):
    """The overlay gave an address that a call must never touch.

    Nothing was sent. Check the overlay node's configuration.
    """


class NodeChanged(OverlayError):
    """This home's node id has changed.

    If you replaced the node or chose another one: copybara run --new-node. Your contacts then need your new card.
    If not, another program may be answering in your node's place: copybara manual troubleshooting
    """


class PortTaken(OverlayError):
    """Another program has taken the UDP port.

    Call again: a new call takes another port.
    """


class LegFailed(CopybaraError):
    """The connection to the other side failed.

    Call again. If it keeps failing, compare node ids with the other person.
    """


class WrongIdentity(LegFailed):
    """The other side isn't the one that the link was for, and was refused.

    Nothing was sent to them. Ask the other person for a new link over a chat that you trust.
    """


class MediaError(CopybaraError):
    """The sound or picture can't be opened.

    Check the file or device that the configuration names.
    """


class CallRefused(CopybaraError):
    """That isn't possible right now.

    /status shows what is going on.
    """


class NothingRings(CallRefused):
    """Nobody is calling.

    Wait for a call, or make one with /call NAME.
    """


class WhichCall(CallRefused):
    """You could mean more than one call.

    Add a name to the command: /answer NAME
    """


class NoCall(CallRefused):
    """There is no call to end.

    /call NAME makes one.
    """


class InCall(CallRefused):
    """You are in a call already.

    First end it with /hangup, or put it on hold with /hold.
    """


class TwoCalls(InCall):
    """You have two calls already.

    End one of them with /hangup NAME first.
    """


class NotOnHold(CallRefused):
    """No call is on hold.

    /hold puts the call that you are in on hold.
    """


class NothingToHold(CallRefused):
    """There is no call to put on hold.

    A call can be put on hold once it is connected.
    """


class NotRecordable(CallRefused):
    """The call can't be recorded.

    A recording begins once the other side's program shows it.
    """


class NothingRecorded(CallRefused):
    """Nobody is recording the call.

    /record records the call that you are in.
    """


class CantMerge(CallRefused):
    """You need two calls to merge them.

    Put the first one on hold, and call somebody else.
    """


class NotAsked(CallRefused):
    """Nobody has asked you to join a conversation.

    The question may be over: each waits for a minute.
    """


class CallOver(CallRefused):
    """That call is over."""


class NothingToConfirm(CallRefused):
    """The contact has no new key to confirm, or none with those words.

    There is one after you have answered a call that rang as unproven.
    """


class OnlyForTrusted(CallRefused):
    """That is only for contacts whose calls are answered automatically.

    /contact trust NAME answers their calls automatically.
    """


class LookingUp(CallRefused):
    """That name is being looked up already.

    /hangup cancels it.
    """


class FileRefused(CopybaraError):
    """The file can't be sent or received.

    /files shows which files are on their way.
    """


class MessengerError(CopybaraError):
    """The messenger's server doesn't answer as it should.

    Try again later.
    """


class HandsetError(CopybaraError):
    """The page sent something that this program doesn't understand.

    Reload the page.
    """


class NoLocalAddress(HandsetError):
    """This computer doesn't have that address in a local network.

    Change `lan` under [devices] of copybara.toml.
    """


class NoDevice(HandsetError):
    """There is no device of that name.

    /devices lists them.
    """


class NoPairing(HandsetError):
    """No device waits for you to confirm that code.

    `copybara devices add NAME` begins; the device shows a code once it has opened the address.
    """


class NoNotifications(CopybaraError):
    """The desktop shows no notifications.

    `copybara doctor` says what is missing.
    """


class NotRunning(CopybaraError):
    """No copybara is running with this home.

    Start it with `copybara start`.
    """


class DemoFailed(CopybaraError):
    """The demo failed.

    Run it again with -v, and report what it printed.
    """


class Fault(CopybaraError):
    """The program ran into a bug.

    Run it again with -v to see where, and report it.
    """


def first_error(group: BaseExceptionGroup[_Error]) -> _Error:
    """The first of the errors in a group, however deep: what ended an asyncio.TaskGroup, and with it the others."""
    error = group.exceptions[0]
    return first_error(error) if isinstance(error, BaseExceptionGroup) else error
