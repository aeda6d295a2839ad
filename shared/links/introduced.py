"""What ties the link of a call to the conversation that its two people were introduced into: it opens nowhere else.

So an introducer can't pass on a link that somebody wrote in a chat, and a link of an introduction begins no call there.
"""

from __future__ import annotations

import hashlib

from shared.hkdf import hkdf
from shared.node_id import NodeId

_SECRET_LABEL = b"copybara/1 introduced secret"
_NODE_LABEL = b"copybara/1 introduced node"


def introduced_secret(secret: bytes, conversation: bytes) -> bytes:
    """What such a paired link is sealed with in place of the pair secret, 32 bytes: HKDF-SHA256(secret, no salt, label
    conversation).

    `secret` has 32 bytes, `conversation` 16.
    """
    return hkdf(secret, info=_SECRET_LABEL + conversation)


def introduced_node(node: NodeId, conversation: bytes) -> NodeId:
    """Whom such a request of a first contact is for in place of the callee: SHA-256(label conversation node id)."""
    return NodeId(hashlib.sha256(_NODE_LABEL + conversation + node.key).digest())
