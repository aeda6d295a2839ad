"""ENS: names on Ethereum, read through any server that speaks its JSON-RPC.

It asks the registry, then the resolver, then reads the resolver's text records (ERC-137, ERC-634). Resolvers that
answer for all names below theirs are asked as in ENSIP-10. Names whose records are on a web server (ERC-3668,
CCIP-Read) are refused.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from shared.errors import (
    BadAnswer,
    ContractGone,
    NameExpired,
    NameNotFound,
    NameSystemError,
    NoNodeRecord,
    OffChainName,
    ServerFault,
)
from shared.in_thread import in_thread
from shared.names import endings
from shared.names.json_rpc import JsonRpc, JsonRpcError, Question, from_hex
from shared.names.records import CARD, card_in, node_in
from shared.names.servers import Servers
from shared.names.system import Record
from shared.names.trace import Trace

MAX_LABELS = 8
"The most labels of a name. Each is a question to the registry."

REVERTED = 3
"The error code of an eth_call that the contract itself refused (go-ethereum)."


class Chain(msgspec.Struct, frozen=True):
    """A chain with ENS."""

    rpc: tuple[str, ...]
    "Addresses of servers, in the order in which they are asked."

    chain_id: int
    "1 is Ethereum (EIP-155); 0: any chain."

    registry: str
    "The registry's address, hexadecimal after 0x."


class _Resolver(msgspec.Struct, frozen=True):
    """The contract that answers for a name."""

    address: str
    name: str
    "The name for which the registry lists it: the requested name, or one above it."

    wildcard: bool


class Ens:
    """The names of one chain."""

    source = "ENS"
    tlds: tuple[str, ...] = endings.ENS

    def __init__(self, chain: Chain, *, seconds: float, clock: Callable[[], float] = time.time) -> None:
        """`seconds` is how long one server may take. Raises ValueError for a bad server address."""
        self._servers = Servers("Ethereum", chain.rpc, seconds=seconds)
        self._chain = chain
        self._clock = clock

    async def look_up(self, name: str, records: Sequence[str], trace: Trace) -> Record:
        """See NameSystem."""
        if name.count(".") >= MAX_LABELS:
            raise NameNotFound(f"A name of {self.source} with that many dots can't be looked up.")
        await in_thread(lambda: importlib.import_module("shared.names.ens_call"))

        async def ask(rpc: JsonRpc) -> Record:
            reading = _Reading(rpc, self._chain, name, self._clock())
            with trace.step(f"find the resolver of {name}") as step:
                found = await reading.resolver()
                step.outcome = f"{found.address} of {found.name}" if found.name != name else found.address
            with trace.step(f"read {name}"):
                return await reading.record(found, records)

        asked = await self._servers.ask(name, trace, ask)
        return replace(asked.value, silent=asked.silent)


class _Reading:
    """The questions about one name to one server."""

    def __init__(self, rpc: JsonRpc, chain: Chain, name: str, now: float) -> None:
        self._rpc = rpc
        self._chain = chain
        self._name = name
        self._now = now
        self._owner = ""

    async def resolver(self) -> _Resolver:
        """The resolver of the name. Raises NameNotFound, NameExpired, NoNodeRecord, ServerFault."""
        from shared.names import ens_call as call

        labels = self._name.split(".")
        names = [".".join(labels[start:]) for start in range(len(labels) - 1)]
        nodes = [call.namehash(name) for name in names]
        registry = self._chain.registry
        chain_id, code, registrar, owner, *resolvers = await self._rpc.ask(
            [
                Question("eth_chainId"),
                Question("eth_getCode", (registry, "latest")),
                _eth_call(registry, call.owner(call.namehash(labels[-1]))),
                _eth_call(registry, call.owner(nodes[0])),
                *(_eth_call(registry, call.resolver(node)) for node in nodes),
            ]
        )
        self._check_chain(chain_id, code)
        self._owner = call.as_address(_returned(owner))
        await self._refuse_expired(call.as_address(_returned(registrar)), labels[-2])
        for name, answer in zip(names, resolvers, strict=True):
            address = call.as_address(_returned(answer))
            if address:
                [knows] = await self._rpc.ask([_eth_call(address, call.supports(call.WILDCARD))])
                wildcard = call.as_truth(_returned(knows, or_nothing=True))
                if name == self._name or wildcard:
                    return _Resolver(address, name, wildcard)
                break
        if self._owner:
            raise NoNodeRecord(f"{self._name} has no resolver, so no records.")
        raise NameNotFound(f"{self._name} isn't registered with ENS.", "Check the spelling.")

    async def record(self, resolver: _Resolver, records: Sequence[str]) -> Record:
        """The records of the name. Raises NoNodeRecord, BadRecord, OffChainName, ServerFault."""
        from shared.names import ens_call as call

        node = call.namehash(self._name)
        calls = [*(call.text(node, key) for key in (*records, CARD)), call.address(node)]
        if resolver.wildcard:
            dns = call.dns_name(self._name)
            if dns is None:
                raise NameNotFound("That name is too long for its resolver.")
            wrapped = await self._rpc.ask([_eth_call(resolver.address, call.resolve(dns, wanted)) for wanted in calls])
            *texts, card, account = [call.as_bytes(_returned(answer, or_nothing=True)) for answer in wrapped]
        else:
            answers = await self._rpc.ask([_eth_call(resolver.address, wanted) for wanted in calls])
            *texts, card, account = [_returned(answer, or_nothing=True) for answer in answers]
        for record, text in zip(records, texts, strict=True):
            if value := call.as_text(text):
                found = node_in(record, value)
                published = card_in(_text_or_nothing(card), found)
                return Record(
                    node=found,
                    record=record,
                    card=published.token if published else "",
                    owner=self._owner,
                    account=call.as_address(account) if len(account) == 32 else "",
                    server=self._rpc.server,
                )
        raise NoNodeRecord(f"{self._name} has no record {' or '.join(records)}.")

    def _check_chain(self, chain_id: object, code: object) -> None:
        try:
            found = int(chain_id, 16) if isinstance(chain_id, str) else -1
        except ValueError:
            found = -1
        if found < 0:
            raise BadAnswer("The server doesn't say which chain it is of.")
        if self._chain.chain_id and found != self._chain.chain_id:
            raise ServerFault(f"That is a server of another chain, number {found}.")
        if not from_hex(code):
            raise ContractGone("The registry of ENS isn't on that chain.")

    async def _refuse_expired(self, registrar: str, label: str) -> None:
        """Raise NameExpired if the registrar of `.eth` says so. The registry keeps the entries of an expired name."""
        from shared.names import ens_call as call

        if not registrar:
            return
        number = call.label_number(label)
        [answer] = await self._rpc.ask([_eth_call(registrar, call.name_expires(number))])
        value = _returned(answer, or_nothing=True)
        if len(value) == 32 and 0 < call.as_number(value) < self._now:
            raise NameExpired(f"The registration of {label}.eth has expired, so {self._name} leads nowhere.")


def _text_or_nothing(value: bytes) -> str:
    """The text of an optional record. Empty if anything is wrong with it."""
    from shared.names import ens_call as call

    try:
        return call.as_text(value)
    except NameSystemError:
        return ""


def _eth_call(to: str, data: bytes) -> Question:
    return Question("eth_call", ({"to": to, "data": f"0x{data.hex()}"}, "latest"))


def _returned(answer: object, *, or_nothing: bool = False) -> bytes:
    """A contract's return value. Raises OffChainName, BadAnswer.

    With `or_nothing`, it is empty if the contract refused the call.
    """
    if isinstance(answer, JsonRpcError):
        from shared.names.ens_call import OFFCHAIN

        if OFFCHAIN in answer.data[: len("Reverted 0x") + len(OFFCHAIN)].lower():
            raise OffChainName()
        if or_nothing and (answer.code == REVERTED or answer.data or answer.code in (-32000, -32015)):
            return b""
    return from_hex(answer)
