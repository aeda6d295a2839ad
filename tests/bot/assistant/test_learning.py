"""What calls teach the program about the accounts that contacts write from, and how long it remembers that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bot.assistant import contacts as book
from bot.assistant.learning import Learning
from bot.assistant.origins import Origins
from bot.conversation import Identity
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from shared.call.table import Call, State
from shared.contacts import Contact
from shared.links.card import Card
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.secrets.phrase import phrase
from shared.store import Store, StoreThread

NODE = NodeId(bytes(range(32)))
ANNA = Identity(user=42, name="anna", shown="Anna")
EVE = Identity(user=666, name="eve", shown="Anna")
ANNAS_BOT = Identity(bot="anna_bot", bot_id=43)
ANNAS_KEY, EVES_KEY = b"a" * 32, b"e" * 32


def line_of(
    *, keyed: bool = False, proven: bool = False, agreed: bytes | None = None, role: Role = Role.CALLEE
) -> Line:
    """A connected call with anna's node."""
    link = CallLink(NODE, Media.BOTH, created=0, reference=bytes(8), keyed=keyed, proven=proven)
    line = Line(1, Call(role, paired=proven, state=State.ACTIVE, reason=None), link, chat="chat", expires=600)
    line.agree_secret(agreed)
    return line


class Bob:
    """Bob's contact book with anna in it, and what he learns from calls."""

    def __init__(self, thread: StoreThread) -> None:
        self.store = thread.store
        self._origins = Origins()
        self._learning = Learning(thread, self._origins)

    async def hears(self, line: Line, identity: Identity) -> Contact:
        """Learn from a connected call with that account. Returns anna as she is known now."""
        self._origins.came_from(line, identity)
        return await self.learns(line)

    async def learns(self, line: Line) -> Contact:
        """Learn from that call. Returns anna as she is known now."""
        await self._learning.now(line)
        return self.anna

    @property
    def anna(self) -> Contact:
        contact = self.store.contact_of(NODE)
        assert contact is not None
        return contact


@pytest.fixture
async def bob(tmp_path: Path) -> AsyncIterator[Bob]:
    with Store(tmp_path / "store.db") as store:
        store.save_contact(Contact(name="anna", node=NODE, created=0))
        async with StoreThread(store) as thread:
            yield Bob(thread)


def shares(bob: Bob, secret: bytes) -> None:
    """Share a secret between Bob and its holder."""
    bob.store.propose_secret(NODE, secret, 1)
    bob.store.commit_secret(NODE, secret)


async def test_a_call_without_the_contacts_key_teaches_nothing_about_them(bob: Bob) -> None:
    shares(bob, ANNAS_KEY)
    assert (await bob.hears(line_of(keyed=True), EVE)).telegram_user is None
    # A call that began before there was a key teaches nothing, even if it is dialled again after that.
    assert (await bob.hears(line_of(), EVE)).telegram_user is None
    assert (await bob.hears(line_of(keyed=True, proven=True), ANNA)).telegram_user == 42


def proven() -> Line:
    """A call that anna's key proves."""
    return line_of(keyed=True, proven=True)


async def test_what_an_unproven_call_has_taught_gives_way_to_the_call_with_the_first_key(bob: Bob) -> None:
    eves = line_of()
    assert (await bob.hears(eves, EVE)).telegram_user == 666
    annas = line_of(agreed=ANNAS_KEY)
    shares(bob, ANNAS_KEY)
    known = await bob.hears(annas, ANNA)
    assert (known.telegram_user, known.telegram_name) == (42, "anna")
    assert (await bob.learns(eves)).telegram_user == 42
    # The key proves the same account. From then on, nobody who passes a link of hers on can replace it.
    assert not (await bob.hears(proven(), ANNA)).telegram_user_unproven
    assert (await bob.hears(proven(), EVE)).telegram_user == 42


@pytest.mark.parametrize("first", ["brings her request", "passes her link on"])
async def test_who_brings_one_link_of_a_contact_is_not_taken_for_them(bob: Bob, first: str) -> None:
    shares(bob, ANNAS_KEY)
    brought, own = (EVE, ANNA) if first == "brings her request" else (ANNA, EVE)
    assert (await bob.hears(line_of(agreed=ANNAS_KEY), brought)).telegram_user == brought.user
    contrary = proven()
    known = await bob.hears(contrary, own)
    assert (known.telegram_user, known.telegram_name, known.telegram_user_unproven) == (None, None, False)
    assert (await bob.learns(contrary)).telegram_user is None  # nor later in that call
    assert (await bob.hears(proven(), ANNA)).telegram_user == 42
    assert (await bob.hears(proven(), EVE)).telegram_user == 42


async def test_what_an_answer_to_our_open_request_has_taught_gives_way_to_calls_with_a_key(bob: Bob) -> None:
    # Only Eve's answer came through a chat. Anna's answer, which has connected, was pasted.
    shares(bob, ANNAS_KEY)
    assert (await bob.hears(line_of(agreed=ANNAS_KEY, role=Role.CALLER), EVE)).telegram_user is None
    bob.store.forget_secrets(NODE)
    assert (await bob.hears(line_of(role=Role.CALLER), EVE)).telegram_user == 666
    shares(bob, ANNAS_KEY)
    await bob.hears(proven(), ANNA)
    assert (await bob.hears(proven(), ANNA)).telegram_user == 42


async def test_calls_from_a_bot_leave_no_other_account_beside_it(bob: Bob) -> None:
    await bob.hears(line_of(), EVE)
    shares(bob, ANNAS_KEY)
    await bob.hears(proven(), ANNAS_BOT)
    known = await bob.hears(proven(), ANNAS_BOT)
    assert (known.telegram_user, known.telegram_name, known.telegram_bot) == (None, None, "anna_bot")


async def test_what_an_unproven_call_has_taught_gives_way_to_a_card(bob: Bob) -> None:
    await bob.hears(line_of(), EVE)
    card = Card(NODE, sealing_key=bytes(32), telegram_user=42)
    assert book.add(bob.store, "anna", book.Whom(NODE, card), own=None).telegram_user == 42
    assert (await bob.hears(line_of(), EVE)).telegram_user == 42


async def test_words_that_are_confirmed_show_the_accounts_of_their_call(bob: Bob) -> None:
    shares(bob, EVES_KEY)
    assert (await bob.hears(line_of(keyed=True, proven=True), EVE)).telegram_user == 666
    bob.store.propose_secret(NODE, ANNAS_KEY, 2)
    hers = line_of(keyed=True, agreed=ANNAS_KEY)
    assert (await bob.hears(hers, ANNA)).telegram_user == 666
    book.confirm(bob.store, "anna", phrase(ANNAS_KEY))
    assert (await bob.learns(hers)).telegram_user == 42
    assert (await bob.hears(proven(), ANNA)).telegram_user == 42
    assert (await bob.hears(proven(), EVE)).telegram_user == 42


async def test_two_who_answer_one_call_teach_nothing_and_another_call_does(bob: Bob) -> None:
    line = line_of()
    await bob.hears(line, EVE)
    assert (await bob.hears(line, msgspec.structs.replace(ANNA))).telegram_user == 666  # as it was
    assert (await bob.hears(line_of(), ANNA)).telegram_user == 42
