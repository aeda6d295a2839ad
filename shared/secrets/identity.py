"""The identity of one side of a DTLS connection: its key, its certificate, and what the other side pins of it."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

DERIVATION_BYTES = 48
"How many bytes a derived key is made from: 256 bits and 128 more, so that the modulo below has no relevant bias."

P256_ORDER = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551
"The order n of P-256's group (SP 800-186, 3.2.1.3)."

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "copybara")])
_DERIVED_SERIAL = 1
_NOT_BEFORE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_NOT_AFTER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
"A certificate without an end (RFC 5280, 4.1.2.5). A pin decides, not a date, so no clock has to be right."


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Pins one certificate (RFC 8122, section 5), for keys that are made for one call and sent in a link."""

    sha256: bytes
    "32 bytes: SHA-256 of the certificate in DER."

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Fingerprint:
        """The pin of a certificate."""
        return cls(certificate.fingerprint(hashes.SHA256()))

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether this is the pinned certificate."""
        return self == Fingerprint.of(certificate)


@dataclass(frozen=True, slots=True)
class PublicKeyPin:
    """Pins one public key (RFC 7469, section 2.4), for derived keys, whose certificate may differ between programs."""

    sha256: bytes
    "32 bytes: SHA-256 of the certificate's SubjectPublicKeyInfo in DER."

    @classmethod
    def of(cls, certificate: x509.Certificate) -> PublicKeyPin:
        """The pin of a certificate's key. Raises ValueError or UnsupportedAlgorithm if the key can't be used."""
        return cls._of(certificate.public_key())

    @classmethod
    def derived(cls, material: bytes) -> PublicKeyPin:
        """The pin of the key that `DtlsIdentity.derived` makes from these 48 bytes.

        No certificate is made, which saves most of the work.
        """
        return cls._of(_derived_key(material).public_key())

    @classmethod
    def _of(cls, key: CertificatePublicKeyTypes) -> PublicKeyPin:
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return cls(hashlib.sha256(spki).digest())

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate has the pinned key. False if its key can't be read."""
        try:
            return self == PublicKeyPin.of(certificate)
        except (ValueError, UnsupportedAlgorithm):
            return False


Pin = Fingerprint | PublicKeyPin


@dataclass(frozen=True, slots=True)
class DtlsIdentity:
    """A P-256 key, and the self-signed certificate with which it appears in the DTLS handshake."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    @classmethod
    def generate(cls) -> DtlsIdentity:
        """A new random identity, for one first-contact call or one leg to a page."""
        # Firefox refuses a certificate with the issuer and serial number of another one that it still knows.
        return cls._of(ec.generate_private_key(ec.SECP256R1()), x509.random_serial_number())

    @classmethod
    def derived(cls, material: bytes) -> DtlsIdentity:
        """The identity that both sides compute from 48 secret bytes (FIPS 186-5, A.2.1)."""
        return cls._of(_derived_key(material), _DERIVED_SERIAL)

    @classmethod
    def _of(cls, key: ec.EllipticCurvePrivateKey, serial: int) -> DtlsIdentity:
        # All other fields are fixed, and the signature follows RFC 6979. So the certificate depends only on the key and
        # the serial number, and reveals nothing about the machine or the time.
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_NAME)
            .issuer_name(_NAME)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(_NOT_BEFORE)
            .not_valid_after(_NOT_AFTER)
            .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
        )
        return cls(key, certificate)

    @property
    def fingerprint(self) -> bytes:
        """32 bytes: SHA-256 of the certificate, as first-contact links carry it."""
        return Fingerprint.of(self.certificate).sha256

    @property
    def public_pin(self) -> bytes:
        """32 bytes: SHA-256 of the public key."""
        return PublicKeyPin.of(self.certificate).sha256


def _derived_key(material: bytes) -> ec.EllipticCurvePrivateKey:
    scalar = int.from_bytes(material, "big") % (P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())
