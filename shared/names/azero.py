"""AZERO.ID: names on Aleph Zero, read from its contracts through any server of the chain.

Servers are asked directly over JSON-RPC (docs/names.md says why). All questions are asked at once: which chain it is,
which registry the router names, and the records in the configured registry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.errors import (
    BadAnswer,
    ContractGone,
    NameExpired,
    NameNotFound,
    NameSystemError,
    NoNodeRecord,
    ServerFault,
)
from shared.names import azns, ink, ss58
from shared.names.azns import ContractRefused
from shared.names.json_rpc import JsonRpc, Question, from_hex
from shared.names.records import CARD, card_in, node_in
from shared.names.servers import Servers
from shared.names.system import Record
from shared.names.trace import Trace

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Network:
    """A chain with AZERO.ID. Accounts are in SS58."""

    rpc: tuple[str, ...]
    "Addresses of servers, in the order in which they are asked."

    genesis: str
    "The hash of the first block, hexadecimal after 0x. Empty: any chain."

    router: str
    "The contract that knows the registry of each top-level name. May be empty."

    registries: dict[str, str]
    "The registry of each top-level name, used if the router names none."


class AzeroId:
    """The names of one network."""

    source = "AZERO.ID"

    def __init__(self, network: Network, *, seconds: float, clock: Callable[[], float] = time.time) -> None:
        """`seconds` is how long one server may take.

        Raises InputError for a bad account, ValueError for a bad address.
        """
        self.tlds = tuple(network.registries)
        self._servers = Servers("Aleph Zero", network.rpc, seconds=seconds)
        self._genesis = network.genesis
        self._router = ss58.decode(network.router) if network.router else None
        self._registries = {tld: ss58.decode(text) if text else None for tld, text in network.registries.items()}
        self._clock = clock

    async def look_up(self, name: str, records: Sequence[str], trace: Trace) -> Record:
        """See NameSystem."""
        label, _, tld = name.rpartition(".")
        if "." in label:
            raise NameNotFound(f"{name} can't be a name of {self.source}: it has more than one dot.")

        async def ask(rpc: JsonRpc) -> Record:
            return await self._read(rpc, label, tld, records, trace)

        asked = await self._servers.ask(name, trace, ask)
        return replace(asked.value, silent=asked.silent)

    async def primary_name(self, account: str, trace: Trace) -> str | None:
        """The primary name of an account (SS58). None if it has none. Raises InputError, NamesUnreachable."""
        key = ss58.decode(account)

        async def ask(rpc: JsonRpc) -> str | None:
            messages = [(self._router, azns.get_primary_domains(key))]
            messages += [(registry, azns.get_primary_domain(key)) for registry in self._registries.values()]
            answers = await self._ask(rpc, [(to, message) for to, message in messages if to is not None])
            if self._router is not None:
                names = _read_or_none(azns.domains, answers.pop(0))
                if names:
                    return names[0]
            for tld, answer in zip((tld for tld, to in self._registries.items() if to), answers, strict=True):
                name = _read_or_none(azns.text, answer)
                if isinstance(name, str):
                    return name if name.endswith(f".{tld}") else f"{name}.{tld}"
            return None

        return (await self._servers.ask(account, trace, ask)).value

    async def _read(self, rpc: JsonRpc, label: str, tld: str, records: Sequence[str], trace: Trace) -> Record:
        registry = self._registries[tld]
        messages = _messages(label, records)
        routing = [(self._router, azns.get_registry(tld))] if self._router else []
        reading = [(registry, message) for message in messages] if registry else []
        with trace.step(f"read {label}.{tld}") as step:
            answers = await self._ask(rpc, [*routing, *reading])
            routed = _read_or_none(azns.maybe_account, answers.pop(0)) if routing else None
            if routed is not None and routed != registry:
                step.outcome = f"the router says that the registry is {ss58.encode(routed)}"
            else:
                step.outcome = f"registry {ss58.encode(registry)}" if registry else "no registry"
        if routed is not None and routed != registry:
            with trace.step(f"read {label}.{tld} there"):
                answers = await self._ask(rpc, [(routed, message) for message in messages])
        elif registry is None:
            raise ContractGone(f"The router knows no registry for names that end in .{tld}.")
        return self._record(f"{label}.{tld}", records, answers, rpc.server)

    def _record(self, name: str, records: Sequence[str], answers: list[bytes | ServerFault], server: str) -> Record:
        *values, card, owner, account, expiry = answers
        if isinstance(expires := _read_or_none(azns.moment, expiry), int) and expires < self._clock():
            raise NameExpired(f"The registration of {name} has expired, so it leads nowhere.")
        refusals = []
        for record, answer in zip(records, values, strict=True):
            found = azns.text(_or_raise(answer))
            if isinstance(found, str):
                node = node_in(record, found)
                token = _read_or_none(azns.text, card)
                published = card_in(token, node) if isinstance(token, str) else None
                return Record(
                    node=node,
                    record=record,
                    card=published.token if published else "",
                    owner=_account(owner) or _account(account),
                    account=_account(account),
                    server=server,
                )
            refusals.append(found.code)
        if azns.NAME_DOESNT_EXIST in refusals:
            raise NameNotFound(f"{name} isn't registered with {self.source}.", "Check the spelling.")
        if set(refusals) != {azns.RECORD_NOT_FOUND}:
            raise BadAnswer(f"The registry refuses to read {name} (error {refusals[0]}).")
        if isinstance(_read_or_none(azns.account, owner), ContractRefused):
            # Some registries keep the records of names that nobody owns.
            raise NameNotFound(f"{name} isn't registered with {self.source}.", "Check the spelling.")
        raise NoNodeRecord(f"{name} has no record {' or '.join(records)}.")

    async def _ask(self, rpc: JsonRpc, reads: Sequence[tuple[bytes, bytes]]) -> list[bytes | ServerFault]:
        """Each contract's reply to its message. Raises ServerFault if the server is of another chain."""
        questions = [
            Question("state_call", (ink.METHOD, f"0x{ink.request(contract, message).hex()}"))
            for contract, message in reads
        ]
        genesis, *results = await rpc.ask([Question("chain_getBlockHash", (0,)), *questions])
        if self._genesis and genesis != self._genesis:
            raise ServerFault("That is a server of another chain.")
        return [_answer(result) for result in results]


def _messages(label: str, records: Sequence[str]) -> list[bytes]:
    """The messages, in the order in which `_record` takes their replies."""
    return [
        *(azns.get_record(label, record) for record in records),
        azns.get_record(label, CARD),
        azns.get_owner(label),
        azns.get_address(label),
        azns.get_expiry_date(label),
    ]


def _answer(result: object) -> bytes | ServerFault:
    """The bytes of a reply, or a ServerFault. An unreadable reply does no harm until it is needed."""
    try:
        return ink.answer(from_hex(result))
    except ServerFault as fault:
        return fault


def _or_raise(answer: bytes | ServerFault) -> bytes:
    if isinstance(answer, ServerFault):
        raise answer
    return answer


def _read_or_none(read: Callable[[bytes], _Value], answer: bytes | ServerFault) -> _Value | None:
    """Read a reply that isn't essential. None if that fails: some versions of the contracts lack some messages."""
    try:
        return read(_or_raise(answer))
    except NameSystemError:
        return None


def _account(answer: bytes | ServerFault) -> str:
    found = _read_or_none(azns.account, answer)
    return ss58.encode(found) if isinstance(found, bytes) else ""
