from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import LocalProtocolError
from shared.links.kinds import BadLink, PairedToken, Request, Response, Status
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import LAST_EPOCH, Handshake, Role, epoch, first_contact, one_link, redial_secret
from shared.secrets.identity import DtlsIdentity, Fingerprint, PublicKeyPin

ANNA, BEN = NodeId(b"a" * 32), NodeId(b"b" * 32)
OURS, THEIRS = DtlsIdentity.generate(), DtlsIdentity.generate()
REQUEST = Request.to(
    BEN, media=Media.BOTH, created=1, seed=b"s" * 16, source=ANNA, fingerprint=OURS.fingerprint, port=1000
)
RESPONSE = Response.accepting(REQUEST, media=Media.BOTH, seed=b"t" * 8, fingerprint=THEIRS.fingerprint, port=2000)
CALL = seal(
    PairedBody(Operation.CALL, Media.AUDIO, created=1, port=1000),
    secret=b"k" * 32,
    source=ANNA,
    destination=BEN,
    nonce=b"n" * 12,
)
SECRETS = st.binary(min_size=32, max_size=32)


def assert_they_fit(caller: Handshake, callee: Handshake) -> None:
    assert (caller.role, callee.role) == (Role.CALLER, Role.CALLEE)
    assert caller.local_ice == callee.remote_ice != caller.remote_ice == callee.local_ice
    assert caller.remote_pin.matches(callee.identity.certificate)
    assert callee.remote_pin.matches(caller.identity.certificate)
    assert caller.secret == callee.secret
    assert caller.pins == callee.pins


def assert_they_cannot_meet(one: Handshake, other: Handshake) -> None:
    assert one.remote_ice.password != other.local_ice.password
    assert one.local_ice.password != other.remote_ice.password
    assert one.secret != other.secret


def caller_of(request: Request, response: Response) -> Handshake:
    return first_contact(Role.CALLER, request, response, OURS, BEN)


def callee_of(request: Request, response: Response) -> Handshake:
    return first_contact(Role.CALLEE, request, response, THEIRS, BEN)


def test_the_roles_are_each_others_other() -> None:
    assert Role.CALLER.other is Role.CALLEE
    assert Role.CALLEE.other is Role.CALLER


def test_both_sides_of_a_first_contact_fit() -> None:
    caller, callee = caller_of(REQUEST, RESPONSE), callee_of(REQUEST, RESPONSE)
    assert_they_fit(caller, callee)
    assert caller.remote_pin == Fingerprint(RESPONSE.fingerprint)
    assert caller.pins == (REQUEST.fingerprint, RESPONSE.fingerprint)


@given(st.integers(0, 48 * 8 - 1))
def test_a_response_with_any_bit_changed_meets_nobody(bit: int) -> None:
    flipped = bytearray(RESPONSE.encode())
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        caller = caller_of(REQUEST, Response.decode(bytes(flipped)))
    except (BadLink, LocalProtocolError):
        return
    assert_they_cannot_meet(caller, callee_of(REQUEST, RESPONSE))


def test_a_changed_request_meets_nobody() -> None:
    tampered = dataclasses.replace(REQUEST, port=1001)
    answer = Response.accepting(tampered, media=Media.BOTH, seed=b"t" * 8, fingerprint=THEIRS.fingerprint, port=2000)
    assert_they_cannot_meet(caller_of(REQUEST, RESPONSE), callee_of(tampered, answer))


def test_a_request_read_by_another_node_meets_nobody() -> None:
    elsewhere = first_contact(Role.CALLEE, REQUEST, RESPONSE, THEIRS, NodeId(b"c" * 32))
    assert_they_cannot_meet(caller_of(REQUEST, RESPONSE), elsewhere)


@pytest.mark.parametrize("status", [Status.DECLINE, Status.BUSY])
def test_a_refusal_connects_nothing(status: Status) -> None:
    with pytest.raises(LocalProtocolError):
        caller_of(REQUEST, Response.refusing(REQUEST, status))


def test_a_response_to_another_request_connects_nothing() -> None:
    with pytest.raises(LocalProtocolError):
        caller_of(dataclasses.replace(REQUEST, created=2), RESPONSE)


def test_an_identity_that_no_link_announced_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        first_contact(Role.CALLER, REQUEST, RESPONSE, THEIRS, BEN)


@given(SECRETS, st.binary(min_size=12, max_size=12))
def test_both_sides_of_a_one_link_call_fit(secret: bytes, nonce: bytes) -> None:
    token = PairedToken(CALL.encode()[:1] + nonce + bytes(35))
    caller = one_link(Role.CALLER, token, secret=secret, source=ANNA, destination=BEN)
    callee = one_link(Role.CALLEE, token, secret=secret, source=ANNA, destination=BEN)
    assert_they_fit(caller, callee)
    assert caller.pins == (caller.identity.public_pin, callee.identity.public_pin)
    assert isinstance(caller.remote_pin, PublicKeyPin)


def test_one_link_calls_of_other_secrets_nonces_or_directions_cannot_meet() -> None:
    ours = one_link(Role.CALLER, CALL, secret=b"k" * 32, source=ANNA, destination=BEN)
    other_nonce = PairedToken(CALL.encode()[:1] + b"m" * 12 + bytes(35))
    for theirs in (
        one_link(Role.CALLEE, CALL, secret=b"l" * 32, source=ANNA, destination=BEN),
        one_link(Role.CALLEE, other_nonce, secret=b"k" * 32, source=ANNA, destination=BEN),
        one_link(Role.CALLEE, CALL, secret=b"k" * 32, source=BEN, destination=ANNA),
    ):
        assert_they_cannot_meet(ours, theirs)
        assert not ours.remote_pin.matches(theirs.identity.certificate)


@given(SECRETS, st.integers(0, LAST_EPOCH))
def test_both_sides_of_every_epoch_fit(secret: bytes, number: int) -> None:
    assert_they_fit(epoch(secret, number, Role.CALLER), epoch(secret, number, Role.CALLEE))


def test_no_two_epochs_share_a_credential_or_a_key() -> None:
    sides = [epoch(b"k" * 32, number, role) for number in (0, 1, 2, 256, LAST_EPOCH) for role in Role]
    assert len({side.local_ice.password for side in sides}) == len(sides)
    assert len({side.local_ice.username for side in sides}) == len(sides)
    assert len({side.identity.public_pin for side in sides}) == len(sides)


@pytest.mark.parametrize("number", [-1, LAST_EPOCH + 1])
def test_an_epoch_that_cannot_be_counted_is_our_own_fault(number: int) -> None:
    with pytest.raises(LocalProtocolError):
        epoch(bytes(32), number, Role.CALLER)


def test_who_knows_only_the_links_does_not_know_the_redial_secret() -> None:
    call_secret = caller_of(REQUEST, RESPONSE).secret
    assert redial_secret(call_secret, b"e" * 32) == redial_secret(call_secret, b"e" * 32)
    assert len({call_secret, redial_secret(call_secret, b"e" * 32), redial_secret(call_secret, b"f" * 32)}) == 3


@given(SECRETS)
def test_credentials_are_what_ice_allows(secret: bytes) -> None:
    ice = epoch(secret, 0, Role.CALLER).local_ice
    assert re.fullmatch(r"[A-Za-z0-9+/]{8}", ice.username)
    assert re.fullmatch(r"[A-Za-z0-9+/]{24}", ice.password)


def test_no_secret_shows_in_a_log_line() -> None:
    handshake = epoch(b"k" * 32, 0, Role.CALLER)
    assert handshake.local_ice.password not in repr(handshake)
    assert repr(b"k" * 32) not in repr(handshake)
