"""Makes the parts of a running program, each from the parts that it needs. bot/app.py says in which order."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING

from bot.assistant.assistant import Assistant
from bot.assistant.call_news import CallNews
from bot.assistant.learning import Learning
from bot.assistant.lookups import Lookups
from bot.assistant.origins import Origins
from bot.card_name import CardName
from bot.chats import Chats
from bot.conversation import Post
from bot.demo.node import VARIABLE
from bot.desktop.call_notices import CallNotices
from bot.desktop.desktop import Desktop
from bot.desktop.ring_tone import RingTone
from bot.devices.book import DeviceBook, OpenPairing
from bot.devices.removed import RemovedDevices
from bot.devices.serving import DeviceServing
from bot.friends_peers import friends_peers
from bot.home import Home
from bot.kinds import Sentence
from bot.known_node import remember
from bot.media_endpoints import MediaEndpoints
from bot.page.last_place import LastPlace
from bot.page.own_devices import OwnDevices
from bot.page.presenter import Presenter
from bot.page.requests import PageRequests
from bot.page.service import HandsetService, open_handset
from bot.page.shown_card import ShownCard
from bot.program_source import installed_folder, program_source
from bot.settings import open_overlay
from bot.texts import devices as device_texts
from bot.texts import overlay as overlay_texts
from peer.calls.echo_calls import EchoCalls
from peer.calls.files.room import FileLimits
from peer.calls.files.shelf import FileShelf
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.surroundings import Surroundings
from peer.calls.switchboard import Switchboard
from peer.handset.devices.places import LocalPlaces, OverlayPlaces, ServingPlaces
from peer.handset.page import Pages
from peer.media.call_recordings import CallRecordings
from peer.overlay import Overlay
from peer.overlay.watch import OverlayWatch
from shared.config.schema import CallWaiting, Config
from shared.links.card import Card
from shared.node_id import NodeId
from shared.store import StoreThread

if TYPE_CHECKING:
    from shared.names.lookup import SystemNames


@dataclass(frozen=True, eq=False)
class Node:
    """This node: its home, its overlay, and the calls and pages that there are."""

    home: Home
    config: Config
    thread: StoreThread
    overlay: Overlay
    own: NodeId
    watch: OverlayWatch
    reader: LinkReader
    card_name: CardName
    lines: Lines = field(default_factory=Lines)
    pages: Pages = field(default_factory=Pages)

    @property
    def card(self) -> Callable[[], Card]:
        """Makes the owner's card as it is now."""
        return functools.partial(self.card_name.card, self.own, self.thread.store)

    def wrong(self) -> Sentence | None:
        """What prevents calls in the overlay now, if anything does."""
        return overlay_texts.wrong(self.overlay.name, self.watch.state)


@dataclass(frozen=True, eq=False)
class Talk:
    """What speaks to the owner, and what learns from the messages of others."""

    chats: Chats
    origins: Origins
    learning: Learning

    @classmethod
    def in_chats(cls, chats: Chats, thread: StoreThread) -> Talk:
        """For the conversations of these messengers."""
        origins = Origins()
        return cls(chats, origins, Learning(thread, origins))


async def open_node(home: Home, config: Config, thread: StoreThread, *, new_node: bool) -> Node:
    """Find the overlay, and remember which node this home is. Raises OverlayError, NodeChanged."""
    overlay, own = await open_overlay(config, home, thread.store, new_node=new_node)
    remember(thread.store, overlay.name, own)
    reader = LinkReader(own, thread.store, home.load_sealing_key())
    return Node(home, config, thread, overlay, own, OverlayWatch(overlay), reader, CardName(home, config))


def make_news(node: Node, talk: Talk, devices: DeviceBook | None) -> CallNews:
    """Make what tells the chats what happens to calls."""
    return CallNews(
        store=node.thread.store,
        lines=node.lines,
        chats=talk.chats,
        origins=talk.origins,
        learning=talk.learning,
        send_recordings=node.config.media.send_recordings,
        wrong=node.wrong,
        rings_at=lambda: device_texts.ringing(devices.ringing()) if devices else "",
    )


def make_presenter(node: Node, own_devices: OwnDevices, talk: Talk) -> Presenter:
    """Make what shows the page what happens to calls."""
    return Presenter(
        own=node.own,
        overlay=node.overlay.name,
        watch=node.watch,
        store=node.thread.store,
        lines=node.lines,
        card=ShownCard(
            node.overlay.name,
            own_card=node.card,
            program_source=program_source(node.config),
            program_folder=installed_folder(),
            friends_peers=functools.partial(friends_peers, node.config, node.overlay.name),
        ),
        pages=node.pages,
        devices=own_devices,
        is_by_hand=talk.chats.is_by_hand,
        is_demo=VARIABLE in os.environ,
    )


def make_desktop(node: Node) -> Desktop:
    """Make what shows calls on the person's desktop, as far as that is configured."""
    config = node.config
    speaker = config.ring.speaker
    return Desktop(
        CallNotices(node.thread.store, node.lines, has_page=config.handset.enabled, sound=not speaker)
        if config.desktop.notify
        else None,
        RingTone(speaker, config.devices, node.lines) if speaker else None,
    )


def make_switchboard(
    node: Node, news: CallNews, presenter: Presenter | None, desktop: Desktop, chats: Chats, shelf: FileShelf
) -> Switchboard:
    """Make what carries calls."""
    config = node.config
    return Switchboard(
        Surroundings(
            own=node.own,
            lines=node.lines,
            overlay=node.overlay,
            watch=node.watch,
            writes=node.thread,
            reader=node.reader,
            settings=config.calls,
            answering=config.answer,
            endpoints=MediaEndpoints(config, node.home.recordings, presenter, in_console=chats.at_terminal),
            listeners=[news, *([presenter] if presenter else []), *desktop.listeners],
            call_waiting=lambda: _call_waiting(config.calls.waiting, presenter),
            rings_again=chats.rings_again,
            shelf=shelf,
            recordings=CallRecordings(config, node.home.recordings),
        )
    )


def _call_waiting(waiting: CallWaiting, presenter: Presenter | None) -> bool:
    """Whether another call rings while the owner is in one."""
    return waiting == "always" or (waiting == "page" and presenter is not None and presenter.attended())


def make_shelf(node: Node) -> FileShelf:
    """Make what keeps the files of calls."""
    settings = node.config.files
    folder = Path(settings.folder) if settings.folder else node.home.files
    return FileShelf(folder, FileLimits.of(settings), node.thread, spool=node.home.sending)


def make_echo(node: Node, news: CallNews, presenter: Presenter | None, chats: Chats) -> EchoCalls:
    """Make what carries test calls, which are asked for on the page or in a chat."""
    return EchoCalls(
        own=node.own,
        lines=node.lines,
        overlay=node.overlay,
        watch=node.watch,
        endpoints=MediaEndpoints(node.config, node.home.recordings, presenter, in_console=chats.at_terminal),
        page=presenter,
        chats=news,
    )


def make_lookups(node: Node) -> Lookups:
    """Make what asks the name systems."""

    def load() -> SystemNames:
        from bot.name_systems import system_names  # a third of a megabyte that few programs need

        return system_names(node.config, node.thread.store, node.overlay.name, node.thread)

    return Lookups(load)


def make_devices(node: Node, talk: Talk) -> DeviceBook:
    """Make what knows the owner's other devices, and tells the chats when one is being added."""

    def tell_visit(shown: OpenPairing) -> None:
        if shown.visitor is not None and shown.code is not None:
            talk.chats.post(
                Post.everywhere(
                    device_texts.waits(shown.name, shown.visitor, shown.code),
                    in_clear=device_texts.waits(shown.name, None, shown.code),
                )
            )

    places: list[ServingPlaces] = [OverlayPlaces(node.watch)]
    if lan := node.config.devices.lan:
        places.append(LocalPlaces(ip_address(lan), lambda: node.overlay.interface))
    return DeviceBook(
        node.thread,
        node.pages,
        tell_visit,
        places,
        tell_erased=lambda device: talk.chats.post(Post.everywhere(device_texts.erased(device))),
        removed=RemovedDevices(node.home.removed_devices),
    )


def make_assistant(
    node: Node,
    talk: Talk,
    news: CallNews,
    switchboard: Switchboard,
    echo: EchoCalls,
    lookups: Lookups,
    devices: DeviceBook | None,
) -> Assistant:
    """Make what acts on messages."""
    return Assistant(
        own=node.own,
        overlay=node.overlay.name,
        wrong=node.wrong,
        writes=node.thread,
        switchboard=switchboard,
        echo=echo,
        lookups=lookups,
        own_card=node.card,
        program_source=program_source(node.config),
        friends_peers=functools.partial(friends_peers, node.config, node.overlay.name),
        chats=talk.chats,
        origins=talk.origins,
        news=news,
        learning=talk.learning,
        devices=devices,
    )


def make_handset(
    node: Node,
    presenter: Presenter,
    assistant: Assistant,
    switchboard: Switchboard,
    devices: DeviceBook,
    own_devices: OwnDevices,
    echo: EchoCalls,
    shelf: FileShelf,
    inherited: socket | None,
) -> HandsetService:
    """Make what serves the page and does what it asks for. Raises OSError if there is no free port."""
    requests = PageRequests(
        presenter=presenter,
        pages=node.pages,
        assistant=assistant,
        switchboard=switchboard,
        store=node.thread.store,
        reader=node.reader,
        echo=echo,
        card_name=node.card_name,
        devices=own_devices,
        shelf=shelf,
    )
    port, key = node.config.handset.port, node.home.load_handset_key()
    device_port = node.config.handset.device_port
    serving = [
        DeviceServing(devices, door, node.pages, requests, node.thread, device_port) for door in devices.doors.values()
    ]
    last_place = LastPlace(node.pages, node.thread)
    tell = functools.partial(presenter.run, switchboard.look_at_book)
    return open_handset(
        node.pages, tell, requests, devices, serving, last_place, inherited=inherited, port=port, key=key
    )
