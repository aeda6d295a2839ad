"""What all name systems have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.names.trace import Trace
from shared.node_id import NodeId

LONGEST_NAME = 255
"The most characters of a name, with its dots, as in the DNS."


@dataclass(frozen=True, slots=True)
class Record:
    """What a name system has under a name."""

    node: NodeId
    record: str
    "The record that has the node."

    card: str
    "The token of the card. May be empty."

    owner: str
    account: str
    server: str
    "The host that sent it."

    silent: tuple[str, ...] = ()
    "The hosts that should have confirmed it and didn't reply."

    def __str__(self) -> str:
        """The part on which two servers must agree, for people."""
        return f"node {self.node}" + (f" with the card {self.card}" if self.card else "")


class NameSystem(Protocol):
    """A system in which names can be looked up."""

    source: str
    "Its name for people."

    tlds: tuple[str, ...]
    "The endings of its names, without the dot."

    async def look_up(self, name: str, records: Sequence[str], trace: Trace) -> Record:
        """The first of those records that a name has. The name is in its normal form, with its ending.

        Raises NameNotFound, NameExpired, NoNodeRecord, BadRecord, OffChainName, NamesUnreachable or ContractGone.
        """
        ...
