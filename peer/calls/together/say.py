"""Sending messages about conversations, and doing something later: what all parts of this room need."""

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
"Does something after that many seconds, in its turn."


def say(line: Line, message: JoinMessage) -> None:
    """Send it, if the other side's program is a Copybara and the call is connected."""
    if not isinstance(line.session, Session):
        return
    try:
        line.session.say(message)
    except LocalProtocolError as error:
        logger.warning("line %d: %s", line.number, error.sentence)
