"""`copybara run`: the bot and the peer, one asyncio process, until the chat ends or Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import signal
import time

from bot.assistant.assistant import Assistant
from bot.assistant.lookups import Lookups
from bot.cli.resolve import system_names
from bot.control_socket import AskStatus, Question, Reply, Say, listening
from bot.home import Home, HomeLock
from bot.messengers.all import Chats
from bot.messengers.base import Messenger, Post
from bot.messengers.console import CHAT, Console
from bot.messengers.telegram import telegram
from bot.page.service import Handset, open_handset
from bot.settings import open_overlay, own_card, settings
from bot.texts.chat import with_commands
from peer.calls.line import Line
from peer.calls.link_reader import LinkReader
from peer.calls.news import News
from peer.calls.switchboard import Switchboard
from peer.media import AUTO, HANDSET, Endpoint, Occasion, make
from peer.overlay import Overlay
from peer.overlay.watch import OverlayWatch
from shared.config.schema import Config
from shared.errors import InputError, OverlayError
from shared.node_id import NodeId
from shared.store import Store

logger = logging.getLogger(__name__)

LOOPBACK_NOTICE = "The loopback overlay is for trying on one machine: it gives no privacy."


def run(home: Home, *, console: bool, as_json: bool, overlay: str | None) -> int:
    """Run until the chat ends, or SIGINT or SIGTERM. Raises CopybaraError when it can't start."""
    config = settings(home, overlay)
    if not (console or config.telegram.token):
        raise InputError("No messenger is configured.", "Use `copybara run --console`: the chat is stdin and stdout.")
    home.prepare()
    with HomeLock(home), Store(home.database) as store:
        messengers: list[Messenger] = [Console(as_json=as_json)] if console else []
        if config.telegram.token:
            messengers.append(telegram(home, config, store))
        asyncio.run(_run(home, config, store, Chats(messengers)))
    return 0


async def _run(home: Home, config: Config, store: Store, chats: Chats) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)

    overlay = await open_overlay(config, home)
    own = await overlay.node_id()
    watch = OverlayWatch(overlay)
    handset = open_handset(config, own, overlay.name, watch, store, home) if config.handset.enabled else None
    assistant = _assistant(home, config, store, overlay, watch, own, chats, handset)
    answer = _Desk(assistant, own, overlay, handset).answer
    async with (
        chats.running(),
        assistant.switchboard.running(),
        assistant.lookups.running(),
        listening(home.control_socket, answer),
        handset.running() if handset else contextlib.nullcontext(),
    ):
        notices = [LOOPBACK_NOTICE] if overlay.name == "loopback" else [f"Calls go over {overlay.name.capitalize()}."]
        if handset:
            notices += handset.notices
        chats.ready(str(own), notices, handset)
        await assistant.greet()
        tasks = [
            asyncio.create_task(watch.run(assistant.overlay_changed)),
            asyncio.create_task(stopping.wait()),
            *(asyncio.create_task(messenger.run(assistant)) for messenger in chats.messengers),
        ]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for task in done:
            await task


def _assistant(
    home: Home,
    config: Config,
    store: Store,
    overlay: Overlay,
    watch: OverlayWatch,
    own: NodeId,
    chats: Chats,
    handset: Handset | None,
) -> Assistant:
    sealing_key = home.load_sealing_key()

    def endpoint(name: str, occasion: Occasion) -> Endpoint:
        if handset is not None:
            reception, number = handset.reception, occasion.number
            occasion = dataclasses.replace(
                occasion,
                handset=functools.partial(reception.endpoint, number),
                chime=functools.partial(reception.chime, number),
                unheard=functools.partial(reception.unheard, number),
            )
        return make(name, config, recordings=home.recordings, occasion=occasion)

    in_console = any(isinstance(messenger, Console) for messenger in chats.messengers)

    def usual() -> str:
        if config.answer.endpoint != AUTO:
            return config.answer.endpoint
        page = handset is not None and (handset.reception.attended() or not in_console)
        return HANDSET if page else "pattern"

    assistant = Assistant(
        own=own,
        overlay=overlay.name,
        store=store,
        lookups=Lookups(system_names(config, store, overlay.name)),
        own_card=lambda: own_card(home, config, own, store),
        post=chats.post,
        call_changed=chats.call_changed,
        send_recordings=config.media.send_recordings,
        has_page=handset is not None,
    )

    def tell(line: Line, news: News) -> None:
        assistant.told(line, news)
        if handset is not None:
            handset.reception.told(line, news)

    assistant.switchboard = Switchboard(
        own=own,
        overlay=overlay,
        watch=watch,
        store=store,
        reader=LinkReader(own, store, sealing_key),
        settings=config.calls,
        answering=config.answer,
        endpoint=endpoint,
        usual=usual,
        tell=tell,
        waits=handset.reception.attended if handset else lambda: False,
    )
    if handset is not None:
        handset.reception.assistant = assistant
    return assistant


class _Desk:
    """Answers `copybara status`, `call`, `answer` … over the control socket."""

    def __init__(self, assistant: Assistant, own: NodeId, overlay: Overlay, handset: Handset | None) -> None:
        self._assistant = assistant
        self._handset = handset
        self._own = own
        self._overlay = overlay
        self._started = time.time()

    async def answer(self, question: Question) -> Reply:
        match question:
            case Say():
                posts = await self._assistant.obey(question.text, CHAT)
                return Reply(posts=[self._as_dict(post) for post in posts])
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
            "handset": self._page,
            "calls": [line.report() for line in self._assistant.switchboard.lines],
        }

    def _as_dict(self, post: Post) -> dict[str, object]:
        return {"kind": post.kind, "to": post.to, "text": with_commands(post, self._page), "token": post.token}

    @property
    def _page(self) -> str | None:
        """The address of the handset page."""
        return self._handset.address if self._handset else None
