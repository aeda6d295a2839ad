"""The room in which only the owner and the bot are, encrypted: made when needed, and where the owner last spoke."""

from __future__ import annotations

from bot.messengers.matrix.client import Client
from bot.messengers.matrix.vault import Vault

NAME = "Copybara"
"What the room is called."

OWN_ROOM = "own room"
"Of the vault."


class OwnRoom:
    """Where the owner hears from the bot."""

    def __init__(self, client: Client, vault: Vault) -> None:
        self._client = client
        self._vault = vault

    @property
    def _people(self) -> set[str]:
        account = self._client.account
        return {account.user, account.owner}

    @property
    def known(self) -> str:
        """The room where the owner last spoke, or that was made for them; empty if there is none yet."""
        kept = self._vault.get(OWN_ROOM, str)
        return self._client.rooms.newest(kept) if kept else ""

    async def is_alone(self, room: str) -> bool:
        """Whether only the owner and we are in a room, as far as the server says. Raises Unreachable, ServerRefusal."""
        known = self._client.rooms.of(room)
        return known.encrypted and not known.left and await self._client.members(room) <= self._people

    async def spoken_in(self, room: str) -> None:
        """The owner has written in a room in which nobody else is: there they look."""
        self._vault.put(OWN_ROOM, room)

    async def get(self) -> str:
        """The room; a new one if there is none, or somebody else has come into it. Raises what requests raise."""
        kept = self.known
        # The owner may have been away: who left can't read any more, so they are invited again, to another room.
        if kept and await self.is_alone(kept) and self._client.account.owner in await self._client.members(kept):
            return kept
        others = sorted(self._people - {self._client.account.user})
        room = await self._client.make_room(others, NAME)
        self._vault.put(OWN_ROOM, room)
        await self._client.save()
        return room
