"""Looks up the node id of a name. Some resolvers ask other machines, so this folder does I/O.

Start at lookup.py, which compares an answer with what is known already (kept.py, memory.py). system.py is the protocol
of a name system. azero.py and ens.py are two of them; servers.py asks two servers at once, and json_rpc.py with
rpc_websocket.py and rpc_http.py carries the questions. normal_form.py and endings.py say what a name is. May import
shared, but nothing of shared/store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.node_id import NodeId


@dataclass(frozen=True, slots=True)
class NamedNode:
    """The node of a name, and the source that says so."""

    node: NodeId
    "The node."

    source: str
    "The source, for people: `contacts`, or the name system."

    name: str
    "The name in the source's own spelling."

    at: int
    "When the source said so, in Unix seconds."

    from_memory: bool
    "Whether it is an earlier answer, because the source couldn't be asked now."

    server: str = ""
    "The host that was asked."

    record: str = ""
    "The record of the name that has the node."

    card: str = ""
    "The token of a contact card in the name's records, if it is a card of this node."

    owner: str = ""
    "The account that owns the name, in its chain's spelling."

    account: str = ""
    "The account that the name points to there; usually the owner's."

    why: str = ""
    "Why an earlier answer was used, as a sentence."

    silent: tuple[str, ...] = ()
    "The hosts of servers that should have confirmed the answer and didn't reply."

    looks_like: str = ""
    "Another name that the owner knows and that looks like this one."

    refused: NodeId | None = None
    "Where the name points now, if the owner has decided to stay with `node`."

    new_card: str = ""
    "The token of another card that is in the records now. It isn't used until the owner says so."


class Resolver(Protocol):
    """Something that can look up names."""

    async def resolve(self, name: str) -> NamedNode | None:
        """The node of that name. None if this resolver doesn't know the name.

        Raises a CopybaraError if it can't tell: nobody replies, or the name has two meanings.
        """
        ...
