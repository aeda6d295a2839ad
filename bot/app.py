"""`copybara run` and `copybara start`: the bot and the peer, one asyncio process, until the chat ends or Ctrl-C.

The composition root: everything is made in `_run` and given what it needs, those that listen first, then the
switchboard that tells them, then those that command it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal

from bot.assistant.assistant import Assistant
from bot.assistant.call_news import CallNews
from bot.assistant.learning import Learning
from bot.assistant.lookups import Lookups
from bot.assistant.origins import Origins
from bot.assistant.posting import Posting
from bot.control_desk import ControlDesk
from bot.control_socket import listening
from bot.conversation import Messenger
from bot.home import Home, HomeLock
from bot.known_node import remember
from bot.media_endpoints import MediaEndpoints
from bot.messengers.all import Chats
from bot.messengers.console import Console
from bot.messengers.registry import configured
from bot.messengers.screen import Screen
from bot.name_systems import system_names
from bot.page.presenter import Presenter
from bot.page.requests import PageRequests
from bot.page.service import open_handset
from bot.service_manager import READY, STOPPING, ServiceManager
from bot.settings import open_overlay, own_card, settings
from bot.texts.chat import overlay_notice, part_restarted
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.switchboard import Switchboard
from peer.handset.page import Pages
from peer.media import AUTO
from peer.overlay.watch import OverlayWatch
from shared.config.schema import Config
from shared.errors import InputError, first_error
from shared.kept_running import Part, kept_running
from shared.store import Store, StoreThread

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"Ctrl-C, a service that is stopped, a terminal that is closed: each ends all calls with a word to the other side."


def run(
    home: Home,
    *,
    console: bool = False,
    starts: bool = False,
    opens: bool = False,
    as_json: bool = False,
    overlay: str | None = None,
    new_node: bool = False,
) -> int:
    """Run until the chat ends, or SIGINT, SIGTERM or SIGHUP. Raises CopybaraError when it can't start or go on.

    With `console` the chat is stdin and stdout. `starts`: somebody sits there who wants to see what happens; `opens`:
    and the page in their browser. With `new_node` the home's overlay and node id may be others than at its last start.
    """
    config = settings(home, overlay)
    if not (console or config.handset.enabled or configured(config)):
        raise InputError(
            "There is no way to talk to this program: it has no page, no messenger and no console.",
            "Set `enabled = true` under [handset], or use `copybara run --console`: the chat is stdin and stdout.",
        )
    home.prepare()
    with HomeLock(home), Store(home.database) as store:
        thread = StoreThread(store)
        messengers = [entry.open(home, config, thread) for entry in configured(config)]
        if console:
            page_is_first = config.answer.endpoint == AUTO
            messengers.insert(0, Console(as_json=as_json, says_where_to_talk=page_is_first))
        else:
            messengers.append(Screen(as_json=as_json, starts=starts, opens=opens))
        try:
            asyncio.run(_run(home, config, thread, Chats(messengers), new_node=new_node))
        except BaseExceptionGroup as group:
            raise first_error(group) from group
    return 0


async def _run(home: Home, config: Config, thread: StoreThread, chats: Chats, *, new_node: bool) -> None:
    store = thread.store
    stopping = asyncio.Event()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup sets it
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    overlay, own = await open_overlay(config, home, store, new_node=new_node)
    remember(store, overlay.name, own)
    watch = OverlayWatch(overlay)
    reader = LinkReader(own, store, home.load_sealing_key())
    card = functools.partial(own_card, home, config, own, store)
    lines, pages, origins, posting = Lines(), Pages(), Origins(), Posting(chats.post)
    learning = Learning(thread, origins)

    # Those that listen.
    news = CallNews(
        store=store,
        posting=posting,
        origins=origins,
        learning=learning,
        call_changed=chats.call_changed,
        send_recordings=config.media.send_recordings,
    )
    presenter = (
        Presenter(
            own=own,
            name=config.name,
            overlay=overlay.name,
            watch=watch,
            store=store,
            lines=lines,
            own_card=card,
            pages=pages,
        )
        if config.handset.enabled
        else None
    )

    # What carries calls.
    in_console = any(messenger.capabilities.at_terminal for messenger in chats.messengers)
    switchboard = Switchboard(
        own=own,
        lines=lines,
        overlay=overlay,
        watch=watch,
        writes=thread,
        reader=reader,
        settings=config.calls,
        answering=config.answer,
        endpoints=MediaEndpoints(config, home.recordings, presenter, in_console=in_console),
        listeners=[news, presenter] if presenter else [news],
        waits=presenter.attended if presenter else lambda: False,
    )

    # Those that command.
    lookups = Lookups(system_names(config, store, overlay.name, thread))
    assistant = Assistant(
        own=own,
        overlay=overlay.name,
        writes=thread,
        switchboard=switchboard,
        lookups=lookups,
        own_card=card,
        posting=posting,
        origins=origins,
        news=news,
        learning=learning,
        call_changed=chats.call_changed,
        has_page=presenter is not None,
    )
    handset = None
    if presenter is not None:
        requests = PageRequests(
            presenter=presenter,
            assistant=assistant,
            switchboard=switchboard,
            store=store,
            writes=thread,
            reader=reader,
            settings=config.calls,
        )
        handset = open_handset(pages, presenter, requests, port=config.handset.port, key=home.load_handset_key())
    notices = [overlay_notice(overlay.name)]
    notices += handset.notices if handset else []
    desk = ControlDesk(assistant, own, overlay, handset, notices)

    def failed(what: str) -> None:
        posting.everywhere(part_restarted(what))

    reading = [
        Part("Reading messages", functools.partial(_until_over, messenger, assistant, stopping), failed)
        for messenger in chats.messengers
    ]
    manager = ServiceManager()
    living = Part("Telling systemd that the program lives", manager.keep_telling, failed)
    watching = Part("Watching the overlay", functools.partial(watch.run, assistant.overlay_changed), failed)

    async with (
        thread,
        learning.running(),
        chats.running(),
        switchboard.running(),
        lookups.running(),
        listening(home.control_socket, desk.answer),
        handset.running() if handset else contextlib.nullcontext(),
    ):
        chats.ready(str(own), notices, handset)
        manager.tell(READY)
        await assistant.greet()
        async with kept_running(watching, living, *reading):
            await stopping.wait()
        manager.tell(STOPPING)


async def _until_over(messenger: Messenger, assistant: Assistant, stopping: asyncio.Event) -> None:
    await messenger.run(assistant)
    stopping.set()
