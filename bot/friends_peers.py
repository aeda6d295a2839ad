"""Which of our peers a friend needs too: what the configuration says of them, or what the node says of itself."""

from __future__ import annotations

from typing import Literal

import msgspec

from peer.overlay.yggdrasil import admin_of
from peer.overlay.yggdrasil_admin import HEX_KEY, Peer
from peer.overlay.yggdrasil_peers import check, is_only_here
from shared.config.schema import Config
from shared.errors import InputError, OverlayError

SECONDS = 1.0
"How long the node may take. An invitation can be made without its answer."

MOST = 3
"Lines in an invitation: one is enough, and more are for when that one is down."


class FriendsPeers(msgspec.Struct, frozen=True):
    """What a friend's node may need to reach ours."""

    needed: Literal["no", "perhaps", "yes"] = "no"
    """Whether they need one of the same network.

    A private peer looks like a public one, so of a node that was set up by hand only its owner knows.
    """

    lines: tuple[str, ...] = ()
    "Those that an invitation can name. They hold internet addresses, so it does only if the owner wants that."


async def friends_peers(config: Config, overlay: str) -> FriendsPeers:
    """What a friend needs who is invited into that overlay. Raises nothing: a node that doesn't answer has no peers."""
    settings = config.yggdrasil
    if overlay != "yggdrasil":
        return FriendsPeers()
    if private := settings.private_peers.split():
        return FriendsPeers("yes", _good(private))
    if settings.public_peers:
        return FriendsPeers()
    try:
        peers = await admin_of(settings, timeout=SECONDS).peers()
    except OverlayError:
        return FriendsPeers()
    return of_node(peers)


def of_node(peers: list[Peer]) -> FriendsPeers:
    """The same of a node that was set up by hand, from the peers that it has.

    Only what it has dialled is named: the address of a node that has dialled ours is somebody else's to give away. 0.4
    doesn't say which is which, so none of its peers is.
    """
    there = [peer for peer in peers if peer.up and not peer.inbound and not is_only_here(peer.remote)]
    lines = _good([_line(peer) for peer in there if peer.inbound is False])
    return FriendsPeers("perhaps" if there else "no", lines)


def _line(peer: Peer) -> str:
    """A peer's line as a friend's set-up takes it, with the key that makes sure that it is this one."""
    return f"{peer.remote}?key={peer.key}" if HEX_KEY.fullmatch(peer.key) else peer.remote


def _good(lines: list[str]) -> tuple[str, ...]:
    """Those that can be a peer's. Whatever else stands there never reaches an invitation, which is run in a shell."""
    return tuple(line for line in lines if _is_good(line))[:MOST]


def _is_good(line: str) -> bool:
    try:
        check([line])
    except InputError:
        return False
    return True
