"""Connects the core's calls with the switchboard's.

in   message ─▶ AppCalls.act ─▶ ForeignReader.read_offer ─▶ line        core's event ─▶ states.means ─▶ line
out  line ─▶ AppCalls.changed ─▶ a queue ─▶ AppCalls.run ─▶ the core: place, accept, end
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

import msgspec

from bot.conversation import Listener
from bot.messengers.deltachat.account import Account
from bot.messengers.deltachat.begun import Begun
from bot.messengers.deltachat.calls import texts, ties
from bot.messengers.deltachat.calls.states import ALERTING, MISSED, RINGS_SECONDS, means
from bot.messengers.deltachat.rpc import RpcDown, RpcError
from bot.messengers.kept_facts import as_numbers
from bot.messengers.plain.places import Place, PlainWay
from bot.messengers.plain.wire import Desk
from bot.messengers.rate_limit import RateLimit
from peer.calls.line import Line
from peer.calls.programs.deltachat import DeltaChatApp
from peer.transport.sdp.reading import read_description
from shared.call.events import Failed
from shared.call.table import State
from shared.contacts import Contact, Trust
from shared.errors import CopybaraError, InputError, NameNotFound, OutsideOverlay
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.store import StoreThread

TOLD, TOLD_OF_STRANGERS, TOLD_SECONDS = 3, 10, 600.0
"How many failed calls the owner hears of in TOLD_SECONDS: of one person's app, and of all strangers' apps together."

CHOICES = 8
"How many people are offered as a contact's app. Those who wrote last come first."

TIE, UNTIE = "app:", "no-app"
"The owner's replies: this contact of the account is the person, or nobody is."

OPEN, RINGS = "app-calls", "app-calls-ringing"
"""The facts that hold the numbers of the core's calls: those that we placed or accepted and aren't over, and those that
ring."""

CORE_FAILED = "Delta Chat's core can't carry the call"

logger = logging.getLogger(__name__)


class AppCall(msgspec.Struct, frozen=True, tag="call"):
    """Somebody pressed their call button. It is stored until it is carried out."""

    message: int
    contact: int
    name: str
    "The name that the caller has chosen."


class WhoseApp(msgspec.Struct, frozen=True, tag="whose"):
    """The owner wants to say which Delta Chat contact belongs to a contact."""

    name: str


_kept: msgspec.json.Decoder[AppCall | WhoseApp] = msgspec.json.Decoder(AppCall | WhoseApp)


@dataclass
class _Carried:
    """A call of the core that belongs to a line."""

    message: int
    sent: bool = False
    "Whether our offer or answer was sent."


class AppCalls(Begun):
    """The Delta Chat calls of one account."""

    def __init__(self, messenger: str, writes: StoreThread, *, strangers: bool = True) -> None:
        """`strangers`: whether the owner hears of strangers' calls."""
        self._messenger = messenger
        self._writes = writes
        self._store = writes.store
        self._listener: Listener | None = None
        self._lines: dict[Line, _Carried] = {}
        self._unended: set[int] = set()
        "Calls that are over, though the core doesn't know yet. The next `begin` ends them."

        self._due: asyncio.Queue[Line] = asyncio.Queue()
        self._strangers = strangers
        self._told = RateLimit(TOLD, seconds=TOLD_SECONDS)
        self._told_of_strangers = RateLimit(TOLD_OF_STRANGERS, seconds=TOLD_SECONDS)

    async def begin(self, account: Account, desk: Desk, listener: Listener) -> None:
        """Continue when the core runs. Of the last run's calls, those that ring do so again, and the others are ended.

        Raises RpcDown.
        """
        self._account, self._desk, self._listener = account, desk, listener
        listener.switchboard.programs[self._messenger] = self._called_with
        carried = {each.message for each in self._lines.values()}
        for number in as_numbers(OPEN, desk.fact(OPEN)):
            if number not in carried:
                await self._end(account, number)
        self._unended.clear()
        for number in as_numbers(RINGS, desk.fact(RINGS)):
            if number not in carried:
                await self._ring_again(account, number)
        for number in carried - {0}:
            await self.event(number, None)  # find out what happened while the core didn't run
        await self._keep()

    # Incoming calls.

    async def act(self, value: bytes, again: bool) -> None:
        """Carry out a stored entry. `again`: perhaps not for the first time.

        Raises RpcError, RpcDown, CopybaraError, msgspec.MsgspecError.
        """
        match _kept.decode(value):
            case AppCall() as call:
                await self._called(call, again=again)
            case WhoseApp(name):
                await self._ask_whose(name)

    async def _ring_again(self, account: Account, number: int) -> None:
        try:
            if (message := await account.message(number)) is not None:
                await self._called(AppCall(number, message.from_id, message.sender.display_name), again=True)
        except (RpcError, CopybaraError) as error:
            logger.warning("A call of the last run doesn't ring again: %s", type(error).__name__)

    async def _called(self, call: AppCall, *, again: bool) -> None:
        account, desk, switchboard = self._own_account, self._own_desk, self._own_listener.switchboard
        info = await account.call_info(call.message)
        fingerprint = await account.fingerprint_of(call.contact)
        contact = ties.tied(self._store.contacts(), call.contact, fingerprint)
        if info.state.kind != ALERTING:
            if info.state.kind == MISSED and self._may_tell(call, contact):
                desk.tell(texts.too_late(call.name))
            return
        try:
            reading = await switchboard.foreign.read_offer(
                read_description(info.sdp_offer),
                DeltaChatApp(call.contact, call.message),
                chat=Place(self._messenger, PlainWay.OWNER).chat,
                node=contact.node if contact is not None else None,
                proven=contact is not None,
                media=Media.BOTH if info.has_video else Media.AUDIO,
                rings=RINGS_SECONDS,
                again=again,
            )
        except (OutsideOverlay, InputError):
            if self._may_tell(call, contact):
                desk.tell(texts.outside_overlay(call.name, contact))
            return
        except CopybaraError as error:
            if self._may_tell(call, contact):
                desk.tell(texts.came_to_nothing(call.name, error))
            return
        if (line := reading.line) is not None and contact is None and fingerprint:
            caller = self._store.contact_of(line.peer)
            if caller is not None:
                # The owner hasn't said whose app this is: only the address in the call points to the contact.
                said = texts.whose(call.name, fingerprint, caller)
                desk.tell(said, choices=[(f"{TIE}{call.contact}", texts.this_is(caller))], about=str(line.peer))

    def _may_tell(self, call: AppCall, contact: Contact | None) -> bool:
        """Whether the owner hears of a call that failed. `contact` is the owner of the app, if that is known."""
        now = time.monotonic()
        if contact is None:
            allowed = self._strangers and self._told_of_strangers.allows("", now)
        else:
            allowed = contact.trust is not Trust.BLOCK
        return allowed and self._told.allows(str(call.contact), now)

    async def event(self, message: int, answer: str | None) -> None:
        """Handle the core's news about the call of a message. `answer` is the other side's answer to our offer.

        Raises RpcDown.
        """
        line = next((line for line, carried in self._lines.items() if carried.message == message), None)
        if line is None:
            return
        if answer is not None:
            self._answered(line, answer)
        try:
            theirs = (await self._own_account.call_info(message)).state.kind
        except RpcError as error:
            logger.info("Delta Chat's core knows nothing of a call: %s", error)
            return
        happened = means(line.call.state, theirs, seconds_left=line.expires - time.time())
        if happened is not None:
            self._own_listener.switchboard.happened(line, happened)

    def _answered(self, line: Line, answer: str) -> None:
        try:
            description = read_description(answer)
            reading = self._own_listener.switchboard.foreign_admission.answered(
                description, description.candidates, None
            )
            if reading.line is not line:
                raise InputError("The answer of their Delta Chat isn't to this call.")
        except CopybaraError as error:
            self._own_listener.switchboard.happened(line, Failed(error.sentence, error.hint))

    # Whose app it is.

    def _called_with(self, node: NodeId) -> DeltaChatApp:
        """The envelope of a call to that node. Raises InputError."""
        contact = self._store.contact_of(node)
        if contact is None or contact.deltachat_contact is None:
            raise InputError(*texts.not_tied(contact))
        return DeltaChatApp(contact.deltachat_contact)

    async def _ask_whose(self, name: str) -> None:
        account, desk = self._own_account, self._own_desk
        contact = self._store.contact_named(name)
        if contact is None:
            raise NameNotFound(*texts.NO_CONTACT)
        everybody = await account.people()
        people = {person: await account.fingerprint_of(person.id) for person in everybody[:CHOICES]}
        choices = [
            (f"{TIE}{person.id}", texts.candidate(person.display_name, fingerprint))
            for person, fingerprint in people.items()
            if fingerprint
        ]
        if not choices:
            desk.tell(texts.nobody_there(contact))
            return
        choices.append((UNTIE, texts.NONE_OF_THEM))
        desk.tell(texts.which(contact, more=len(everybody) > CHOICES), choices=choices, about=str(contact.node))

    async def choose(self, what: str, about: str) -> None:
        """Store the owner's word about whose app it is. Raises InputError, StoreError."""
        node = NodeId.parse(about)
        self._own_desk.settled(about)
        if what == UNTIE:
            self._own_desk.tell(texts.is_untied(await self._writes.write(lambda store: ties.untie(store, node))))
            return
        number = int(what.removeprefix(TIE))
        fingerprint = await self._own_account.fingerprint_of(number)
        if not fingerprint:
            raise InputError(*texts.NO_KEY)
        contact = await self._writes.write(lambda store: ties.tie(store, node, number, fingerprint))
        self._own_desk.tell(texts.is_tied(contact))

    # Outgoing calls.

    def changed(self, line: Line) -> None:
        """Queue a call's new state. `run` passes it on to the core."""
        if line.foreign is not None and isinstance(line.foreign.envelope, DeltaChatApp):
            self._lines.setdefault(line, _Carried(line.foreign.envelope.message))
            self._due.put_nowait(line)

    async def run(self) -> None:
        """Pass states of calls on to the core, until cancelled."""
        while True:
            await self._carry_next()

    async def flush(self, seconds: float) -> None:
        """Pass the remaining states on to the core within `seconds`."""
        async with asyncio.timeout(seconds):
            while not self._due.empty():
                await self._carry_next()

    async def _carry_next(self) -> None:
        line = await self._due.get()
        try:
            await self._carry(line, self._own_account)
        except (RpcError, RpcDown) as error:
            self._own_listener.switchboard.happened(line, Failed(f"{CORE_FAILED}: {error}."))
        except Exception:
            # Whatever the error is, only this call fails.
            self._own_listener.switchboard.happened(line, Failed(f"{CORE_FAILED}."))
            raise

    async def _carry(self, line: Line, account: Account) -> None:
        foreign, carried = line.foreign, self._lines.get(line)
        if foreign is None or carried is None:
            return
        if line.call.ended:
            del self._lines[line]
            try:
                if carried.message and (carried.sent or foreign.refused):
                    await self._end(account, carried.message)
            except RpcDown:
                self._unended.add(carried.message)
            await self._keep()
        elif line.call.state is State.RINGING:
            await self._keep()
        elif foreign.posted.is_set() and not carried.sent:
            carried.sent = True
            if line.call.role is Role.CALLER:
                chat = await self._chat_of(line, account)
                carried.message = await account.place_call(chat, foreign.written, video=Media.VIDEO in line.media)
            else:
                await account.accept_call(carried.message, foreign.written)
            await self._keep()

    async def _chat_of(self, line: Line, account: Account) -> int:
        """The chat with the app of the call's contact, if it still has the key that the owner has confirmed.

        Raises RpcError, RpcDown.
        """
        contact = self._store.contact_of(line.peer)
        if contact is None or contact.deltachat_contact is None:
            raise RpcError("nobody has said whose app it is")
        if await account.fingerprint_of(contact.deltachat_contact) != contact.deltachat_key:
            raise RpcError("their app has another key now")
        chat = await account.chat_with(contact.deltachat_contact)
        if not (await account.chat(chat)).is_encrypted:
            raise RpcError("the chat isn't encrypted")
        return chat

    async def _end(self, account: Account, message: int) -> None:
        try:
            await account.end_call(message)
        except RpcError as error:
            logger.info("Delta Chat's core can't end a call: %s", error)

    async def _keep(self) -> None:
        open_ = [*self._unended, *(each.message for each in self._lines.values() if each.sent and each.message)]
        rings = [each.message for line, each in self._lines.items() if line.call.state is State.RINGING]
        await self._own_desk.keep(
            {name: msgspec.json.encode(kept) if kept else None for name, kept in ((OPEN, open_), (RINGS, rings))}
        )

    @property
    def _own_listener(self) -> Listener:
        assert self._listener is not None
        return self._listener
