"""Links of an introduction are bound to it, as docs/protocol.md defines in bytes."""

from __future__ import annotations

import hashlib
import hmac

from shared.links.introduced import introduced_node, introduced_secret
from shared.node_id import NodeId

SECRET, NODE, CONVERSATION = b"s" * 32, NodeId(b"n" * 32), b"c" * 16


def test_both_are_what_the_protocol_says() -> None:
    # HKDF (RFC 5869) by hand, without a salt and with one block.
    extracted = hmac.digest(bytes(32), SECRET, "sha256")
    expected = hmac.digest(extracted, b"copybara/1 introduced secret" + CONVERSATION + b"\1", "sha256")
    assert introduced_secret(SECRET, CONVERSATION) == expected
    digest = hashlib.sha256(b"copybara/1 introduced node" + CONVERSATION + NODE.key).digest()
    assert introduced_node(NODE, CONVERSATION) == NodeId(digest)


def test_each_conversation_has_its_own() -> None:
    others = bytes(16)
    assert introduced_secret(SECRET, CONVERSATION) != introduced_secret(SECRET, others)
    assert introduced_node(NODE, CONVERSATION) != introduced_node(NODE, others)
