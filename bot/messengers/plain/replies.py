"""What a numbered choice means: an action, with the words or the contact for which it was shown. Pure."""

from __future__ import annotations

from bot.conversation import RINGING, RINGING_BESIDE, Act, Action, Post
from bot.messengers.texts import ACTS
from bot.shown_contact import ShownContact
from peer.calls.line import Line
from shared.call.table import State

WHILE_IT_LASTS = frozenset(map(str, (*RINGING, *RINGING_BESIDE, Act.HANG_UP, Act.HOLD, Act.RESUME)))
"What the owner can do about a call until it is over."

_CONFIRM, _TRUST = f"{Act.CONFIRM}:", f"{Act.TRUST}:"


def may_take_reserve(line: Line | None) -> bool:
    """Whether a call's choices may use the reserved numbers. Calls that anybody can cause may not."""
    return line is None or line.proven or line.call.state is not State.RINGING


def offers(post: Post) -> list[str]:
    """What the owner can do about a post's call, in the form that `NumberedChoices` stores."""
    return [_offer(act, post) for act in post.actions]


def subject(post: Post) -> str:
    """What the choices under a post are about: the id of a call, or a contact. Empty for neither."""
    call = post.line.id if post.line is not None else post.call
    return call or str(post.trusts or "")


def action(what: str, about: str) -> Action | None:
    """The action that a choice means for the call `about`. None for a choice of the wire's own."""
    if what.startswith(_TRUST):
        return Action(Act.TRUST, "", contact=ShownContact.parse(what.removeprefix(_TRUST)))
    if what.startswith(_CONFIRM):
        return Action(Act.CONFIRM, about, what.removeprefix(_CONFIRM))
    return Action(Act(what), about) if what in set(Act) else None


def words(what: str) -> str:
    """The words beside the number."""
    return ACTS[Act(what.partition(":")[0])]


def _offer(act: Act, post: Post) -> str:
    if act is Act.CONFIRM and post.words:
        return f"{_CONFIRM}{post.words}"
    if act is Act.TRUST and post.trusts is not None:
        return f"{_TRUST}{post.trusts}"
    return str(act)
