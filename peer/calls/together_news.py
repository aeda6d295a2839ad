"""What listeners hear about a conversation of several; each is about one line, and names the others."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from peer.calls.repeats import Telling


class LinkForIntroduced(Struct, frozen=True):
    """A link for somebody to whom we were introduced: it goes through the one who did that, and not into a chat."""

    token: str


class AskedToJoin(Struct, frozen=True):
    """The other side of the line asks the owner to be in one conversation with others."""

    names: tuple[str, ...]
    "What they call them there, made safe to show; empty for somebody without a name."


class AskOver(Struct, frozen=True):
    """Nothing comes of what the other side asked."""


class QuestionOver(Struct, frozen=True):
    """The owner needn't answer any more: they have, or nothing comes of it."""


class AskingOthers(Struct, frozen=True):
    """The owner wants to merge this line with others: all of them are being asked."""

    names: tuple[str, ...]
    "All of them."


class NotMerged(Struct, frozen=True):
    """Nothing comes of that: the calls stay as they were."""

    why: Literal["refused", "gone", "late", "taken-back"]
    "The line is with the person who refused; else with one of those who were asked."


class Joined(Struct, frozen=True):
    """The other side of the line is in the conversation."""

    called: str | None
    "What the one who introduced them calls them, if somebody has; None: the owner has merged the call."

    others: tuple[str, ...]
    "Who else is in it."


class PartOf(Struct, frozen=True):
    """The line is part of another conversation than before, or of none."""


class Left(Struct, frozen=True):
    """Somebody has left the conversation, or is lost; the line is with one of those who stay."""

    name: str
    others: tuple[str, ...]
    "Who stays."


class CircleChanged(Struct, frozen=True):
    """Others in the conversation don't hear each other, or do again."""

    apart: tuple[tuple[str, str], ...]
    "Pairs of people who are connected with us and not with each other."

    unseen: tuple[str, ...]
    "Nodes that others are connected with in it, and we aren't: the beginnings of their ids."

    telling: Telling = Telling.EACH
    "What the owner hears of it."


class CantMeet(Struct, frozen=True):
    """Somebody who was introduced can't be called or answered."""

    name: str
    why: str
    "A sentence."


TogetherNews: TypeAlias = (
    AskedToJoin | QuestionOver | AskOver | AskingOthers | NotMerged | Joined | PartOf | Left | CircleChanged | CantMeet
)
