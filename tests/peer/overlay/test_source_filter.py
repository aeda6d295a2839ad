"""The kernel's filter program, run here by a small interpreter. tests/network runs it in the kernel."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.overlay import Address
from peer.overlay.source_filter import (
    INTERFACE_INDEX,
    JUMP_IF_EQUAL,
    LOAD_WORD,
    MOST_ADDRESSES,
    NETWORK_HEADER,
    Instruction,
    packed,
    source_filter,
)

YES, NO = 1, 0
DEVICE = 7


def answer(steps: list[Instruction], source: Address, device: int) -> int:
    """The program's verdict on a packet."""
    header = bytearray(40 if source.version == 6 else 20)
    start = 8 if source.version == 6 else 12
    header[start : start + len(source.packed)] = source.packed
    at = loaded = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == LOAD_WORD and value == INTERFACE_INDEX:
            loaded = device
        elif code == LOAD_WORD:
            offset = value - NETWORK_HEADER
            loaded = int.from_bytes(header[offset : offset + 4], "big")
        elif code == JUMP_IF_EQUAL:
            at += if_true if loaded == value else if_false
        else:
            return value


addresses = st.sampled_from([IPv6Address("200::1"), IPv6Address("200::2"), IPv6Address("300::1")]) | st.ip_addresses(
    v=6
)


@given(st.sets(addresses, max_size=6), addresses, st.integers(1, 9))
def test_it_answers_yes_for_the_allowed_by_that_device_and_no_for_all_others(
    allowed: set[Address], source: Address, device: int
) -> None:
    steps = source_filter(allowed, DEVICE, yes=YES, no=NO)
    assert answer(steps, source, device) == (YES if source in allowed and device == DEVICE else NO)


@given(st.sets(st.ip_addresses(v=4), max_size=6), st.ip_addresses(v=4))
def test_the_same_for_ipv4_and_any_device(allowed: set[IPv4Address], source: IPv4Address) -> None:
    assert answer(source_filter(allowed, None, yes=YES, no=NO), source, 3) == (YES if source in allowed else NO)


def test_everybody_may_be_allowed_by_one_device() -> None:
    steps = source_filter(None, DEVICE, yes=YES, no=NO)
    assert answer(steps, ip_address("300::9"), DEVICE) == YES
    assert answer(steps, ip_address("300::9"), 1) == NO


def test_the_most_addresses_fit_into_what_the_kernel_takes() -> None:
    most = [IPv6Address(number) for number in range(MOST_ADDRESSES)]
    assert len(packed(source_filter(most, DEVICE, yes=YES, no=NO))) <= 4096 * 8
    with pytest.raises(ValueError, match="too many"):
        source_filter([*most, IPv6Address(1 << 99)], DEVICE, yes=YES, no=NO)
