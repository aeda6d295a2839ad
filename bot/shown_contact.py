"""The contact that a button or number was shown for: it holds for them, not for the last caller. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from shared.contacts import Contact
from shared.errors import NodeIdError
from shared.node_id import NodeId

MARK_BYTES = 6
"Of the SHA-256 of a name: with the node it fits into the 64 bytes of a button in Telegram."


class ShownContact(msgspec.Struct, frozen=True):
    """A contact by node and name."""

    node: NodeId
    mark: str
    "Stands for the name: 12 hexadecimal digits."

    @classmethod
    def of(cls, contact: Contact) -> ShownContact:
        """A contact as it is now."""
        return cls(contact.node, hashlib.sha256(contact.name.encode()).hexdigest()[: 2 * MARK_BYTES])

    @classmethod
    def parse(cls, text: str) -> ShownContact | None:
        """Read what `str` makes of it; None for anything else."""
        key, _, mark = text.partition(".")
        try:
            shown = cls(NodeId(base64.b64decode(f"{key}=", altchars=b"-_", validate=True)), mark)
        except (ValueError, binascii.Error, NodeIdError):
            return None
        return shown if len(mark) == 2 * MARK_BYTES and str(shown) == text else None

    def __str__(self) -> str:
        """56 ASCII characters, no colon among them."""
        return f"{base64.urlsafe_b64encode(self.node.key).decode().rstrip('=')}.{self.mark}"
