"""Calls with `echo`: the owner sees and hears themselves as a friend would, before any friend is asked.

It is a call like any other, over the overlay from our own address to our own address: link, policy, ICE, DTLS, media.
What is made up for its length is a second node, and a contact book on both sides, so that nothing of it stays.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from peer.calls.endpoint_choice import Endpoints
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.news import CallListener, LinkNoted, News, Posted, Rings
from peer.calls.surroundings import Surroundings
from peer.calls.switchboard import Switchboard
from peer.media import CallContext, Endpoint
from peer.overlay import Address, Overlay
from peer.overlay.watch import OverlayWatch
from shared.config.schema import Answering, Calls
from shared.contacts import Contact, Trust
from shared.errors import CallRefused, CopybaraError, InCall
from shared.media import Media
from shared.node_id import KEY_BYTES, NodeId
from shared.store import Store, StoreThread
from shared.store.secrets import SECRET_BYTES

ECHO = "echo"
"Its name in a call, and that of the media endpoint that answers."

OWNER = "you"

CHAT = "chat"
"The chat of a call that was asked for on the page. No chat hears of that call."


@dataclass(frozen=True, eq=False)
class _Wanted:
    media: Media
    endpoint: str | None
    chat: str | None
    begins_off: bool
    placed: asyncio.Future[Line]
    begins: Callable[[], None]


class EchoCalls:
    """Makes calls with `echo`, one at a time. `run` owns what carries them."""

    def __init__(
        self,
        *,
        own: NodeId,
        lines: Lines,
        overlay: Overlay,
        watch: OverlayWatch,
        endpoints: Endpoints,
        page: CallListener | None,
        chats: CallListener | None,
        temporary: Path | None = None,
    ) -> None:
        """`lines` are those of the switchboard: such a call stands beside them, and takes the owner's time as they do.

        `endpoints` make the owner's endpoint. `page` hears what happens to each call, `chats` of those from a chat.
        `temporary` is the folder for temporary files; None: the system's.
        """
        self._own = own
        self._lines = lines
        self._overlay = overlay
        self._watch = watch
        self._endpoints = endpoints
        self._page = page
        self._chats = chats
        self._temporary = temporary
        self._wanted: asyncio.Queue[_Wanted] = asyncio.Queue()
        self._placing = False

    async def place(
        self,
        media: Media,
        endpoint: str | None = None,
        chat: str | None = None,
        begins: Callable[[], None] = lambda: None,
        *,
        begins_off: bool = False,
    ) -> Line:
        """Call the echo, with the owner's usual endpoint or another. Raises InCall beside another call, CopybaraError.

        `chat` is where it was asked for, None: on the page; `begins` see Switchboard.place, `begins_off` see Presented.
        Waits until `run` has made the call.
        """
        for line in self._lines:
            if line.occupies:
                raise InCall(f"There is a call with {line.name} already.")
        if self._placing:
            raise InCall("A test call begins already.")
        placed: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._wanted.put_nowait(_Wanted(media, endpoint, chat, begins_off, placed, begins))
        self._placing = True
        try:
            return await placed
        finally:
            self._placing = False

    async def run(self) -> None:
        """Carry such calls, one after the other, for as long as the program runs."""
        while True:
            wanted = await self._wanted.get()
            try:
                await self._carry(wanted)
            except CopybaraError as error:
                if not wanted.placed.done():
                    wanted.placed.set_exception(error)
            except Exception as error:
                # Who asked for it gets an error, and no cancellation: that would end what reads their messages.
                if not wanted.placed.done():
                    why = "the disk for temporary files may be full" if isinstance(error, OSError) else "see the log"
                    wanted.placed.set_exception(CallRefused(f"The test call can't be made: {why}."))
                raise
            finally:
                # Whatever ended it: nobody waits for a call that isn't made any more.
                wanted.placed.cancel()

    async def _carry(self, wanted: _Wanted) -> None:
        listeners = (self._page, self._chats if wanted.chat is not None else None)
        shown = [listener for listener in listeners if listener is not None]
        echo = NodeId(secrets.token_bytes(KEY_BYTES))
        key = secrets.token_bytes(SECRET_BYTES)
        with (
            tempfile.TemporaryDirectory(prefix="copybara-echo-", dir=self._temporary) as folder,
            Store(Path(folder) / "own.db") as own_store,
            Store(Path(folder) / "echo.db") as echo_store,
        ):
            _befriend(own_store, ECHO, echo, key)
            _befriend(echo_store, OWNER, self._own, key)
            todo: asyncio.Queue[Callable[[], Awaitable[object]]] = asyncio.Queue()

            def link_to_echo(token: str) -> None:
                todo.put_nowait(functools.partial(theirs.admission.read, token))

            def link_to_owner(token: str) -> None:
                todo.put_nowait(functools.partial(ours.admission.read, token))

            def answer(line: Line) -> None:
                todo.put_nowait(functools.partial(theirs.answer, line))

            async with StoreThread(own_store) as own_writes, StoreThread(echo_store) as echo_writes:
                ours = self._side(
                    self._own, own_writes, _Beside(self._lines), self._endpoints, _Shown(shown, link_to_echo)
                )
                theirs = self._side(echo, echo_writes, Lines(), _EchoEndpoints(), _Answers(link_to_owner, answer))
                async with theirs.running(), ours.running():
                    endpoint = wanted.endpoint or self._endpoints.usual()
                    line = await ours.place(
                        echo,
                        wanted.media,
                        endpoint=endpoint,
                        chat=wanted.chat or CHAT,
                        echo=True,
                        begins=wanted.begins,
                        begins_off=wanted.begins_off,
                    )
                    if not wanted.placed.cancelled():
                        wanted.placed.set_result(line)
                    await _until_over(line, todo)

    def _side(
        self, node: NodeId, writes: StoreThread, lines: Lines, endpoints: Endpoints, listener: CallListener
    ) -> Switchboard:
        return Switchboard(
            Surroundings(
                own=node,
                lines=lines,
                overlay=_ToOurselves(self._overlay, node),
                watch=self._watch,
                writes=writes,
                reader=LinkReader(node, writes.store, X25519PrivateKey.generate()),
                settings=Calls(),
                answering=Answering(),
                endpoints=endpoints,
                listeners=[listener],
            )
        )


async def _until_over(line: Line, todo: asyncio.Queue[Callable[[], Awaitable[object]]]) -> None:
    """Pass links from one side to the other, until the call is over."""

    async def do() -> None:
        while True:
            await (await todo.get())()

    async with asyncio.TaskGroup() as group:
        doing = group.create_task(do())
        await line.over.wait()
        doing.cancel()


def _befriend(store: Store, name: str, node: NodeId, key: bytes) -> None:
    now = int(time.time())
    store.save_contact(Contact(name=name, node=node, trust=Trust.RING, created=now))
    store.propose_secret(node, key, now)
    store.commit_secret(node, key)


class _Beside(Lines):
    """Lines that stand among others as well, and share their numbers."""

    def __init__(self, others: Lines) -> None:
        super().__init__()
        self._others = others

    def next_number(self) -> int:
        return self._others.next_number()

    def append(self, line: Line) -> None:
        super().append(line)
        self._others.append(line)

    def remove(self, line: Line) -> None:
        super().remove(line)
        self._others.remove(line)


class _ToOurselves:
    """The overlay as it is, except that every node is at our own address."""

    def __init__(self, overlay: Overlay, node: NodeId) -> None:
        self._overlay = overlay
        self._node = node
        self.name = overlay.name

    @property
    def interface(self) -> str | None:
        """The overlay's device."""
        return self._overlay.interface

    @interface.setter
    def interface(self, device: str | None) -> None:
        self._overlay.interface = device

    async def node_id(self) -> NodeId:
        """The node id of this side."""
        return self._node

    async def own_address(self) -> Address:
        """The address of our node."""
        return await self._overlay.own_address()

    async def address_of(self, node: NodeId) -> Address:
        """Our own address, for every node."""
        return await self._overlay.own_address()

    async def node_of(self, address: Address) -> NodeId | None:
        """None: both sides have the same address."""
        return None

    async def connected(self) -> bool | None:
        """None, as nothing leaves this machine."""
        return None


class _EchoEndpoints:
    """The endpoints of the echo's side: all send back what arrives."""

    def usual(self) -> str:
        """The endpoint `echo`."""
        return ECHO

    def make(self, name: str, context: CallContext) -> Endpoint:
        """The endpoint `echo`, whatever the name."""
        from peer.media.endpoints.echo import Echo

        return Echo()


class _Shown:
    """Shows the owner's side of the call. Its links go to the echo, not to people, and nobody waits while it rings."""

    def __init__(self, shown: Sequence[CallListener], link: Callable[[str], None]) -> None:
        self._shown = shown
        self._link = link

    def told(self, line: Line, news: News) -> None:
        """Pass a link to the echo, and everything else to those who show the call."""
        if isinstance(news, Posted):
            self._link(news.token)
        elif not isinstance(news, LinkNoted):
            for listener in self._shown:
                listener.told(line, news)


class _Answers:
    """The echo answers whatever rings."""

    def __init__(self, link: Callable[[str], None], answer: Callable[[Line], None]) -> None:
        self._link = link
        self._answer = answer

    def told(self, line: Line, news: News) -> None:
        """Pass the answer's link to the owner's side, and answer what rings."""
        if isinstance(news, Posted):
            self._link(news.token)
        elif isinstance(news, Rings):
            self._answer(line)
