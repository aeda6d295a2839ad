"""Turns news of calls into the sentences that the owner reads in the chat and on the page."""

from __future__ import annotations

from bot.kinds import Sentence
from bot.texts import chat as texts
from bot.texts import conversations as conversation_texts
from bot.texts import recording as recording_texts
from peer.calls.line import Line
from peer.calls.news import AnsweredAlone, HoldChanged, LinkNoted, NotKept, Recorded, Rings, TakesMessage
from peer.calls.recording.changed import RecordingChanged
from peer.calls.repeats import GoesOn, Repeated, Telling
from peer.calls.session_events import RemoteAnsweredAlone
from peer.calls.together_news import (
    AskedToJoin,
    AskingOthers,
    AskOver,
    CantMeet,
    CircleChanged,
    Joined,
    Left,
    NotMerged,
)
from peer.media.trouble import MediaTrouble
from shared.call.events import RemoteRinging

AboutSeveral = AskedToJoin | AskingOthers | AskOver | CantMeet | CircleChanged | Joined | Left | NotMerged
"News of conversations of several people."

FromCall = Recorded | RecordingChanged | MediaTrouble | GoesOn | AboutSeveral
"News that names files, or that contains what the other side has said. In a chat that others read it is shortened."

InWords = Rings | AnsweredAlone | TakesMessage | RemoteAnsweredAlone | LinkNoted | HoldChanged | NotKept | FromCall
"News that becomes one sentence."


def said_of(line: Line, news: InWords, *, clear: bool = False) -> Sentence:
    """The sentence for news of a call. `clear` leaves out what others must not read."""
    match news:
        case Rings():
            return texts.rings(line, news.reason)
        case AnsweredAlone():
            return texts.answered_automatically(line)
        case TakesMessage():
            return texts.takes_message(line)
        case RemoteAnsweredAlone():
            return texts.remote_answered_automatically(line)
        case LinkNoted():
            return texts.remote_rings(line) if isinstance(news.noted.event, RemoteRinging) else texts.unproven(line)
        case HoldChanged(by="us"):
            return texts.on_hold(line) if news.on else texts.off_hold(line)
        case HoldChanged(telling=Telling.LAST):
            return texts.remote_holds_again(line)
        case HoldChanged():
            return texts.remote_on_hold(line) if news.on else texts.resumed(line)
        case GoesOn():
            return texts.goes_on(line, news.what)
        case NotKept():
            return texts.not_kept(line, news.error)
        case Recorded():
            return texts.recorded(line, news.path, clear=clear)
        case RecordingChanged(telling=Telling.LAST):
            return recording_texts.again(line)
        case RecordingChanged():
            return recording_texts.changed(line, news, clear=clear)
        case MediaTrouble():
            return texts.media_trouble(line, news, clear=clear)
        case AskedToJoin():
            return conversation_texts.asked(line, news.names, clear=clear)
        case AskingOthers():
            return conversation_texts.asking(news.names)
        case AskOver():
            return conversation_texts.over(line)
        case NotMerged():
            return conversation_texts.not_merged(line, news)
        case Joined():
            return conversation_texts.joined(line, news, clear=clear)
        case Left():
            return conversation_texts.left(news)
        case CircleChanged(telling=Telling.LAST):
            return texts.goes_on(line, Repeated.CIRCLE)
        case CircleChanged():
            return conversation_texts.circle(news)
        case CantMeet():
            return conversation_texts.cant_meet(news, clear=clear)
