"""Two people with their bots: real programs whose `base_url` is this test's server, and the people's fingers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from bot.command_socket import AskStatus, ask
from bot.demo.node import DemoNode, Said
from bot.home import Home
from peer.overlay.loopback import LoopbackOverlay
from shared.contacts import Contact, Trust
from shared.errors import DemoFailed
from shared.node_id import NodeId
from shared.store import Store
from shared.store.journal import Journal
from tests.bot.program import PreloadedNode
from tests.bot.telegram.server import Server
from tests.bot.telegram.world import BotAccount, Chat, Human, Message, World
from tests.shared.names.chain import Chain, Name
from tests.written_files import until_written

SECRET = bytes(range(32))
TOKENS = itertools.count(1)


class Person(PreloadedNode):
    """A human, their bot account, and the program that is the bot."""

    def __init__(self, human: Human, account: BotAccount, folder: Path, server: Server, chain: Chain) -> None:
        super().__init__(human.name, folder / human.username, self._wrote)
        self.human = human
        self.bot = account
        self.server = server
        self.chain = chain
        self.said: list[Said] = []
        self._errors = folder / f"{human.username}.stderr"
        self.id = NodeId(bytes(32))

    @property
    def chat(self) -> Chat:
        """The human's private chat with the bot."""
        return self.server.world.between(self.human, self.bot)

    @property
    def errors(self) -> str:
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""

    async def move_in(self, *, claimed: bool = True) -> None:
        """Make the home: node, configuration, token, and the owner."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        token = self.home / "telegram.token"
        token.write_text(f"{self.bot.token}\n")
        token.chmod(0o600)
        self.configure()
        self.id = await LoopbackOverlay(self.home).node_id()
        with self.store() as store:
            if claimed:
                self.bot.started_by.add(self.human.id)
                Journal(store, "telegram").set_facts({"owner": str(self.human.id).encode()})

    def configure(self, more: str = "", *, rpc: str = "") -> None:
        """Write the configuration. `rpc` is a server of the chain that replaces the one with copybara.azero."""
        (self.home / "copybara.toml").write_text(
            f'name = "{self.name}"\noverlay = "loopback"\n{more}\n'
            f"[media]\nwidth = 64\nheight = 48\nfps = 5\n"
            f'[names.azero]\nrpc = ["{rpc or self.chain.url}"]\n'
            + ("" if "[handset]" in more else "[handset]\nenabled = false\n")
            + ("" if "[answer]" in more else '[answer]\nendpoint = "pattern"\n')
            + f'[telegram]\ntoken = "file"\nbase_url = "{self.server.url}"\n'
        )

    def store(self) -> Store:
        """The store, beside the program."""
        return Store(Home(self.home).database)

    async def begin(self, *options: str) -> None:
        """Start the program, and wait until it reads its updates."""
        done = len(self.server.requests)
        await self.launch(*options)

        def has_caught_up() -> bool:
            """Whether it waits for updates, because there are no more."""
            return any(
                (name, method) == (self.bot.username, "getupdates") and what["timeout"]
                for name, method, what in self.server.requests[done:]
            )

        await self.server.world.until(has_caught_up)

    async def launch(self, *options: str) -> None:
        """Start the program."""
        with self._errors.open("ab") as errors:
            await self.start(*options, errors=errors)

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def offers(self, words: str) -> Message | None:
        """The bot's last message with such a button, if there is one."""
        return next(
            (
                each
                for each in reversed(self.chat.messages)
                if each.sender is self.bot and any(words in button["text"] for row in each.rows for button in row)
            ),
            None,
        )

    async def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        await self.stop()

    async def until(self, wanted: Any, seconds: float = 60.0) -> Said:
        try:
            return await super().until(wanted, seconds)
        except DemoFailed as failed:
            last = "\n".join(map(str, self.said[-8:]))
            world = self.server.world.latest()
            raise AssertionError(f"{failed.sentence}\n{last}\n{self.errors}\nChats:\n{world}") from None

    async def complains(self, words: str) -> None:
        """Wait until something stands on its stderr."""
        await until_written(self._errors.parent, lambda: words in self.errors)

    async def media(self) -> Said:
        """Wait until a call of this program has both sound and picture."""
        return await self.until(
            lambda said: (
                said["type"] == "call" and said["audio_packets_received"] > 0 and said["video_packets_received"] > 0
            )
        )

    async def call_now(self) -> dict[str, Any]:
        """The only call, as `copybara status` shows it."""
        status = (await asyncio.to_thread(ask, Home(self.home).command_socket, AskStatus())).status or {}
        calls: Any = status["calls"]
        (call,) = calls
        return dict(call)

    # What the human does in the chat with the bot.

    def says(self, text: str, **more: Any) -> Message:
        return self.human.tells(self.bot, text, **more)

    async def reads(self, *words: str, since: int = 0) -> Message:
        """The bot's first message to its owner that now, after edits, has all these words."""
        return await self.read_in(self.chat, *words, since=since)

    async def read_in(self, chat: Chat, *words: str, since: int = 0, by: Any = None) -> Message:
        author = by or self.bot

        def found() -> Message | None:
            for message in chat.messages[since:]:
                if message.sender is author and all(word in message.text for word in words):
                    return message
            return None

        message: Message = await self.server.world.until(found)
        return message

    def _wrote(self, _: DemoNode, said: Said) -> None:
        self.said.append(said)


def key_of(address: str) -> str:
    """The key in the address of a handset page."""
    (key,) = parse_qs(urlsplit(address).fragment)["key"]
    return key


async def friends(
    anna: Person, bob: Person, *, paired: bool = True, trust: Trust = Trust.AUTO, bots: bool = True
) -> None:
    """Both know each other. Bob is found as copybara.azero, and answers Anna automatically if he trusts her."""
    with anna.store() as store:
        store.save_contact(
            Contact(
                name="bob",
                node=bob.id,
                resolves_as=("copybara.azero",),
                telegram_bot=bob.bot.username if bots else None,
                created=1,
            )
        )
        if paired:
            store.propose_secret(bob.id, SECRET, 1)
            store.commit_secret(bob.id, SECRET)
    with bob.store() as store:
        store.save_contact(
            Contact(name="anna", node=anna.id, trust=trust, telegram_bot=anna.bot.username if bots else None, created=1)
        )
        if paired:
            store.propose_secret(anna.id, SECRET, 1)
            store.commit_secret(anna.id, SECRET)


def change(person: Person, name: str, **values: Any) -> None:
    """Change a contact in a person's book."""
    with person.store() as store:
        contact = store.contact_named(name)
        assert contact is not None
        store.save_contact(msgspec.structs.replace(contact, **values))


@contextlib.asynccontextmanager
async def two_people(folder: Path, *, claimed: bool = True) -> AsyncIterator[tuple[Person, Person, World, Server]]:
    """Anna and Bob with their homes, and no program running. At the end, no output has a token or a traceback."""
    world = World()
    server = Server(world)
    async with server.running(), Chain().running() as chain:
        people = []
        for number, name in ((1001, "Anna"), (1002, "Bob")):
            low = name.lower()
            human = world.human(number, name, f"{low}_example")
            token = f"{number}{next(TOKENS)}:{name[0] * 10}-secret_{time.time_ns():025}"
            account = world.bot(number + 1000, f"{name}'s bot", f"{low}_bot", token)
            person = Person(human, account, folder, server, chain)
            await person.move_in(claimed=claimed)
            people.append(person)
        anna, bob = people
        chain.names["copybara"] = Name({"staex-id": str(bob.id)})
        try:
            yield anna, bob, world, server
            codes = await asyncio.gather(*(person.stop() for person in people if person.is_up))
            assert not any(codes), [person.errors for person in people]
        finally:
            for person in people:
                if person.is_up:
                    person.process.kill()
                    await person.stop()
        for _, message in world.told:
            if isinstance(message, Message) and (message.sender.is_bot or message.through):
                # Everything that looks like a link is tappable, for TDLib too.
                for address in re.findall(r"https?://\S+", message.text):
                    assert address in message.links, message.text
        for person in people:
            assert person.bot.token not in person.errors + repr(person.said)
            assert person.bot.token.partition(":")[2] not in person.errors + repr(person.said)
            assert "Traceback" not in person.errors, person.errors
            for said in person.said:
                if said["type"] == "ready" and said["handset"] is not None:
                    assert key_of(said["handset"]) not in repr(server.requests), "Telegram never gets the page's key"
