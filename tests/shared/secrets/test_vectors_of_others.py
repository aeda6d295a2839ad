"""Test vectors of others for the primitives that everything here uses. tests/vectors/others names their authors.

Where one of our functions accepts the foreign bytes, the vector goes through it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from shared.errors import RemoteProtocolError
from shared.hkdf import hkdf
from shared.links import sealed
from shared.links.kinds import Request
from shared.links.tokens import BadLink
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets import pairing
from shared.secrets.handshake import Role
from tests.vectors import make

FOLDER = Path(__file__).parents[2] / "vectors" / "others"
Case = dict[str, Any]

CALLER, CALLEE = NodeId(bytes(range(32))), NodeId(bytes(range(1, 33)))
REQUEST = Request(Media.BOTH, 1_767_225_600, bytes(16), CALLER, bytes(8), bytes(32), 40_000)

AS_TEXT = ("result", "flags", "comment")


def cases(name: str) -> list[Case]:
    """The cases of a file. Its hexadecimal fields become bytes."""
    return [
        {key: bytes.fromhex(of) if isinstance(of, str) and key not in AS_TEXT else of for key, of in case.items()}
        for case in json.loads((FOLDER / f"{name}.json").read_bytes())
    ]


def test_x25519_agrees_with_every_case_of_wycheproof_and_refuses_each_that_gives_zeros() -> None:
    refused = 0
    for case in cases("x25519"):
        private = X25519PrivateKey.from_private_bytes(case["private"])
        public = X25519PublicKey.from_public_bytes(case["public"])
        if case["shared"] == bytes(32):
            refused += 1
            with pytest.raises(ValueError, match="Error computing shared key"):
                private.exchange(public)
        else:
            assert private.exchange(public) == case["shared"], case["tcId"]
    assert refused == 31


def test_nothing_is_sealed_to_a_key_of_low_order_in_a_card_or_in_pairing() -> None:
    mlkem = MLKEM768PrivateKey.generate().public_key().public_bytes_raw()
    low = {case["public"] for case in cases("x25519") if case["shared"] == bytes(32)}
    assert len(low) > 5
    for public in low:
        with pytest.raises(BadLink):
            sealed.seal_request(REQUEST, public, CALLEE)
        with pytest.raises(RemoteProtocolError):
            pairing.seal_random(bytes(32), mlkem + public, Role.CALLER, bytes(32))


def test_our_key_derivation_agrees_with_every_case_of_wycheproof() -> None:
    for case in cases("hkdf_sha256"):
        arguments = {"salt": case["salt"], "info": case["info"], "length": case["size"]}
        if case["result"] == "valid":
            assert hkdf(case["ikm"], **arguments) == case["okm"], case["tcId"]
        else:
            with pytest.raises(ValueError, match="derive"):
                hkdf(case["ikm"], **arguments)


@pytest.mark.parametrize(("name", "cipher"), [("chacha20_poly1305", ChaCha20Poly1305), ("aes_256_gcm", AESGCM)])
def test_encryption_agrees_with_every_case_of_wycheproof(
    name: str, cipher: type[ChaCha20Poly1305] | type[AESGCM]
) -> None:
    for case in cases(name):
        aead, text, rest = cipher(case["key"]), case["ct"] + case["tag"], (case["aad"],)
        if case["result"] == "valid":
            assert aead.encrypt(case["iv"], case["msg"], *rest) == text, case["tcId"]
            assert aead.decrypt(case["iv"], text, *rest) == case["msg"], case["tcId"]
        else:
            with pytest.raises((InvalidTag, ValueError)):
                aead.decrypt(case["iv"], text, *rest)


def test_signatures_of_certificates_are_told_as_in_every_case_of_wycheproof() -> None:
    for case in cases("ecdsa_p256_sha256"):
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), case["key"])
        try:
            key.verify(case["sig"], case["msg"], ec.ECDSA(hashes.SHA256()))
            valid = True
        except InvalidSignature:
            valid = False
        assert valid == (case["result"] == "valid"), case["tcId"]


def test_ml_kem_agrees_with_wycheproof_on_ciphertexts_that_were_changed_as_well() -> None:
    for case in cases("mlkem_768"):
        if case["result"] == "valid":
            key = MLKEM768PrivateKey.from_seed_bytes(case["seed"])
            assert key.public_key().public_bytes_raw() == case["ek"], case["tcId"]
            assert key.decapsulate(case["c"]) == case["K"], case["tcId"]
        else:
            with pytest.raises(ValueError, match=r"ML-KEM|length|[Ii]nvalid|bytes"):
                MLKEM768PrivateKey.from_seed_bytes(case["seed"]).decapsulate(case["c"])


def test_nothing_is_sealed_to_an_ml_kem_key_that_wycheproof_calls_bad() -> None:
    x25519 = X25519PrivateKey.generate().public_key().public_bytes_raw()
    for case in cases("mlkem_768_bad_keys"):
        with pytest.raises(RemoteProtocolError):
            pairing.seal_random(bytes(32), case["ek"] + x25519, Role.CALLER, bytes(32))


def _private(case: Case) -> X25519PrivateKey | hpke.MLKEM768X25519PrivateKey:
    if case["kem_id"] == make.DHKEM_X25519:
        return X25519PrivateKey.from_private_bytes(case["skRm"])
    expanded = hashlib.shake_256(case["skRm"]).digest(96)  # draft-connolly-cfrg-xwing-kem, section 5.2
    return hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])
    )


@pytest.mark.parametrize(
    ("kem", "suite"), [(make.DHKEM_X25519, sealed._SUITE), (make.X_WING, pairing._SUITE)], ids=["card", "pairing"]
)
def test_what_rfc_9180_and_its_post_quantum_successor_sealed_opens_with_our_suites(kem: int, suite: hpke.Suite) -> None:
    (case,) = [case for case in cases("hpke") if case["kem_id"] == kem]
    # These messages have associated data, and the public function has no parameter for it.
    opened = openssl.hpke._decrypt_with_aad(
        suite, case["enc"] + case["ct"], _private(case), info=case["info"], aad=case["aad"]
    )
    assert opened == case["pt"]


def test_the_second_implementation_of_our_protocol_agrees_with_rfc_9180() -> None:
    (case,) = [case for case in cases("hpke") if case["kem_id"] == make.DHKEM_X25519]
    assert make.public_of(case["skEm"]) == case["enc"]
    assert make.dhkem_shared_secret(case["skEm"], case["pkRm"]) == case["shared_secret"]
    sealed_by_us = make.hpke_seal(make.DHKEM_X25519, case["shared_secret"], case["info"], case["pt"])
    assert sealed_by_us == ChaCha20Poly1305(case["key"]).encrypt(case["base_nonce"], case["pt"], b"")
