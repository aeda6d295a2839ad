"""Write protocol-v1.json: a second implementation of docs/protocol.md, as plain as possible.

It uses nothing from `shared`, only primitives, and writes every derivation out, including HPKE, so that the vectors and
the program check each other. Every input is fixed but one: nothing here can repeat an ML-KEM encapsulation, so those
two ciphertexts come from the existing file.

python -m tests.vectors.make
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from mnemonic import Mnemonic

FILE = Path(__file__).with_name("protocol-v1.json")

Vectors = dict[str, Any]

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SPKI_OF_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
DHKEM_X25519, X_WING = 0x0020, 0x647A
ACCEPT, DECLINE, BUSY = 1, 2, 3
CALL, RINGING, PAIRED_DECLINE, PAIRED_BUSY, CANCEL, PAIRED_ACCEPT = range(1, 7)
AUDIO, VIDEO, BOTH = 1, 2, 3


def fixed(name: str, size: int = 32) -> bytes:
    """An input that looks random: the first bytes of SHA-256 over its name (twice as many for more than 32)."""
    digest = hashlib.sha256(b"copybara test vector: " + name.encode()).digest()
    return (digest + hashlib.sha256(digest).digest())[:size]


CREATED = 1767225600
CALLER, CALLEE = fixed("caller's node"), fixed("callee's node")
PAIR_SECRET = fixed("pair secret")


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    block, output, counter = b"", b"", 1
    while len(output) < length:
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        output, counter = output + block, counter + 1
    return output[:length]


def hkdf(ikm: bytes, info: bytes, *, salt: bytes = b"", length: int = 32) -> bytes:
    return expand(extract(salt, ikm), info, length)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def crockford(key: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in key) + "0000"
    return "".join("0123456789abcdefghjkmnpqrstvwxyz"[int(bits[i : i + 5], 2)] for i in range(0, 260, 5))


def link(data: bytes) -> Vectors:
    return {"bytes": data.hex(), "token": base64url(data)}


# HPKE, RFC 9180


def labeled_extract(suite: bytes, salt: bytes, label: str, ikm: bytes) -> bytes:
    return extract(salt, b"HPKE-v1" + suite + label.encode() + ikm)


def labeled_expand(suite: bytes, prk: bytes, label: str, info: bytes, length: int) -> bytes:
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label.encode() + info, length)


def public_of(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def x25519(private: bytes, public: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def dhkem_shared_secret(ephemeral: bytes, public: bytes) -> bytes:
    """DHKEM(X25519, HKDF-SHA256), section 4.1."""
    suite = b"KEM" + DHKEM_X25519.to_bytes(2, "big")
    prk = labeled_extract(suite, b"", "eae_prk", x25519(ephemeral, public))
    return labeled_expand(suite, prk, "shared_secret", public_of(ephemeral) + public, 32)


def x_wing_shared_secret(mlkem_shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    """X-Wing's combiner, draft-connolly-cfrg-xwing-kem; `public` is the X25519 half of the recipient's key."""
    parts = mlkem_shared + x25519(ephemeral, public) + public_of(ephemeral) + public
    return hashlib.sha3_256(parts + rb"\.//^" + b"\\").digest()


def hpke_seal(kem: int, shared: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Key schedule and first message of base mode with HKDF-SHA256 and ChaCha20-Poly1305, sections 5.1 and 5.2."""
    suite = b"HPKE" + struct.pack(">HHH", kem, 1, 3)
    context = b"\x00" + labeled_extract(suite, b"", "psk_id_hash", b"") + labeled_extract(suite, b"", "info_hash", info)
    secret = labeled_extract(suite, shared, "secret", b"")
    key = labeled_expand(suite, secret, "key", context, 32)
    nonce = labeled_expand(suite, secret, "base_nonce", context, 12)
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, b"")


# Links


def request_bytes(fingerprint: bytes, media: int = BOTH, port: int = 40000) -> bytes:
    return (
        b"\x11"
        + struct.pack(">BI", media, CREATED)
        + fixed("caller's seed", 16)
        + CALLER
        + sha256(CALLEE)[:8]
        + fingerprint
        + struct.pack(">H", port)
    )


def accept_bytes(request: bytes, fingerprint: bytes, port: int = 50000) -> bytes:
    head = b"\x12" + bytes([ACCEPT << 4 | BOTH]) + sha256(request)[:4]
    return head + fixed("callee's seed", 8) + fingerprint + struct.pack(">H", port)


def refusal_bytes(request: bytes, status: int) -> bytes:
    proof = hmac.digest(sha256(request), b"copybara/1 response" + bytes([status]), "sha256")
    return b"\x12" + bytes([status << 4]) + sha256(request)[:4] + bytes(8) + proof + bytes(2)


def card_bytes(*fields: tuple[int, bytes]) -> bytes:
    content = b"\x15" + b"".join(bytes([kind, len(value)]) + value for kind, value in fields)
    return content + sha256(content)[:4]


def paired(name: str, source: bytes, destination: bytes, operation: int, media: int, port: int, call: bytes) -> Vectors:
    """A token between paired contacts. `call` is the CALL that the token is about, or empty."""
    reference = sha256(call)[:8] if call else bytes(8)
    body = struct.pack(">BBIH", operation, media, CREATED, port) + reference + bytes(3)
    key = hkdf(PAIR_SECRET, b"copybara/1 link key" + source + destination)
    associated = b"copybara/1 link\x13" + source + destination
    nonce = fixed(f"nonce of {name}", 12)
    return {
        "operation": operation,
        "media": media,
        "created": CREATED,
        "port": port,
        "reference": reference.hex(),
        "body": body.hex(),
        "source": source.hex(),
        "destination": destination.hex(),
        "link_key": key.hex(),
        "associated_data": associated.hex(),
        "nonce": nonce.hex(),
        **link(b"\x13" + nonce + ChaCha20Poly1305(key).encrypt(nonce, body, associated)),
    }


def moved(node: bytes) -> Vectors:
    """The notice that the writer's node is now `node`."""
    key, nonce = hkdf(PAIR_SECRET, b"copybara/1 moved"), fixed("nonce of moved", 12)
    body = node + struct.pack(">I", CREATED)
    sealed = ChaCha20Poly1305(key).encrypt(nonce, body, b"copybara/1 moved\x16")
    return {
        "node": node.hex(),
        "created": CREATED,
        "key": key.hex(),
        "nonce": nonce.hex(),
        **link(b"\x16" + nonce + sealed),
    }


# Legs


def ice(secret: bytes, role: str, epoch: int) -> Vectors:
    material = hkdf(secret, f"copybara/1 ice {role}".encode() + struct.pack(">I", epoch), length=24)
    text = base64.b64encode(material).decode()
    return {"username": text[:8], "password": text[8:]}


def dtls(secret: bytes, role: str, epoch: int) -> Vectors:
    material = hkdf(secret, f"copybara/1 dtls {role}".encode() + struct.pack(">I", epoch), length=48)
    scalar = int.from_bytes(material, "big") % (P256_ORDER - 1) + 1
    point = ec.derive_private_key(scalar, ec.SECP256R1()).public_key().public_numbers()
    spki = SPKI_OF_P256 + point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")
    return {"private_key": f"{scalar:064x}", "public_key_pin": sha256(spki).hex()}


def epoch_of(secret: bytes, number: int) -> Vectors:
    return {role: ice(secret, role, number) | dtls(secret, role, number) for role in ("caller", "callee")}


def first_contact_identity(role: str) -> Vectors:
    """A key and a certificate as another program may write it."""
    scalar = int.from_bytes(fixed(f"{role}'s DTLS key"), "big") % (P256_ORDER - 1) + 1
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, role)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(2)
        .not_valid_before(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC))
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    ).public_bytes(Encoding.DER)
    return {
        "private_key": f"{scalar:064x}",
        "certificate": certificate.hex(),
        "fingerprint": sha256(certificate).hex(),
    }


# Pairing


def transcript(caller_pin: bytes, callee_pin: bytes, request: bytes, response: bytes) -> bytes:
    parts = (CALLER, CALLEE, caller_pin, callee_pin, request, response)
    return sha256(b"copybara/1 transcript" + b"".join(struct.pack(">H", len(part)) + part for part in parts))


def transcript_again(epoch: Vectors) -> bytes:
    pins = [bytes.fromhex(epoch[role]["public_key_pin"]) for role in ("caller", "callee")]
    return sha256(b"copybara/1 transcript again" + b"".join(pins))


def mlkem_key(role: str) -> MLKEM768PrivateKey:
    return MLKEM768PrivateKey.from_seed_bytes(fixed(f"{role}'s ML-KEM seed", 64))


def mlkem_ciphertext(sender: str, recipient: str) -> bytes:
    """The ciphertext in the file, or a new one if there is no file yet."""
    if FILE.exists():
        return bytes.fromhex(json.loads(FILE.read_text())["pairing"][sender]["sealed"])[:1088]
    return mlkem_key(recipient).public_key().encapsulate()[1]


def pair_side(role: str) -> Vectors:
    mlkem, x25519_private, random = mlkem_key(role), fixed(f"{role}'s X25519 key"), fixed(f"{role}'s random bytes")
    public = mlkem.public_key().public_bytes_raw() + public_of(x25519_private)
    return {
        "mlkem_seed": fixed(f"{role}'s ML-KEM seed", 64).hex(),
        "x25519_private_key": x25519_private.hex(),
        "public": public.hex(),
        "random": random.hex(),
        "commitment": sha256(f"copybara/1 pair commitment {role}".encode() + random).hex(),
    }


def pair_seal(sender: str, recipient: str, agreement: bytes) -> bytes:
    ephemeral, public = fixed(f"{sender}'s ephemeral X25519 key"), public_of(fixed(f"{recipient}'s X25519 key"))
    ciphertext = mlkem_ciphertext(sender, recipient)
    shared = x_wing_shared_secret(mlkem_key(recipient).decapsulate(ciphertext), ephemeral, public)
    info = f"copybara/1 pair seal {sender}".encode() + agreement
    return ciphertext + public_of(ephemeral) + hpke_seal(X_WING, shared, info, fixed(f"{sender}'s random bytes"))


def pairing(call: bytes) -> Vectors:
    caller, callee = pair_side("caller"), pair_side("callee")
    keys = "".join(side[part] for side in (caller, callee) for part in ("public", "commitment"))
    agreement = sha256(b"copybara/1 pair agreement" + call + bytes.fromhex(keys))
    secret = hkdf(bytes.fromhex(caller["random"] + callee["random"]), b"copybara/1 pair secret", salt=agreement)
    for side, role, other in ((caller, "caller", "callee"), (callee, "callee", "caller")):
        side["sealed"] = pair_seal(role, other, agreement).hex()
        confirm_key = hkdf(secret, f"copybara/1 pair confirm {role}".encode())
        side["confirmation"] = hmac.digest(confirm_key, agreement, "sha256").hex()
    bits = f"{int.from_bytes(hkdf(secret, b'copybara/1 pair phrase', length=6), 'big'):048b}"
    words = Mnemonic("english").wordlist
    return {
        "transcript": call.hex(),
        "agreement": agreement.hex(),
        "secret": secret.hex(),
        "phrase": " ".join(words[int(bits[i : i + 11], 2)] for i in range(0, 44, 11)),
        "caller": caller,
        "callee": callee,
    }


# What must be refused


def changed(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def refused(request: bytes, accept: bytes, decline: bytes, token: str) -> list[Vectors]:
    node, key = (1, CALLEE), (2, public_of(fixed("card key")))
    malformed: dict[str, str | bytes] = {
        "nothing": "",
        "padding": base64url(request[:-1]) + "=",
        "the other base64 alphabet": token[:-1] + "+",
        "a space inside": token[:8] + " " + token[8:],
        "spare bits": base64url(fixed("sealed", 1)) + "B",
        "an unknown kind": changed(request, 0, b"\x1f"),
        "kind 0": changed(request, 0, b"\x10"),
        "a request cut short": request[:-1],
        "a request with a byte more": request + b"\x00",
        "a request for no media": changed(request, 1, b"\x00"),
        "a request for unknown media": changed(request, 1, b"\x04"),
        "a request from port 0": changed(request, 94, b"\x00\x00"),
        "a response with an unknown status": changed(accept, 1, b"\x43"),
        "a response with unknown media": changed(accept, 1, b"\x14"),
        "an acceptance on port 0": changed(accept, 46, b"\x00\x00"),
        "a refusal with media": changed(decline, 1, b"\x21"),
        "a refusal with a seed": changed(decline, 6, b"\x01"),
        "a refusal with a port": changed(decline, 46, b"\x00\x01"),
        "a paired link cut short": b"\x13" + bytes(46),
        "a sealed request cut short": b"\x14" + bytes(143),
        "a notice of a new node id cut short": b"\x16" + bytes(63),
        "a card with a wrong checksum": card_bytes(node, key)[:-1] + b"\x00",
        "a card without a node": card_bytes(key, (3, b"a name that makes it long enough to be read")),
        "a card without a key": card_bytes(node, (3, b"a name that makes it long enough to be read")),
        "a card with a field twice": card_bytes(node, key, key),
        "a card with an empty field": card_bytes(node, key, (3, b"")),
        "a card with a line break in its name": card_bytes(node, key, (3, b"an\nna")),
        "a card with a name that isn't UTF-8": card_bytes(node, key, (3, b"\xff")),
    }
    return [
        {
            "what": what,
            "token": bad if isinstance(bad, str) else base64url(bad),
            "reason": "malformed",
        }
        for what, bad in malformed.items()
    ] + [
        {"what": "version 0", "token": base64url(changed(request, 0, b"\x01")), "reason": "wrong-version"},
        {"what": "version 2", "token": base64url(changed(request, 0, b"\x21")), "reason": "wrong-version"},
        {"what": "version 2 of another size", "token": base64url(b"\x21" + bytes(20)), "reason": "wrong-version"},
    ]


MESSAGES: list[Vectors] = [
    {"type": "hello", "version": 1, "media": BOTH},
    {"type": "media-state", "audio": True, "video": False, "screen": False, "paused": False},
    {"type": "text", "text": "ĝis!"},
    {"type": "ping", "id": 7},
    {"type": "pong", "id": 7},
    {"type": "bye", "reason": "hung up"},
]


def vectors() -> Vectors:
    caller, callee = first_contact_identity("caller"), first_contact_identity("callee")
    caller_fingerprint, callee_fingerprint = (bytes.fromhex(side["fingerprint"]) for side in (caller, callee))

    request = request_bytes(caller_fingerprint)
    accept = accept_bytes(request, callee_fingerprint)
    decline, busy = refusal_bytes(request, DECLINE), refusal_bytes(request, BUSY)
    response_token = base64url(accept)

    card_key, ephemeral = fixed("card key"), fixed("ephemeral key")
    shared = dhkem_shared_secret(ephemeral, public_of(card_key))
    sealed_info = b"copybara/1 sealed request" + CALLEE
    sealed = b"\x14" + public_of(ephemeral) + hpke_seal(DHKEM_X25519, shared, sealed_info, request)

    card_fields = [
        (1, CALLEE),
        (2, public_of(card_key)),
        (3, "Ĉevalo".encode()),
        (4, b"copybara.azero"),
        (5, b"copybara_bot"),
        (6, (123456789).to_bytes(8, "big")),
    ]

    call = paired("the call", CALLER, CALLEE, CALL, BOTH, 40000, b"")
    call_bytes = bytes.fromhex(call["bytes"])

    first_secret = hkdf(
        request[6:22] + accept[6:14],
        b"copybara/1 first contact" + CALLEE + sha256(accept),
        salt=sha256(request),
    )
    one_link_secret = hkdf(PAIR_SECRET, b"copybara/1 one link" + CALLER + CALLEE, salt=call_bytes[1:13])
    one_link = epoch_of(one_link_secret, 0)
    one_link_pins = [bytes.fromhex(one_link[role]["public_key_pin"]) for role in ("caller", "callee")]
    exported = fixed("exported from DTLS")
    redial_secret = hkdf(first_secret, b"copybara/1 redial", salt=exported)

    return {
        "nodes": {
            "caller": {"key": CALLER.hex(), "text": crockford(CALLER)},
            "callee": {"key": CALLEE.hex(), "text": crockford(CALLEE)},
        },
        "request": {
            "media": BOTH,
            "created": CREATED,
            "seed": request[6:22].hex(),
            "source": CALLER.hex(),
            "destination": CALLEE.hex(),
            "destination_hint": request[54:62].hex(),
            "fingerprint": caller["fingerprint"],
            "port": 40000,
            **link(request),
            "digest": sha256(request).hex(),
        },
        "response": {
            "accept": {
                "media": BOTH,
                "request_hint": accept[2:6].hex(),
                "seed": accept[6:14].hex(),
                "fingerprint": callee["fingerprint"],
                "port": 50000,
                **link(accept),
            },
            "decline": {"proof": decline[14:46].hex(), **link(decline)},
            "busy": {"proof": busy[14:46].hex(), **link(busy)},
        },
        "sealed_request": {
            "private_key": card_key.hex(),
            "public_key": public_of(card_key).hex(),
            "ephemeral_private_key": ephemeral.hex(),
            "destination": CALLEE.hex(),
            **link(sealed),
        },
        "card": {
            "node": CALLEE.hex(),
            "sealing_key": public_of(card_key).hex(),
            "name": "Ĉevalo",
            "resolves_as": "copybara.azero",
            "telegram_bot": "copybara_bot",
            "telegram_user": 123456789,
            **link(card_bytes(*card_fields)),
            "smallest": link(card_bytes(*card_fields[:2])),
            "with_an_unknown_field": link(card_bytes((200, b"later"), *card_fields[:2])),
        },
        "moved": moved(fixed("callee's new node")),
        "paired": {
            "secret": PAIR_SECRET.hex(),
            "call": call,
            "ringing": paired("ringing", CALLEE, CALLER, RINGING, 0, 0, call_bytes),
            "decline": paired("decline", CALLEE, CALLER, PAIRED_DECLINE, 0, 0, call_bytes),
            "busy": paired("busy", CALLEE, CALLER, PAIRED_BUSY, 0, 0, call_bytes),
            "accept": paired("accept", CALLEE, CALLER, PAIRED_ACCEPT, AUDIO, 50000, call_bytes),
            "cancel": paired("cancel", CALLER, CALLEE, CANCEL, 0, 0, call_bytes),
        },
        "urls": {
            "token": response_token,
            "copybara": f"copybara:{response_token}",
            "handset": f"http://127.0.0.1:8080/#{response_token}",
            "handset_by_name": f"http://copybara.localhost:8080/#{response_token}",
            "telegram": f"https://t.me/copybara_bot?start={response_token}",
        },
        "refused": refused(request, accept, decline, response_token),
        "first_contact": {
            "call_secret": first_secret.hex(),
            "caller": caller | ice(first_secret, "caller", 0),
            "callee": callee | ice(first_secret, "callee", 0),
        },
        "one_link": {"call_secret": one_link_secret.hex(), **one_link},
        "epoch_1": {
            "exported": exported.hex(),
            "redial_secret": redial_secret.hex(),
            **epoch_of(redial_secret, 1),
            "transcript": transcript_again(epoch_of(redial_secret, 1)).hex(),
        },
        "one_link_transcript": transcript(one_link_pins[0], one_link_pins[1], call_bytes, b"").hex(),
        "pairing": pairing(transcript(caller_fingerprint, callee_fingerprint, request, accept)),
        "messages": [{"message": message, "bytes": msgspec.msgpack.encode(message).hex()} for message in MESSAGES],
    }


def text() -> str:
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
