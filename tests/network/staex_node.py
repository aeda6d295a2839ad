"""A stand-in for a Staex node, whose software can't be installed freely. A program of its own; needs root.

    staex_node.py node FILE           a node, set up by a JSON file (see Setup)
    staex_node.py id                  what `mcc id` prints on the host it runs on
    staex_node.py resolve NODE_ID     what `mcc resolve NODE_ID` prints: an address, or an empty line

It has the property that matters: an address means something only on the node that gave it. Each node has a list of
addresses for the others, and a packet is rewritten on arrival, from the addresses it had on the sending node to those
of the receiving one. All packets of a node go over one TCP connection to the relay, hop.py.
"""

# ruff: noqa: T201 - what it prints is its interface.

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

API_HOST = "127.0.0.1"
API_PORT = 9377
COMMAND_SOCKET = "\0staex-stand-in"
"Takes the questions of `id` and `resolve`. It is abstract, so each network namespace has its own."

NODE_ID_LENGTH = 52
QUEUE_BYTES = 1 << 20
"While more bytes than this wait for a connection, packets are dropped, as in any network."

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
"linux/if_tun.h."
MTU = 1400

TCP_CHECKSUM = 16
UDP_CHECKSUM = 6
"Offset of the checksum in the header; both cover the IP addresses too (RFC 9293, 3.1; RFC 768)."
NO_UDP_CHECKSUM = b"\0\0"
ICMP_ERRORS = (b"\x03", b"\x0b", b"\x0c")
"Types whose message quotes the packet it is about (RFC 792)."
FRAGMENT_OFFSET = 0x1FFF
"Only the fragment at offset 0 has a transport header."


@dataclass(frozen=True, slots=True)
class Setup:
    """A node's configuration file."""

    node_id: str
    address: str
    "The node's own address, as it uses it itself."
    addresses: dict[str, str]
    "The addresses of the other nodes on this one: node id to IPv4 address."
    claims: dict[str, str]
    "False answers to give for a node id. The file is read again for each question."
    device: str
    relay: tuple[str, int]
    http: bool
    "Whether the node has an API on API_PORT besides its command."

    @classmethod
    def read(cls, file: Path) -> Setup:
        return cls(**json.loads(file.read_text()))

    def resolve(self, node_id: str) -> str:
        """The address of a node on this one; empty if it doesn't know the node."""
        return self.claims.get(node_id, {**self.addresses, self.node_id: self.address}.get(node_id, ""))


async def node(file: Path) -> None:
    """Run a node. Prints the local port of its TCP connection when packets can pass."""
    setup = Setup.read(file)
    own = IPv4Address(setup.address).packed
    address_of = {node_id: IPv4Address(address).packed for node_id, address in setup.addresses.items()}
    node_at = {address: node_id for node_id, address in address_of.items()}

    tun = open_tun(setup)
    reader, writer = await asyncio.open_connection(*setup.relay)
    writer.write(frame(setup.node_id, b""))
    await read_frame(reader)

    def send() -> None:
        with suppress(BlockingIOError):
            while packet := os.read(tun, MTU):
                source, destination = packet[12:16], packet[16:20]
                if packet[0] >> 4 == 4 and source == own and destination in node_at:
                    write_or_drop(writer, frame(node_at[destination], packet))

    async def command(reader: StreamReader, writer: StreamWriter) -> None:
        question, _, node_id = (await reader.readline()).decode().strip().partition(" ")
        writer.write((setup.node_id if question == "id" else Setup.read(file).resolve(node_id)).encode())
        writer.close()

    async def api(reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(IncompleteReadError):
            _, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split(" ", 2)
            writer.write(http_answer(Setup.read(file), target))
        writer.close()

    asyncio.get_running_loop().add_reader(tun, send)
    servers = [await asyncio.start_unix_server(command, COMMAND_SOCKET)]
    if setup.http:
        servers.append(await asyncio.start_server(api, API_HOST, API_PORT))
    print(writer.get_extra_info("sockname")[1], flush=True)
    while True:
        sender, packet = await read_frame(reader)
        if sender in address_of:
            os.write(tun, readdressed(packet, address_of[sender], own))


def http_answer(setup: Setup, target: str) -> bytes:
    """What the API answers to GET: JSON strings."""
    url = urlsplit(target)
    node_ids = parse_qs(url.query).get("node-id")
    if url.path == "/id":
        status, body = "200 OK", json.dumps(setup.node_id)
    elif url.path == "/resolve" and node_ids:
        status, body = "200 OK", json.dumps(setup.resolve(node_ids[0]))
    elif url.path == "/resolve":
        status, body = "400 Bad Request", "node-id is missing"
    else:
        status, body = "404 Not Found", ""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return f"{head}\r\n\r\n{body}".encode()


def ask(question: str) -> str:
    """Ask the node on this host, as the command does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(COMMAND_SOCKET)
        connection.sendall(f"{question}\n".encode())
        with connection.makefile() as answer:
            return answer.read()


def open_tun(setup: Setup) -> int:
    """Make the node's device and give it the node's own address. Returns a non-blocking file descriptor."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", setup.device.encode(), IFF_TUN | IFF_NO_PI))
    lines = f"addr add {setup.address}/24 dev {setup.device}\nlink set {setup.device} mtu {MTU} up\n"
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)
    return tun


def frame(node_id: str, packet: bytes) -> bytes:
    """A packet in the TCP connection: its length in 2 bytes, its other node in 52 bytes, the packet itself."""
    return len(packet).to_bytes(2, "big") + node_id.encode() + packet


async def read_frame(reader: StreamReader) -> tuple[str, bytes]:
    """The next node id and packet. Raises IncompleteReadError when the connection has ended."""
    head = await reader.readexactly(2 + NODE_ID_LENGTH)
    return head[2:].decode(), await reader.readexactly(int.from_bytes(head[:2], "big"))


def write_or_drop(writer: StreamWriter, data: bytes) -> None:
    if writer.transport.get_write_buffer_size() < QUEUE_BYTES:
        writer.write(data)


def readdressed(packet: bytes, source: bytes, destination: bytes) -> bytes:
    """An IPv4 packet with other addresses, 4 bytes each. Its checksums stay as right or wrong as they were."""
    changed = bytearray(packet)
    changed[12:20] = source + destination
    adjust(changed, 10, packet[12:20], changed[12:20])
    transport = (packet[0] & 15) * 4
    if int.from_bytes(packet[6:8], "big") & FRAGMENT_OFFSET:
        return bytes(changed)
    match packet[9]:
        case socket.IPPROTO_TCP:
            adjust(changed, transport + TCP_CHECKSUM, packet[12:20], changed[12:20])
        case socket.IPPROTO_UDP:
            at = transport + UDP_CHECKSUM
            if packet[at : at + 2] != NO_UDP_CHECKSUM:
                adjust(changed, at, packet[12:20], changed[12:20])
                if changed[at : at + 2] == NO_UDP_CHECKSUM:
                    changed[at : at + 2] = b"\xff\xff"
        case socket.IPPROTO_ICMP if packet[transport : transport + 1] in ICMP_ERRORS:
            quoted = packet[transport + 8 :]
            if len(quoted) >= 20:
                changed[transport + 8 :] = readdressed(quoted, destination, source)
                adjust(changed, transport + 2, quoted, changed[transport + 8 :])
    return bytes(changed)


def adjust(packet: bytearray, at: int, before: bytes, after: bytes | bytearray) -> None:
    """Correct a checksum for a change of the bytes that it covers (RFC 1624, equation 3).

    A checksum beyond the end, as in a packet that is quoted in part, is left out.
    """
    if at + 2 > len(packet):
        return
    (checksum,) = struct.unpack_from("!H", packet, at)
    total = (checksum ^ 0xFFFF) + sum(word ^ 0xFFFF for word in words(before)) + sum(words(after))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    struct.pack_into("!H", packet, at, total ^ 0xFFFF)


def words(data: bytes | bytearray) -> tuple[int, ...]:
    """The 16-bit words. A zero byte is added to an odd length."""
    padded = data + b"\0" * (len(data) % 2)
    return struct.unpack(f"!{len(padded) // 2}H", padded)


def main(arguments: list[str]) -> None:
    match arguments:
        case ["node", file]:
            asyncio.run(node(Path(file)))
        case ["id"] | ["resolve", _]:
            print(ask(" ".join(arguments)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
