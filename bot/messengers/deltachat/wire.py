"""The connection to Delta Chat: fetches new messages, sends, and knows the owner by their key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from bot.conversation import Listener
from bot.kinds import Sentence
from bot.messengers.deltachat import texts
from bot.messengers.deltachat.account import JOINED, LAST_MESSAGE, Account, Message, next_events
from bot.messengers.deltachat.begun import Begun
from bot.messengers.deltachat.calls.app_calls import AppCall, AppCalls, WhoseApp
from bot.messengers.deltachat.owner import Owner
from bot.messengers.deltachat.reader import asks_whose_app, heard, is_app_call, is_in_clear
from bot.messengers.deltachat.rpc import Rpc, RpcDown, RpcError
from bot.messengers.kept_facts import as_numbers
from bot.messengers.outbox import NotNow, Pace, Refused
from bot.messengers.plain.places import Place, PlainWay, place_of
from bot.messengers.plain.values import Entry, Outgoing, Own
from bot.messengers.plain.wire import Desk
from bot.messengers.rate_limit import RateLimit
from peer.calls.line import Line
from shared.asleep import until_slept
from shared.errors import CopybaraError, InputError, first_error
from shared.kept_running import Part, kept_running
from shared.store.journal import OWNER

BURST, SECONDS_EACH, PER_SECOND = 3, 1.0, 10
"The core sends three messages at once and then one per second. A link can't overtake messages that wait there."

MOST_AT_ONCE = 100
"How many messages are read before they are carried out."

CALLS_READ, CALLS_SECONDS = 10, 60.0
"How many calls of one person's app are handled within CALLS_SECONDS."

FLUSH_SECONDS = 1.0
"How long the end of the program waits to end calls in the core."

CLEAR_REMEMBERED = 200
"""The number of senders that are remembered because the owner has heard of their unencrypted messages. Anybody can
invent senders."""

CLEAR_STRANGERS, CLEAR_WRITERS, CLEAR_SECONDS = 10, 10, 24 * 3600.0
"""How many notices about unencrypted messages the owner gets in CLEAR_SECONDS: about strangers, and about people who
write contacts' links."""

CLEAR = "in-clear"
"The fact that holds the numbers of those senders."

NEWS = frozenset({"IncomingMsg", "IncomingCall", "MsgsChanged"})
"Events that may mean new messages."

logger = logging.getLogger(__name__)


class DeltaChatWire(Begun):
    """One account, and its owner."""

    title = "Delta Chat"
    whose_clock = "your phone's"
    senders_date = True

    clock_ahead = 0.0
    """Not known: the replies of mail servers don't reach us, and the core never dates a message later than its own
    clock."""

    def __init__(self, rpc: Rpc, messenger: str, calls: AppCalls, *, unencrypted: bool = False) -> None:
        """`unencrypted`: see [deltachat] in the configuration."""
        self._rpc = rpc
        self._calls = calls
        self._unencrypted = unencrypted
        self._messenger = messenger
        self._owner: int | None = None
        self._may_be_claimed = False
        "Whether the next contact who adds the bot by its QR code becomes its owner."

        self._invite = ""
        self._fetched = 0
        "The last message that `fetch` has returned."
        self._clear_told: list[int] = []
        self._calls_read = RateLimit(CALLS_READ, seconds=CALLS_SECONDS)
        self._clear_strangers = RateLimit(CLEAR_STRANGERS, seconds=CLEAR_SECONDS)
        self._clear_writers = RateLimit(CLEAR_WRITERS, seconds=CLEAR_SECONDS)
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._up = asyncio.Event()
        self._down: BaseException | None = None

    @property
    def has_owner(self) -> bool:
        """Whether somebody has added the bot by its QR code."""
        return self._owner is not None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Own the child process while the block runs. `begin` starts it."""
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep_running())
            try:
                async with kept_running(Part("Delta Chat's own calls", self._calls.run)):
                    yield
                with contextlib.suppress(TimeoutError):
                    await self._calls.flush(FLUSH_SECONDS)
            finally:
                keeping.cancel()

    async def begin(self, desk: Desk, listener: Listener) -> None:
        """Start the core, and find the owner. Raises RpcDown, RpcError."""
        self._desk = desk
        if self._down is not None or not self._up.is_set():
            self._down = None
            self._up.clear()
            self._wanted.set()
        await self._up.wait()
        self._check_up()
        numbers = await self._rpc.call("get_all_account_ids")
        if not numbers:
            raise RpcError("There is no account: copybara setup deltachat makes one.")
        self._account = account = Account(self._rpc, int(numbers[0]))
        await self._find_owner(account, desk)
        self._clear_told = as_numbers(CLEAR, desk.fact(CLEAR))
        await self._calls.begin(account, desk, listener)
        await account.keep_little()
        await account.start()
        desk.say(texts.listening(await account.config("configured_addr") or await account.config("addr") or "?"))
        if self._may_be_claimed:
            self._invite = await account.invite()
            desk.say(texts.unclaimed(self._invite))
        elif self._owner is None:
            desk.say(texts.OTHER_KEY)
        self._news.set()

    async def fetch(self) -> list[tuple[int, Entry]]:
        """Wait for messages that may matter. Raises RpcDown."""
        account = self._own_account
        while True:
            await self._news.wait()
            self._check_up()
            self._news.clear()
            numbers = (await account.new_messages())[:MOST_AT_ONCE]
            if not numbers:
                continue
            entries = []
            for number in numbers:
                entry = await self._entry(account, number)
                if entry is not None:
                    entries.append((number, entry))
            self._fetched = numbers[-1]
            self._news.set()  # there may be more messages
            return entries

    async def confirm(self) -> None:
        """Set the core's last processed message, because the messages are stored here."""
        await self._own_account.set_config(LAST_MESSAGE, str(self._fetched))

    async def act(self, value: bytes, again: bool) -> None:
        """Carry out an own entry: a call from an app, or the owner's question whose app it is."""
        try:
            await self._calls.act(value, again)
        except CopybaraError as error:
            self._own_desk.tell(Sentence(error.kind, error.sentence, error.hint))

    async def choose(self, what: str, about: str) -> None:
        """Store the owner's word about whose app it is."""
        await self._calls.choose(what, about)

    async def send(self, message: Outgoing, number: int) -> None:
        """Send one message, only to encrypted chats unless configured otherwise. Raises Refused, NotNow."""
        try:
            account = self._own_account
            place = place_of(self._messenger, message.chat)
            chat = await self._chat_of(account, place)
            info = await account.chat(chat)
            if not info.is_encrypted and (not self._unencrypted or place.way is PlainWay.OWNER):
                raise Refused("the chat isn't encrypted")
            if info.is_contact_request:  # only in the owner's own account
                await account.accept(chat)
            await account.send(chat, message.text, message.file)
        except RpcError as refused:
            raise Refused(str(refused)) from refused
        except RpcDown:
            raise NotNow from None

    async def warn(self, sentence: Sentence) -> None:
        """Tell the owner at once. The core has its own database, so this works while ours fails."""
        await self.send(Outgoing(sentence.text, Place(self._messenger, PlainWay.OWNER).chat), 0)

    def pace(self, chat: str) -> Pace:
        """As fast as the core sends, so that no urgent message waits behind news in the core."""
        return Pace(PER_SECOND, BURST, SECONDS_EACH, urgent_too=False)

    def call_changed(self, line: Line) -> None:
        """Pass the state on to the core if it carries the call. The owner reads it in the posts."""
        self._calls.changed(line)

    # Reading.

    async def _entry(self, account: Account, number: int) -> Entry | None:
        """What is stored of a message. None if it can't be read or its chat is gone; other messages aren't affected."""
        try:
            message = await account.message(number)
            return await self._read(account, message) if message is not None else None
        except (RpcError, msgspec.ValidationError) as error:
            logger.info("A message can't be read: %s", type(error).__name__)
            return None

    async def _read(self, account: Account, message: Message) -> Entry | None:
        if is_in_clear(message, self._owner, unencrypted=self._unencrypted):
            await self._tell_in_clear(message)
            return None
        if is_app_call(message):
            allowed = self._calls_read.allows(str(message.from_id), time.monotonic())
            call = AppCall(message.id, message.from_id, message.sender.display_name)
            return Own(msgspec.json.encode(call)) if allowed else None
        if message.is_info:
            return None
        chat = await account.chat(message.chat_id)
        if name := asks_whose_app(message, chat, self._owner):
            return Own(msgspec.json.encode(WhoseApp(name)))
        return heard(message, chat, self._owner, self._messenger, unencrypted=self._unencrypted)

    async def _tell_in_clear(self, message: Message) -> None:
        if self._owner is None or message.from_id in self._clear_told:
            return
        writes_links = str(message.from_id) in self._own_desk.writers()
        budget = self._clear_writers if writes_links else self._clear_strangers
        if budget.allows(CLEAR, time.monotonic()):
            self._clear_told = [*self._clear_told[1 - CLEAR_REMEMBERED :], message.from_id]
            self._own_desk.tell(texts.in_clear(message.sender.display_name, links_count=self._unencrypted))
            await self._own_desk.keep({CLEAR: msgspec.json.encode(self._clear_told)})

    # The owner.

    async def _find_owner(self, account: Account, desk: Desk) -> None:
        """Find the contact with the owner's key. A contact's key never changes: another key is another contact."""
        owner = Owner.read(desk.fact(OWNER))
        if owner is not None and await account.fingerprint_of(owner.contact) == owner.fingerprint:
            self._owner = owner.contact
        elif owner is not None:
            await desk.forget_commands()  # nobody carries out for the next owner what this one has written
        # Friends, too, add the owner's own account by its QR code.
        self._may_be_claimed = self._owner is None and not (owner is not None and owner.has_this_account)

    async def _joined(self, contact: int) -> None:
        """Handle a contact who has added the bot by its QR code.

        The first is the owner: only their terminal shows it.
        """
        account, desk = self._own_account, self._own_desk
        if not self._may_be_claimed:
            return
        fingerprint = await account.fingerprint_of(contact)
        if not fingerprint:
            logger.warning("Somebody has joined whose key can't be read.")
            return
        await desk.keep({OWNER: Owner(contact, fingerprint).kept()})
        self._owner, self._may_be_claimed = contact, False
        if self._invite:
            await account.withdraw(self._invite)
            self._invite = ""
        desk.tell(texts.CLAIMED)
        desk.say(texts.CLAIMED)

    # The child process.

    async def _keep_running(self) -> None:
        """Run the server whenever `begin` requests it, until it ends."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                async with self._rpc.running():
                    self._up.set()
                    async with kept_running(Part("Noticing sleep for Delta Chat", self._notice_sleep)):
                        await self._follow()
            except* Exception as group:
                # This also catches errors from an unknown event, such as one of another version of the core.
                self._down = first_error(group)
                known = isinstance(self._down, RpcDown | RpcError | InputError)
                logger.warning("Delta Chat's core has ended: %s", self._down if known else type(self._down).__name__)
            self._up.set()
            self._news.set()  # so that `fetch` notices

    async def _notice_sleep(self) -> None:
        """Reconnect after the machine slept. Otherwise the core would wait minutes for connections that are closed."""
        while True:
            await until_slept()
            with contextlib.suppress(RpcDown, RpcError):
                await self._rpc.call("maybe_network")

    async def _follow(self) -> None:
        while True:
            for number, event in await next_events(self._rpc):
                if self._account is None or number != self._account.number:
                    continue
                await self._event(event)

    async def _event(self, event: dict[str, Any]) -> None:
        match event["kind"]:
            case kind if kind in NEWS:
                self._news.set()
            case "SecurejoinInviterProgress" if event["progress"] == JOINED:
                await self._joined(int(event["contactId"]))
            case "CallEnded" | "IncomingCallAccepted" | "OutgoingCallAccepted":
                await self._calls.event(int(event["msg_id"]), event.get("accept_call_info"))

    def _check_up(self) -> None:
        if self._down is not None:
            raise RpcDown(str(self._down))

    async def _chat_of(self, account: Account, place: Place) -> int:
        match place.way:
            case PlainWay.GROUP:
                return int(place.value)
            case PlainWay.PERSON:
                return await account.chat_with(int(place.value))
        if self._owner is None:
            raise NotNow(5.0)  # the message waits for an owner
        return await account.chat_with(self._owner)
