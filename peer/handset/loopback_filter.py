"""A socket filter that lets in only what comes through the loopback device, whatever address it was sent to.

SO_BINDTODEVICE can't do that: to it, what this machine sends to one of its own addresses comes by the network card that
has the address. A filter sees the device that the packet really came by. Documented in Linux' networking/filter.rst.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys

SO_ATTACH_FILTER = 26
"asm-generic/socket.h; Python has no name for it."

LOAD_WORD = 0x20
JUMP_IF_EQUAL = 0x15
RETURN = 0x06
"BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K and BPF_RET | BPF_K of linux/bpf_common.h."

INTERFACE_INDEX = 0xFFFFF008
"SKF_AD_OFF + SKF_AD_IFINDEX of linux/filter.h: the number of the device instead of a part of the packet."

WHOLE_PACKET = 0xFFFFFFFF
NOTHING = 0


def only_through_loopback(sock: socket.socket) -> None:
    """Have the kernel drop whatever comes to a socket by another device than loopback. Any user may.

    Raises OSError where the system has no such filter, as on systems other than Linux. What came before it is still
    there: attach it before the socket is bound.
    """
    if sys.platform != "linux":
        raise OSError("Only Linux has socket filters of this kind.")
    instructions = [
        (LOAD_WORD, 0, 0, INTERFACE_INDEX),
        (JUMP_IF_EQUAL, 0, 1, socket.if_nametoindex("lo")),
        (RETURN, 0, 0, WHOLE_PACKET),
        (RETURN, 0, 0, NOTHING),
    ]
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)
    kept = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HP", len(instructions), ctypes.addressof(kept))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
