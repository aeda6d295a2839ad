"""A friend who has only Delta Chat and an overlay node: a real core, with our own SDP leg as its call page."""

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
    """Opens real sockets."""

    open = staticmethod(OverlaySocket.open)


class Friend:
    """A friend's app, and the sockets and legs of its calls."""

    def __init__(self, app: App, carries: Node, chat: int) -> None:
        self.app = app
        self.rpc = app.rpc
        self.carries = carries
        self.chat = chat
        "The chat with the other side's bot."

    @property
    def node(self) -> NodeId:
        """Their overlay node."""
        return self.carries.id

    def knows(self, other: NodeId) -> None:
        """Make that node known to their overlay."""
        for known in self.carries.store.contacts():
            self.carries.store.remove_contact(known.name)
        self.carries.knows(_At(other))  # type: ignore[arg-type]

    async def calls(self, other: NodeId, *, video: bool = True) -> tuple[Line, int]:
        """Press the call button. Returns the call, and the number of its message."""
        self.knows(other)
        line = await self.carries.switchboard.place(other, Media.BOTH, program="deltachat")
        await self.carries.until(lambda: bool(self.carries.posts))
        return line, self.rings(self.carries.posts.pop(), video=video)

    def rings(self, offer: str, *, video: bool = True) -> int:
        """Send an offer, as the call page does."""
        return int(self.rpc.place_outgoing_call(self.app.number, self.chat, offer, video))

    async def takes(self, answer: str) -> Description:
        """Give the answer to the call page."""
        description = read_description(answer)
        reading = self.carries.switchboard.foreign_admission.answered(description, description.candidates, None)
        assert reading.line is not None
        return description

    async def answers(self, offer: str, other: NodeId) -> tuple[Line, str]:
        """Answer a call. Returns the call, and the call page's answer."""
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
        """The state of a call according to the core."""
        return str(self.rpc.call_info(self.app.number, message)["state"]["kind"])


class _At:
    def __init__(self, node: NodeId) -> None:
        self.name, self.id = "bot", node


@contextlib.asynccontextmanager
async def friend(folder: Path, app: App, bot: int) -> AsyncIterator[Friend]:
    """A person whose app has a bot as that contact."""
    chat = int(app.rpc.create_chat_by_contact_id(app.number, bot))
    async with node(folder, app.name, Sockets()) as carries:  # type: ignore[arg-type]
        carries.switchboard.programs["deltachat"] = lambda _: DeltaChatApp(0)
        yield Friend(app, carries, chat)


def meet(anna: App, with_bot: int, bob: App) -> int:
    """Make a group of Anna, her bot and Bob, so that the bot and Bob get each other's keys.

    Returns Bob's contact of the bot.

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
