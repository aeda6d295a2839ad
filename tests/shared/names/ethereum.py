"""Ethereum on this machine: real ENS contracts in a real EVM, behind JSON-RPC over HTTP.

Registry and public resolver are the bytecode that ENS has published (tests/vectors/ens-contracts.json). EVM assembly
here defines a resolver that answers for all names below its own, one that sends the reader to a web server, and a
registrar that only knows when names expire.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.shared.names.tcp import tcp

CONTRACTS = json.loads((Path(__file__).parents[2] / "vectors" / "ens-contracts.json").read_text())["contracts"]

ZERO = bytes(32)


def node_of(name: str) -> bytes:
    """The hash of a name, by another implementation of Keccak than the tested code uses."""
    node = ZERO
    for label in reversed(name.split(".")):
        node = keccak(node + keccak(text=label))
    return node


def call_of(signature: str, *values: Any) -> bytes:
    """The bytes of a call."""
    kinds = signature[signature.index("(") + 1 : -1]
    return bytes(keccak(text=signature)[:4]) + encode(kinds.split(",") if kinds else [], values)


class Ethereum:
    """A chain with one account and ENS."""

    def __init__(self) -> None:
        from tests.shared.names import evm  # here, for it computes for seconds

        self.tester = evm.EthereumTester(evm.PyEVMBackend())
        self.failure: type[Exception] = evm.TransactionFailed
        self.account = self.tester.get_accounts()[0]
        self.asked: list[str] = []
        "The methods that were called."

        self.chain_id = 1
        self.registry = self.deploy(bytes.fromhex(CONTRACTS["ENSRegistry"]["bytecode"][2:]))
        code = bytes.fromhex(CONTRACTS["PublicResolver"]["bytecode"][2:])
        self.resolver = self.deploy(code + encode(["address"], [self.registry]))
        self.port = 0
        self.give("eth")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deploy(self, code: bytes) -> str:
        """Make a contract and return its address."""
        sent = self._send({"data": f"0x{code.hex()}"})
        return str(self.tester.get_transaction_receipt(sent)["contract_address"])

    def send(self, to: str, data: bytes) -> None:
        """Call a contract in a transaction that changes the chain."""
        self._send({"to": to, "data": f"0x{data.hex()}"})

    def _send(self, transaction: dict[str, Any]) -> str:
        return str(self.tester.send_transaction({"from": self.account, "gas": 6_000_000, **transaction}))

    def give(self, name: str, resolver: str | None = None) -> None:
        """Register a name below a registered one, perhaps with a resolver."""
        label, _, parent = name.partition(".")
        above = node_of(parent) if parent else ZERO
        self.send(
            self.registry,
            call_of("setSubnodeOwner(bytes32,bytes32,address)", above, keccak(text=label), self.account),
        )
        if resolver:
            self.send(self.registry, call_of("setResolver(bytes32,address)", node_of(name), resolver))

    def write(self, name: str, key: str, value: str) -> None:
        """Set a text record of a name at the public resolver."""
        self.send(self.resolver, call_of("setText(bytes32,string,string)", node_of(name), key, value))

    # JSON-RPC.

    def reply(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to one question."""
        method, parameters = question["method"], question.get("params", [])
        self.asked.append(method)
        answer = {"jsonrpc": "2.0", "id": question["id"]}
        match method:
            case "eth_chainId":
                return answer | {"result": hex(self.chain_id)}
            case "eth_getCode":
                return answer | {"result": self.tester.get_code(parameters[0])}
            case "eth_call":
                call = {"from": self.account, "gas": 3_000_000, **parameters[0]}
                try:
                    return answer | {"result": self.tester.call(call)}
                except self.failure as failed:
                    error = {"code": 3, "message": "execution reverted", "data": f"0x{_reverted(failed).hex()}"}
                    return answer | {"error": error}
        return answer | {"error": {"code": -32601, "message": "the method does not exist"}}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Ethereum]:
        """Serve on a port of its own during the block."""

        async def answer(body: bytes) -> bytes:
            return json.dumps(self.reply(json.loads(body))).encode()

        async with http_server(answer, self.port) as self.port:
            yield self


def _reverted(failed: Exception) -> bytes:
    with contextlib.suppress(ValueError, SyntaxError):
        data = ast.literal_eval(str(failed))
        if isinstance(data, bytes):
            return data
    return b""


@contextlib.asynccontextmanager
async def http_server(
    answer: Callable[[bytes], Awaitable[bytes]], port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Answer POST requests with JSON during the block. Yields the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.split("content-length:")[1].split("\r\n")[0])
            body = await answer(await reader.readexactly(length))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

    async with tcp(serve, port, tls) as taken:
        yield taken


# Contracts in assembly.


def push(value: int, size: int = 2) -> bytes:
    """The EVM instruction PUSHn."""
    return bytes([0x5F + size]) + value.to_bytes(size, "big")


def contract(code: Callable[[int], bytes], data: bytes = b"") -> bytes:
    """The code that deploys `code` with `data` behind it. `code` gets the offset of the data."""
    runtime = code(len(code(0))) + data
    header = 13
    # CODECOPY(0, header, size); RETURN(0, size)
    return push(len(runtime)) + b"\x80" + push(header) + b"\x60\x00" + b"\x39" + b"\x60\x00" + b"\xf3" + runtime


def answers(cases: dict[bytes, bytes], *, reverting: frozenset[bytes] = frozenset()) -> bytes:
    """A contract that returns or reverts with fixed bytes for each selector, and reverts with nothing for others."""
    data = b"".join(cases.values())

    def code(offset: int) -> bytes:
        # The selector: CALLDATALOAD(0) >> 224
        program = b"\x60\x00\x35\x60\xe0\x1c"
        case_size = 11
        bodies = len(program) + case_size * len(cases) + 5
        place, targets = offset, b""
        for number, (selector, value) in enumerate(cases.items()):
            body = bodies + number * 16
            # DUP1 PUSH4 selector EQ PUSH2 body JUMPI
            program += b"\x80" + push(int.from_bytes(selector, "big"), 4) + b"\x14" + push(body) + b"\x57"
            # JUMPDEST; CODECOPY(0, place, size); RETURN or REVERT(0, size)
            targets += b"\x5b" + push(len(value)) + b"\x80" + push(place) + b"\x60\x00\x39\x60\x00"
            targets += (b"\xfd" if selector in reverting else b"\xf3").ljust(3, b"\x00")
            place += len(value)
        return program + b"\x60\x00\x60\x00\xfd" + targets

    return contract(code, data)


def selector(signature: str) -> bytes:
    """The first four bytes of a call."""
    return bytes(keccak(text=signature)[:4])
