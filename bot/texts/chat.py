"""What the bot says of calls and links, and its help. What it says of contacts is in contacts.py.

Pure: values in, text out, so that tone and wording can be read in one place. Sentences are short, say what happened
first and what to do next second, and hold no secrets. Names and texts that strangers may have written pass through
`shown` first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bot.conversation import Act, Post
from bot.kinds import Kind, Sentence
from bot.texts import foreign
from bot.texts.times import date_and_time, time_of_day
from peer.calls.budget import Caller, Dropped
from peer.calls.line import Line
from peer.calls.line_records import report as line_report
from peer.calls.reading import MissedCall
from peer.calls.repeats import Repeated
from peer.media import HANDSET
from peer.media.trouble import MediaTrouble
from shared.call.table import EndReason, State
from shared.contacts import STRANGER
from shared.durations import duration
from shared.errors import CopybaraError
from shared.links.damage import damage
from shared.links.kinds import as_copybara
from shared.media import Media
from shared.printable import visible
from shared.reasons import Reason
from shared.secrets.handshake import Role

PIECE = 2000
"Characters of somebody's text in one message: as many as always fit into it, however many bytes each takes."

MAX_SHOWN = 400
"Characters of somebody else's text that are repeated."

_HANDSET_HELP = """\
/handset                    the page in your browser where you talk
/devices                    talk on your phone: add NAME, confirm CODE, cancel, remove NAME
"""

HELP = f"""\
/call NAME [audio|video]    call a contact, a node id or a contact card
/call echo                  a test call, with your own program
/call NAME classic          call somebody who uses the original web app
/call NAME deltachat        ring a contact's Delta Chat
/sdp offer NAME             call with any other program that speaks SDP
/answer [NAME] [audio|video]    answer the call that is ringing
/decline [NAME] [why]       refuse it
/hangup [NAME]              end or cancel the call
/differ [NAME]              the four words of a call differ: end it, and trust nothing from it
/hold [NAME]                put the call on hold
/resume [NAME]              take it off hold
/swap                       put this call on hold, and take the other one off
/merge                      make one conversation of your calls: all are asked
/agree [NAME]               when you are asked to join one
/refuse [NAME]              the same, or take your own question back
/answer hold, /answer hangup    in a call: hold or end it, and answer the other one
/record                     record the call, which the other side sees; /record stop
/record refuse              the other side may not record it
/say [NAME:] TEXT           write a line to the other side of the call
/send [NAME:] FILE          offer a file to the other side of the call
/message NAME FILE          leave a voice message for a contact, who gets it in your next call
/files                      files on their way: accept NUMBER, decline NUMBER, cancel NUMBER
/log                        your latest calls
/contacts [PAGE]            your contacts
/contact add [NAME] [NODE ID or CARD]
/contact trust NAME [audio|video], ring NAME, block NAME
/contact confirm NAME WORDS      the words of a call that rang as unproven were the same
/contact renew NAME              agree on a new key in the next call: theirs may be newer
/contact tell NAME               your node id has changed: a link that tells NAME
/contact move NAME NODE          accept the new node id that NAME has told you
/contact show NAME, rename OLD NEW, remove NAME
/contact files NAME always or ask    accept their files without asking
/contact endpoint NAME ENDPOINT    what they see and hear: devices, camera, …
/name NAME                  where a name such as copybara.azero leads
/card                       your contact card, to send to others
/invite                     a text for a friend who doesn't have the program yet
{_HANDSET_HELP}\
/status                     your node and your calls

Paste a link that someone sent you, and I'll read it."""

HANDSET_PAGE = Sentence(Kind.HANDSET_PAGE, "Your page opens in the browser of the computer that I run on:")
"Before the link to it, which each messenger shows in its own way."

_REFUSALS = {
    Reason.MALFORMED: Sentence(Kind.LINK_DAMAGED, "That link is damaged. Ask for it again, and copy all of it."),
    Reason.WRONG_VERSION: Sentence(
        Kind.LINK_WRONG_VERSION, "That link is from another version of Copybara Relay. One of you needs an update."
    ),
    Reason.NOT_FOR_THIS_NODE: Sentence(
        Kind.LINK_NOT_FOR_THIS_NODE,
        "That link isn't for this node. If you expected a call, ask who it was meant for.",
    ),
    Reason.CLOCK: Sentence(Kind.LINK_CLOCK, "That link was made in the future. Check the clocks of both computers."),
    Reason.EXPIRED: Sentence(Kind.LINK_EXPIRED, "That link is too old. Ask for a new one."),
    Reason.ALREADY_USED: Sentence(
        Kind.LINK_ALREADY_USED, "That link was used before; each works once. Ask for a new one."
    ),
    Reason.UNKNOWN_CALLER: Sentence(
        Kind.LINK_UNKNOWN_CALLER,
        "That link isn't from anyone you know. Exchange contact cards first.",
        "/card shows yours.",
    ),
    Reason.BLOCKED: Sentence(
        Kind.LINK_BLOCKED, "That link is from someone you blocked.", "/contacts lists the people you blocked for good."
    ),
    Reason.NOT_ALLOWED_NOW: Sentence(
        Kind.LINK_NOT_ALLOWED_NOW,
        "That contact may not call you at this time, or not with video.",
        "See /contact show NAME.",
    ),
    Reason.BUSY: Sentence(Kind.LINK_BUSY, "Someone called while you were in a call."),
    Reason.UNPROVEN: Sentence(
        Kind.UNPROVEN_RINGS, "That link names one of your contacts, but lacks the key you share with them."
    ),
    Reason.OWN_LINK: Sentence(Kind.LINK_OWN, foreign.OWN_LINK),
}

_ENDINGS = {
    EndReason.HUNG_UP: "You ended the call with {name}",
    EndReason.REMOTE_HUNG_UP: "{name} hung up",
    EndReason.DECLINED: "You declined {call}",
    EndReason.REMOTE_DECLINED: "{name} declined",
    EndReason.BUSY: "{name} called while you were in a call, and got the reply that you are busy",
    EndReason.REMOTE_BUSY: "{name} is busy",
    EndReason.CANCELLED: "You cancelled the call to {name}",
    EndReason.REMOTE_CANCELLED: "{name} cancelled the call",
    EndReason.NO_ANSWER: "{name} didn't answer. The link has expired",
    EndReason.MISSED: "You missed a call from {name}",
    EndReason.ANSWERED_ELSEWHERE: "You took {call} on another device",
    EndReason.UNREACHABLE: "{name} couldn't be reached",
    EndReason.LOST: "The connection to {name} was lost and couldn't be restored",
    EndReason.FLOODED: "The call ended because {name} sent far too many messages",
    EndReason.REPLACED: "{name} was calling you too, and that call was connected",
    EndReason.STOPPED: "The call with {name} ended because this program was stopped",
    EndReason.FAILED: "The call with {name} failed",
}

TAPPED = {
    Act.ANSWER: "Answering …",
    Act.ANSWER_AUDIO: "Answering with audio only …",
    Act.HOLD_AND_ANSWER: "Answering …",
    Act.END_AND_ANSWER: "Answering …",
    Act.DECLINE: "Declined.",
    Act.BLOCK: "Blocked.",
    Act.HANG_UP: "Ended.",
    Act.HOLD: "On hold.",
    Act.RESUME: "Off hold.",
    Act.SAVE: "Saved.",
    Act.TRUST: "Answered automatically from now on.",
    Act.CONFIRM: "Confirmed.",
    Act.DIFFER: "Ended. Its key proves nothing now.",
}
"A word for the owner who has tapped."

ASK_THEM = "Ask if they are still there."
"After a call in which no connection came up, but not in the log, where it may be long ago."

TELL_THEM = "They don't know yet: send them the link that says so."
"After the end of a call, if the owner carries the links."

_BUSY = "{name} called while you were in a call"

_UNTOLD_BUSY = "{name} called while you were in a call. They got no reply"

_CLAIMED = {
    EndReason.MISSED: "You missed a call that says it was {name}, but doesn't have the key you share",
    EndReason.REMOTE_CANCELLED: "A call that says it was {name}, but doesn't have the key you share, was cancelled",
}
"Ends of calls that rang in a contact's name."

_CLAIMED_BUSY = "A call came while you were in another. It says it is {name}, but doesn't have the key you share"


def shown(text: str, limit: int = MAX_SHOWN) -> str:
    """Somebody else's text made safe for a line: one line, nothing invisible, not long."""
    clean = visible(text[: limit + 1])
    return f"{clean[:limit]}…" if len(clean) > limit else clean


def help_with(*, page: bool) -> Sentence:
    """The commands; `page`: whether there is a handset page."""
    return Sentence(Kind.HELP, HELP if page else HELP.replace(_HANDSET_HELP, ""))


MESSAGE_TOO_LONG = Sentence(
    Kind.MESSAGE_CUT,
    "That message is longer than the 4096 characters that I read. I haven't seen the rest.",
    "If there are links in it, send them in a second message.",
)


def not_understood(command: str = "") -> Sentence:
    """A message in the owner's own chat that holds nothing for us; `command`: it would be one, with a slash."""
    hint = f"A command begins with a slash: /{shown(command, MAX_SHOWN)}" if command else "/help lists what I can do."
    return Sentence(Kind.NOT_UNDERSTOOD, "I see no link and no command in that.", hint)


def refusal(reason: Reason, token: str = "") -> Sentence:
    """Why a link was not used; with its token also which part of a damaged one is missing."""
    said = _REFUSALS[reason]
    if reason is not Reason.MALFORMED or not token:
        return said
    return Sentence(said.kind, said.sentence.replace("damaged.", f"damaged: {damage(token)}."), said.hint)


def link_in_chat(line: Line, token: str, why: str = "") -> Sentence:
    """The message in the chat with a link. Between contacts only the link, which tells nobody anything.

    `why`: the owner's words to a caller whom they decline.
    """
    if line.foreign is not None:
        return Sentence(_link_kind(line), foreign.posted(line, token))
    kind, text = _link_kind(line), as_copybara(token)
    if why and line.call.ended:
        text = f"{declined_with(why)} {text}"
    elif line.call.paired or line.link.sealed or line.call.ended:
        pass
    elif line.call.role is Role.CALLER:
        text = f"I'd like to call you ({line.media.words}) with Copybara Relay: {text}"
    else:
        text = f"Here is my answer: {text}"
    return Sentence(kind, text)


def _link_kind(line: Line) -> Kind:
    if line.call.role is Role.CALLER:
        return Kind.LINK_CANCEL if line.call.ended else Kind.LINK_REQUEST
    return Kind.LINK_REFUSAL if line.call.ended else Kind.LINK_ANSWER


def calling(line: Line, *, by_hand: bool = False) -> Sentence:
    """After /call. `by_hand`: the owner carries the link to them."""
    if line.foreign is not None and not line.foreign.envelope.in_chat:
        return foreign.rings_there(line)
    until = time_of_day(line.expires)
    if by_hand:
        how = (
            "The link is all they need."
            if line.call.paired
            else "Then paste what they send back: an answer, or that they decline."
        )
        text = f"Calling {line.name} ({line.media.words}). Send them the link: it works until {until}. {how}"
        return Sentence(Kind.CALLING, text)
    how = "This link is all they need." if line.call.paired else "Now they have to send an answer."
    text = f"Calling {line.name} ({line.media.words}). The link is in the chat and works until {until}. {how}"
    return Sentence(Kind.CALLING, text)


def test_call(line: Line) -> Sentence:
    """After /call echo."""
    where = " You see and hear it on the page." if line.shown.endpoint == HANDSET else ""
    return Sentence(
        Kind.TEST_CALL,
        f"Test call ({line.media.words}): your own program sends back what you say and show. Nobody else is in it."
        f"{where} /hangup ends it",
    )


def rings(line: Line, reason: Reason) -> Sentence:
    """The owner is asked."""
    if line.foreign is not None:
        return foreign.rings(line, line.foreign.envelope)
    if reason is Reason.NEW_CALLER:
        text = (
            f"Somebody new is calling ({line.media.words}). Their computer's address: {line.peer}\n"
            "If you don't know who it is, decline."
        )
        return Sentence(Kind.STRANGER_RINGS, text)
    if reason is Reason.UNPROVEN:
        text = (
            f"{line.name} is calling ({line.media.words}), or somebody else: the call says it is {line.name}, but "
            f"doesn't have the key you share. If you answer, compare the four words."
        )
        return Sentence(Kind.UNPROVEN_RINGS, text)
    text = f"{line.name} is calling ({line.media.words})."
    if line.shown.contact is not None and not line.proven:
        text += " You share no key yet, so nothing proves that it is them: compare the four words."
    return Sentence(Kind.RINGS, text)


def answering(line: Line) -> Sentence:
    """After /answer."""
    return Sentence(Kind.ANSWERING, f"Answering {whose(line)} ({line.media.words}) …")


def answered_before(line: Line) -> Sentence:
    """After another /answer."""
    how = "Connecting …" if line.connection.connected is None else "You are connected."
    return Sentence(Kind.ANSWERED_BEFORE, f"{begun(call_of(line))} is answered already. {how}")


def media_agreed(line: Line) -> Sentence:
    """They answered with less than the owner called for."""
    less = "with sound only, so there is no picture" if line.media is Media.AUDIO else f"with {line.media.words} only"
    up = f"Connected with {line.name} ({line.media.words}). " if line.call.state is State.ACTIVE else ""
    return Sentence(Kind.MEDIA_AGREED, f"{up}{whose(line)} answered {less}.")


def answered_automatically(line: Line) -> Sentence:
    """The notice of an automatic answer."""
    return Sentence(
        Kind.ANSWERED_AUTOMATICALLY,
        f"Answered {line.name}'s call automatically ({line.media.words}), as you chose.",
        "/hangup ends it",
    )


def remote_answered_automatically(line: Line) -> Sentence:
    """The other side's notice of an automatic answer."""
    return Sentence(
        Kind.REMOTE_ANSWERED_AUTOMATICALLY,
        f"{begun(program_of(line))} answered automatically. {begun(line.name)} may not be there yet.",
    )


def takes_message(line: Line) -> Sentence:
    """The answering machine does what the owner hasn't done."""
    return Sentence(
        Kind.TAKES_MESSAGE,
        f"You didn't answer {call_of(line)}, so the answering machine is taking a message.",
        "/hangup ends it",
    )


AT_HOME = "on the computer that I run on"
"Where something is, for people who read it where others can."


def recorded(line: Line, path: Path, *, clear: bool = False) -> Sentence:
    """A recording is finished. `clear`: without where it is."""
    where = f"{AT_HOME}." if clear else f"in {path}"
    if line.shown.machine:
        return Sentence(Kind.MESSAGE, f"A message from {whose(line)} is {where}")
    return Sentence(Kind.RECORDED, f"A recording from {whose(line)} is {where}")


def media_trouble(line: Line, trouble: MediaTrouble, *, clear: bool = False) -> Sentence:
    """Something about our own sound or picture. `clear`: without names of files, folders and cameras."""
    if clear and _names_a_place(trouble.sentence, trouble.hint):
        text = f"The call with {whose(line)}: something about your sound or picture has changed."
        return Sentence(Kind.MEDIA_TROUBLE, f"{text} The computer that I run on says what.")
    text = f"The call with {whose(line)}: {trouble.sentence} {trouble.hint}".strip()
    return Sentence(Kind.MEDIA_TROUBLE, text)


def whose(line: Line) -> str:
    """The other side's name, with the doubt that there is: these lines stand in a chat long after the warning."""
    return (
        f"{line.name} (without your key)" if line.shown.contact and line.link.keyed and not line.proven else line.name
    )


def begun(words: str) -> str:
    """At the beginning of a sentence. A contact's name is the owner's own word and stays as it is."""
    return words[:1].upper() + words[1:] if words.startswith((STRANGER, "the ")) else words


def call_of(line: Line) -> str:
    """Their call."""
    return f"{whose(line)}'s call" if line.shown.contact else f"the call from {line.name}"


def program_of(line: Line) -> str:
    """Their program."""
    return f"{whose(line)}'s program" if line.shown.contact else "the other side's program"


def connected(line: Line) -> Sentence:
    """The call is up."""
    text = f"Connected with {whose(line)} ({line.media.words})."
    if line.on_hold:
        return Sentence(Kind.CONNECTED, f"{text} You still have them on hold.", "/resume takes them off hold")
    if line.connection.waits_for_owner:
        text += " Your microphone and camera stay off in case you have left."
        return Sentence(Kind.CONNECTED, text, "/answer turns them on")
    return Sentence(Kind.CONNECTED, text)


def reconnecting(line: Line) -> Sentence:
    """The path is lost, or the program itself was gone."""
    if line.connection.taken_up is not None:
        text = f"This program was interrupted during the call with {whose(line)}. Trying to reconnect for a minute …"
        return Sentence(Kind.REJOINING, text)
    text = f"Lost contact with {whose(line)}. Trying to reconnect for a minute …"
    return Sentence(Kind.RECONNECTING, text)


def on_hold(line: Line) -> Sentence:
    """The owner has put the call on hold."""
    return Sentence(
        Kind.ON_HOLD,
        f"{whose(line)} is on hold: your microphone and camera are off, and you don't hear {line.name}.",
        "/resume takes them off hold",
    )


def off_hold(line: Line) -> Sentence:
    """The owner has taken it off hold."""
    text = f"You are back in the call with {whose(line)}."
    return Sentence(Kind.OFF_HOLD, f"{text} {begun(whose(line))} has you on hold." if line.remote_on_hold else text)


def remote_on_hold(line: Line) -> Sentence:
    """The other side has put it on hold."""
    return Sentence(Kind.HELD, f"{whose(line)} put you on hold. Until they are back they don't hear or see you.")


def resumed(line: Line) -> Sentence:
    """The other side has taken it off hold."""
    text = f"{whose(line)} took you off hold."
    if line.on_hold:
        return Sentence(Kind.RESUMED, f"{text} You still have them on hold.", "/resume takes them off hold")
    return Sentence(Kind.RESUMED, text)


def remote_holds_again(line: Line) -> Sentence:
    """The other side puts it on hold and takes it off, again and again."""
    return Sentence(
        Kind.HELD_AGAIN,
        f"{whose(line)} keeps putting you on hold and taking you off. You won't hear of each time any more.",
        "/status shows whether you are on hold now.",
    )


def goes_on(line: Line, what: Repeated) -> Sentence:
    """Something happens again and again in the call. The owner won't hear of each time any more."""
    who, unheard = whose(line), "You won't hear of each time any more."
    match what:
        case Repeated.PATH:
            text = f"Contact with {who} is lost and restored again and again. {unheard}"
            hint = "/status shows whether you are connected now."
        case Repeated.CIRCLE:
            text = f"In your conversation with {who} and others, who hears whom keeps changing. {unheard}"
            hint = ""
        case Repeated.QUESTION:
            text = f"{begun(who)} keeps asking you into conversations. I decline more of these in this call."
            hint = "To ask them: /merge"
        case Repeated.OFFER:
            text = f"{begun(who)} has offered many files in this call. I refuse more until you have answered."
            hint = "/files lists those that wait."
        case Repeated.FILE:
            text, hint = f"{begun(who)} has sent very many files in this call. I refuse more for now.", ""
        case Repeated.LINK:
            text = f"Links in the chat keep saying something about your call with {who} that changes nothing. {unheard}"
            hint = "If you don't want to wait: /hangup"
        case _:
            text, hint = f"In your call with {who} the same happens again and again. {unheard}", ""
    return Sentence(Kind.AGAIN, text, hint)


def phrase(line: Line) -> Sentence:
    """The four words, after a first contact."""
    who = line.shown.contact or "the other person"
    differ = f"If they differ, hang up with: /differ {line.shown.contact or ''}".rstrip()
    nothing_to_do = "" if line.shown.quarantined else ", and there is nothing to confirm"
    text = (
        f"Compare these words by voice: {line.shown.phrase}\n"
        f"If {who} sees the same four, nobody is between you{nothing_to_do}. "
        "If you can't hear each other here, read them out on the phone."
    )
    if line.shown.quarantined:
        text += (
            " The key you shared before stays valid until you confirm."
            if line.link.keyed
            else f" Until you confirm, nothing proves that it is {line.name}."
        )
        return Sentence(Kind.WORDS, text, f"To confirm: /contact confirm {line.name} {line.shown.phrase}\n{differ}")
    return Sentence(Kind.WORDS, text, f"\n{differ}")


def words_differ(line: Line) -> Sentence:
    """After /differ."""
    text = (
        f"The words of the call with {line.name} differ, so somebody may be between you. "
        "The key that was agreed in it proves nothing now."
    )
    if line.link.keyed:
        text += " The one that you shared before stays valid."
    return Sentence(
        Kind.WORDS_DIFFER,
        text,
        f"Ask {line.shown.contact or 'the other person'} through another channel whether it was them, "
        "and compare the words again in your next call.",
    )


def dropped(call: Dropped) -> Sentence:
    """Calls that weren't shown."""
    match call.caller:
        case Caller.STRANGER:
            text = "Too many strangers are calling. I won't show more for a while; your contacts still get through."
        case Caller.UNPROVEN:
            text = (
                f"Too many calls say they are {call.name} but prove nothing. I won't show more of them for a while; "
                f"calls with a key you share still get through."
            )
        case Caller.PROVEN:
            text = f"{call.name} is calling too often. I won't show more of their calls for a while."
    return Sentence(Kind.DROPPED, text)


def not_kept(line: Line, error: CopybaraError) -> Sentence:
    """The disk failed a call."""
    return Sentence(
        Kind.NOT_KEPT,
        f"The call with {line.name} can't be saved: {error.sentence} I keep trying. {error.hint}".strip(),
    )


def remote_rings(line: Line) -> Sentence:
    """The other side has seen the link."""
    return Sentence(
        Kind.REMOTE_RINGS, f"It is ringing at {whose(line)}'s." if line.shown.contact else "It is ringing there."
    )


def unproven(line: Line) -> Sentence:
    """A refusal that anybody in the chat could have written."""
    return Sentence(
        Kind.UNPROVEN_REFUSAL,
        (
            f"A link in the chat says that {line.name} isn't taking the call. Anyone there could have written it, "
            "so I'll keep waiting."
        ),
        "If you believe it: /hangup",
    )


def ended(line: Line, *, by_hand: bool = False, clear: bool = False) -> Sentence:
    """How a call ended, and why. `by_hand`: the link that says so to the other side is for the owner to carry; `clear`:
    without names of files, folders and cameras.
    """
    assert line.call.reason is not None
    call, known = line.call, line.shown.contact is not None
    if call.reason is EndReason.NO_ANSWER and line.foreign is not None and not line.foreign.envelope.in_chat:
        return foreign.unanswered(line)
    if claimed := ended_unproven(line):
        return Sentence(Kind.ENDED, f"{claimed}.")
    hidden = clear and _names_a_place(call.detail, call.hint)
    detail, hint = ("", "") if hidden else (call.detail, call.hint)
    if call.reason is EndReason.UNREACHABLE:
        hint = hint or ASK_THEM
    if by_hand:
        hint = f"{hint} {TELL_THEM}".strip()
    elif call.reason is EndReason.DECLINED and line.foreign is not None and line.foreign.envelope.in_chat:
        hint = foreign.TELL_THEM
    return ending(line.call.reason, line.name, detail, hint, known=known, proven=line.proven, replied=not by_hand)


def _names_a_place(*texts: str) -> bool:
    """Whether a path, or an address with one, is in it."""
    return any(re.search("/[^ /]*/", text) for text in texts)


def ended_unproven(line: Line) -> str:
    """That a call is over which rang in a contact's name without their key; empty for any other."""
    doubtful = line.link.keyed and not line.proven and line.connection.connected is None
    form = _CLAIMED.get(line.call.reason) if doubtful and line.call.reason is not None else None
    return form.format(name=shown(line.name)) if form else ""


def ending(
    reason: EndReason,
    name: str,
    detail: str = "",
    hint: str = "",
    *,
    known: bool,
    proven: bool,
    replied: bool = True,
) -> Sentence:
    """A call is over, from what is kept of it: `known`: the name is a contact's, `proven`: they had the key, `replied`:
    our reply, if there is one, has gone out.
    """
    form = _ENDINGS[reason]
    if reason is EndReason.BUSY and not replied:
        form = _BUSY
    elif reason is EndReason.BUSY and not (known and proven):  # they get no answer, see peer/calls/runner.py
        form = _CLAIMED_BUSY if known else _UNTOLD_BUSY
    sentence = form.format(name=name, call=f"{name}'s call" if known else f"the call from {name}")
    if detail:
        sentence += f": {detail}"
    sentence = sentence.rstrip(".") + "."
    # A contact's name is the owner's own word and stays as it is.
    return Sentence(Kind.ENDED, sentence if known else sentence[:1].upper() + sentence[1:], hint)


def interrupted(name: str) -> Sentence:
    """A call that a crash has ended."""
    return Sentence(
        Kind.INTERRUPTED, f"The call with {name} ended because this program was interrupted. Call them again."
    )


def listed(names: Sequence[str]) -> str:
    """Several names in a sentence."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def text_sent(lines: Sequence[Line]) -> Sentence:
    """After /say: who gets it."""
    return Sentence(Kind.TEXT_SENT, f"Sent to {listed([whose(line) for line in lines])}.")


IN_CLEAR = "The page shows it, and the computer that I run on."


def wrote(line: Line, text: str) -> list[tuple[Sentence, Sentence]]:
    """A text beside the call, with its line breaks, in as many pieces as it takes; with each what is said of it where
    others can read it.
    """
    pieces = [visible(piece, lines=True) for piece in _pieces(visible(text, lines=True).strip() or "…")]
    of = [f" ({number} of {len(pieces)})" if len(pieces) > 1 else "" for number in range(1, len(pieces) + 1)]
    return [
        (
            Sentence(Kind.TEXT, f"{whose(line)} writes{which}: {each}"),
            Sentence(Kind.TEXT, f"{whose(line)} wrote to you in the call{which}.", IN_CLEAR),
        )
        for which, each in zip(of, pieces, strict=True)
    ]


def _pieces(text: str) -> list[str]:
    """A text in pieces of at most PIECE characters, cut at line breaks or blanks where there are some."""
    pieces = []
    while len(text) > PIECE:
        end = max(text.rfind("\n", PIECE // 2, PIECE), text.rfind(" ", PIECE // 2, PIECE)) + 1 or PIECE
        pieces.append(text[:end].rstrip())
        text = text[end:]
    return [*pieces, text]


def missed(call: MissedCall) -> Sentence:
    """A call that came while nobody could take it."""
    when = date_and_time(call.created)
    if call.doubtful:
        text = f"You missed a call that says it was {call.contact}, but didn't have the key you share, {when}."
        return Sentence(Kind.MISSED, text)
    return Sentence(Kind.MISSED, f"You missed a call from {call.contact or STRANGER}, {when}.")


def clocks_differ(contact: str, ahead: float, *, sure: bool) -> Sentence:
    """A contact has called with a link from another time, `ahead` seconds from ours; `sure`: it didn't come late."""
    late = "" if sure else ", or the link came late"
    whose = "fast, or yours is slow" if ahead > 0 else "slow, or yours is fast"
    return Sentence(
        Kind.CLOCKS_DIFFER,
        f"{contact} called; your clocks differ by about {duration(abs(ahead))}{late}. {contact}'s "
        f"clock is {whose}. Set the wrong one, and call each other again.",
    )


def reply_out_of_time(token: str) -> Sentence:
    """The message in the chat that tells a contact of it: only the link, which their program puts into words."""
    return Sentence(Kind.LINK_REFUSAL, as_copybara(token))


def with_commands(post: Post, page: str | None) -> str:
    """A post for this machine's user, who has no buttons: what can be done about it is said as the commands to type.

    `page` is the address of the handset page, if there is one.
    """
    if post.handset and page is not None:
        return f"{post.text}\n{page}"
    if Act.HOLD_AND_ANSWER in post.actions:
        return f"{post.text} /answer hold, /answer hangup, or /decline"
    if Act.DECLINE in post.actions:
        gap = "\n" if post.sentence.hint.startswith("\n") else " "  # an address would go on with it
        return f"{post.text}{gap}/answer, /answer audio, or /decline"
    if Act.CONFIRM in post.actions:
        return post.text  # which names the command
    if Act.SAVE in post.actions:
        return f"{post.text}\nTo save them, so that one link is enough next time: /contact add NAME"
    if Act.TRUST in post.actions and post.contact is not None:
        return f"{post.text} To have their calls answered automatically: /contact trust {post.contact.name}"
    return post.text


def impostor_dropped(line: Line) -> Sentence:
    """After Block, under a call that says it is from a contact and can't prove it."""
    text = f"That call is dropped. It didn't have the key you share with {line.name}, so {line.name} isn't blocked."
    return Sentence(Kind.CALL_DROPPED, text, f"To block {line.name} as well: /contact block {line.name}")


def stranger_silenced(line: Line) -> Sentence:
    """After Block, under a call of somebody who isn't in the contacts."""
    text = f"Calls from node {line.peer.short}… won't ring for a day, and get no reply."
    add = f"/contact add NAME {line.peer}"
    always = f"Anyone could have written this node id. To block it for good: {add}, then /contact block NAME"
    return Sentence(Kind.STRANGER_SILENCED, text, always)


def part_restarted(what: str) -> Sentence:
    """A task of the program ended and begins again; `what` it does begins with a capital letter."""
    return Sentence(Kind.PART_RESTARTED, f"{what} failed and was started again. To see more, run copybara with -v.")


def status(node: str, overlay: str, wrong: Sentence | None, lines: list[Line]) -> Sentence:
    """What is going on. `wrong`: what prevents calls in the overlay now, if anything does."""
    first = f"Node {node} on {overlay}.{f' {wrong.text}' if wrong else ''}"
    text = "\n".join([first, *map(status_line, lines)]) if lines else f"{first} No calls."
    return Sentence(Kind.STATUS, text)


def status_line(line: Line) -> str:
    """One call in a line."""
    report = line_report(line)
    text = f"{line.label}: {line.call.state}, {line.media.words}"
    text += ", you record it" if line.recordings.recording else ""
    text += ", they record it" if line.recordings.recorded else ""
    text += ", on hold" if line.on_hold else ", they have you on hold" if line.remote_on_hold else ""
    if line.connection.connected is None:
        return text
    text += (
        f", {report['seconds']} s, received {report['audio_packets_received']} audio and "
        f"{report['video_packets_received']} video packets, {report['lost']} lost"
    )
    if report["round_trip_ms"] is not None:
        text += f", round trip {report['round_trip_ms']} ms"
    text += f", {report['local']} to {report['remote']}"
    refused = report["refused"]
    if isinstance(refused, dict) and refused:
        text += f", refused {sum(refused.values())} foreign packets"
    return text


def declined_with(why: str) -> str:
    """The owner's own words to a caller."""
    return f"I can't take your call: {shown(why)}"
