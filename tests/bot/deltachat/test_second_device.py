"""The bot as another device of its owner's account. The set-up makes it from the code in the owner's app.

Anna's bot is her second device, Bob's bot has its own account.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
import pytest_asyncio
from deltachat_rpc_client import Rpc

from bot.home import Home
from bot.messengers.deltachat.owner import Owner
from bot.messengers.deltachat.setup import look, make
from shared.config.file import load
from shared.config.schema import Config
from shared.errors import InputError
from shared.store import Store
from shared.store.journal import OWNER, Journal
from tests.bot.console import SECONDS, Chat, Person, as_before, cli
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import SECTION, SELF, App, number_of, owners

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]


class Anna(App):
    """Anna's app. The bot uses her own account, and its messages are in Saved messages."""

    saved: int

    def hears(self, containing: str = "") -> str:
        """The bot's next message in Saved messages that contains a text."""
        while True:
            for message in self.messages(self.saved):
                from_bot = message["receivedTimestamp"] > 0
                if from_bot and message["id"] not in self.seen and containing in message["text"]:
                    self.seen.add(message["id"])
                    return str(message["text"])
            self.event(lambda event: event["kind"] == "MsgsChanged" and event["chatId"] == self.saved)

    async def asks(self, text: str, containing: str) -> str:
        """Write to Saved messages. Returns the bot's answer."""
        self.seen.update(message["id"] for message in self.messages(self.saved))
        self.writes(self.saved, text)
        return await asyncio.to_thread(self.hears, containing)


@dataclass
class Both:
    """Anna, Bob, and a group of the two and Bob's bot."""

    anna: Anna
    annas_bot: Person
    bob: App
    bobs_bot: Person
    server: MailServer
    annas_group: int
    bobs_group: int
    at_first: list[str]
    "All texts in the group when Anna's bot had carried out its first command."

    def links(self) -> list[str]:
        """The links that Anna's account has written into the group."""
        said = self.anna.messages(self.annas_group)
        return [each["text"] for each in said if "copybara:" in each["text"] and each["fromId"] == SELF]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, server: MailServer, rpc: Rpc) -> AsyncIterator[Both]:
    folder: Path = tmp_path_factory.mktemp("bots")
    async with owners(folder, server, rpc, "Bob") as (bob,):
        anna = await asyncio.to_thread(Anna, rpc, server, "Anna")
        anna.saved = int(rpc.create_chat_by_contact_id(anna.number, SELF))
        chat = await asyncio.to_thread(anna.joins, rpc.get_chat_securejoin_qr_code(bob.app.number, None))
        group = anna.groups("Calls", anna.other_in(chat))
        await asyncio.to_thread(anna.delivers, group, f"/call {bob.bot.node}")  # before there is a bot
        theirs = await asyncio.to_thread(bob.app.is_in, "Calls")
        rpc.add_contact_to_chat(bob.app.number, theirs, bob.app.other_in(bob.chat))
        await asyncio.to_thread(bob.app.delivers, theirs, "Here is my bot.")
        await asyncio.to_thread(anna.reads, group, "Here is my bot.")
        bot = Person("anna", folder, Chat(), config=SECTION)
        await set_up_as_device(anna, bot.home)
        await bot.begin()
        try:
            await anna.asks(f"/contact add bob {bob.bot.node}", "bob")
            at_first = [message["text"] for message in anna.messages(group)]
            yield Both(anna, bot, bob.app, bob.bot, server, group, theirs, at_first)
            bot.check()
        finally:
            if bot.running:
                bot.process.kill()
                await bot.gone()


@pytest_asyncio.fixture(loop_scope="module")
async def both(running: Both) -> AsyncIterator[Both]:
    """Anna, who has saved Bob, and Bob, who hasn't saved Anna."""
    yield running
    await as_before(running.annas_bot, running.bobs_bot)


async def set_up_as_device(app: App, home: Path) -> None:
    """Do what the owner does: let their app show the code, and give it to the set-up."""
    shows = asyncio.create_task(asyncio.to_thread(app.rpc.provide_backup, app.number))
    code = await asyncio.to_thread(app.rpc.get_backup_qr, app.number)
    given = {"COPYBARA_DELTACHAT_ACCOUNT": code}
    code, said, errors = await cli("--home", str(home), "setup", "deltachat", "--yes", environment=given)
    assert (code, errors) == (0, "")
    assert "The bot is a device of your account anna@mail.test." in said
    assert load(home / "copybara.toml").deltachat.enabled
    await shows


async def test_saved_messages_command_and_what_was_written_before_does_nothing(both: Both) -> None:
    assert "No calls." in await both.anna.asks("/status", "No calls.")
    assert both.at_first != []
    assert [text for text in both.at_first if "copybara:" in text] == []


async def test_the_owners_call_in_a_group_reaches_the_other_bot(both: Both) -> None:
    anna, bob = both.anna, both.bob
    before = len(both.links())
    anna.writes(both.annas_group, f"/call {both.bobs_bot.node}")
    chat = next(
        int(number)
        for number in bob.rpc.get_chatlist_entries(bob.number, None, "Copybara", None)
        if bob.rpc.get_basic_chat_info(bob.number, number)["name"] == "Copybara"
    )
    rings = await asyncio.to_thread(bob.reads, chat, "Answer with audio only")
    bob.writes(chat, number_of("Answer", str(rings["text"])))
    for bot in (both.annas_bot, both.bobs_bot):
        await bot.call("active")
        await bot.media()
    # The account itself writes the link into the group, and everything else into Saved messages.
    assert len(both.links()) == before + 1
    anna.writes(both.annas_group, "/hangup")
    await both.annas_bot.call("ended")
    await both.bobs_bot.call("ended")


async def test_a_number_in_saved_messages_answers_and_the_same_one_elsewhere_does_not(both: Both) -> None:
    anna = both.anna
    both.bob.writes(both.bobs_group, f"/call {both.annas_bot.node}")
    rings = await asyncio.to_thread(anna.hears, "Answer with audio only")
    number = number_of("Answer", rings)
    await asyncio.to_thread(anna.delivers, both.annas_group, number)
    assert "ringing" in await anna.asks("/status", "bob")
    anna.writes(anna.saved, number)
    for bot in (both.annas_bot, both.bobs_bot):
        await bot.call("active")
    anna.writes(anna.saved, "/hangup")
    for bot in (both.annas_bot, both.bobs_bot):
        await bot.call("ended")


async def test_in_chats_with_others_the_owner_commands_calls_only_and_others_nothing(both: Both) -> None:
    anna, bob = both.anna, both.bob
    before = len(anna.messages(both.annas_group))
    await asyncio.to_thread(anna.delivers, both.annas_group, "/contact trust bob")
    await asyncio.to_thread(bob.delivers, both.bobs_group, "/contact trust bob")
    assert "automatically" not in await anna.asks("/contact show bob", "bob")
    await asyncio.to_thread(anna.reads, both.annas_group, "/contact trust bob")
    assert len(anna.messages(both.annas_group)) == before + 2


async def test_a_mail_in_clear_in_the_owners_name_commands_nothing(both: Both) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Anna <anna@mail.test>", "anna@mail.test", "Hello"
    mail["Message-ID"], mail["Date"], mail["Chat-Version"] = "<clear@eve>", datetime.now(UTC), "1.0"
    mail.set_content("/call bob")
    await asyncio.to_thread(both.server.deliver, "anna@mail.test", mail.as_bytes(policy=SMTP))
    assert "No calls." in await both.anna.asks("/status", "No calls.")


async def test_the_doctor_and_the_journal_know_whose_device_it_is(both: Both) -> None:
    assert look(Home(both.annas_bot.home), Config()).startswith("a device of anna@mail.test")
    with Store(Home(both.annas_bot.home).database) as store:
        owner = Owner.read(Journal(store, "deltachat").fact(OWNER))
    assert owner is not None
    assert owner.has_this_account
    own = both.anna.rpc.get_chat_securejoin_qr_code(both.anna.number, None)
    assert owner.fingerprint in own


KILLED = """
import os, signal, sys
from pathlib import Path
from bot.home import Home
from bot.messengers.deltachat import setup

async def killed(*arguments):
    await take_over(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

take_over, setup.take_over = setup.take_over, killed
setup.make(Home(Path(sys.argv[1])), *sys.argv[2:])
"""
"A program that is killed when the account exists but isn't the owner's yet."


def begun_again(home: Home, file: Path, password: str) -> str:
    """Take the account over again, once the killed program's core has released the folder."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(InputError):
            return make(home, str(file), password)
    return make(home, str(file), password)


async def test_an_exported_account_is_taken_over_with_its_password_only(both: Both, tmp_path: Path, rpc: Rpc) -> None:
    rpc.export_backup(both.anna.number, str(tmp_path), "a phrase")
    (file,) = await asyncio.to_thread(lambda: list(tmp_path.glob("*.tar")))
    home = tmp_path / "home"
    given = {"COPYBARA_DELTACHAT_ACCOUNT": str(file), "COPYBARA_DELTACHAT_PASSWORD": "another"}
    code, _, errors = await cli("--home", str(home), "setup", "deltachat", "--yes", environment=given)
    assert code == 1
    assert errors.startswith("error: Your account can't be taken over")
    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, str(home), str(file), "a phrase"), cwd=ROOT
    )
    assert await killed.wait() == -signal.SIGKILL
    assert await asyncio.to_thread(begun_again, Home(home), file, "a phrase") == "anna@mail.test"
    # An existing account isn't changed.
    with pytest.raises(InputError, match="already"):
        await asyncio.to_thread(make, Home(home), str(file), "a phrase")
