"""Keeps what pages show of conversations of several people, also for pages that come later."""

from __future__ import annotations

import msgspec

from bot.assistant.news_words import said_of
from bot.texts.conversations import circle
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.news import News
from peer.calls.together_news import AskedToJoin, AskingOthers, CircleChanged, Joined, NotMerged, QuestionOver


class ShownOfConversation(msgspec.Struct, frozen=True):
    """What is shown with one call. The fields are those of the page's `Call`."""

    question: str | None = None
    asks: str | None = None
    called: str | None = None
    circle: str | None = None


class ShownConversations:
    """What is shown with all calls."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._questions: dict[int, str] = {}
        "For each call, what its other side asks the owner."

        self._asks: tuple[int, str] | None = None
        "The question that the owner asks others, and the number of a call with one of them."

        self._called: dict[int, str] = {}
        "For each call with an introduced person, the name that the introducer uses."

        self._circles: dict[bytes, str] = {}
        "For each conversation, the people in it who don't hear each other."

    def told(self, line: Line, news: News) -> None:
        """Take news of a call."""
        match news:
            case AskedToJoin():
                self._questions[line.number] = said_of(line, news).sentence
            case QuestionOver():
                self._questions.pop(line.number, None)
            case AskingOthers():
                self._asks = line.number, said_of(line, news).sentence
            case NotMerged() | Joined(called=None):
                self._asks = None
            case Joined(called=str(called)):
                self._called[line.number] = called
            case CircleChanged():
                there = {each.together for each in self._lines} - {line.together}
                self._circles = {name: sentence for name, sentence in self._circles.items() if name in there}
                if news.apart or news.unseen:
                    self._circles[line.together] = circle(news).sentence

    def forget(self, line: Line) -> None:
        """Forget a call that is over."""
        for by_call in (self._questions, self._called):
            by_call.pop(line.number, None)

    def of(self, line: Line) -> ShownOfConversation:
        """What is shown with that call."""
        number, asks = self._asks or (None, None)
        return ShownOfConversation(
            question=self._questions.get(line.number),
            asks=asks if number == line.number else None,
            called=self._called.get(line.number) or None,
            circle=self._circles.get(line.together),
        )
