"""`copybara run`: the bot and the peer, one asyncio process, until the chat ends or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time

from bot.assistant import Assistant
from bot.conversation import IncomingMessage, Post
from bot.local import AskStatus, Question, Reply, Say, listening
from bot.messengers.console import OWNER, Console
from bot.resolve_cli import resolver
from bot.settings import open_overlay, own_card, settings
from peer.home import Home, HomeLock
from peer.line import Line
from peer.link_reader import LinkReader
from peer.media import Endpoint, make
from peer.overlay import Overlay
from peer.overlay.watch import OverlayWatch
from peer.switchboard import Switchboard
from shared.config import Config
from shared.errors import InputError, OverlayError
from shared.node_id import NodeId
from shared.store import Store

logger = logging.getLogger(__name__)

LOOPBACK_NOTICE = "The loopback overlay is for trying on one machine: it gives no privacy."


def run(home: Home, *, console: bool, as_json: bool, overlay: str | None) -> int:
    """Run until the chat ends, or SIGINT or SIGTERM. Raises CopybaraError when it can't start."""
    if not console:
        raise InputError("No messenger is configured.", "Use `copybara run --console`: the chat is stdin and stdout.")
    home.prepare()
    config = settings(home, overlay)
    with HomeLock(home), Store(home.database) as store:
        asyncio.run(_run(home, config, store, Console(as_json=as_json)))
    return 0


async def _run(home: Home, config: Config, store: Store, console: Console) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)

    overlay = await open_overlay(config, home)
    own = await overlay.node_id()
    watch = OverlayWatch(overlay)
    assistant = _assistant(home, config, store, overlay, watch, own, console)
    answer = _Desk(assistant, own, overlay).answer
    async with assistant.switchboard.running(), listening(home.control_socket, answer):
        notices = [LOOPBACK_NOTICE] if overlay.name == "loopback" else [f"Calls go over {overlay.name.capitalize()}."]
        console.ready(str(own), notices)
        assistant.greet()
        watching = asyncio.create_task(watch.run(assistant.overlay_changed))
        conversing = asyncio.create_task(_converse(console, assistant))
        stopped = asyncio.create_task(stopping.wait())
        tasks = (watching, conversing, stopped)
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        for task in tasks:
            task.cancel()


def _assistant(
    home: Home, config: Config, store: Store, overlay: Overlay, watch: OverlayWatch, own: NodeId, console: Console
) -> Assistant:
    sealing_key = home.load_sealing_key()

    def show(line: Line) -> None:
        console.call_changed(line.report())

    def endpoint(name: str | None, label: str) -> Endpoint:
        return make(name or config.answer.endpoint, config.media, recordings=home.recordings, label=label)

    assistant = Assistant(
        own=own,
        overlay=overlay.name,
        store=store,
        names=resolver(store),
        own_card=own_card(home, config, own),
        post=console.post,
        call_changed=show,
    )
    assistant.switchboard = Switchboard(
        own=own,
        overlay=overlay,
        watch=watch,
        store=store,
        reader=LinkReader(own, store, sealing_key),
        settings=config.calls,
        endpoint=endpoint,
        tell=assistant.told,
    )
    return assistant


async def _converse(console: Console, assistant: Assistant) -> None:
    """Hear the chat, one message after the other, until it ends."""
    messages: asyncio.Queue[IncomingMessage] = asyncio.Queue()

    async def listen() -> None:
        while True:
            await assistant.hear(await messages.get())
            messages.task_done()

    listening_task = asyncio.create_task(listen())
    try:
        await console.run(messages.put_nowait)
        await messages.join()
    finally:
        listening_task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening_task


class _Desk:
    """Answers `copybara status`, `call`, `answer` … over the control socket."""

    def __init__(self, assistant: Assistant, own: NodeId, overlay: Overlay) -> None:
        self._assistant = assistant
        self._own = own
        self._overlay = overlay
        self._started = time.time()

    async def answer(self, question: Question) -> Reply:
        match question:
            case Say():
                posts = await self._assistant.hear(IncomingMessage(question.text, OWNER, from_owner=True))
                return Reply(posts=[_as_dict(post) for post in posts])
            case AskStatus():
                return Reply(status=await self._status())

    async def _status(self) -> dict[str, object]:
        address, error = None, None
        try:
            address = str(await self._overlay.own_address())
        except OverlayError as down:
            error = down.sentence
        return {
            "node": str(self._own),
            "overlay": {"name": self._overlay.name, "address": address, "error": error},
            "running_since": int(self._started),
            "calls": [line.report() for line in self._assistant.switchboard.lines],
        }


def _as_dict(post: Post) -> dict[str, object]:
    return {"to": post.to, "text": post.text, "token": post.token}
