"""From a name to a node id. Some of the resolvers ask other machines: this room does I/O.

Start at lookup.py, which weighs an answer against what is known (kept.py, memory.py). system.py is what a name system
has to do; azero.py and ens.py are two, servers.py asks two servers at once, json_rpc.py and what is beside it carry the
questions. normal_form.py and endings.py say what a name is. May import shared, but nothing of shared/store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.node_id import NodeId


@dataclass(frozen=True, slots=True)
class NamedNode:
    """Which node a name stands for, and who says so."""

    node: NodeId
    "The node."

    source: str
    "Who said so, for people: `contacts`, or the name system."

    name: str
    "The name in the source's own spelling."

    at: int
    "When the source said so, Unix seconds."

    from_memory: bool
    "Whether it is what the source said at an earlier time, because it could not be asked now."

    server: str = ""
    "The host that was asked."

    record: str = ""
    "Which record of the name holds the node."

    card: str = ""
    "The token of the contact card in the name's records, if there is one of this node."

    owner: str = ""
    "The account that owns the name, in the spelling of its chain."

    account: str = ""
    "The account that the name stands for there; most often the owner."

    why: str = ""
    "Why memory was used, as a sentence."

    silent: tuple[str, ...] = ()
    "Hosts of servers that should have confirmed it and gave no answer."

    looks_like: str = ""
    "Another name that the owner knows and that this one could be taken for."

    refused: NodeId | None = None
    "Where the name points now, if the owner said to stay with `node`."

    new_card: str = ""
    "The token of another card that is in the records now, and isn't used unless the owner says so."


class Resolver(Protocol):
    """Somebody to ask for a name."""

    async def resolve(self, name: str) -> NamedNode | None:
        """The node of that name, or None if this resolver doesn't know it.

        Raises a CopybaraError when it can't tell: nobody answers, or the name has two meanings.
        """
        ...
