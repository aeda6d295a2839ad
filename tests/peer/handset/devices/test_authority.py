"""The home's own certificate authority: what its certificates can prove, and what they can't."""

from __future__ import annotations

import datetime
import plistlib
import ssl
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from peer.handset.devices.apple_profile import apple_profile
from peer.handset.devices.authority import AUTHORITY_DAYS, LEAF_DAYS, RENEWED_DAYS, Authority, server_context
from peer.overlay import Address

NOW = datetime.datetime.now(datetime.UTC)
HOME = IPv6Address("200:1234::1")


def shaken_hands(server: ssl.SSLContext, authority: Authority, host: str) -> str | None:
    """Do a TLS handshake in memory with a client that trusts only this authority and expects this host.

    Returns the version.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=authority.to_install())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ends[0].version()


@pytest.mark.parametrize("address", [HOME, ip_address("10.83.0.1")], ids=["IPv6", "IPv4"])
def test_a_phone_that_trusts_the_authority_trusts_the_home_at_its_address(address: Address) -> None:
    authority = Authority.made(address, NOW)
    assert shaken_hands(server_context(authority, authority.leaf(address, NOW)), authority, str(address)) == "TLSv1.3"


def test_it_cannot_vouch_for_another_address_even_with_its_key() -> None:
    authority, other = Authority.made(HOME, NOW), IPv6Address("200:1234::2")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shaken_hands(server_context(authority, authority.leaf(other, NOW)), authority, str(other))


def test_it_cannot_vouch_for_a_name_even_with_its_key(tmp_path: Path) -> None:
    authority = Authority.made(HOME, NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank.example")]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    both = tmp_path / "leaf.pem"
    both.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    constraints = authority.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    with pytest.raises(ssl.SSLCertVerificationError, match="excluded subtree violation"):
        shaken_hands(server, authority, "bank.example")


def test_another_homes_authority_is_not_trusted() -> None:
    ours, theirs = Authority.made(HOME, NOW), Authority.made(HOME, NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken_hands(server_context(theirs, theirs.leaf(HOME, NOW)), ours, str(HOME))


def test_it_comes_back_from_what_is_kept_and_is_good_for_its_address_as_long_as_it_lives() -> None:
    authority = Authority.made(HOME, NOW)
    again = Authority.of_pem(authority.pem())
    assert again.fingerprint == authority.fingerprint
    assert again.is_for(HOME, NOW)
    assert not again.is_for(IPv6Address("200:1234::2"), NOW)
    assert not again.is_for(HOME, NOW + datetime.timedelta(days=AUTHORITY_DAYS - LEAF_DAYS))
    with pytest.raises(ValueError, match=r".*"):
        Authority.of_pem(b"nothing")


def test_the_key_is_in_nothing_that_is_shown() -> None:
    authority = Authority.made(HOME, NOW)
    assert b"PRIVATE" not in authority.to_install()
    assert "key" not in repr(authority).partition("certificate")[0]
    assert len(authority.fingerprint) == 32 * 3 - 1


def test_what_was_kept_is_the_authority_or_an_error_whatever_byte_of_it_was_changed() -> None:
    authority = Authority.made(HOME, NOW)
    pem = authority.pem()
    for at in range(len(pem)):
        damaged = pem[:at] + bytes([pem[at] ^ 0x05]) + pem[at + 1 :]
        try:
            read = Authority.of_pem(damaged)
        except ValueError:
            continue
        assert (read.certificate, read.key.public_key()) == (authority.certificate, authority.key.public_key())
        assert read.is_for(HOME, NOW)


def test_the_servers_certificate_is_kept_until_it_is_old_or_for_another_address_or_of_another_authority() -> None:
    authority = Authority.made(HOME, NOW)
    leaf = authority.leaf(HOME, NOW)
    assert authority.vouches_for(leaf, HOME, NOW + datetime.timedelta(days=RENEWED_DAYS - 1))
    assert not authority.vouches_for(leaf, HOME, NOW + datetime.timedelta(days=RENEWED_DAYS))
    assert not authority.vouches_for(leaf, IPv6Address("200:1234::2"), NOW)
    assert not Authority.made(HOME, NOW).vouches_for(leaf, HOME, NOW)
    assert not authority.vouches_for(authority.pem(), HOME, NOW)
    assert not authority.vouches_for(b"nothing", HOME, NOW)


def test_an_iphone_gets_the_same_certificate_as_a_profile() -> None:
    authority = Authority.made(ip_address("200::1"), datetime.datetime.now(datetime.UTC))
    profile = plistlib.loads(apple_profile(authority))
    assert profile["PayloadType"] == "Configuration"
    (certificate,) = profile["PayloadContent"]
    assert certificate["PayloadType"] == "com.apple.security.root"
    assert certificate["PayloadContent"] == authority.to_install()
    assert apple_profile(authority) == apple_profile(authority)
    other = plistlib.loads(apple_profile(Authority.made(ip_address("200::1"), datetime.datetime.now(datetime.UTC))))
    assert other["PayloadUUID"] != profile["PayloadUUID"]
    assert other["PayloadIdentifier"] != profile["PayloadIdentifier"]
