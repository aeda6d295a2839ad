"""Key requests to the server: publishing our keys, fetching others', and sending messages from device to device."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Set

from bot.messengers.long_work import LongWork
from bot.messengers.matrix.api import MatrixApi, ServerRefusal, TooLarge
from bot.messengers.matrix.canonical import Json, part
from bot.messengers.matrix.olm import Olm
from bot.messengers.matrix.others_servers import SERVER_SECONDS
from bot.messengers.matrix.own_device import OwnDevice
from bot.messengers.matrix.people import Device, People
from bot.messengers.matrix.vault import Vault
from bot.messengers.rate_limit import RateLimit

QUERY_AT_ONCE = 100
"How many users one request asks for."

DEVICES_AT_ONCE = 20
"How many devices get a message in one request. Each message has one or two kilobytes."

UNWEDGE_SECONDS = 3600
"""How often a new session is begun with a device whose messages can't be read (specification, Recovering from
undecryptable messages)."""

MOST_UNWEDGED = 10
"With how many devices new sessions are begun after one sync. Each costs two requests, and anybody can cause one."

PUBLISHED = "published"
"The vault's name for the fact that the server has this device's keys."

logger = logging.getLogger(__name__)

Save = Callable[[], Awaitable[None]]
"Writes the vault to the disk."


class Keys:
    """One device's requests about keys."""

    def __init__(self, api: MatrixApi, vault: Vault, own: OwnDevice, people: People, olm: Olm, save: Save) -> None:
        self._api = api
        self._vault = vault
        self._own = own
        self._people = people
        self._olm = olm
        self._save = save
        self._unwedged = RateLimit(1, seconds=UNWEDGE_SECONDS)

    async def publish(self, on_server: int | None = None, *, fallback_used: bool = False) -> None:
        """Publish this device's keys, the one-time keys that the server lacks, and a fallback key if it needs one.

        The server needs another fallback key if its key was used, or if it has none. Raises what requests raise.
        """
        first = self._vault.get(PUBLISHED, str) != self._own.ed25519
        one_time = self._own.one_time_keys(0 if first else on_server)
        fallback = self._own.fallback_keys(renew=first or fallback_used)
        if not (first or one_time or fallback):
            return
        await self._save()  # before anybody can use the keys
        body: Json = {"one_time_keys": one_time, "fallback_keys": fallback}
        if first:
            body["device_keys"] = self._own.device_keys()
        await self._api.post("/keys/upload", body)
        self._own.published()
        self._vault.put(PUBLISHED, self._own.ed25519)
        await self._save()

    async def query(self, users: Iterable[str]) -> set[str]:
        """Fetch the keys of users. Returns the users about whom the server says nothing.

        Raises Unreachable, ServerRefusal.
        """
        waiting, work, silent = sorted(set(users)), LongWork(1), set[str]()
        while waiting:
            now, waiting = waiting[:QUERY_AT_ONCE], waiting[QUERY_AT_ONCE:]
            try:
                answer = await self._api.keys_of(now)
            except TooLarge:
                # A user's own server lists their devices. If that list is broken, the other users must not suffer.
                if len(now) == 1:
                    self._people.unreadable(now[0])
                else:
                    for user in now:
                        silent |= await self.query([user])
                continue
            for user in now:
                # If a user's server can't be reached, our server says nothing about them. What is known of them stays.
                if user in part(answer, "device_keys"):
                    self._people.answered(user, answer)
                    await work.pause()
                else:
                    silent.add(user)
        return silent

    async def reach(self, devices: dict[str, dict[str, Device]]) -> dict[str, dict[str, Device]]:
        """Begin sessions with the devices that have none. Returns the devices that can be written to.

        Raises Unreachable, ServerRefusal.
        """
        lacking = {
            user: {name: device for name, device in named.items() if not self._olm.has_session(device)}
            for user, named in devices.items()
        }
        lacking = {user: named for user, named in lacking.items() if named}
        if lacking:
            wanted = {user: dict.fromkeys(named, "signed_curve25519") for user, named in lacking.items()}
            body: Json = {"one_time_keys": wanted, "timeout": round(SERVER_SECONDS * 1000)}
            answer = await self._api.post("/keys/claim", body)
            for user, named in lacking.items():
                for name, device in named.items():
                    for key in part(answer, "one_time_keys", user, name).values():
                        if isinstance(key, dict):
                            self._olm.begin(user, name, device, key)
        return {
            user: {name: device for name, device in named.items() if self._olm.has_session(device)}
            for user, named in devices.items()
        }

    async def send(self, devices: dict[str, dict[str, Device]], type_: str, content: Json) -> None:
        """Send a message to devices, encrypted for each. Raises Unreachable, ServerRefusal."""
        flat = [(user, name, device) for user, named in devices.items() for name, device in named.items()]
        for start in range(0, len(flat), DEVICES_AT_ONCE):
            messages: dict[str, dict[str, Json]] = {}
            for user, name, device in flat[start : start + DEVICES_AT_ONCE]:
                messages.setdefault(user, {})[name] = self._olm.encrypt(user, device, type_, content)
            await self._save()  # a used key must never be used again, whatever happens next
            await self._api.to_device("m.room.encrypted", secrets.token_hex(16), messages)

    async def unwedge(self, wedged: Mapping[str, Set[str]]) -> None:
        """Begin new sessions with devices whose messages we can't read: by user, their curve25519 keys.

        Raises Unreachable.
        """
        left = MOST_UNWEDGED
        for user, device_name, device in await self._of_people(wedged):
            if not left or not self._unwedged.allows(device.curve25519, time.monotonic()):
                continue
            left -= 1
            logger.info("A device's messages can't be read; a new session begins.")
            try:
                self._olm.forget(device)
                reached = await self.reach({user: {device_name: device}})
                await self.send({user: reached[user]}, "m.dummy", {})
            except ServerRefusal as refusal:
                logger.info("The new session was refused: %s", refusal.code)

    async def _of_people(self, wedged: Mapping[str, Set[str]]) -> list[tuple[str, str, Device]]:
        """The known ones among these devices, the owner's first."""
        found, work = list[tuple[str, str, Device]](), LongWork(1)
        for user, keys in wedged.items():
            await work.pause()
            devices = self._people.of(user).devices.items()
            found += [(user, name, device) for name, device in devices if device.curve25519 in keys]
        owner = self._people.owner
        return sorted(found, key=lambda each: (owner is None or each[0] != owner.user, each[:2]))
