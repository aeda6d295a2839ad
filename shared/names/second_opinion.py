"""Reads AZERO.ID a second time with an independent client: substrate-interface, with its own connection and codec.

It needs the extra `substrate`, and only this file imports it, when somebody asks for a second opinion. It blocks and
takes a second to import, so it runs in a thread. It reads the bytes of `ContractsApi_call`. The library's types decode
them up to the contract's answer; what follows varies between versions and isn't needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.errors import InputError, NamesUnreachable, NoNodeRecord
from shared.extras import how_to_add
from shared.in_thread import in_thread
from shared.names.azero import Network
from shared.names.records import node_in
from shared.names.server import Server
from shared.node_id import NodeId

CLIENT = "substrate-interface"

CHECK_SECONDS = 20.0
"The limit for everything, because the library's connection has no better one."

LONGEST_ANSWER = 64 * 1024
"The most hexadecimal digits of an answer that are decoded."

_NOBODY = "0x" + "00" * 32


async def second_opinion(network: Network, name: str, records: Sequence[str]) -> tuple[str, NodeId]:
    """The server that was asked (for people), and the node in the first of those records that the name has.

    Raises InputError without the extra, NoNodeRecord, BadRecord, and NamesUnreachable if no server could be read.
    """
    faults: list[str] = []
    for url in network.rpc:
        server = Server.parse(url)
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                found = await in_thread(lambda url=url: _read(network, url, name, records))  # type: ignore[misc]
        except TimeoutError:
            faults.append(f"{server.shown}: no answer within {CHECK_SECONDS:g} seconds.")
            continue
        if isinstance(found, str):
            faults.append(f"{server.shown}: {found}")
            continue
        for record in records:
            if record in found:
                return server.shown, node_in(record, found[record])
        raise NoNodeRecord(f"{CLIENT} finds no record {' or '.join(records)} under {name}.")
    raise NamesUnreachable(f"{CLIENT} couldn't read {name}. {' '.join(faults)}")


def _read(network: Network, url: str, name: str, records: Sequence[str]) -> dict[str, str] | str:
    """The records by name, or the reason why they couldn't be read."""
    try:
        from substrateinterface import SubstrateInterface
    except ImportError:
        raise InputError(f"--check needs {CLIENT}, which isn't installed.", how_to_add("substrate")) from None
    label, _, tld = name.rpartition(".")
    try:
        with SubstrateInterface(url=url, auto_discover=False, ws_options={"timeout": CHECK_SECONDS}) as client:
            reader = _Reader(client)
            if network.genesis and client.rpc_request("chain_getBlockHash", [0]).get("result") != network.genesis:
                return "that is a server of another chain."
            registry = (network.router and reader.registry(network.router, tld)) or _key(network.registries[tld])
            found = {record: reader.record(registry, label, record) for record in records}
    except Exception as error:  # the library raises anything for bad data, and has no error of its own for that
        return f"{type(error).__name__}."
    return {record: value for record, value in found.items() if value is not None}


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
