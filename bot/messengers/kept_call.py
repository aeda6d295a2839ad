"""What a messenger stores about a call that it has shown, so that a ringing call rings again after a kill."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

import msgspec

from bot.conversation import Act, Action, IncomingMessage, Listener
from peer.calls.line import Line
from shared.call.table import State
from shared.errors import CopybaraError
from shared.links.tokens import to_text
from shared.media import Media
from shared.not_json import NOT_JSON
from shared.secrets.handshake import Role


class KeptCall(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A stored call that the owner knows about."""

    state: str = ""
    role: str = ""
    automatic: bool = False
    media: str = ""
    token: str = ""
    "The link of an incoming call, so that it can be read again."

    chat: str = ""

    @property
    def waited(self) -> bool:
        """Whether it was an incoming call that wasn't connected yet."""
        return self.role == Role.CALLEE and self.state in (State.RINGING, State.CONNECTING)


KeptKind = TypeVar("KeptKind", bound=KeptCall)


def kept_from(raw: bytes, kind: type[KeptKind]) -> KeptKind | None:
    """Read a stored call. None if another version has written it."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except NOT_JSON:
        return None


def token_of(line: Line) -> str:
    """The link that brought an incoming call. Empty for outgoing calls."""
    return to_text(line.link.raw) if line.call.role is Role.CALLEE and line.link.raw else ""


async def ring_again(
    kept: KeptCall, call: str, listener: Listener, owners_chat: str, rings: Callable[[str], bool]
) -> None:
    """Read a call's link again, and answer the call if the owner had answered it.

    `rings` says whether the call rings now.
    """
    await listener.hear(IncomingMessage(kept.token, "", from_owner=False, chat=kept.chat, tell_missed=True, again=True))
    if kept.state == State.CONNECTING and not kept.automatic and rings(call):
        act = Act.ANSWER_AUDIO if kept.media == Media.AUDIO.words else Act.ANSWER
        with contextlib.suppress(CopybaraError):
            await listener.act(Action(act, call), owners_chat)
