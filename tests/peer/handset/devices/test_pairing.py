"""A pairing: who may try, for how long, and which code both sides show."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from peer.handset.devices.pairing import MAX_VISITORS, PAIRING_SECONDS, DevicePairing, pairing_code
from peer.handset.proof import Meeting

PHONE, STRANGER = ip_address("200::2"), ip_address("200::3")
COOKIE = bytes(32)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def meeting(number: int = 0) -> Meeting:
    return Meeting("[200::1]:8766", bytes([number] * 32), bytes(32))


async def test_anyone_may_try_until_one_has_proven_the_secret_and_nobody_else_then() -> None:
    pairing = DevicePairing("phone", None)
    assert pairing.admits(PHONE)
    assert pairing.admits(STRANGER)
    visitor = pairing.welcome(PHONE, COOKIE, meeting())
    assert visitor is not None
    assert visitor.code == pairing_code(pairing.secret, meeting())
    assert not pairing.admits(STRANGER)
    assert pairing.welcome(STRANGER, COOKIE, meeting()) is None
    assert pairing.welcome(PHONE, COOKIE, meeting()) is None
    pairing.leave(visitor)
    assert pairing.admits(STRANGER)


async def test_a_named_address_is_the_only_one_that_may_try() -> None:
    pairing = DevicePairing("phone", PHONE)
    assert pairing.admits(PHONE)
    assert not pairing.admits(STRANGER)
    assert pairing.welcome(STRANGER, COOKIE, meeting()) is None


async def test_in_the_homes_network_only_addresses_of_that_network_may_try() -> None:
    pairing = DevicePairing("phone", None, ip_network("192.168.1.0/24"))
    assert pairing.admits(ip_address("192.168.1.20"))
    assert not pairing.admits(ip_address("192.168.2.20"))


async def test_it_is_over_after_its_time_and_after_too_many_visitors() -> None:
    clock = Clock()
    pairing = DevicePairing("phone", None, clock=clock)
    for number in range(MAX_VISITORS):
        visitor = pairing.welcome(PHONE, COOKIE, meeting(number))
        assert visitor is not None
        pairing.leave(visitor)
    assert pairing.exhausted
    assert not pairing.admits(PHONE)
    late = DevicePairing("phone", None, clock=clock)
    clock.now += PAIRING_SECONDS
    assert not late.admits(PHONE)
    assert late.welcome(PHONE, COOKIE, meeting()) is None


async def test_the_end_of_it_refuses_the_device_that_waits() -> None:
    pairing = DevicePairing("phone", None)
    visitor = pairing.welcome(PHONE, COOKIE, meeting())
    assert visitor is not None
    pairing.end()
    assert visitor.decided.result() is None
    assert not pairing.admits(PHONE)


def test_the_code_depends_on_the_secret_and_on_both_sides() -> None:
    codes = {
        pairing_code(secret, Meeting("host", bytes([page] * 32), bytes([server] * 32)))
        for secret in ("one", "two")
        for page in range(3)
        for server in range(3)
    }
    assert len(codes) >= 17
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
