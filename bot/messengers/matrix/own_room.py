"""The encrypted room of only the owner and the bot: the one where the owner last spoke, or one made when needed."""

from __future__ import annotations

from bot.messengers.matrix.client import Client
from bot.messengers.matrix.vault import Vault

NAME = "Copybara"
"The room's name."

OWN_ROOM = "own room"
"Its name in the vault."


class OwnRoom:
    """The room in which the bot writes to the owner."""

    def __init__(self, client: Client, vault: Vault) -> None:
        self._client = client
        self._vault = vault

    @property
    def _people(self) -> set[str]:
        account = self._client.account
        return {account.user, account.owner}

    @property
    def known(self) -> str:
        """The room where the owner last spoke, or that was made for them. Empty if there is none yet."""
        kept = self._vault.get(OWN_ROOM, str)
        return self._client.rooms.newest(kept) if kept else ""

    async def is_alone(self, room: str) -> bool:
        """Whether a room is encrypted, with only the owner and the bot in it. Raises Unreachable, ServerRefusal."""
        known = self._client.rooms.of(room)
        return known.encrypted and not known.left and await self._client.members(room) <= self._people

    async def spoken_in(self, room: str) -> None:
        """Note that the owner has written in a room without other people, because they look there."""
        self._vault.put(OWN_ROOM, room)

    async def get(self) -> str:
        """The room. A new one if there is none, or somebody else has joined it. Raises what requests raise."""
        kept = self.known
        # The owner may have left. Then they can't read the room any more, and are invited to a new one.
        if kept and await self.is_alone(kept) and self._client.account.owner in await self._client.members(kept):
            return kept
        others = sorted(self._people - {self._client.account.user})
        room = await self._client.make_room(others, NAME)
        self._vault.put(OWN_ROOM, room)
        await self._client.save()
        return room
