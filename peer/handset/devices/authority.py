"""The home's own certificate authority. It can vouch for one address and nothing else (RFC 5280, 4.2.1.10).

So a device that trusts it trusts no other address more than before, whatever happens to its key.
"""

from __future__ import annotations

import datetime
import os
import ssl
import sys
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from peer.overlay import Address
from shared.errors import HandsetError

AUTHORITY_DAYS = 3650

LEAF_DAYS = 90
"The lifetime of a leaf certificate. Phones accept at most 398 days, or 825 for an authority that the owner installed."

RENEWED_DAYS = 60
"""How old a leaf may become before it is renewed. A browser without the authority warns about each new leaf. Its owner
must not get used to that, because an unexpected warning means that somebody else is at the home's address."""

EVERY_HOST_NAME = [x509.DNSName("")]
"A constraint on addresses doesn't restrict names, so all names are excluded: an empty name matches every name."

CLOCK_DAYS = 2
"How many days the device's clock may be behind."


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority's key, and the certificate to install."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate

    @classmethod
    def made(cls, address: Address, now: datetime.datetime) -> Self:
        """Make a new authority that can vouch for this address only."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Copybara at {address}")])
        certificate = (
            _begun(name, name, key.public_key(), now, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.NameConstraints(
                    permitted_subtrees=[x509.IPAddress(_only(address))], excluded_subtrees=EVERY_HOST_NAME
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def of_pem(cls, pem: bytes) -> Self:
        """Read an authority that `pem` has written. Raises ValueError for anything else."""
        key, certificate = _read(pem)
        try:
            certificate.verify_directly_issued_by(certificate)
            certificate.extensions.get_extension_for_class(x509.NameConstraints)
        except (InvalidSignature, TypeError, x509.ExtensionNotFound) as error:
            raise ValueError("that is no authority's certificate") from error
        return cls(key, certificate)

    def pem(self) -> bytes:
        """Key and certificate in PEM. Only the owner may read them."""
        return _private(self.key) + self.certificate.public_bytes(serialization.Encoding.PEM)

    def to_install(self) -> bytes:
        """The certificate in DER, the format for phones."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in the notation of browsers and phones: hexadecimal with colons."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def is_for(self, address: Address, now: datetime.datetime) -> bool:
        """Whether it can vouch for this address during a new leaf's lifetime."""
        constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        lives = self.certificate.not_valid_after_utc > now + datetime.timedelta(days=LEAF_DAYS)
        return lives and constraints.permitted_subtrees == [x509.IPAddress(_only(address))]

    def vouches_for(self, leaf: bytes, address: Address, now: datetime.datetime) -> bool:
        """Whether a stored leaf is from this authority, for that address, and not too old."""
        try:
            _, certificate = _read(leaf)
            certificate.verify_directly_issued_by(self.certificate)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        oldest = datetime.timedelta(days=LEAF_DAYS - RENEWED_DAYS)
        return list(names) == [x509.IPAddress(address)] and now + oldest < certificate.not_valid_after_utc

    def leaf(self, address: Address, now: datetime.datetime) -> bytes:
        """A new key for the server at that address, with its certificate, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        # The name must not be the address: an old verifier would take it for a host name, and those are excluded.
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Copybara")])
        certificate = (
            _begun(name, self.certificate.subject, key.public_key(), now, LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return _private(key) + certificate.public_bytes(serialization.Encoding.PEM)


def fingerprint_of(leaf: bytes) -> str:
    """SHA-256 of a server's certificate, in the notation of browsers. Raises ValueError for an invalid `leaf`."""
    return _read(leaf)[1].fingerprint(hashes.SHA256()).hex(":").upper()


def server_context(authority: Authority, leaf: bytes) -> ssl.SSLContext:
    """The TLS context of a server: TLS 1.3, with this leaf. Raises HandsetError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    show_leaf(context, authority, leaf)
    return context


def show_leaf(context: ssl.SSLContext, authority: Authority, leaf: bytes) -> None:
    """Use that leaf for new connections. Raises HandsetError if the system can't."""
    if sys.platform != "linux":
        raise HandsetError("Only on Linux can other devices be used as handset.")
    # Python reads keys only from files. This file is in memory, and no other process sees its name.
    try:
        descriptor = os.memfd_create("leaf", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, leaf + authority.certificate.public_bytes(serialization.Encoding.PEM))
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)
    except OSError as error:  # an SSLError is an OSError
        raise HandsetError("The certificate for your devices can't be used.", "Look at the program's log.") from error


def _read(pem: bytes) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Read a key and its certificate. Raises ValueError for anything else, whatever the library raises."""
    try:
        key, certificate = serialization.load_pem_private_key(pem, password=None), x509.load_pem_x509_certificate(pem)
        of_it, _ = certificate.public_key(), certificate.extensions
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion) as error:
        raise ValueError("that is no key with its certificate") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != of_it:
        raise ValueError("the key isn't the certificate's")
    return key, certificate


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=CLOCK_DAYS))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _only(address: Address) -> IPv4Network | IPv6Network:
    return ip_network(address)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
