"""A plain messenger in memory: the real one, with its journal on the disk, and a wire that the test controls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bot.conversation import Action, Effects, IncomingMessage, Post
from bot.kinds import Sentence
from bot.messengers.outbox import Pace
from bot.messengers.plain.messenger import PlainMessenger
from bot.messengers.plain.places import Place, PlainWay
from bot.messengers.plain.values import Entry, Heard, Outgoing
from bot.messengers.plain.wire import Desk
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from peer.calls.switchboard import Switchboard
from shared.call.table import Call, State
from shared.errors import CallOver
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.store import Store, StoreThread
from shared.store.journal import Journal

NAME = "wire"
OWNER = Place(NAME, PlainWay.OWNER).chat
PATIENCE = 60.0


def person(account: str) -> str:
    """The conversation with an account."""
    return Place(NAME, PlainWay.PERSON, account).chat


def call(
    number: int,
    node: NodeId,
    *,
    name: str | None = None,
    proven: bool = False,
    chat: str = OWNER,
    state: State = State.RINGING,
) -> Line:
    """An incoming call that rings, or is in another state. Its id is its number."""
    link = CallLink(node, Media.BOTH, created=0, reference=number.to_bytes(8, "big"), proven=proven)
    return Line(
        number,
        Call(Role.CALLEE, paired=proven, state=state),
        link,
        chat=chat,
        expires=600,
        connection=ConnectionState(Media.BOTH),
        shown=Presented(name),
    )


class Wire:
    """The messenger's network."""

    title = "Wire"
    whose_clock = "the wire's"
    senders_date = False
    clock_ahead = 0.0
    has_owner = True

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self._coming: asyncio.Queue[tuple[int, Entry]] = asyncio.Queue()
        self._numbers = iter(range(1, 1_000_000))
        self._changed = asyncio.Condition()

    def comes(self, text: str, sender: str = "", group: str = "", *, age: int = 0) -> None:
        """Deliver a message of `age` seconds ago, by the owner or an account, alone with the bot or in a group."""
        chat = Place(NAME, PlainWay.GROUP, group).chat if group else person(sender) if sender else OWNER
        heard = Heard(
            text,
            chat,
            from_owner=not sender,
            alone=not group,
            date=int(time.time()) - age,
            sender=sender,
            writer=sender,
        )
        self._coming.put_nowait((next(self._numbers), heard))

    async def until_sent(self, words: str, since: int = 0) -> Outgoing:
        """The first message that contains these words."""
        async with asyncio.timeout(PATIENCE), self._changed:
            while not (found := [each for each in self.sent[since:] if words in each.text]):
                await self._changed.wait()
            return found[0]

    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        return contextlib.nullcontext()

    async def begin(self, desk: Desk, listener: Any) -> None:
        pass

    async def fetch(self) -> list[tuple[int, Entry]]:
        return [await self._coming.get()]

    async def confirm(self) -> None:
        pass

    async def act(self, value: bytes, again: bool) -> None:
        raise AssertionError(value)

    async def choose(self, what: str, about: str) -> None:
        raise CallOver

    async def send(self, message: Outgoing, number: int) -> None:
        async with self._changed:
            self.sent.append(message)
            self._changed.notify_all()

    async def warn(self, said: Sentence) -> None:
        await self.send(Outgoing(f"at once: {said.text}", OWNER), 0)

    def pace(self, chat: str) -> Pace:
        return Pace(per_second=10_000, burst=10_000, seconds_each=0.0001, urgent_too=False)

    def call_changed(self, line: Line) -> None:
        pass


class Ear:
    """An assistant that posts what the test has stored for a text."""

    def __init__(self) -> None:
        self.posts: dict[str, Post] = {}
        self.acted: asyncio.Queue[Action] = asyncio.Queue()
        self.messenger: PlainMessenger | None = None
        self.is_ending = False

    @property
    def switchboard(self) -> Switchboard:
        raise AssertionError("a messenger whose app makes no calls asks for none")

    async def hear(self, message: IncomingMessage) -> Effects:
        post = self.posts.get(message.text)
        if post is None or self.messenger is None:
            return Effects([])
        self.messenger.post(post)
        return Effects([post])

    async def act(self, action: Action, chat: str) -> str:
        self.acted.put_nowait(action)
        return ""

    async def prepare(self, whom: str, media: Media, chat: str, before: Line | None) -> Line:
        raise CallOver

    def confirm(self, line: Line) -> None:
        pass

    def discard(self, line: Line) -> None:
        pass


@contextlib.asynccontextmanager
async def plain_messenger(folder: Path) -> AsyncIterator[tuple[PlainMessenger, Wire, Ear]]:
    """A running plain messenger."""
    with Store(folder / "db") as store:
        async with StoreThread(store) as thread:
            wire, ear = Wire(), Ear()
            messenger = PlainMessenger(wire, NAME, Journal(store, NAME), thread.write, lifetime=600)
            ear.messenger = messenger
            messenger.ready("", [], None)
            async with messenger.running(), asyncio.TaskGroup() as group:
                running = group.create_task(messenger.run(ear))
                yield messenger, wire, ear
                running.cancel()
