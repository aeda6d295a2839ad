"""A data channel that carries texts as they are, and nothing else: the original web app's."""

from __future__ import annotations

from shared.links.classic import CHANNEL
from shared.messages import MediaState


class TextChannel:
    """What envelopes have in common whose programs have this one channel."""

    channels = (CHANNEL,)

    def read(self, channel: int, message: str | bytes) -> str | None:
        """The text. Bytes are nothing that such a program sends."""
        return message if isinstance(message, str) and message else None

    def write(self, sent: str | MediaState) -> tuple[int, str] | None:
        """A text, and nothing else: such programs have no message for what we send."""
        return (CHANNEL, sent) if isinstance(sent, str) else None
