"""A socket filter for the kernel that distinguishes packets by source address and network device.

Linux' networking/filter.rst documents the language. The program looks at the network device by which a packet came and
at its source address, and returns one of two numbers.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Collection
from typing import NamedTuple

from peer.overlay import Address

LOAD_WORD, LOAD_HALF = 0x20, 0x28
JUMP_IF_EQUAL, JUMP_IF_AT_LEAST = 0x15, 0x35
RETURN = 0x06
"BPF_LD | BPF_W or BPF_H | BPF_ABS, BPF_JMP | BPF_JEQ or BPF_JGE | BPF_K, BPF_RET | BPF_K of linux/bpf_common.h."

SO_ATTACH_FILTER = 26
SO_ATTACH_REUSEPORT_CBPF = 51
"From asm-generic/socket.h. Python has no names for them."

WHOLE_PACKET, NOTHING = 0xFFFFFFFF, 0
"Return values of a socket's filter: how many bytes of the packet the socket gets."

INTERFACE_INDEX = 0xFFFFF008
"SKF_AD_OFF + SKF_AD_IFINDEX (linux/filter.h): loads the device's number instead of a part of the packet."

RANDOM = 0xFFFFF038
"SKF_AD_OFF + SKF_AD_RANDOM: loads a random 32-bit number instead of a part of the packet."

SOURCE_PORT = 0
"The offset of the source port: the filter of a UDP socket sees the packet from the UDP header on (RFC 768)."

NETWORK_HEADER = 0xFFF00000
"SKF_NET_OFF: offsets from here on count from the IP header."

SOURCE = {4: 12, 6: 8}
"The offset of the source address in the IP header (RFC 791, RFC 8200)."

WORD = 4
"The size of a word in bytes."

MOST_PORTS = 64

MOST_ADDRESSES = 256
"The most addresses in a filter. An IPv6 address takes ten instructions, and the kernel allows 4,096."


class Instruction(NamedTuple):
    """One instruction (struct sock_filter)."""

    code: int
    if_true: int
    if_false: int
    value: int


def source_filter(allowed: Collection[Address] | None, device: int | None, *, yes: int, no: int) -> list[Instruction]:
    """A program that returns `yes` for packets from these addresses by this device, and `no` for all others.

    `allowed` None means every address, `device` None every device. Raises ValueError for more than MOST_ADDRESSES.
    """
    steps: list[Instruction] = []
    if device is not None:
        steps += only_by(device, no)
    if allowed is None:
        return [*steps, Instruction(RETURN, 0, 0, yes)]
    if len(allowed) > MOST_ADDRESSES:
        raise ValueError("too many addresses for one filter")
    for address in allowed:
        words = struct.unpack(f"!{len(address.packed) // WORD}I", address.packed)
        for number, word in enumerate(words):
            left = (len(words) - number - 1) * 2 + 1  # the rest of this address, and its return
            steps += [
                Instruction(LOAD_WORD, 0, 0, NETWORK_HEADER + SOURCE[address.version] + number * WORD),
                Instruction(JUMP_IF_EQUAL, 0, left, word),
            ]
        steps.append(Instruction(RETURN, 0, 0, yes))
    return [*steps, Instruction(RETURN, 0, 0, no)]


def only_by(device: int, no: int) -> list[Instruction]:
    """The beginning of a program: it returns `no` for packets from any other network device."""
    return [
        Instruction(LOAD_WORD, 0, 0, INTERFACE_INDEX),
        Instruction(JUMP_IF_EQUAL, 1, 0, device),
        Instruction(RETURN, 0, 0, no),
    ]


def ends_filter(ends: Collection[tuple[Address, int]], *, only: Address | None, one_in: int) -> list[Instruction]:
    """The filter of a UDP socket: all datagrams from these addresses and ports, and one in `one_in` of all others.

    `only`: nothing at all from any other address. Raises ValueError for more than MOST_PORTS.
    """
    if len(ends) > MOST_PORTS:
        raise ValueError("too many ports for one filter")
    steps: list[Instruction] = []
    for address, port in ends:
        of_the_end = [
            *_loads_address(address),
            (Instruction(LOAD_HALF, 0, 0, SOURCE_PORT), port),
        ]
        for number, (load, value) in enumerate(of_the_end):
            left = (len(of_the_end) - number - 1) * 2 + 1  # the rest of this end, and its return
            steps += [load, Instruction(JUMP_IF_EQUAL, 0, left, value)]
        steps.append(Instruction(RETURN, 0, 0, WHOLE_PACKET))
    draw = [
        Instruction(LOAD_WORD, 0, 0, RANDOM),
        Instruction(JUMP_IF_AT_LEAST, 1, 0, 2**32 // one_in),
        Instruction(RETURN, 0, 0, WHOLE_PACKET),
    ]
    if only is not None:
        words = _loads_address(only)
        for number, (load, value) in enumerate(words):
            steps += [load, Instruction(JUMP_IF_EQUAL, 0, (len(words) - number - 1) * 2 + len(draw), value)]
    return [*steps, *draw, Instruction(RETURN, 0, 0, NOTHING)]


def _loads_address(address: Address) -> list[tuple[Instruction, int]]:
    """For each word of a packet's source address: the instruction that loads it, and its value."""
    words = struct.unpack(f"!{len(address.packed) // WORD}I", address.packed)
    at = NETWORK_HEADER + SOURCE[address.version]
    return [(Instruction(LOAD_WORD, 0, 0, at + number * WORD), word) for number, word in enumerate(words)]


def packed(steps: Collection[Instruction]) -> bytes:
    """The program in the kernel's format."""
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def attach(sock: socket.socket, steps: Collection[Instruction], option: int = SO_ATTACH_FILTER) -> None:
    """Attach a program to a socket. Any user may do that. Packets that came before stay in the socket.

    Raises OSError if the system has no such filter, as on systems other than Linux.
    """
    if sys.platform != "linux":
        raise OSError("Only Linux has socket filters of this kind.")
    program = packed(steps)
    kept = ctypes.create_string_buffer(program, len(program))
    sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("HP", len(steps), ctypes.addressof(kept)))
