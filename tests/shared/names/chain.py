"""A stand-in for a chain with AZERO.ID's contracts: a WebSocket JSON-RPC server.

It answers like a contracts node (pallet-contracts, both forms of a read's reply), well enough for our resolver, for
substrate-interface and for @polkadot/api. The contracts' return values are made here and not by the tested code. The
metadata is that of a real node, from the npm package `@polkadot/types-support`; only the other two clients need it.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from shared.names import ss58

NODE_PACKAGES = Path(__file__).parent / "node"
METADATA = NODE_PACKAGES / "node_modules/@polkadot/types-support/metadata/v14"

GENESIS = "0x70255b4d28de0fc4e1a193d7e175ad1ccef431598211c55538f1018651a0344e"
"The genesis hash of Aleph Zero: the default of the configuration, so no check needs to be switched off."

ROUTER = "5FfRtDtpS3Vcr7BTChjPiQNrcAKu3VLv4E1NGF6ng6j3ZopJ"
REGISTRY = "5CTQBfBC9SfdrCDBJdfLiyW2pg9z5W6C6Es8sK313BLnFgDf"
OWNER = ss58.encode(bytes(range(32)))

EVENTS = bytes.fromhex("0104") + bytes.fromhex("02") + bytes.fromhex("0000") + bytes(10) + bytes.fromhex("0000") + b"\0"
"Some(Vec of one EventRecord), as newer runtimes add it. A reader need not understand it."

Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Name:
    """A name in the registry."""

    records: dict[str, str] = field(default_factory=dict)
    owner: str = OWNER
    account: str = OWNER
    expires: float = 4_000_000_000.0


@dataclass
class Chain:
    """The content of the chain, and the behaviour of the server."""

    names: dict[str, Name] = field(default_factory=dict)
    "Names by label, without `.azero`."

    primary: dict[str, str] = field(default_factory=dict)
    "The domain of each account."

    events: bool = True
    registry: str = REGISTRY
    router: str = ROUTER
    gone: set[str] = field(default_factory=set)
    "Contracts that no longer exist."

    genesis: str = GENESIS
    pallet_version: int = 9
    reads: list[bytes] = field(default_factory=list)
    "The messages that contracts were asked."

    port: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    # The contracts.

    def call(self, contract: bytes, message: bytes) -> bytes:
        """The runtime's reply to a dry run."""
        self.reads.append(message)
        address = ss58.encode(contract)
        weight = compact(207_000_000) + compact(58_000)
        head = weight + weight + b"\1" + bytes(16) + b"\0"
        if address in self.gone or address not in (self.registry, self.router):
            return head + bytes.fromhex("01033806000000") + self._events()
        answer = self._route(message) if address == self.router else self._look(message)
        if answer is None:
            answer = b"\1\1"  # LangError::CouldNotReadInput
        reverted = answer[:2] == b"\0\1" or answer[:1] == b"\1"
        return (
            head + b"\0" + (1 if reverted else 0).to_bytes(4, "little") + compact(len(answer)) + answer + self._events()
        )

    def _events(self) -> bytes:
        return EVENTS if self.events else b""

    def _look(self, message: bytes) -> bytes | None:
        selector, arguments = message[:4].hex(), message[4:]
        if selector == "bf5b5677":  # get_primary_domain
            domain = self.primary.get(ss58.encode(arguments))
            return b"\0\1\x0b" if domain is None else b"\0\0" + text(domain)
        label, arguments = read_text(arguments)
        name = self.names.get(label)
        expired = name is not None and name.expires < time.time()
        match selector:
            case "7e6cb4ce":  # get_record
                key, _ = read_text(arguments)
                if name is None or expired:
                    return b"\0\1\2"
                return b"\0\0" + text(name.records[key]) if key in name.records else b"\0\1\x08"
            case "d259f7ba":  # get_address
                return b"\0\1\2" if name is None or expired else b"\0\0" + ss58.decode(name.account)
            case "07fcd0b1":  # get_owner
                return b"\0\1\2" if name is None or expired else b"\0\0" + ss58.decode(name.owner)
            case "f56d0deb":  # get_expiry_date
                return b"\0\1\2" if name is None else b"\0\0" + int(name.expires * 1000).to_bytes(8, "little")
        return None

    def _route(self, message: bytes) -> bytes | None:
        selector, arguments = message[:4].hex(), message[4:]
        match selector:
            case "15a5d20a":  # get_registry
                tld, _ = read_text(arguments)
                return b"\0\1" + ss58.decode(self.registry) if tld == "azero" else b"\0\0"
            case "d259f7ba":  # get_address, of a domain
                domain, _ = read_text(arguments)
                name = self.names.get(domain.removesuffix(".azero"))
                if name is None or not domain.endswith(".azero") or name.expires < time.time():
                    return b"\0\1\4"
                return b"\0\0" + ss58.decode(name.account)
            case "df3a358e":  # get_primary_domains
                domain_ = self.primary.get(ss58.encode(arguments[:32]))
                if domain_ is None:
                    return b"\0\0"
                return b"\0" + compact(1) + ss58.decode(self.registry) + text(domain_)
        return None

    # The server.

    async def answer(self, connection: ServerConnection) -> None:
        """Answer questions until the other side closes the connection."""
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                question = json.loads(message)
                questions = question if isinstance(question, list) else [question]
                for each in questions:
                    await connection.send(json.dumps(self.reply(each)))

    def reply(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to one question."""
        try:
            result = self._result(question["method"], question.get("params", []))
        except KeyError:
            error = {"code": -32601, "message": "Method not found"}
            return {"jsonrpc": "2.0", "id": question["id"], "error": error}
        return {"jsonrpc": "2.0", "id": question["id"], "result": result}

    def _result(self, method: str, parameters: list[Any]) -> Any:
        match method:
            case "state_call":
                return self._state_call(parameters)
            case "chain_getBlockHash" | "chain_getHead" | "chain_getFinalizedHead":
                return self.genesis
            case "chain_getHeader":
                zero = "0x" + "00" * 32
                return {
                    "number": "0x1",
                    "parentHash": self.genesis,
                    "stateRoot": zero,
                    "extrinsicsRoot": zero,
                    "digest": {"logs": []},
                }
            case "state_getMetadata":
                return script("substrate-contracts-node-hex")
            case "state_getRuntimeVersion":
                return script("substrate-contracts-node-ver")
            case "rpc_methods":
                return script("substrate-contracts-node-rpc")
            case "state_subscribeRuntimeVersion":
                return "subscription"
            case "system_chain":
                return "Development"
            case "system_name" | "system_version":
                return "substrate-contracts-node"
            case "system_properties":
                return {"ss58Format": 42, "tokenDecimals": 12, "tokenSymbol": "AZERO"}
            case "state_getStorage" | "state_getStorageAt":
                return f"0x{self.pallet_version.to_bytes(2, 'little').hex()}"
        raise KeyError(method)

    def _state_call(self, parameters: list[Any]) -> str:
        if parameters[0] != "ContractsApi_call":
            raise KeyError(parameters[0])
        raw = bytes.fromhex(parameters[1][2:])
        contract, rest = raw[32:64], raw[80:]
        if rest[0]:  # a gas limit: two compact numbers
            _, rest = read_compact(rest[1:])
            _, rest = read_compact(rest)
        else:
            rest = rest[1:]
        rest = rest[17:] if rest[0] else rest[1:]
        size, message = read_compact(rest)
        assert len(message) == size
        return "0x" + self.call(contract, message).hex()

    @contextlib.asynccontextmanager
    async def running(self, handler: Handler | None = None) -> AsyncIterator[Chain]:
        """Serve on a port of its own during the block. After a restart the port is the same."""
        async with serve(
            handler or self.answer, "127.0.0.1", self.port, ping_interval=None, close_timeout=0.1, max_size=None
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            yield self


def script(name: str) -> Any:
    """The default export of a module in the package."""
    source = (METADATA / f"{name}.js").read_text()
    exported = re.sub(r"^.*?export default\s*", "", source, flags=re.DOTALL).strip().rstrip(";")
    return exported.strip("'") if exported.startswith("'") else json.loads(exported)


def compact(number: int) -> bytes:
    """A compact number of SCALE, below 2^30."""
    if number < 64:
        return bytes([number << 2])
    if number < 1 << 14:
        return (number << 2 | 1).to_bytes(2, "little")
    return (number << 2 | 2).to_bytes(4, "little")


def text(value: str) -> bytes:
    """A string of SCALE."""
    return compact(len(value.encode())) + value.encode()


def read_compact(raw: bytes) -> tuple[int, bytes]:
    """A compact number, and what follows it."""
    mode = raw[0] & 3
    if mode == 3:
        size = (raw[0] >> 2) + 4
        return int.from_bytes(raw[1 : 1 + size], "little"), raw[1 + size :]
    size = 1 << mode
    return int.from_bytes(raw[:size], "little") >> 2, raw[size:]


def read_text(raw: bytes) -> tuple[str, bytes]:
    """A string, and what follows it."""
    size, rest = read_compact(raw)
    return rest[:size].decode(), rest[size:]


def free_port() -> int:
    """A port at which no program listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
