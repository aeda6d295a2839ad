"""Which node a home was at its last start, so that another program can't quietly become its node.

Where `overlay = "auto"`, any program on this machine might answer in a node's place, and calls would go where it says.
So a home stays with the overlay that it was started with, and with the node id that it had there, until its owner says
otherwise. Loopback, which is for trying, is remembered by its node id alone.
"""

from __future__ import annotations

import msgspec

from peer.overlay import AUTOMATIC, overlay_name
from shared.config.schema import Config
from shared.errors import NodeChanged, NodeIdError
from shared.node_id import NodeId
from shared.overlay_names import OVERLAY_NAMES
from shared.store import Store

_OVERLAY = "overlay"
_MOVED = "node.moved"
"Set once the home has had another node id, so that the owner hears why contacts' links can't be read."


def remembered_overlay(store: Store) -> str | None:
    """The overlay of the last start, None if there was none yet."""
    overlay = store.home_fact(_OVERLAY)
    return overlay.decode(errors="replace") if overlay else None


def as_before(config: Config, store: Store) -> Config:
    """The configuration, in which `auto` has become the overlay that the home was started with last."""
    overlay = remembered_overlay(store)
    if config.overlay != "auto" or overlay not in AUTOMATIC:
        return config
    return msgspec.structs.replace(config, overlay=overlay)


def refuse_change(store: Store, overlay: str, node: NodeId) -> None:
    """Raise NodeChanged if the home had another node id in that overlay."""
    before = store.home_fact(_node_fact(overlay))
    if before is None or before == node.key:
        return
    now = f"Now what answers there says {node.short}…."
    try:
        was = NodeId(before).short
    except NodeIdError:
        raise NodeChanged(
            f"Which node this home was on {overlay_name(overlay)} can't be read any more. {now}"
        ) from None
    raise NodeChanged(f"This home has always been node {was}… on {overlay_name(overlay)}. {now}")


def remember(store: Store, overlay: str, node: NodeId) -> None:
    """Keep overlay and node id for the next start.

    Another node id than before: no link is written with a key that contacts share with the old one until they have
    used the new one, see shared/store/secrets.py.
    """
    with store.transaction():
        if _is_another(store, overlay, node):
            store.doubt_secrets()
            store.set_home_fact(_MOVED, b"1")
        store.set_home_fact(_node_fact(overlay), node.key)
        if overlay != "loopback":
            store.set_home_fact(_OVERLAY, overlay.encode())


def is_own(store: Store, node: NodeId) -> bool:
    """Whether this home was that node when it last ran in one of the overlays."""
    return any(store.home_fact(_node_fact(overlay)) == node.key for overlay in OVERLAY_NAMES)


def has_moved(store: Store) -> bool:
    """Whether this home has had another node id."""
    return store.home_fact(_MOVED) is not None


def _is_another(store: Store, overlay: str, node: NodeId) -> bool:
    before = store.home_fact(_node_fact(overlay))
    if before is None and overlay != "loopback":  # another overlay: our node is another there
        used = remembered_overlay(store)
        before = store.home_fact(_node_fact(used)) if used is not None else None
    return before is not None and before != node.key


def _node_fact(overlay: str) -> str:
    return f"node.{overlay}"
