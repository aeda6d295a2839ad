"""Reads AZERO.ID a second time with an independent client: substrate-interface, with its own codec.

It needs the extra `substrate`, and only this file imports it, when somebody asks for a second opinion. It blocks and
takes a second to import, so it runs in a thread. It reads the bytes of `ContractsApi_call`. The library's types decode
them up to the contract's answer; what follows varies between versions and isn't needed.

The library's own connections read without limit, so its questions go over a connection of this project's.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import Any

import msgspec

from shared.errors import CopybaraError, InputError, NamesUnreachable, NoNodeRecord, ServerFault
from shared.extras import how_to_add
from shared.in_thread import in_thread
from shared.names.azero import Network
from shared.names.json_rpc import JsonRpc, JsonRpcError, Question
from shared.names.records import node_in
from shared.names.server import Server
from shared.names.servers import ask_one, load
from shared.node_id import NodeId

CLIENT = "substrate-interface"

CHECK_SECONDS = 20.0
"How long one server may take for everything."

LONGEST_ANSWER = 64 * 1024
"The most hexadecimal digits of an answer that are decoded."

_NOBODY = "0x" + "00" * 32


async def second_opinion(
    network: Network, name: str, records: Sequence[str], *, seconds: float = CHECK_SECONDS
) -> tuple[str, NodeId]:
    """The server that was asked (for people), and the node in the first of those records that the name has.

    Raises InputError without the extra, NoNodeRecord, BadRecord, and NamesUnreachable if no server could be read.
    """
    await in_thread(_load)
    servers = [Server.parse(url) for url in network.rpc]
    await load(servers)

    async def ask(rpc: JsonRpc) -> dict[str, str]:
        carried = _Carried(rpc, asyncio.get_running_loop())
        return await in_thread(lambda: _read(network, carried, name, records))

    faults: list[str] = []
    for server in servers:
        try:
            found = await ask_one(server, seconds, ask)
        except ServerFault as fault:
            faults.append(f"{server.shown}: {fault.sentence}")
            continue
        for record in records:
            if record in found:
                return server.shown, node_in(record, found[record])
        raise NoNodeRecord(f"{CLIENT} finds no record {' or '.join(records)} under {name}.")
    raise NamesUnreachable(f"{CLIENT} couldn't read {name}. {' '.join(faults)}")


def _load() -> None:
    """Import the client. Raises InputError if it isn't installed."""
    try:
        importlib.import_module("substrateinterface")
    except ImportError:
        raise InputError(f"--check needs {CLIENT}, which isn't installed.", how_to_add("substrate")) from None


def _read(network: Network, carried: _Carried, name: str, records: Sequence[str]) -> dict[str, str]:
    """The records by name. Raises ServerFault."""
    from substrateinterface import SubstrateInterface

    label, _, tld = name.rpartition(".")
    try:
        client = SubstrateInterface(websocket=carried, auto_discover=False)
        if network.genesis and client.rpc_request("chain_getBlockHash", [0]).get("result") != network.genesis:
            raise ServerFault("That is a server of another chain.")
        reader = _Reader(client)
        registry = (network.router and reader.registry(network.router, tld)) or _key(network.registries[tld])
        found = {record: reader.record(registry, label, record) for record in records}
    except (CopybaraError, ExceptionGroup):
        raise
    except Exception as error:  # the library raises anything for bad data, and has no error of its own for that
        raise ServerFault(f"{type(error).__name__}.") from error
    return {record: value for record, value in found.items() if value is not None}


class _Carried:
    """Passes for a WebSocket in the library's thread, and carries its questions over our own connection."""

    def __init__(self, rpc: JsonRpc, loop: asyncio.AbstractEventLoop) -> None:
        self._rpc = rpc
        self._loop = loop
        self._reply = b""

    def send(self, message: str) -> None:
        """Ask one question, and wait for the reply. Raises ServerFault, or a group of them."""
        asked = msgspec.json.decode(message, type=_Asked)
        question = Question(asked.method, asked.params)
        [result] = asyncio.run_coroutine_threadsafe(self._rpc.ask([question]), self._loop).result()
        answer = {"error": {"code": result.code}} if isinstance(result, JsonRpcError) else {"result": result}
        self._reply = msgspec.json.encode({"id": asked.id, **answer})

    def recv(self) -> bytes:
        """The reply to the last question."""
        return self._reply


class _Asked(msgspec.Struct, frozen=True):
    """A question as the library writes it."""

    id: int
    method: str
    params: list[Any]


class _Reader:
    """Reads contracts through substrate-interface."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def registry(self, router: str, tld: str) -> str:
        """The registry of a top-level name according to the router, an account in hexadecimal.

        Empty if there is none.
        """
        answer = self._call(_key(router), "15a5d20a", tld)
        return f"0x{answer[2:34].hex()}" if answer is not None and answer[:2] == b"\0\1" and len(answer) == 34 else ""

    def record(self, registry: str, label: str, record: str) -> str | None:
        """One record of a name. None if the name lacks it."""
        answer = self._call(registry, "7e6cb4ce", label, record)
        if answer is None or answer[:2] != b"\0\0":
            return None
        return str(self._decoded("String", answer[2:])[0])

    def _call(self, contract: str, selector: str, *texts: str) -> bytes | None:
        """A contract's return value for a message with these texts. None if there is no such contract."""
        message = bytes.fromhex(selector) + b"".join(self._encoded("String", text) for text in texts)
        request = b"".join(
            (
                bytes.fromhex(_NOBODY[2:]),
                bytes.fromhex(contract[2:]),
                self._encoded("u128", 0),
                b"\0\0",  # no gas limit, no deposit limit
                self._encoded("Bytes", f"0x{message.hex()}"),
            )
        )
        raw = self._client.rpc_request("state_call", ["ContractsApi_call", f"0x{request.hex()}"])["result"]
        if not isinstance(raw, str) or len(raw) > LONGEST_ANSWER:
            raise ValueError("no answer of a contract")
        rest = bytes.fromhex(raw.removeprefix("0x"))
        for kind in ("Compact<u64>", "Compact<u64>", "Compact<u64>", "Compact<u64>", "u8", "u128", "Bytes"):
            # Gas consumed and gas required, each with its proof's size; the deposit; the debug message.
            _, rest = self._decoded(kind, rest)
        if rest[:1] != b"\0":
            return None
        answer, _ = self._decoded("Bytes", rest[5:])  # after four bytes of flags
        text = str(answer)
        return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()

    def _encoded(self, kind: str, value: object) -> bytes:
        return bytes(self._client.runtime_config.create_scale_object(kind).encode(value).data)

    def _decoded(self, kind: str, raw: bytes) -> tuple[object, bytes]:
        from scalecodec.base import ScaleBytes

        data = ScaleBytes(bytearray(raw))
        value = self._client.runtime_config.create_scale_object(kind, data).decode(check_remaining=False)
        return value, bytes(raw[data.offset :])


def _key(account: str) -> str:
    """An account's key in hexadecimal."""
    from scalecodec.utils.ss58 import ss58_decode

    return f"0x{ss58_decode(account)}"
