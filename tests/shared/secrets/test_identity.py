from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from shared.secrets.identity import DERIVATION_BYTES, P256_ORDER, DtlsIdentity, Fingerprint, PublicKeyPin

MATERIAL = st.binary(min_size=DERIVATION_BYTES, max_size=DERIVATION_BYTES)


def der(identity: DtlsIdentity) -> bytes:
    return identity.certificate.public_bytes(serialization.Encoding.DER)


@given(MATERIAL)
def test_a_derived_identity_is_a_function_of_its_material(material: bytes) -> None:
    first, second = DtlsIdentity.derived(material), DtlsIdentity.derived(material)
    assert der(first) == der(second)
    assert first.key.private_numbers() == second.key.private_numbers()
    assert PublicKeyPin.derived(material) == PublicKeyPin.of(first.certificate)


@given(MATERIAL, MATERIAL)
def test_other_material_gives_another_key(one: bytes, other: bytes) -> None:
    same = int.from_bytes(one, "big") % (P256_ORDER - 1) == int.from_bytes(other, "big") % (P256_ORDER - 1)
    assert (DtlsIdentity.derived(one).public_pin == DtlsIdentity.derived(other).public_pin) is same


@pytest.mark.parametrize(
    ("number", "scalar"),
    [
        (0, 1),
        (1, 2),
        (P256_ORDER - 2, P256_ORDER - 1),
        (P256_ORDER - 1, 1),
        (2**384 - 1, (2**384 - 1) % (P256_ORDER - 1) + 1),
    ],
)
def test_every_material_gives_a_scalar_of_the_group(number: int, scalar: int) -> None:
    identity = DtlsIdentity.derived(number.to_bytes(DERIVATION_BYTES, "big"))
    assert identity.key.private_numbers().private_value == scalar


def test_generated_identities_differ_and_no_two_have_the_same_serial_number() -> None:
    """Firefox would refuse the second of two certificates with one number, because they have the same issuer."""
    one, other = DtlsIdentity.generate(), DtlsIdentity.generate()
    assert one.public_pin != other.public_pin
    assert one.certificate.serial_number != other.certificate.serial_number


def test_a_derived_certificate_has_the_serial_number_of_the_protocol() -> None:
    assert DtlsIdentity.derived(bytes(DERIVATION_BYTES)).certificate.serial_number == 1


def test_a_certificate_verifies_and_tells_nothing_but_its_key() -> None:
    certificate = DtlsIdentity.generate().certificate
    certificate.verify_directly_issued_by(certificate)
    assert certificate.subject.rfc4514_string() == "CN=copybara"
    assert certificate.not_valid_before_utc == datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    assert certificate.not_valid_after_utc == datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
    assert not list(certificate.extensions)


def test_pins_match_their_own_certificate_only() -> None:
    ours, other = DtlsIdentity.generate(), DtlsIdentity.generate()
    for pin in (Fingerprint(ours.fingerprint), PublicKeyPin(ours.public_pin)):
        assert pin.matches(ours.certificate)
        assert not pin.matches(other.certificate)


def test_a_public_key_pin_holds_for_another_certificate_of_the_same_key() -> None:
    identity = DtlsIdentity.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another program")])
    rewritten = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(identity.key.public_key())
        .serial_number(2)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2030, 1, 1))
        .sign(identity.key, hashes.SHA256())
    )
    assert PublicKeyPin(identity.public_pin).matches(rewritten)
    assert not Fingerprint(identity.fingerprint).matches(rewritten)


def test_a_certificate_whose_key_cannot_be_read_matches_no_public_key() -> None:
    identity = DtlsIdentity.generate()
    point = identity.key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    off_the_curve = x509.load_der_x509_certificate(der(identity).replace(point, b"\x04" + b"\x01" * 64))
    assert not PublicKeyPin(identity.public_pin).matches(off_the_curve)


def test_no_private_key_shows_in_a_log_line() -> None:
    assert "key=" not in repr(DtlsIdentity.derived(bytes(48)))
    assert isinstance(DtlsIdentity.derived(bytes(48)).key, ec.EllipticCurvePrivateKey)
