"""Turns news of conversations of several people into sentences."""

from __future__ import annotations

from bot.kinds import Sentence
from bot.texts import conversations as texts
from peer.calls.line import Line
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


def said_of(
    line: Line,
    news: AskedToJoin | AskingOthers | AskOver | CantMeet | CircleChanged | Joined | Left | NotMerged,
    *,
    clear: bool = False,
) -> Sentence:
    """The sentence for the owner about one of the calls. `clear`: without names from the other side."""
    match news:
        case AskedToJoin():
            return texts.asked(line, news.names, clear=clear)
        case AskingOthers():
            return texts.asking(news.names)
        case AskOver():
            return texts.over(line)
        case NotMerged():
            return texts.not_merged(line, news)
        case Joined():
            return texts.joined(line, news, clear=clear)
        case Left():
            return texts.left(news)
        case CircleChanged():
            return texts.circle(news)
        case CantMeet():
            return texts.cant_meet(news, clear=clear)
