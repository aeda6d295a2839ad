"""A friend who has nothing but Delta Chat and an overlay node: a real core, and our own SDP leg as its call page."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from peer.calls.foreign_admission import ForeignOffer
from peer.calls.line import Line
from peer.calls.programs.deltachat import DeltaChatApp
from peer.overlay.loopback import loopback_address
from peer.transport.sdp.reading import Description, read_description
from peer.transport.udp_socket import OverlaySocket
from shared.media import Media
from shared.node_id import NodeId
from tests.bot.deltachat.world import SELF, App
from tests.peer.calls.nodes import Node, node


class Sockets:
    """Real ones."""

    open = staticmethod(OverlaySocket.open)


class Friend:
    """Their app, and what carries its calls."""

    def __init__(self, app: App, carries: Node, chat: int) -> None:
        self.app = app
        self.rpc = app.rpc
        self.carries = carries
        self.chat = chat
        "With the other side's bot."

    @property
    def node(self) -> NodeId:
        """Their overlay node."""
        return self.carries.id

    def knows(self, other: NodeId) -> None:
        """Their overlay can reach that node."""
        for known in self.carries.store.contacts():
            self.carries.store.remove_contact(known.name)
        self.carries.knows(_At(other))  # type: ignore[arg-type]

    async def calls(self, other: NodeId, *, video: bool = True) -> tuple[Line, int]:
        """Press the call button: the call, and the number of its message."""
        self.knows(other)
        line = await self.carries.switchboard.place(other, Media.BOTH, program="deltachat")
        await self.carries.until(lambda: bool(self.carries.posts))
        return line, self.rings(self.carries.posts.pop(), video=video)

    def rings(self, offer: str, *, video: bool = True) -> int:
        """Send an offer, as the call page has it sent."""
        return int(self.rpc.place_outgoing_call(self.app.number, self.chat, offer, video))

    async def takes(self, answer: str) -> Description:
        """Let the call page have the answer."""
        description = read_description(answer)
        reading = self.carries.switchboard.foreign_admission.answered(description, description.candidates, None)
        assert reading.line is not None
        return description

    async def answers(self, offer: str, other: NodeId) -> tuple[Line, str]:
        """Take a call: the call, and what the call page answers."""
        self.knows(other)
        description = read_description(offer)
        made = ForeignOffer.of(other, DeltaChatApp(0), description, description.candidates, loopback_address(other))
        reading = await self.carries.switchboard.foreign_admission.called(made, chat="there", proven=True)
        assert reading.line is not None
        await self.carries.switchboard.answer(reading.line)
        await self.carries.until(lambda: bool(self.carries.posts))
        return reading.line, self.carries.posts.pop()

    async def event(self, kind: str, message: int | None = None) -> dict[str, Any]:
        """The next event of that kind, about that call's message or any."""
        return await asyncio.to_thread(
            self.app.event, lambda event: event["kind"] == kind and message in (None, event["msg_id"])
        )

    def state(self, message: int) -> str:
        """How the core says that a call stands."""
        return str(self.rpc.call_info(self.app.number, message)["state"]["kind"])


class _At:
    def __init__(self, node: NodeId) -> None:
        self.name, self.id = "bot", node


@contextlib.asynccontextmanager
async def friend(folder: Path, app: App, bot: int) -> AsyncIterator[Friend]:
    """Somebody whose app knows a bot as that contact."""
    chat = int(app.rpc.create_chat_by_contact_id(app.number, bot))
    async with node(folder, app.name, Sockets()) as carries:  # type: ignore[arg-type]
        carries.switchboard.programs["deltachat"] = lambda _: DeltaChatApp(0)
        yield Friend(app, carries, chat)


def meet(anna: App, with_bot: int, bob: App) -> int:
    """A group of Anna, her bot and Bob, so that the bot and Bob have each other's keys; the bot's contact at Bob's.

    `with_bot` is Anna's chat with her bot.
    """
    chat = anna.joins(bob.rpc.get_chat_securejoin_qr_code(bob.number, None))
    group = anna.groups("Calls", anna.other_in(with_bot), anna.other_in(chat))
    anna.writes(group, "Bob, this is my bot.")
    theirs = bob.is_in("Calls")
    bob.delivers(theirs, "Hello!")
    return next(
        int(contact)
        for contact in bob.rpc.get_chat_contacts(bob.number, theirs)
        if contact != SELF and bob.rpc.get_contact(bob.number, contact)["address"].startswith("anna-bot@")
    )
