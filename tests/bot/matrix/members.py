"""Humans and bots on the homeserver in memory. Humans use a client of our own, bots are separate processes."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.home import Home
from bot.messengers.matrix import NAME
from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.canonical import Json
from bot.messengers.matrix.client import Client
from bot.messengers.matrix.login import client_of, log_in
from bot.messengers.matrix.own_room import OWN_ROOM
from bot.messengers.matrix.reading import RoomMessage
from bot.messengers.matrix.vault import Vault
from shared.store import Store
from shared.store.journal import Journal
from tests.bot.console import SECONDS, Chat, Person
from tests.bot.matrix.homeserver import NAME as SERVER
from tests.bot.matrix.homeserver import Homeserver


@dataclass
class Member:
    """A human. Their identity has signed their device, unless they have none."""

    client: Client
    seen: list[RoomMessage] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def user(self) -> str:
        """Their user id."""
        return self.client.account.user

    async def read(self) -> None:
        """Read, and accept every invitation, while the test runs."""
        while True:
            sync = await self.client.sync(wait=True)
            for room, _ in sync.invitations:
                await self.client.api.join(room)
            await self.client.confirm()
            async with self.news:
                self.seen += sync.messages
                self.news.notify_all()

    async def says(self, room: str, text: str, **content: object) -> None:
        """Write an encrypted message in a room."""
        body: Json = {"msgtype": "m.text", "body": text, **content}
        async with asyncio.timeout(SECONDS), self.news:
            while not self.client.rooms.of(room).encrypted:
                await self.news.wait()
        await self.client.write(room, secrets.token_hex(8), body)

    async def reads(self, *words: str, room: str = "", after: int = 0) -> RoomMessage:
        """The first message after the first `after` ones with all these words."""
        try:
            async with asyncio.timeout(SECONDS), self.news:
                while not (found := [each for each in self.seen[after:] if _fits(each, words, room)]):
                    await self.news.wait()
                return found[0]
        except TimeoutError:
            said = "\n".join(f"{each.room} {each.sender}: {each.content.get('body')}" for each in self.seen[-10:])
            raise AssertionError(f"{self.user} didn't read {words}, but:\n{said}") from None


def _fits(message: RoomMessage, words: tuple[str, ...], room: str) -> bool:
    body = str(message.content.get("body"))
    return room in ("", message.room) and all(word in body for word in words)


@dataclass
class Bot:
    """A person's program, and the room of only the two."""

    program: Person
    owner: Member
    user: str
    room: str

    async def asks(self, text: str, *words: str) -> str:
        """Write to it as its owner. Returns its answer with all these words."""
        seen = len(self.owner.seen)
        await self.owner.says(self.room, text)
        answer = await self.owner.reads(*words, room=self.room, after=seen)
        return str(answer.content["body"])


@contextlib.asynccontextmanager
async def member(
    server: Homeserver, folder: Path, name: str, *, device: str = "PHONE", identity: bool = True
) -> AsyncIterator[Member]:
    """A logged-in human."""
    user = f"@{name}:{SERVER}"
    with Store(folder / f"{name}-{device}") as store:
        journal = Journal(store, NAME)
        vault = Vault(journal)

        async def save() -> None:
            journal.set_facts(vault.take_changes())

        client = Client(MatrixAccount(user, server.address, device, f"{user} {device}"), vault, save)
        async with client.open():
            if identity:
                client.own.make_identity()
                await client.api.post("/keys/device_signing/upload", client.own.identity_keys())
            await client.begin()
            someone = Member(client)
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(someone.read())
                yield someone
                reading.cancel()


@contextlib.asynccontextmanager
async def bot(
    server: Homeserver, folder: Path, owner: Member, name: str, friends: Path, *, config: str = "", more: str = ""
) -> AsyncIterator[Bot]:
    """The running program of that person, with a bot that they have verified. `friends` has their home.

    `config` comes before the tables of the configuration, `more` goes into [matrix].
    """
    settings = f"{config}\n[handset]\nenabled = false\n[matrix]\nenabled = true\n{more}"
    program = Person(name, folder, Chat(), config=settings)
    shutil.copytree(friends / name, program.home)
    (program.home / "copybara.toml").write_text(f'name = "{name}"\noverlay = "loopback"\n[matrix]\nenabled = true\n')
    home, user = Home(program.home), f"@{name}-bot:{SERVER}"
    account = await log_in(home, MatrixAccount(user, server.address, owner=owner.user), "password")
    with Store(home.database) as store:
        async with client_of(home, store, account) as (client, vault):
            # As after comparing the emoji, which is tested with Element's crypto.
            await client.keys.query([owner.user])
            client.people.verified_owner(owner.user, owner.client.own.master)
            room = await client.make_room([owner.user], "Copybara")
            vault.put(OWN_ROOM, room)
            await client.save()
    await joined(server, room, owner.user)
    await program.begin()
    try:
        yield Bot(program, owner, user, room)
        program.check()
    finally:
        if program.running:
            program.process.kill()
            await program.gone()


async def joined(server: Homeserver, room: str, *users: str) -> None:
    """Wait until these users are in a room."""
    await server.until(lambda: all(server.rooms[room].members.get(user, ("",))[0] == "join" for user in users))
