"""The Wire for Matrix: connects, fetches and sends. Other modules decide what is read and written."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Container
from typing import TypeVar

from bot.conversation import Listener
from bot.kinds import Sentence
from bot.messengers.long_work import LongWork
from bot.messengers.matrix import NAME, texts
from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.api import ServerRefusal, Unreachable
from bot.messengers.matrix.canonical import Json
from bot.messengers.matrix.client import Client
from bot.messengers.matrix.heard import Audience, has_effect, heard
from bot.messengers.matrix.invitations import Invitations
from bot.messengers.matrix.joining import Joining
from bot.messengers.matrix.notices import DAY, Notices
from bot.messengers.matrix.own_room import OwnRoom
from bot.messengers.matrix.people import Standing
from bot.messengers.matrix.reading import AT_ONCE, RoomMessage, Sync
from bot.messengers.matrix.vault import Vault
from bot.messengers.matrix.writing import Crowded, NotEncrypted
from bot.messengers.outbox import NotNow, Pace, Refused
from bot.messengers.plain.places import PlainWay, place_of
from bot.messengers.plain.values import Entry, Outgoing
from bot.messengers.plain.wire import Desk
from peer.calls.line import Line
from shared.errors import InputError
from shared.kept_running import Part, kept_running

PACE = Pace(per_second=10, burst=5, seconds_each=1.0, urgent_too=False)
"Synapse lets an account send ten messages at once and then one in five seconds, unless its admin changes that."

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.5, 10.0
TOKEN_SECONDS = 15.0
"How often a server that doesn't know this device is asked again."

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")


class MatrixWire:
    """One device of one account, and its owner."""

    title = "Matrix"
    whose_clock = "your Matrix server's"
    senders_date = False

    def __init__(self, account: MatrixAccount, vault: Vault, *, strangers: bool, unverified: bool) -> None:
        """`strangers`: whether strangers may invite the bot. `unverified`: see [matrix] in the configuration."""
        self._account = account
        self._vault = vault
        self._unverified = unverified
        self._client = Client(account, vault, self._save, contacts=self._contacts, unverified=unverified)
        self._own_room = OwnRoom(self._client, vault)
        self._notices = Notices(vault)
        self._invitations = Invitations(account, vault, self._client.rooms, self._contacts, strangers=strangers)
        self._joining = Joining(self._client.api, vault, self._invitations, account.user.partition(":")[2])
        self._begun = asyncio.Event()
        self._spare: tuple[str, Json] | None = None
        "The warning that nothing can be stored, with its room. It was encrypted while its key could still be stored."
        self._desk: Desk | None = None
        self._failures = 0
        self._token_refused = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the connections to the server open during the block."""
        async with self._client.open(), kept_running(Part("Joining rooms of Matrix", self._keep_joining)):
            yield

    async def begin(self, desk: Desk, listener: Listener) -> None:
        """Publish our keys, and set the listener."""
        del listener
        self._desk = desk
        await self._until_answered(self._client.begin)
        desk.say(texts.listening(self._account.user))
        if not self.has_owner:
            desk.say(texts.UNCLAIMED)
        self._begun.set()
        await self._prepare_warning()

    async def fetch(self) -> list[tuple[int, Entry]]:
        """Wait for messages. Returns what to store of them, with their numbers."""
        return await self._until_answered(self._fetch)

    async def confirm(self) -> None:
        """Note that the messages of the last `fetch` are stored."""
        await self._client.confirm()
        await self._prepare_warning()

    async def act(self, value: bytes, again: bool) -> None:
        """Do nothing: Matrix makes no `Own` entries."""
        del value, again

    async def choose(self, what: str, about: str) -> None:
        """Accept a person's new key, because the owner confirms it. Raises InputError if there is none."""
        assert self._desk is not None
        act, _, key = what.partition(":")
        if act != texts.ACCEPT_KEY or not self._client.people.accept(about, key):
            raise InputError(texts.nothing_to_accept(about))
        await self._save()
        self._desk.tell(texts.accepted(about))

    async def send(self, message: Outgoing, number: int) -> None:
        """Send one message. Raises Refused, NotNow."""
        if message.file:
            raise Refused("files aren't sent in Matrix")
        try:
            room = await self._room_for(message.chat)
            if room:
                # With this number the server knows the message, and sends it once however often we try.
                await self._client.write(room, f"copybara-{number}", {"msgtype": "m.text", "body": message.text})
        except NotEncrypted:
            raise Refused("the room isn't encrypted") from None
        except Crowded:
            raise Refused("there are too many people in the room") from None
        except Unreachable as error:
            self._not_answered(error)
            raise NotNow(error.seconds) from None
        except ServerRefusal as refusal:
            if refusal.for_now or refusal.logged_out:
                raise NotNow(refusal.seconds) from None
            logger.info("The Matrix server refuses a message: %s", refusal.code)
            raise Refused(refusal.code) from None

    @property
    def clock_ahead(self) -> float:
        """The server dates events, and gives its time with each reply."""
        return self._client.api.clock.ahead

    async def warn(self, sentence: Sentence) -> None:
        """Tell the owner. A message needs a key that is stored before sending, so this one was encrypted earlier."""
        del sentence
        if self._spare is None:
            raise Refused("no warning was prepared")
        (room, encrypted), self._spare = self._spare, None
        try:
            await self._client.api.send(room, "m.room.encrypted", secrets.token_hex(16), encrypted)
        except Unreachable as error:
            raise NotNow(error.seconds) from None
        except ServerRefusal as refusal:
            raise Refused(refusal.code) from None

    def pace(self, chat: str) -> Pace:
        """The same pace for all rooms."""
        del chat
        return PACE

    @property
    def has_owner(self) -> bool:
        """Whether the owner and the bot have verified each other."""
        owner = self._client.people.owner
        return owner is not None and owner.user == self._account.owner

    def call_changed(self, line: Line) -> None:
        """Do nothing: the posts show a call's state."""
        del line

    # Reading.

    async def _fetch(self) -> list[tuple[int, Entry]]:
        desk = self._own_desk
        sync = await self._client.sync(wait=True)
        self._follow(sync)
        entries: list[tuple[int, Entry]] = []
        work = LongWork(AT_ONCE)
        for message in sync.messages:
            await work.pause()
            if message.standing is not Standing.OWNER and has_effect(message, self._account.owner):
                self._tell_unless_it_counts(message)
            if message.standing is None and not self._unverified:
                continue
            entry = heard(message, await self._kind(message.room), unverified=self._unverified)
            if entry is not None:
                entries.append((message.number, entry))
                if entry.from_owner or (message.standing is Standing.VERIFIED and message.sender in self._contacts()):
                    self._invitations.wanted(message.room)
                if entry.alone:
                    await self._own_room.spoken_in(message.room)
        if sync.unread and self._is_told("unread", self._account.user, str(int(time.time()) // DAY)):
            self._tell(texts.UNREAD)
        for user in sync.withheld:
            if self._is_told("withheld", user, ""):
                desk.tell(texts.withheld(user))
        if (counted := self._notices.together(int(time.time()))) is not None:
            desk.tell(texts.many_not_read(counted))
        return entries

    async def _kind(self, room: str) -> Audience:
        if room == self._own_room.known:
            members: set[str] | None = await self._client.members(room)
        else:
            members = await self._client.members_in_time(room)
        if members is None:
            return Audience.SEVERAL  # other messages must not wait for the list of members
        if await self._own_room.is_alone(room):
            return Audience.OWNERS
        return Audience.TWO if len(members) <= 2 else Audience.SEVERAL

    def _follow(self, sync: Sync) -> None:
        upgraded = [(self._client.rooms.newest(room), user) for room, user in sync.upgraded]
        # Nobody can lead the bot into a room where it already is.
        upgraded = [(room, user) for room, user in upgraded if not self._client.rooms.is_in(room)]
        for room, user in dict.fromkeys([*sync.invitations, *upgraded]):
            if self._invitations.accepts(room, user, time.monotonic()):
                self._joining.soon(room, user)

    async def _keep_joining(self) -> None:
        await self._begun.wait()
        await self._joining.run()

    def _tell_unless_it_counts(self, message: RoomMessage) -> None:
        user, standing = message.sender, message.standing
        if standing is Standing.VERIFIED:
            return
        desk = self._own_desk
        if standing is Standing.CHANGED:
            offered = self._client.people.of(user).offered
            if not self._is_told("key", user, offered):
                return
            if user == self._account.owner:
                self._tell(texts.owners_key_changed(user))
            else:
                choices = [(f"{texts.ACCEPT_KEY}:{offered}", texts.ACCEPT_KEY_WORDS)]
                desk.tell(texts.changed(user, offered), choices=choices, about=user)
            return
        about = f"{standing} {message.ed25519}"
        if (not self._unverified or user == self._account.owner) and self._is_told("device", user, about):
            desk.tell(texts.not_read(user, standing))

    def _is_told(self, subject: str, user: str, about: str) -> bool:
        stranger = user not in (self._account.owner, self._account.user) and user not in self._contacts()
        return self._notices.tell(subject, user, about, int(time.time()), stranger=stranger)

    def _tell(self, sentence: Sentence) -> None:
        """Tell the owner in their chat and at the terminal, which may be a service's journal: nothing about others."""
        self._own_desk.say(sentence)
        self._own_desk.tell(sentence)

    @property
    def _own_desk(self) -> Desk:
        assert self._desk is not None
        return self._desk

    # Writing.

    async def _prepare_warning(self) -> None:
        """Encrypt a warning in advance, for the room in which the owner last spoke."""
        room = self._own_room.known
        if not room or (self._spare is not None and self._spare[0] == room):
            return
        try:
            content = {"msgtype": "m.text", "body": texts.CANNOT_STORE.text}
            self._spare = room, await self._client.encrypted(room, content)
        except (NotEncrypted, Unreachable, ServerRefusal) as error:
            logger.info("No warning could be prepared: %s", type(error).__name__)

    async def _room_for(self, chat: str) -> str:
        """The room of a conversation. Empty if there is nobody to write to.

        Raises Refused, NotNow, and what requests raise.
        """
        place = place_of(NAME, chat)
        match place.way:
            case PlainWay.OWNER:
                return await self._own_room.get() if self.has_owner else ""
            case PlainWay.GROUP:
                return await self._client.newest(place.value)
        rooms, both = self._client.rooms, {self._account.user, place.value}
        unseen = False
        for room in sorted(
            rooms.names(), key=lambda name: (self._client.is_strangers(name), not rooms.of(name).encrypted)
        ):
            known = rooms.of(room)
            if known.left or known.replaced_by:
                continue
            members = await self._client.members_in_time(room)
            if members == both:
                return room
            unseen = unseen or members is None
        if unseen:
            raise NotNow  # it may be one of those rooms
        raise Refused("there is no room with only them")

    def _contacts(self) -> Container[str]:
        return self._desk.writers() if self._desk is not None else ()

    async def _save(self) -> None:
        assert self._desk is not None
        if changes := self._vault.take_changes():
            await self._desk.keep(changes)

    # The server.

    async def _until_answered(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        while True:
            try:
                result = await request()
            except Unreachable as error:
                self._not_answered(error)
                later = min(FIRST_RETRY_SECONDS * 2 ** min(self._failures, 10), LAST_RETRY_SECONDS)
                await asyncio.sleep(error.seconds or later)
            except ServerRefusal as refusal:
                if refusal.logged_out:
                    self._say_of_token()
                    await asyncio.sleep(TOKEN_SECONDS)
                elif refusal.for_now:
                    self._failures += 1
                    await asyncio.sleep(refusal.seconds or min(2.0 ** min(self._failures, 10), LAST_RETRY_SECONDS))
                else:
                    raise
            else:
                self._answered()
                return result

    def _not_answered(self, error: Unreachable) -> None:
        assert self._desk is not None
        logger.info("The Matrix server can't be reached: %s", error)
        self._failures += 1
        if self._failures == 2:
            self._desk.say(texts.UNREACHABLE)

    def _answered(self) -> None:
        assert self._desk is not None
        if self._token_refused:
            self._token_refused = False
            self._desk.say(texts.TOKEN_ACCEPTED)
        if self._failures:
            if self._failures >= 2:
                self._desk.say(texts.REACHABLE)
            self._failures = 0
            self._desk.back()

    def _say_of_token(self) -> None:
        assert self._desk is not None
        if not self._token_refused:
            self._token_refused = True
            self._desk.say(texts.TOKEN_REFUSED)
