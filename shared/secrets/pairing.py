"""How two connected sides agree on a fresh pair secret. Sans-IO: messages in, messages and effects out.

Both sides send the same three messages, each as soon as it has the other's previous one:

    PairKey      public keys, and a commitment to 32 random bytes
    PairSeal     the random bytes, sealed to the other side's keys
    PairConfirm  a MAC under the secret that both now have

Everything that decides the secret, and so the phrase, is fixed by the two PairKeys, before either side shows its
random bytes. A machine in the middle therefore can't try values until both sides show the same four words: it has
one guess in 2**44 per call. The sealed messages are left out of the secret because their sender may make any number
of them. docs/protocol.md has the whole argument.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.errors import LocalProtocolError, RemoteProtocolError
from shared.hkdf import hkdf
from shared.messages import MLKEM_PUBLIC_BYTES, PairConfirm, PairKey, PairSeal
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.secrets.phrase import phrase

RANDOM_BYTES = 32

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)

_T = TypeVar("_T")

PairMessage = PairKey | PairSeal | PairConfirm


@dataclass(frozen=True, slots=True)
class Propose:
    """Store the secret, so that links sealed with it can be read.

    It must be stored before the effects that follow are carried out.
    """

    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """The other side has stored the secret too. From now on, links may be written with it."""

    secret: bytes = field(repr=False)


PairEffect = PairMessage | Propose | Commit


@dataclass(frozen=True, slots=True)
class _NotStarted:
    pass


@dataclass(frozen=True, slots=True)
class _AwaitsKey:
    pass


@dataclass(frozen=True, slots=True)
class _AwaitsSeal:
    agreed: bytes
    commitment: bytes


@dataclass(frozen=True, slots=True)
class _AwaitsConfirm:
    agreed: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class _Done:
    secret: bytes


def transcript(
    source: NodeId, destination: NodeId, caller_pin: bytes, callee_pin: bytes, request: bytes, response: bytes
) -> bytes:
    """A 32-byte hash of the call: the nodes, their certificates, and the links that set it up.

    The pins are `Handshake.pins`. `request` and `response` are the raw bytes of the first contact's links. For a single
    paired link they are the token's bytes and an empty string.
    """
    parts = (source.key, destination.key, caller_pin, callee_pin, request, response)
    return hashlib.sha256(
        b"copybara/1 transcript" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    ).digest()


def transcript_again(pins: tuple[bytes, bytes]) -> bytes:
    """A 32-byte hash of a call that was dialled again, from the `Handshake.pins` of that epoch.

    The pins come from the DTLS secrets of the call's first leg, so only its two ends can have them.
    """
    return hashlib.sha256(b"copybara/1 transcript again" + b"".join(pins)).digest()


def commitment(role: Role, random: bytes) -> bytes:
    """The commitment in the PairKey of the side in `role`: the hash of its 32 random bytes."""
    return hashlib.sha256(f"copybara/1 pair commitment {role}".encode() + random).digest()


def agreement(call: bytes, caller: PairKey, callee: PairKey) -> bytes:
    """A 32-byte hash of the call's transcript and both first messages."""
    keys = caller.public + caller.commitment + callee.public + callee.commitment
    return hashlib.sha256(b"copybara/1 pair agreement" + call + keys).digest()


def pair_secret(agreed: bytes, caller_random: bytes, callee_random: bytes) -> bytes:
    """The new pair secret, 32 bytes, from the agreement and both sides' random bytes."""
    return hkdf(caller_random + callee_random, salt=agreed, info=b"copybara/1 pair secret")


def seal_random(random: bytes, public: bytes, sender: Role, agreed: bytes) -> bytes:
    """Seal the sender's 32 random bytes to the other side's public keys (1216 bytes), for a PairSeal.

    Raises RemoteProtocolError if nothing can be sealed to the keys.
    """
    try:
        key = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(public[MLKEM_PUBLIC_BYTES:]),
        )
        return _SUITE.encrypt(random, key, info=_seal_info(sender, agreed))
    except ValueError:
        raise RemoteProtocolError("The other side sent a pairing key that can't be used.") from None


def open_seal(sealed: bytes, private: hpke.MLKEM768X25519PrivateKey, sender: Role, agreed: bytes) -> bytes:
    """Read the sender's 32 random bytes from its PairSeal.

    Raises RemoteProtocolError if they were sealed to other keys, by the other role, or for another agreement.
    """
    try:
        return _SUITE.decrypt(sealed, private, info=_seal_info(sender, agreed))
    except InvalidTag:
        raise RemoteProtocolError("The two sides see different calls: something between them changes it.") from None


def confirmation(role: Role, secret: bytes, agreed: bytes) -> bytes:
    """The 32-byte MAC with which the side in `role` proves that it has the secret."""
    key = hkdf(secret, info=f"copybara/1 pair confirm {role}".encode())
    return hmac.digest(key, agreed, "sha256")


def kept_mac(role: Role, secret: bytes, exported: bytes) -> bytes:
    """The 32-byte MAC with which the side in `role` proves that it has stored the secret, now or in an earlier call.

    `exported` is known only to both ends of the new connection (32 bytes, `Leg.exported`).
    """
    return hmac.digest(hkdf(secret, info=f"copybara/1 pair kept {role}".encode()), exported, "sha256")


class Pairing:
    """One side of one agreement. Each leg has at most one.

    Call `start` before anything is received. A message that is out of order, repeated or doesn't verify raises
    RemoteProtocolError and changes nothing.
    """

    def __init__(self, role: Role, call: bytes, random: bytes | None = None) -> None:
        """`call` is the transcript (32 bytes). `random` (32 bytes) is drawn unless a test passes it."""
        self._role = role
        self._call = call
        self._random = secrets.token_bytes(RANDOM_BYTES) if random is None else random
        mlkem, x25519 = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
        self._private = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)
        self._key = PairKey(
            public=mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw(),
            commitment=commitment(role, self._random),
        )
        self._state: _NotStarted | _AwaitsKey | _AwaitsSeal | _AwaitsConfirm | _Done = _NotStarted()

    @property
    def phrase(self) -> str | None:
        """The four words to compare. None before the Propose."""
        match self._state:
            case _AwaitsConfirm(secret=secret) | _Done(secret=secret):
                return phrase(secret)
        return None

    def start(self) -> list[PairMessage]:
        """The first messages to send. Raises LocalProtocolError the second time."""
        if not isinstance(self._state, _NotStarted):
            raise LocalProtocolError("Pairing has been started already.")
        self._state = _AwaitsKey()
        return [self._key]

    def receive(self, message: PairMessage) -> list[PairEffect]:
        """Take one message of the other side. Returns the effects to carry out, in order.

        Raises RemoteProtocolError for a message that isn't the next one or doesn't verify.
        """
        match self._state, message:
            case _NotStarted(), _:
                raise LocalProtocolError("Pairing has to be started before it can receive.")
            case _AwaitsKey(), PairKey():
                return self._receive_key(message)
            case _AwaitsSeal() as state, PairSeal():
                return self._receive_seal(state, message)
            case _AwaitsConfirm() as state, PairConfirm():
                return self._receive_confirm(state, message)
        raise RemoteProtocolError("The other side sent a pairing message out of order.")

    def _receive_key(self, message: PairKey) -> list[PairEffect]:
        caller, callee = self._caller_first(self._key, message)
        agreed = agreement(self._call, caller, callee)
        sealed = seal_random(self._random, message.public, self._role, agreed)
        self._state = _AwaitsSeal(agreed, message.commitment)
        return [PairSeal(sealed)]

    def _receive_seal(self, state: _AwaitsSeal, message: PairSeal) -> list[PairEffect]:
        random = open_seal(message.sealed, self._private, self._role.other, state.agreed)
        if not hmac.compare_digest(commitment(self._role.other, random), state.commitment):
            raise RemoteProtocolError("The other side broke the promise it made for pairing.")
        secret = pair_secret(state.agreed, *self._caller_first(self._random, random))
        self._state = _AwaitsConfirm(state.agreed, secret)
        return [Propose(secret), PairConfirm(confirmation(self._role, secret, state.agreed))]

    def _receive_confirm(self, state: _AwaitsConfirm, message: PairConfirm) -> list[PairEffect]:
        if not hmac.compare_digest(confirmation(self._role.other, state.secret, state.agreed), message.mac):
            raise RemoteProtocolError("The other side has another pair secret.")
        self._state = _Done(state.secret)
        return [Commit(state.secret)]

    def _caller_first(self, own: _T, remote: _T) -> tuple[_T, _T]:
        return (own, remote) if self._role is Role.CALLER else (remote, own)


def _seal_info(sender: Role, agreed: bytes) -> bytes:
    return f"copybara/1 pair seal {sender}".encode() + agreed
