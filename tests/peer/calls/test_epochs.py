"""How a node finds the epoch of the other side, and that no epoch is used twice."""

from __future__ import annotations

import pytest

from peer.calls.epochs import REACH, Epochs
from shared.errors import LocalProtocolError
from shared.secrets.handshake import Role, epoch

SECRET = b"s" * 32


@pytest.mark.parametrize("role", Role)
def test_a_check_of_the_other_side_tells_its_epoch(role: Role) -> None:
    ours = Epochs(SECRET, role, last=100)
    for number in (100 - REACH, 99, 100, 101, 100 + REACH):
        sent_to_us = epoch(SECRET, number, role.other).remote_ice
        assert ours.of(sent_to_us.username) == (number, sent_to_us)


@pytest.mark.parametrize("number", [0, 100 - REACH - 1, 100 + REACH + 1])
def test_what_is_far_away_is_not_known(number: int) -> None:
    ours = Epochs(SECRET, Role.CALLER, last=100)
    assert ours.of(epoch(SECRET, number, Role.CALLEE).remote_ice.username) is None


def test_the_first_connection_is_no_epoch_that_could_be_dialled_again() -> None:
    ours = Epochs(SECRET, Role.CALLER)
    assert ours.of(epoch(SECRET, 0, Role.CALLEE).remote_ice.username) is None


def test_neither_our_own_checks_nor_those_of_another_call_are_taken_for_the_other_sides() -> None:
    ours = Epochs(SECRET, Role.CALLER)
    for stranger in (epoch(SECRET, 1, Role.CALLER), epoch(b"t" * 32, 1, Role.CALLEE)):
        assert ours.of(stranger.remote_ice.username) is None


def test_an_epoch_is_taken_once_and_none_before_it_afterwards() -> None:
    ours = Epochs(SECRET, Role.CALLEE, last=2)
    assert ours.take(5).local_ice == epoch(SECRET, 5, Role.CALLEE).local_ice
    assert ours.last == 5
    for used in (5, 4, 2, 0):
        with pytest.raises(LocalProtocolError):
            ours.take(used)
    # The known epoch moves forward.
    later = epoch(SECRET, 5 + REACH, Role.CALLER).remote_ice
    assert ours.of(later.username) == (5 + REACH, later)
