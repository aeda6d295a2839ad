"""Binds a link to a conversation into which its two people were introduced, so that it works nowhere else.

An introducer passes these links on. It can't use a link from a chat for an introduction, and a link of an introduction
begins no call in a chat.
"""

from __future__ import annotations

import hashlib

from shared.hkdf import hkdf
from shared.node_id import NodeId

_SECRET_LABEL = b"copybara/1 introduced secret"
_NODE_LABEL = b"copybara/1 introduced node"


def introduced_secret(secret: bytes, conversation: bytes) -> bytes:
    """The secret with which a paired link of an introduction is sealed, instead of the pair secret. 32 bytes.

    HKDF-SHA256(secret, no salt, label conversation). `secret` has 32 bytes, `conversation` 16.
    """
    return hkdf(secret, info=_SECRET_LABEL + conversation)


def introduced_node(node: NodeId, conversation: bytes) -> NodeId:
    """The node to which a request of an introduction is addressed, instead of the callee.

    SHA-256(label conversation node id). `conversation` has 16 bytes.
    """
    return NodeId(hashlib.sha256(_NODE_LABEL + conversation + node.key).digest())
