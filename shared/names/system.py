"""What all name systems have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.names.trace import Trace
from shared.node_id import NodeId

LONGEST_NAME = 255
"Characters of a name, its dots included; as in the DNS."


@dataclass(frozen=True, slots=True)
class Record:
    """What a name system has written under a name."""

    node: NodeId
    record: str
    "Which record the node stands in."

    card: str
    "The token of the card, or empty."

    owner: str
    account: str
    server: str
    "The host that said so."

    silent: tuple[str, ...] = ()
    "Hosts that should have confirmed it and gave no answer."

    def __str__(self) -> str:
        """What two servers must agree on, for people."""
        return f"node {self.node}" + (f" with the card {self.card}" if self.card else "")


class NameSystem(Protocol):
    """A system in which names can be looked up."""

    source: str
    "Its name, for people."

    tlds: tuple[str, ...]
    "The ends of its names, without the dot."

    async def look_up(self, name: str, records: Sequence[str], trace: Trace) -> Record:
        """The first of those records that a name has. The name is in its normal form, with its end.

        Raises NameNotFound, NameExpired, NoNodeRecord, BadRecord, OffChainName, NamesUnreachable or ContractGone.
        """
        ...
