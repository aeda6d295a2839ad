"""People with Delta Chat: their apps are real cores with Delta Chat's own client, and their bots are real programs.

Between them is a mail server of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import quote, urlencode

from deltachat_rpc_client import Rpc

from bot.home import Home
from bot.messengers.deltachat.rpc import program
from bot.messengers.deltachat.setup import claim, make
from tests.bot.console import SECONDS, Chat, Person
from tests.bot.deltachat.mail import MailServer

SELF = 1

SECTION = "[deltachat]\nenabled = true\n"


class App:
    """One person's Delta Chat."""

    def __init__(self, rpc: Rpc, server: MailServer, name: str) -> None:
        self.rpc = rpc
        self.name = name
        self.seen: set[int] = set()
        "Messages that `reads` has returned."
        self.number: int = rpc.add_account()
        rpc.set_config(self.number, "displayname", name)
        rpc.add_or_update_transport(self.number, server.login(name.lower()))
        rpc.start_io(self.number)
        # Mails from before the first look into the inbox are never read.
        self.event(lambda event: event["kind"] == "ImapInboxIdle")

    @classmethod
    def of(cls, rpc: Rpc, number: int, name: str) -> App:
        """An account that exists already."""
        app = cls.__new__(cls)
        app.rpc, app.number, app.name, app.seen = rpc, number, name, set()
        return app

    def event(self, wanted: Callable[[dict[str, Any]], bool], seconds: float = SECONDS) -> dict[str, Any]:
        """The next event that is `wanted`. Earlier ones are dropped."""
        last: list[Any] = []
        with contextlib.suppress(Empty):
            while True:
                event = self.rpc.get_queue(self.number).get(timeout=seconds)
                if wanted(event):
                    return dict(event)
                last = [*last[-9:], event]
        raise AssertionError(f"{self.name}'s app met nothing like that; last: {last}")

    def joins(self, invite: str) -> int:
        """Add a person by their QR code. Returns the chat with them."""
        self.rpc.clear_all_events(self.number)
        chat = int(self.rpc.secure_join(self.number, invite))
        # Another person's join may end meanwhile.
        added = {"kind": "SecurejoinJoinerProgress", "progress": 1000, "contactId": self.other_in(chat)}
        self.event(lambda event: added.items() <= event.items())
        return chat

    def writes(self, chat: int, text: str) -> int:
        """Write a message."""
        return int(self.rpc.misc_send_text_message(self.number, chat, text))

    def delivers(self, chat: int, text: str) -> None:
        """Write a message, and wait until the mail server has put it into the inboxes."""
        number = self.writes(chat, text)
        self.event(lambda event: event["kind"] == "MsgDelivered" and event["msgId"] == number)

    def messages(self, chat: int) -> list[dict[str, Any]]:
        """All messages of a chat."""
        numbers = self.rpc.get_message_ids(self.number, chat, False, False)
        return [self.rpc.get_message(self.number, number) for number in numbers]

    def reads(self, chat: int, containing: str = "") -> dict[str, Any]:
        """The next message of another person in a chat that contains a text and wasn't returned yet."""
        while True:
            for message in self.messages(chat):
                new = message["id"] not in self.seen and message["fromId"] != SELF and not message["isInfo"]
                if new and containing in message["text"]:
                    self.seen.add(message["id"])
                    return message
            try:
                self.event(lambda event: event["kind"] in ("IncomingMsg", "MsgsChanged") and event["chatId"] == chat)
            except AssertionError as failed:
                last = [(message["fromId"], message["text"]) for message in self.messages(chat)[-8:]]
                raise AssertionError(
                    f"{self.name} reads nothing with {containing!r}; the chat's last: {last}"
                ) from failed

    def groups(self, name: str, *contacts: int) -> int:
        """Make an encrypted group."""
        chat = int(self.rpc.create_group_chat(self.number, name, False))
        for contact in contacts:
            self.rpc.add_contact_to_chat(self.number, chat, contact)
        return chat

    def other_in(self, chat: int) -> int:
        """The other person's contact in a chat of two."""
        return int(next(contact for contact in self.rpc.get_chat_contacts(self.number, chat) if contact != SELF))

    def is_in(self, group: str) -> int:
        """The chat of that group, once its first message is there."""
        while True:
            for number in self.rpc.get_chatlist_entries(self.number, None, group, None):
                if self.rpc.get_basic_chat_info(self.number, number)["name"] == group:
                    self.rpc.accept_chat(self.number, number)
                    return int(number)
            self.event(lambda event: event["kind"] in ("IncomingMsg", "MsgsChanged", "ChatModified"))


class Owner:
    """A person with an app, and a bot of their own."""

    def __init__(self, app: App, bot: Person, chat: int) -> None:
        self.app = app
        self.bot = bot
        self.chat = chat
        "The app's chat with the bot."

    def says(self, text: str) -> int:
        """Write to the bot."""
        return self.app.writes(self.chat, text)

    def reads(self, containing: str = "") -> str:
        """The bot's next message that contains a text."""
        return str(self.app.reads(self.chat, containing)["text"])

    async def asks(self, text: str, containing: str = "") -> str:
        """Write to the bot. Returns its answer; earlier messages are skipped."""
        self.app.seen.update(message["id"] for message in self.app.messages(self.chat))
        self.says(text)
        return await asyncio.to_thread(self.reads, containing)


@contextlib.contextmanager
def apps(folder: Path, name: str = "apps") -> Iterator[Rpc]:
    """The core of the people's apps. It holds any number of accounts."""
    path = f"{Path(program()).parent}{os.pathsep}{os.environ['PATH']}"
    rpc = Rpc(accounts_dir=str(folder / name), rpc_server_path=program(), env={**os.environ, "PATH": path})
    rpc.start()
    try:
        yield rpc
    finally:
        rpc.close()
        # Its own close() leaves this open.
        rpc.process.wait(30)
        for pipe in (rpc.process.stdout, rpc.process.stderr):
            assert pipe is not None
            pipe.close()


def login(server: MailServer, name: str) -> str:
    """An account as the text of a QR code (the core's dclogin format)."""
    address = f"{name}@mail.test"
    values = {
        "p": "secret", "v": 1,
        "ih": "127.0.0.1", "ip": server.imap_port, "is": "plain", "iu": address,
        "sh": "127.0.0.1", "sp": server.smtp_port, "ss": "plain", "su": address,
    }  # fmt: skip
    return f"dclogin:{quote(address)}?{urlencode(values)}"


def set_up(home: Path, server: MailServer, app: App, name: str) -> None:
    """Make a bot's account in a home, and let the app's person become its owner."""
    home.mkdir(mode=0o700, exist_ok=True)
    make(Home(home), login(server, name), "")
    assert claim(Home(home), lambda invite: void(app.rpc.secure_join(app.number, invite)), SECONDS)


def number_of(choice: str, text: str) -> str:
    """The number to reply for a choice."""
    found = re.search(rf"(\d+): {re.escape(choice)}", text)
    assert found is not None, text
    return found[1]


def void(_: object) -> None:
    """Do nothing with a value."""


@contextlib.asynccontextmanager
async def owners(
    folder: Path, server: MailServer, rpc: Rpc, *names: str, config: str = "", section: str = SECTION
) -> AsyncIterator[list[Owner]]:
    """People with their own bots. Both run during the block."""
    chat = Chat()
    people = []
    try:
        for name in names:
            app = App(rpc, server, name)
            bot = Person(f"{name.lower()}", folder, chat, config=f"{config}{section}")
            await asyncio.to_thread(set_up, bot.home, server, app, f"{name.lower()}-bot")
            await bot.begin()
            people.append(Owner(app, bot, await asyncio.to_thread(chat_with_bot, app)))
        yield people
        for owner in people:
            owner.bot.check()
    finally:
        for owner in people:
            if owner.bot.running:
                owner.bot.process.kill()
                await owner.bot.gone()


def group_of(anna: Owner, bob: Owner) -> tuple[int, int]:
    """A group of two people and their bots. Returns each app's number for it."""
    chat = anna.app.joins(bob.app.rpc.get_chat_securejoin_qr_code(bob.app.number, None))
    group = anna.app.groups("Calls", anna.app.other_in(anna.chat), anna.app.other_in(chat))
    anna.app.writes(group, "Hello! Our bots meet here.")
    theirs = bob.app.is_in("Calls")
    bob.app.rpc.add_contact_to_chat(bob.app.number, theirs, bob.app.other_in(bob.chat))
    bob.app.writes(theirs, "Here is mine.")
    anna.app.reads(group, "Here is mine.")
    return group, theirs


def chat_with_bot(app: App) -> int:
    """The app's chat with its person's bot, once it is there."""
    while True:
        for number in app.rpc.get_chatlist_entries(app.number, None, None, None):
            if app.rpc.get_basic_chat_info(app.number, number)["name"] == "Copybara":
                return int(number)
        app.event(lambda event: event["kind"] in ("IncomingMsg", "MsgsChanged", "ChatModified", "ContactsChanged"))
