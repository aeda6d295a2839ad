"""Sends messages about conversations, and does things later, for all files in this folder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from peer.calls.line import Line
from peer.calls.session import Session
from shared.errors import LocalProtocolError
from shared.messages import JoinMessage

logger = logging.getLogger(__name__)

Work: TypeAlias = Callable[[], Awaitable[None]]

Later: TypeAlias = Callable[[float, Work], asyncio.TimerHandle]
"Does some work after that many seconds, in its turn."


def say(line: Line, message: JoinMessage) -> None:
    """Send a message, if the other side's program is a Copybara and the call is connected."""
    if not isinstance(line.session, Session):
        return
    try:
        line.session.say(message)
    except LocalProtocolError as error:
        logger.warning("line %d: %s", line.number, error.sentence)
