"""What a numbered choice about a call stands for: an action, and for CONFIRM the words that it was shown with. Pure."""

from __future__ import annotations

from bot.conversation import Act, Action, Post
from bot.messengers.texts import ACTS

_CONFIRM = f"{Act.CONFIRM}:"


def offers(post: Post) -> list[str]:
    """What can be done about a post's call, as `NumberedChoices` keeps it."""
    return [f"{_CONFIRM}{post.words}" if act is Act.CONFIRM and post.words else str(act) for act in post.actions]


def action(what: str, about: str) -> Action | None:
    """What such a choice means for the call `about`; None for a choice of the wire's own."""
    if what.startswith(_CONFIRM):
        return Action(Act.CONFIRM, about, what.removeprefix(_CONFIRM))
    return Action(Act(what), about) if what in set(Act) else None


def words(what: str) -> str:
    """What is read beside the number."""
    return ACTS[Act(what.partition(":")[0])]
