"""`python -m tests.bot.silent …`: `copybara` that sends no hello in calls, as an attacker's program might."""

from __future__ import annotations

import sys

from bot.cli.main import main
from peer.transport.control import ControlChannel
from shared.messages import Hello, Message


def begin() -> None:
    """Send no hellos."""
    send = ControlChannel.send

    def send_others(channel: ControlChannel, message: Message) -> None:
        if not isinstance(message, Hello):
            send(channel, message)

    ControlChannel.send = send_others  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    begin()
    sys.exit(main())
