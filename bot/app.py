"""`copybara run` and `copybara start`: the bot and the peer in one asyncio process, until the chat ends or Ctrl-C.

This is the composition root: `_run` makes every part with the makers of bot/makers.py. First come those that listen,
then the switchboard that tells them, then those that command it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from bot.assistant.assistant import Assistant
from bot.chats import Chats
from bot.command_replies import CommandReplies
from bot.command_socket import listening
from bot.conversation import Messenger, Post
from bot.home import HANDSET_KEY_BYTES, Home, HomeLock, who_runs
from bot.known_node import has_moved
from bot.makers import (
    Node,
    Talk,
    make_assistant,
    make_desktop,
    make_devices,
    make_echo,
    make_handset,
    make_lookups,
    make_news,
    make_presenter,
    make_shelf,
    make_switchboard,
    open_node,
)
from bot.messengers.console import Console
from bot.messengers.registry import configured
from bot.messengers.screen import Screen
from bot.page.no_overlay import wait_until_available
from bot.page.own_devices import OwnDevices
from bot.process.ending import Ending
from bot.process.one_heap import share_one_heap
from bot.process.service_manager import READY, STOPPING, ServiceManager
from bot.process.systemd_sockets import SystemdSockets, handed_over
from bot.process.uncollected import keep_for_good
from bot.settings import settings
from bot.terminal.streams import only_the_user_reads, print_text, write_aside
from bot.terminal.texts import ENDED
from bot.texts import overlay as overlay_texts
from bot.texts.chat import part_restarted
from bot.texts.contacts import moved_notice, restored_notice
from bot.texts.devices import LAN_GIVES_UP
from peer.media import AUTO
from shared import asleep
from shared.config.schema import Config
from shared.connection_user import ask_from_outside
from shared.errors import CopybaraError, InputError, NodeChanged, OverlayError, first_error
from shared.kept_running import Part, kept_running
from shared.store import Store, StoreThread
from shared.store.restored import not_ahead


def run(
    home: Home,
    *,
    console: bool = False,
    starts: bool = False,
    opens: bool = False,
    link: str = "",
    as_json: bool = False,
    overlay: str | None = None,
    new_node: bool = False,
    looks_again: Callable[[], None] = lambda: None,
) -> int:
    """Run until the chat ends, or until SIGINT, SIGTERM or SIGHUP. Returns the exit code, 0.

    `console`: the chat is stdin and stdout. `starts`: a person started the program in a terminal and reads there what
    happens. `opens`: the page also opens in their browser, and explains `link`. `as_json`: what is printed is JSON, for
    scripts. `overlay` replaces the configured one. `new_node`: the overlay and the node id may be others than at the
    last start.

    `looks_again` is called while the page says that no overlay was found, before each further look.

    Raises CopybaraError when the program can't start or can't continue.
    """
    share_one_heap()
    manager, is_up = ServiceManager(), threading.Event()
    how = _How(console=console, starts=starts, opens=opens, link=link, as_json=as_json, looks_again=looks_again)
    opened = functools.partial(_opened, home, overlay=overlay, console=console, new_node=new_node)
    with contextlib.closing(handed_over()) as systemd:
        run_once = functools.partial(_run_once, home, how, opened, manager, systemd, is_up)
        if systemd.users is not None:
            ask_from_outside(systemd.users)
        if manager.listens and not (console or as_json):
            ended_by = _run_once_it_can(home, run_once, opened, manager, systemd, is_up)
        else:
            ended_by = run_once()
    if ended_by in (signal.SIGINT, signal.SIGTERM) and only_the_user_reads() and not as_json:
        print_text(ENDED)
    return 0


@dataclass(frozen=True)
class _How:
    """How the person wants the program to run, see `run`."""

    console: bool
    starts: bool
    opens: bool
    link: str
    as_json: bool
    looks_again: Callable[[], None]


@dataclass(frozen=True)
class _Opened:
    """A home that the program runs with."""

    config: Config
    thread: StoreThread
    messengers: list[Messenger]
    find: Callable[[], Awaitable[Node]]


@contextlib.contextmanager
def _opened(home: Home, *, overlay: str | None, console: bool, new_node: bool, holds: bool = True) -> Iterator[_Opened]:
    """All that has to be right before there is a program; `holds` the home meanwhile. Raises CopybaraError."""
    config = settings(home, overlay)
    if not (console or config.handset.enabled or configured(config)):
        raise InputError(
            "There is no way to talk to this program: it has no page, no messenger and no console.",
            "Set `enabled = true` under [handset] of copybara.toml. Or use `copybara run --console`: the chat is stdin "
            "and stdout.",
        )
    home.prepare()
    lock: contextlib.AbstractContextManager[object] = HomeLock(home) if holds else contextlib.nullcontext()
    with lock:
        write_aside()
        with Store(home.database) as store:
            not_ahead(store, int(time.time()))
            thread = StoreThread(store)
            messengers = [entry.open(home, config, thread) for entry in configured(config)]
            yield _Opened(
                config, thread, messengers, functools.partial(open_node, home, config, thread, new_node=new_node)
            )


def _run_once(
    home: Home,
    how: _How,
    opened: Callable[..., contextlib.AbstractContextManager[_Opened]],
    manager: ServiceManager,
    systemd: SystemdSockets,
    is_up: threading.Event,
) -> signal.Signals | None:
    """Run as `_run` does, with the terminal as one of the messengers. `is_up` is set once everything is there.

    Raises CopybaraError.
    """

    def runs() -> None:
        is_up.set()
        manager.tell(READY)

    with opened() as program:
        config, store = program.config, program.thread.store
        find: Callable[[asyncio.Event], Awaitable[Node | None]] = functools.partial(_find, program)
        if how.console:
            page_is_first = config.answer.endpoint == AUTO
            program.messengers.insert(0, Console(as_json=how.as_json, says_where_to_talk=page_is_first))
        else:
            screen = Screen(
                as_json=how.as_json,
                starts=how.starts,
                opens=how.opens,
                link=how.link,
                names=lambda: [contact.name for contact in store.contacts()],
            )
            program.messengers.append(screen)
            if (screen.opens or manager.listens) and config.handset.enabled and not how.as_json:
                find = functools.partial(
                    wait_until_available,
                    program.find,
                    port=config.handset.port,
                    key=home.load_handset_key(),
                    command_socket=home.command_socket,
                    inherited=systemd.page,
                    opens=screen.opens,
                    link=how.link,
                    shown=screen.has_opened if screen.opens else functools.partial(manager.tell, READY),
                    looks_again=how.looks_again if screen.opens else lambda: None,
                )
        try:
            return asleep.run(_run(config, program.thread, Chats(program.messengers), find, manager, systemd, runs))
        except BaseExceptionGroup as group:
            raise first_error(group) from group


async def _find(program: _Opened, stopping: asyncio.Event) -> Node:
    """Find the node once: without a page, nobody can wait for it."""
    return await program.find()


def _run_once_it_can(
    home: Home,
    run_once: Callable[[], signal.Signals | None],
    opened: Callable[..., contextlib.AbstractContextManager[_Opened]],
    manager: ServiceManager,
    systemd: SystemdSockets,
    is_up: threading.Event,
) -> signal.Signals | None:
    """Run a service. While it can't start, it doesn't hold the home, and says why.

    Raises CopybaraError if it ended although it `is_up`, and where only another start can help.
    """
    folder = _inode(home)

    async def look() -> None:
        if _inode(home) != folder:
            return
        if (running := who_runs(home)) is not None:
            raise running
        with opened(holds=False) as program:
            try:
                await program.find()
            except OverlayError as missing:
                # With a page the program waits for its node itself.
                if isinstance(missing, NodeChanged) or not program.config.handset.enabled:
                    raise

    while True:
        try:
            return run_once()
        except CopybaraError as error:
            # The sandbox was made around the folder that was there. In another, such as a restored one, nothing can be
            # written.
            if is_up.is_set() or _inode(home) != folder:
                raise
            why = error
        from bot.page.cant_start import wait_until_repaired  # with it comes aiohttp, see peer/handset/late_server.py

        if not asleep.run(wait_until_repaired(why, look, manager, inherited=systemd.page, key=_page_key(home))):
            return None


def _inode(home: Home) -> int | None:
    """Which folder the home is; None if there is none."""
    try:
        return home.folder.stat().st_ino
    except OSError:
        return None


def _page_key(home: Home) -> bytes:
    """The key of the home's page. Else any: nothing is made in a home that can't be used, and the page has expired."""
    with contextlib.suppress(CopybaraError, OSError):
        if home.handset_key.exists():
            return home.load_handset_key()
    return secrets.token_bytes(HANDSET_KEY_BYTES)


async def _run(
    config: Config,
    thread: StoreThread,
    chats: Chats,
    find: Callable[[asyncio.Event], Awaitable[Node | None]],
    manager: ServiceManager,
    systemd: SystemdSockets,
    runs: Callable[[], None],
) -> signal.Signals | None:
    """Run until the end is wanted; returns the signal that asked for it, None if the chat ended.

    `find` finds this node. It is given an event, and returns None if that is set before there is a node. `runs` is
    called once everything is there. Raises CopybaraError.
    """
    ending = Ending()
    stopping = ending.wanted
    living = Part("Telling systemd that the program lives", manager.keep_telling)
    async with kept_running(living):
        node = await ending.unless_wanted(find(stopping))
    if node is None:
        return ending.signal
    await node.watch.check()  # the first page shows how the overlay is
    talk = Talk.in_chats(chats, thread)

    # Those that listen, what carries calls, those that command.
    devices = make_devices(node, talk) if config.handset.enabled else None
    news = make_news(node, talk, devices)
    own_devices = OwnDevices(devices, node.pages) if devices else None
    presenter = make_presenter(node, own_devices, talk) if own_devices else None
    desktop = make_desktop(node)
    shelf = make_shelf(node)
    switchboard = make_switchboard(node, news, presenter, desktop, chats, shelf)
    echo = make_echo(node, news, presenter, chats)
    lookups = make_lookups(node)
    assistant = make_assistant(node, talk, news, switchboard, echo, lookups, devices)
    handset = None
    if presenter and devices and own_devices:
        handset = make_handset(node, presenter, assistant, switchboard, devices, own_devices, echo, shelf, systemd.page)
    notices = [overlay_texts.notice(node.overlay.name), *(handset.notices if handset else [])]
    if config.devices.lan:
        notices.append(LAN_GIVES_UP)
    if (doubted := len(node.thread.store.doubted())) > 0:
        why = moved_notice if has_moved(node.thread.store) else restored_notice
        notices.append(why(doubted))
    replies = CommandReplies(assistant, node.own, node.overlay.name, node.watch, handset, devices, notices)

    def failed(what: str) -> None:
        talk.chats.post(Post.everywhere(part_restarted(what)))

    watching = Part("Watching the overlay", functools.partial(node.watch.run, assistant.overlay_changed), failed)
    echoing = Part("Test calls", echo.run, failed)
    tidying = Part("Removing what is left of files", shelf.run)
    reading = [
        Part("Reading messages", functools.partial(_until_over, messenger, assistant, stopping), failed)
        for messenger in chats.messengers
    ]
    async with (
        thread,
        talk.learning.running(),
        chats.running(),
        switchboard.running(),
        lookups.running(),
        listening(node.home.command_socket, replies.reply),
        handset.running(rejoins=switchboard.last_run.rejoins) if handset else contextlib.nullcontext(),
    ):
        chats.ready(str(node.own), notices, handset)
        keep_for_good()
        runs()
        await shelf.sweep()
        await assistant.greet()
        if handset:
            handset.rejoined()
        async with kept_running(watching, echoing, tidying, living, *reading, *desktop.parts(assistant.act, handset)):
            await stopping.wait()
        manager.tell(STOPPING)
    return ending.signal


async def _until_over(messenger: Messenger, assistant: Assistant, stopping: asyncio.Event) -> None:
    await messenger.run(assistant)
    stopping.set()
