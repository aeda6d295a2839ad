"""From a name to a node id. Some of the resolvers ask other machines: this room does I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from shared.node_id import NodeId


@dataclass(frozen=True, slots=True)
class Answer:
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


class Resolver(Protocol):
    """Somebody to ask for a name."""

    async def resolve(self, name: str) -> Answer | None:
        """The node of that name, or None if this resolver doesn't know it.

        Raises a CopybaraError when it can't tell: nobody answers, or the name has two meanings.
        """
        ...
