"""A burst of updates for one bot: commands of its owner, and other people's links in a group that it reads."""

from __future__ import annotations

import secrets
import time
from typing import Any

from shared.links.kinds import as_copybara
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from tests.bot.telegram.people import Person
from tests.bot.telegram.world import Chat, World


def foreign_link() -> str:
    """A link between two other people."""
    said = PairedBody(Operation.CALL, Media.BOTH, int(time.time()), 40_000)
    source, destination = NodeId(secrets.token_bytes(32)), NodeId(secrets.token_bytes(32))
    token = seal(
        said, secret=secrets.token_bytes(32), source=source, destination=destination, nonce=secrets.token_bytes(12)
    )
    return as_copybara(token.token)


class Burst:
    """Updates that come all at once, each of them twice."""

    def __init__(self, world: World, group: Chat, person: Person, *, foreign: int, commands: int) -> None:
        """Bring the updates. The person's bot is a member of `group` and reads everything."""
        self.commands = commands
        self._world = world
        self._person = person
        self._before = len(person.chat.messages)
        waiting: list[tuple[str, dict[str, Any]]] = []
        for number in range(max(foreign, commands)):
            if number < foreign:
                sender = world.human(5000 + number % 50, f"Somebody {number % 50}", f"somebody_{number % 50}")
                world.write(group, sender, foreign_link())
                waiting.append(("message", person.bot.updates.pop()["message"]))
            if number < commands:
                person.says(f"/contact show nobody-{number}")
                waiting.append(("message", person.bot.updates.pop()["message"]))
        numbers = [world.update(person.bot, kind, value) for kind, value in waiting]
        for (kind, value), number in zip(waiting, numbers, strict=True):
            world.update(person.bot, kind, value, number)

    @property
    def answers(self) -> list[str]:
        """The bot's answers to the commands."""
        messages = self._person.chat.messages[self._before :]
        return [each.text for each in messages if each.sender is self._person.bot and "nobody-" in each.text]

    async def handled(self) -> None:
        """Wait until every command is answered and nothing waits."""
        await self._world.until(lambda: len(self.answers) >= self.commands and not self._person.bot.updates, 240)
