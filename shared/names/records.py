"""The records that a name's owner writes so that others can call them, and their possible values. Pure."""

from __future__ import annotations

import re

from shared.errors import BadRecord, CopybaraError
from shared.links.card import Card
from shared.links.kinds import decode, find
from shared.node_id import NodeId

STAEX_ID = "staex-id"
"The id of a Staex node, 52 characters."

YGGDRASIL_KEY = "yggdrasil-key"
"The public key of a Yggdrasil node: 64 hexadecimal characters, as Yggdrasil shows it, or 52 as a node id."

CARD = "copybara-card"
"A contact card. With it the first link can be sealed, and goes to the right bot."

NODE_RECORDS = {"staex": (STAEX_ID,), "yggdrasil": (YGGDRASIL_KEY,)}
"The records that can name a node, by overlay."

ANY_NODE = (STAEX_ID, YGGDRASIL_KEY)
"The records for other overlays, such as loopback, and for an unknown one."

_HEX_KEY = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)


def node_records(overlay: str) -> tuple[str, ...]:
    """The records that can name a node of an overlay, the preferred one first."""
    return NODE_RECORDS.get(overlay, ANY_NODE)


def node_in(record: str, value: str) -> NodeId:
    """The node in a record. Raises BadRecord."""
    text = value.strip()
    try:
        if record == YGGDRASIL_KEY and _HEX_KEY.fullmatch(text):
            return NodeId(bytes.fromhex(text))
        return NodeId.parse(text)
    except CopybaraError:
        raise BadRecord(f"The record {record} under that name isn't a node id.") from None


def card_in(value: str, node: NodeId) -> Card | None:
    """The card in a record. None if it isn't a card, or is another node's card."""
    for link in find(value):
        try:
            card = decode(link.token)
        except CopybaraError:
            continue
        if isinstance(card, Card) and card.node == node:
            return card
    return None


def to_publish(card: Card, overlay: str) -> dict[str, str]:
    """The value for each record."""
    if overlay == "yggdrasil":
        return {YGGDRASIL_KEY: card.node.key.hex(), CARD: card.token}
    return {STAEX_ID: str(card.node), CARD: card.token}
