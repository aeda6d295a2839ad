"""Binds a link to the conversation that its two people were introduced into, so that it can be used nowhere else.

An introducer passes these links on. It can't use a link that somebody wrote in a chat for an introduction, and a link
of an introduction begins no call in a chat.
"""

from __future__ import annotations

import hashlib

from shared.hkdf import hkdf
from shared.node_id import NodeId

_SECRET_LABEL = b"copybara/1 introduced secret"
_NODE_LABEL = b"copybara/1 introduced node"


def introduced_secret(secret: bytes, conversation: bytes) -> bytes:
    """What a paired link of an introduction is sealed with instead of the pair secret, 32 bytes.

    HKDF-SHA256(secret, no salt, label conversation). `secret` has 32 bytes, `conversation` 16.
    """
    return hkdf(secret, info=_SECRET_LABEL + conversation)


def introduced_node(node: NodeId, conversation: bytes) -> NodeId:
    """The node that a request of an introduction is addressed to instead of the callee.

    SHA-256(label conversation node id). `conversation` has 16 bytes.
    """
    return NodeId(hashlib.sha256(_NODE_LABEL + conversation + node.key).digest())
