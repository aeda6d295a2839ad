"""A core that replies unexpectedly, like one of another version: only its message is lost, never the program."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from bot.conversation import Listener
from bot.kinds import Sentence
from bot.messengers.deltachat.account import JOINED, SELF, Account
from bot.messengers.deltachat.calls.app_calls import OPEN, RINGS, TOLD_OF_STRANGERS, AppCall, AppCalls, WhoseApp
from bot.messengers.deltachat.calls.states import ALERTING
from bot.messengers.deltachat.owner import Owner
from bot.messengers.deltachat.rpc import Rpc, RpcDown, RpcError
from bot.messengers.deltachat.wire import DeltaChatWire
from bot.messengers.numbered_choices import NumberedChoices
from bot.messengers.plain.messenger import PlainMessenger
from bot.messengers.plain.values import Heard
from peer.calls.programs.deltachat import DeltaChatApp
from peer.calls.switchboard import Switchboard
from peer.overlay.loopback import loopback_address
from shared.call.table import EndReason, State
from shared.contacts import Trust
from shared.errors import NameNotFound
from shared.media import Media
from shared.store import Store, StoreThread
from shared.store.journal import CHOICES, OWNER, UNFINISHED, Journal
from tests.bot.deltachat.friends import Sockets
from tests.peer.calls.nodes import node, over

PATIENCE = 60.0

ANYTHING = "anything"

OWN_KEY = "AB" * 20

INVITE = f"https://i.delta.chat/#{OWN_KEY}&i=x"


class Core(Rpc):
    """Its replies, by the method and its last parameter, or ANYTHING."""

    def __init__(self, said: dict[tuple[str, object], Any]) -> None:
        super().__init__(Path("nowhere"))
        self._said = said
        self.asked: list[tuple[object, ...]] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    async def call(self, method: str, *parameters: object, seconds: float | None = None) -> Any:
        self.asked.append((method, *parameters))
        last = parameters[-1] if parameters else None
        answer = self._said[method, last] if (method, last) in self._said else self._said[method, ANYTHING]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Table:
    """A desk that records sentences, and stores facts as the journal does."""

    def __init__(self, facts: dict[str, bytes | None] | None = None) -> None:
        self.facts = facts or {}
        self.told: list[str] = []

    def tell(self, said: Sentence, *, choices: Iterable[tuple[str, str]] = (), about: str = "") -> None:
        self.told.append(said.text)

    def say(self, said: Sentence) -> None:
        self.told.append(said.text)

    def writers(self) -> Container[str]:
        return ()

    def settled(self, about: str) -> None:
        pass

    def back(self) -> None:
        pass

    def fact(self, name: str) -> bytes | None:
        return self.facts.get(name)

    async def forget_commands(self) -> None:
        pass

    async def keep(self, facts: dict[str, bytes | None]) -> None:
        self.facts.update(facts)


@contextlib.asynccontextmanager
async def wire(folder: Path, said: dict[tuple[str, object], Any]) -> AsyncIterator[DeltaChatWire]:
    """A wire with such a core. Its account is open."""
    core = Core(said)
    with Store(folder / "db") as store:
        async with StoreThread(store) as thread:
            made = DeltaChatWire(core, "deltachat", AppCalls("deltachat", thread))
            made._account, made._owner = Account(core, 1), 12
            yield made


def message(number: int, chat: int) -> dict[str, object]:
    said = {"id": number, "chatId": chat, "fromId": 12, "text": "/contacts", "showPadlock": True, "timestamp": 7}
    return {**said, "sender": {"id": 12}}


async def test_a_message_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    said: dict[tuple[str, object], Any] = {
        ("get_next_msgs", 1): [1, 2, 3],
        ("get_message", 1): message(1, 66),
        ("get_message", 2): {"id": "?", "text": []},
        ("get_message", 3): message(3, 20),
        ("get_basic_chat_info", 66): RpcError("there is no such chat"),
        ("get_basic_chat_info", 20): {"chatType": "Single", "isEncrypted": True},
    }
    async with asyncio.timeout(PATIENCE), wire(tmp_path, said) as made:
        made._news.set()
        [(number, entry)] = await made.fetch()
    assert isinstance(entry, Heard)
    assert (number, entry.text) == (3, "/contacts")


@pytest.mark.parametrize("events", [[{}], [{"contextId": "x", "event": 1}], [{"contextId": 1, "event": {}}], 7])
async def test_an_event_that_nobody_expects_is_the_end_of_the_core_and_of_nothing_else(
    tmp_path: Path, events: object
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        wire(tmp_path, {("get_next_event_batch", None): events}) as made,
        made.running(),
    ):
        made._wanted.set()
        await made._up.wait()
        await made._news.wait()
        with pytest.raises(RpcDown):
            await made.fetch()


async def test_a_device_of_the_owners_account_is_nobodys_by_a_qr(tmp_path: Path) -> None:
    """Friends add the owner by the same account's QR code.

    None of them becomes the bot's owner, whatever happens to its key.
    """
    said: dict[tuple[str, object], Any] = {
        ("get_chat_securejoin_qr_code", None): INVITE,
        ("get_contact_encryption_info", 12): "CDCD " * 10,
    }
    for kept, owner in ((OWN_KEY, SELF), ("EF" * 20, None)):
        table = Table({OWNER: Owner(SELF, kept).kept()})
        async with asyncio.timeout(PATIENCE), wire(tmp_path, said) as made:
            made._owner, made._desk = None, table
            await made._find_owner(Account(made._rpc, 1), table)
            await made._event({"kind": "SecurejoinInviterProgress", "progress": JOINED, "contactId": 12})
            assert made._owner == owner
            assert table.facts[OWNER] == Owner(SELF, kept).kept()


@pytest.mark.parametrize(("key", "left"), [("CD" * 20, 1), ("EF" * 20, 0)], ids=["the same key", "another key"])
async def test_what_the_owner_before_has_commanded_is_not_carried_out_for_the_next(
    tmp_path: Path, key: str, left: int
) -> None:
    """The owner's key isn't the contact's any more, so the next who uses the QR code becomes the owner."""
    choices = NumberedChoices()
    (choice,) = choices.offer(["trust"], "anna", 1000)
    core = Core(
        {("get_contact_encryption_info", 12): "CDCD " * 10, ("get_chat_securejoin_qr_code", None): INVITE},
    )
    with Store(tmp_path / "db") as store:
        journal = Journal(store, "deltachat")
        journal.store([(1, b"/contact trust anna")], now=1)
        journal.set_facts({OWNER: Owner(12, key).kept(), f"{UNFINISHED}1": b"/call", CHOICES: choices.to_bytes()})
        async with asyncio.timeout(PATIENCE), StoreThread(store) as thread:
            made = DeltaChatWire(core, "deltachat", AppCalls("deltachat", thread))
            messenger = PlainMessenger(made, "deltachat", journal, thread.write, lifetime=600)
            async with messenger.running():
                await made._find_owner(Account(core, 1), messenger)
            assert made.has_owner == bool(left)
            assert [len(kept) for kept in (journal.waiting(), journal.facts(UNFINISHED))] == [left, left]
            assert bool(NumberedChoices(journal.fact(CHOICES)).meant(choice.number)) == bool(left)
            assert bool(messenger._choices.open()) == bool(left)


@dataclass
class Assistant:
    """The parts of the assistant that calls need."""

    switchboard: Switchboard


async def test_a_core_that_is_gone_when_a_call_is_answered_costs_that_call_and_ends_it_once_it_is_back(
    tmp_path: Path,
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        node(tmp_path, "bob", Sockets()) as bob,  # type: ignore[arg-type]
        node(tmp_path, "anna", Sockets()) as anna,  # type: ignore[arg-type]
    ):
        bob.switchboard.programs["deltachat"] = lambda _: DeltaChatApp(0)
        bob.knows(anna)
        anna.knows(bob)
        await bob.switchboard.place(anna.id, Media.BOTH, program="deltachat")
        await bob.until(lambda: bool(bob.posts))
        said: dict[tuple[str, object], Any] = {
            ("call_info", 7): {"sdpOffer": bob.posts.pop(), "hasVideo": True, "state": {"kind": ALERTING}},
            ("get_chat_securejoin_qr_code", None): INVITE,
            ("get_contact_encryption_info", 12): "CDCD " * 10,
            ("accept_incoming_call", ANYTHING): RpcDown("it has ended"),
            ("end_call", 7): RpcDown("it has ended"),
        }
        core, table, calls = Core(said), Table(), AppCalls("deltachat", anna.writes)
        begin = Account(core, 1), table, cast(Listener, Assistant(anna.switchboard))
        await calls.begin(*begin)
        await calls.act(msgspec.json.encode(AppCall(7, 12, "Bob")), again=False)
        (line,) = anna.lines
        calls.changed(line)
        await calls.flush(PATIENCE)
        assert table.facts[RINGS] == b"[7]"

        await anna.switchboard.answer(line)
        await anna.until(lambda: bool(anna.posts))
        calls.changed(line)
        await calls.flush(PATIENCE)
        await over(line)
        assert (line.call.state, line.call.reason) == (State.ENDED, EndReason.FAILED)
        calls.changed(line)
        await calls.flush(PATIENCE)
        # It no longer rings, and the friend's app must still hear that it has ended.
        assert (table.facts[OPEN], table.facts[RINGS]) == (b"[7]", None)

        said["end_call", 7] = None
        core.asked.clear()
        await calls.begin(*begin)
        assert core.asked == [("end_call", 1, 7)]
        assert (table.facts[OPEN], anna.lines) == (None, [])


@pytest.mark.parametrize(
    ("strangers", "trust", "told"),
    [(True, None, 1), (False, None, 0), (False, Trust.RING, 1), (True, Trust.BLOCK, 0)],
    ids=["a stranger", "a stranger, and strangers are ignored", "a contact", "a contact who is blocked"],
)
async def test_of_an_apps_call_outside_the_overlay_the_owner_hears_by_who_it_is(
    tmp_path: Path, strangers: bool, trust: Trust | None, told: int
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        node(tmp_path, "bob", Sockets()) as bob,  # type: ignore[arg-type]
        node(tmp_path, "anna", Sockets()) as anna,  # type: ignore[arg-type]
    ):
        bob.switchboard.programs["deltachat"] = lambda _: DeltaChatApp(0)
        bob.knows(anna)
        if trust is not None:
            anna.knows(bob, trust=trust, deltachat_contact=12, deltachat_key="CD" * 20)
        await bob.switchboard.place(anna.id, Media.BOTH, program="deltachat")
        await bob.until(lambda: bool(bob.posts))
        elsewhere = bob.posts.pop().replace(str(loopback_address(bob.id)), "203.0.113.7")
        said: dict[tuple[str, object], Any] = {
            ("call_info", 7): {"sdpOffer": elsewhere, "hasVideo": True, "state": {"kind": ALERTING}},
            ("get_chat_securejoin_qr_code", None): INVITE,
            ("get_contact_encryption_info", 12): "CDCD " * 10,
        }
        table, calls = Table(), AppCalls("deltachat", anna.writes, strangers=strangers)
        await calls.begin(Account(Core(said), 1), table, cast(Listener, Assistant(anna.switchboard)))
        await calls.act(msgspec.json.encode(AppCall(7, 12, "Bob")), again=False)
        assert ([bool("haven't answered" in text) for text in table.told], anna.lines) == ([True] * told, [])


async def test_whose_app_it_is_can_be_said_of_contacts_only(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), node(tmp_path, "anna", Sockets()) as anna:  # type: ignore[arg-type]
        table, calls = Table(), AppCalls("deltachat", anna.writes)
        await calls.begin(Account(Core({}), 1), table, cast(Listener, Assistant(anna.switchboard)))
        with pytest.raises(NameNotFound, match="isn't there"):
            await calls.act(msgspec.json.encode(WhoseApp("nobody")), again=False)


async def test_strangers_who_are_many_are_a_few_notices(tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), node(tmp_path, "anna", Sockets()) as anna:  # type: ignore[arg-type]
        said: dict[tuple[str, object], Any] = {
            ("call_info", ANYTHING): {"sdpOffer": "v=0", "state": {"kind": ALERTING}},
            ("get_chat_securejoin_qr_code", None): INVITE,
            ("get_contact_encryption_info", ANYTHING): "CDCD " * 10,
        }
        table, calls = Table(), AppCalls("deltachat", anna.writes)
        await calls.begin(Account(Core(said), 1), table, cast(Listener, Assistant(anna.switchboard)))
        for number in range(50):
            await calls.act(msgspec.json.encode(AppCall(number, 100 + number, "Eve")), again=False)
        assert len(table.told) == TOLD_OF_STRANGERS
