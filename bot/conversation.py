"""What passes between a messenger and the assistant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

MAX_MESSAGE = 4096
"Characters of a message that are read; Telegram's own limit, and enough for 60 links."


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message as the messenger saw it."""

    text: str
    sender: str
    "Who wrote it, in the messenger's own terms. Never trusted by itself."
    from_owner: bool
    "Whether the messenger knows that the owner of this bot wrote it."
    chat: str = "chat"
    "Which conversation it stands in; an answer to the other side goes there."


@dataclass(frozen=True, slots=True)
class Post:
    """A message that the bot writes."""

    to: Literal["chat", "owner"]
    "`chat`: where the other side reads it. `owner`: only the owner of this bot sees it."
    text: str
    token: str | None = None
    "The link token that stands in the text, if any."
    chat: str = "chat"


class Messenger(Protocol):
    """One way to read and write messages. Implementations live in bot/messengers/."""

    async def run(self, hear: Callable[[IncomingMessage], None]) -> None:
        """Hand every message to `hear` until the conversation is over."""

    def post(self, post: Post) -> None:
        """Write a message. Must not block."""

    def call_changed(self, line: dict[str, object]) -> None:
        """Show the state of a call: the same values as in `copybara status --json`."""
