"""What a messenger keeps of a call that it has shown, so that a call that rang rings again after a kill."""

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
    """A call that the owner was told of."""

    state: str = ""
    role: str = ""
    automatic: bool = False
    media: str = ""
    token: str = ""
    "The link of a call that came in, so that it can be read again."

    chat: str = ""

    @property
    def waited(self) -> bool:
        """Whether it was a call to us that wasn't up yet."""
        return self.role == Role.CALLEE and self.state in (State.RINGING, State.CONNECTING)


KeptKind = TypeVar("KeptKind", bound=KeptCall)


def kept_from(raw: bytes, kind: type[KeptKind]) -> KeptKind | None:
    """Back from the journal; None for what another version has written."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except NOT_JSON:
        return None


def token_of(line: Line) -> str:
    """The link that brought a call to us; empty for our own calls."""
    return to_text(line.link.raw) if line.call.role is Role.CALLEE and line.link.raw else ""


async def ring_again(
    kept: KeptCall, call: str, listener: Listener, owners_chat: str, rings: Callable[[str], bool]
) -> None:
    """Have the link of a call read again, and answer it if the owner had; `rings` says whether it came of that."""
    await listener.hear(IncomingMessage(kept.token, "", from_owner=False, chat=kept.chat, tell_missed=True, again=True))
    if kept.state == State.CONNECTING and not kept.automatic and rings(call):
        act = Act.ANSWER_AUDIO if kept.media == Media.AUDIO.words else Act.ANSWER
        with contextlib.suppress(CopybaraError):
            await listener.act(Action(act, call), owners_chat)
