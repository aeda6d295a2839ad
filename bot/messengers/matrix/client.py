"""One device of one account: makes and connects its parts. It reads from the server, writes to rooms and verifies.

server ─▶ api.sync ─▶ reading (olm, megolm, people) ─▶ messages, judged
server ◀─ api.send ◀─ writing (megolm, keys) ◀─ text
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import msgspec

from bot.messengers.long_work import LongWork
from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.api import ROOM_EVENTS, MatrixApi, ServerRefusal, TooLarge, Unreachable
from bot.messengers.matrix.canonical import Json, items, part, text
from bot.messengers.matrix.forgetting import MOST_PEOPLE, tie, to_forget
from bot.messengers.matrix.invitations import GUEST, JOINING
from bot.messengers.matrix.keys import Keys, Save
from bot.messengers.matrix.megolm import Megolm
from bot.messengers.matrix.olm import Olm
from bot.messengers.matrix.others_servers import OTHERS_SECONDS, Away, Patience
from bot.messengers.matrix.own_device import OwnDevice
from bot.messengers.matrix.people import Contacts, People
from bot.messengers.matrix.ranks import Ranks
from bot.messengers.matrix.reading import AT_ONCE, Reader, Sync
from bot.messengers.matrix.rooms import MOST_UPGRADES, Room, Rooms
from bot.messengers.matrix.vault import Vault
from bot.messengers.matrix.writing import Writer

SINCE = "since"
"The vault's name for the position where reading continues."

TRIES = 3
"After this many failed tries for a room, its missing part is skipped: a page of it, or its members."

PAGES = 10
"How many pages are fetched if a sync leaves out events of a room: at most a thousand events per room."

MOST_LEFT_OUT = 16 * 1024 * 1024
"The most bytes that are fetched after a sync has left out events, for all rooms together."

MOST_ASKED = 20
"How many strangers' devices are asked for after one sync. Contacts have no limit."

FEW_KEYS = 25
"If the server has fewer one-time keys than this, new ones are published."


logger = logging.getLogger(__name__)


class Client:
    """This device."""

    def __init__(
        self,
        account: MatrixAccount,
        vault: Vault,
        save: Save,
        *,
        contacts: Contacts = frozenset,
        unverified: bool = False,
    ) -> None:
        """`save` writes the vault to the disk. `unverified`: see [matrix] in the configuration."""
        self.account = account
        self.api = MatrixApi(account.server, account.token)
        self.own = OwnDevice(vault, account.user, account.device)
        self.people = People(vault, account.user, contacts)
        if account.owner:
            self.people.is_commanded_by(account.owner)
        self.rooms = Rooms(vault)
        self.save = save
        self._vault = vault
        self._contacts = contacts
        ranks = Ranks(self.people, self.rooms, contacts)
        self._olm = Olm(vault, self.own, ranks)
        self._megolm = Megolm(vault, self.own, ranks)
        self.keys = Keys(self.api, vault, self.own, self.people, self._olm, save)
        self._reader = Reader(
            vault, self.people, self.rooms, self._olm, self._megolm, ranks, account.user, account.device
        )
        self.writer = Writer(
            self.api, self.own, self.people, self.rooms, self.keys, self._megolm, save, unverified=unverified
        )
        self._answer: Json | None = None
        "The reply that is being read. It is kept after a failure, because its keys can be read only once."
        self._taken: Sync | None = None
        self._next = ""
        self._tried: Counter[str] = Counter()
        "How many tries have failed for each room since the last confirmed reply."

        self._away = Away()
        "Rooms whose members, and users whose keys, couldn't be fetched lately."

        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Keep the connections open during the block."""
        async with self.api.open():
            yield

    async def begin(self) -> None:
        """Publish our keys if the server doesn't have them, and learn our own keys and the owner's.

        Raises Unreachable, ServerRefusal.
        """
        await self.save()
        await self.keys.publish()
        people = {self.account.user, self.account.owner} - {""}
        await self.keys.query(people)
        await self.save()
        if self._vault.get(SINCE, str) is None:
            await self.sync(wait=False)
            await self.confirm()

    # Reading.

    async def sync(self, *, wait: bool) -> Sync:
        """What is new. Returns the same again until it is confirmed. Raises Unreachable, ServerRefusal."""
        since = self._vault.get(SINCE, str) or ""
        if self._answer is None:
            try:
                self._answer = await self.api.sync(since, wait=wait and bool(since))
            except TooLarge:
                # Somebody has filled rooms. The rest is fetched in pages, up to our limits.
                self._answer = await self.api.sync(since, wait=False, little=True)
        if self._taken is None:
            taken = Sync()
            await self._reader.take_devices(self._answer, taken)
            self._taken = taken
        answer = self._answer
        # Make the requests that may fail before anything that can't be repeated.
        earlier, unread = await self._left_out(answer, since) if since else ({}, False)
        sync = Sync(
            verifications=self._taken.verifications,
            wedged=self._taken.wedged,
            withheld=self._taken.withheld,
            one_time_keys=self._taken.one_time_keys,
            fallback_used=self._taken.fallback_used,
            unread=unread,
        )
        events = await self._reader.take_rooms(answer, sync, earlier)
        # A first sync has messages from before this device existed. It has no keys for them, and they weren't for it.
        events = [*self._reader.waiting(), *(events if since else [])]
        await self._ask_about(self._reader.wants(events))
        if unknown := await self._reader.read(events, sync):
            await self._ask_about(unknown)
            sync.messages = [self._reader.judged_again(message) for message in sync.messages]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OTHERS_SECONDS):
                await self._forget_people()
        few = sync.one_time_keys is not None and sync.one_time_keys < FEW_KEYS
        if few or sync.fallback_used:
            await self.keys.publish(sync.one_time_keys if few else None, fallback_used=sync.fallback_used)
        ours, others = self._own_and_strangers(sync.wedged)
        await self.keys.unwedge({user: sync.wedged[user] for user in ours})
        await self._do_in_time(lambda: self.keys.unwedge({user: sync.wedged[user] for user in others}))
        self._next = text(answer, "next_batch", most=4096)
        return sync

    async def confirm(self) -> None:
        """Note that the last reply is stored, and need not come again."""
        if self._answer is not None and self._next:
            self._vault.put(SINCE, self._next)
            self._reader.confirmed()
            await self.save()
        self._answer = self._taken = None
        self._tried.clear()

    def _own_and_strangers(self, users: Iterable[str]) -> tuple[list[str], list[str]]:
        """Split users into the owner, our own account and their contacts, and at most MOST_ASKED strangers."""
        first = self.people.first(users, MOST_ASKED)
        ours = {self.account.user, self.account.owner}
        return (
            [user for user in first if user in ours or user in self._contacts()],
            [user for user in first if user not in ours and user not in self._contacts()],
        )

    async def _ask_about(self, users: Iterable[str]) -> None:
        """Fetch the keys of users, as far as servers reply in time. Raises Unreachable, ServerRefusal."""
        ours, others = self._own_and_strangers(users)
        await self.keys.query(ours)
        others = self._away.available(others)
        silent = set(others)

        async def ask() -> None:
            nonlocal silent
            silent = await self.keys.query(others)

        await self._do_in_time(ask)
        self._away.add(*silent)

    async def _do_in_time(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do work that strangers' servers may delay. Raises ServerRefusal if our server doesn't know this device."""
        try:
            async with asyncio.timeout(OTHERS_SECONDS):
                await work()
        except (TimeoutError, Unreachable) as error:
            logger.info("Something of strangers didn't come: %s", type(error).__name__)
        except ServerRefusal as refusal:
            if refusal.logged_out:
                raise
            logger.info("Something of strangers was refused: %s", refusal.code)

    async def _left_out(self, answer: Json, since: str) -> tuple[dict[str, list[Json]], bool]:
        """The events that a sync left out of known rooms, in order; and whether there are more than we fetch."""
        found: dict[str, list[Json]] = {}
        unread, left, work, patience = False, MOST_LEFT_OUT, LongWork(AT_ONCE), Patience()
        rooms = part(answer, "rooms", "join")
        for room in sorted(rooms, key=self.is_strangers):
            timeline = part(rooms[room], "timeline")
            if timeline.get("limited") is not True or not self.rooms.is_known(room):
                continue
            place, events = text(timeline, "prev_batch", most=4096), list[Json]()
            for _ in range(PAGES):
                if not place or left <= 0:
                    break
                try:
                    async with asyncio.timeout_at(patience.deadline() if self.is_strangers(room) else None):
                        page = await self.api.messages(room, place, since, ROOM_EVENTS)
                except TimeoutError:
                    break
                except (ServerRefusal, Unreachable) as error:
                    if self._may_be_tried_again(room, error):
                        raise
                    break
                for event in items(page, "chunk"):
                    await work.pause()
                    left -= len(msgspec.json.encode(event))
                    events.append(event)
                place = text(page, "end", most=4096) if page.get("more") is True else ""
            unread = unread or bool(place)
            found[room] = events[::-1]
        return found, unread

    def _may_be_tried_again(self, room: str, error: ServerRefusal | Unreachable) -> bool:
        """Whether to try again to fetch a part of a room.

        The server of one of its members may be the problem. So nothing waits for a stranger's room, and other rooms get
        TRIES tries.
        """
        lasts = isinstance(error, TooLarge) or (isinstance(error, ServerRefusal) and not error.for_now)
        if lasts or self.is_strangers(room):
            return False
        self._tried[room] += 1
        return self._tried[room] < TRIES

    async def _forget_people(self) -> None:
        """Forget people beyond the number that is kept. Raises Unreachable."""
        known = self.people.known()
        if len(known) <= MOST_PEOPLE:
            return
        members: dict[bool, set[str]] = {True: set(), False: set()}
        for room in self.rooms.names():
            if not self.rooms.of(room).left:
                found = await self.members_in_time(room)
                if found is None and not self.is_strangers(room):
                    return  # anybody may be in this room
                members[self.is_strangers(room)] |= found or set()
        contacts, own = self._contacts(), {self.account.user, self.account.owner}
        stays = {user for user in known if user in own or user in contacts}
        ties = {user: tie(user, stays=stays, rooms=members[False], guests=members[True]) for user in known}
        for user in to_forget({user: self.people.of(user).day for user in known}, ties):
            self.people.forget(user)

    def is_strangers(self, room: str) -> bool:
        """Whether a stranger has invited us to a room, or perhaps has. Such rooms are read last."""
        return self._vault.has(GUEST + room) or self._vault.has(JOINING + room)

    # Writing.

    async def write(self, room: str, transaction: str, content: Json, type_: str = "m.room.message") -> str:
        """Send an encrypted message to a room. Raises NotEncrypted, Crowded, Unreachable, ServerRefusal."""
        async with self._locks[room]:
            return await self.writer.write(room, transaction, content, type_)

    async def encrypted(self, room: str, content: Json) -> Json:
        """Encrypt a message that will be sent later, or never. Raises NotEncrypted, Unreachable, ServerRefusal."""
        async with self._locks[room]:
            return await self.writer.encrypted(room, content)

    async def members(self, room: str) -> set[str]:
        """The users who are in a room or invited to it. Raises Unreachable, ServerRefusal."""
        return set(await self.writer.members(room))

    async def members_in_time(self, room: str) -> set[str] | None:
        """The members of a room. None if the list doesn't come soon, so that other work can go on.

        Raises while another try is worthwhile.
        """
        if room in self._away:
            return None
        try:
            async with asyncio.timeout(OTHERS_SECONDS):
                return await self.members(room)
        except TimeoutError:
            pass
        except (Unreachable, ServerRefusal) as error:
            logged_out = isinstance(error, ServerRefusal) and error.logged_out
            if logged_out or self._may_be_tried_again(room, error):
                raise
        self._away.add(room)
        return None

    async def newest(self, room: str) -> str:
        """The room that replaces a room, if both rooms say so. Raises Unreachable, ServerRefusal."""
        for _ in range(MOST_UPGRADES):
            after = self.rooms.of(room).replaced_by
            if not after or after == room or await self._replaces(after) != room:
                break
            room = after
        return room

    async def _replaces(self, room: str) -> str:
        """The room that this one replaces. Empty if there is none, or we aren't in this one."""
        known = self.rooms.of(room)
        if known.replaces is None and self.rooms.is_in(room):
            try:
                beginning = await self.api.created(room)
            except ServerRefusal as refusal:
                if refusal.for_now or refusal.logged_out:
                    raise
                return ""
            replaces = text(beginning, "predecessor", "room_id", most=255)
            known = msgspec.structs.replace(self.rooms.of(room), replaces=replaces)
            self.rooms.put(room, known)
        return known.replaces or ""

    async def make_room(self, others: list[str], name: str) -> str:
        """Make an encrypted room with other users. Returns its id. Raises Unreachable, ServerRefusal."""
        body: dict[str, Any] = {
            "preset": "trusted_private_chat",
            "is_direct": bool(others),
            "invite": others,
            "name": name,
            "initial_state": [
                {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
            ],
        }
        room = text(await self.api.post("/createRoom", body), "room_id")
        self.rooms.put(room, Room(encrypted=True))
        await self.save()
        return room
