"""The program against tests/vectors/protocol-v1.json, and docs/protocol.md against the same file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from shared import messages
from shared.links.card import Card
from shared.links.kinds import BadLink, PairedToken, Request, Response, SealedRequest, Status, decode, find
from shared.links.moved import MoveKeys, OpenedMove, seal_move
from shared.links.paired import Keyring, Operation, PairedBody, reference_of, seal
from shared.links.sealed import open_request
from shared.media import Media
from shared.messages import PairKey
from shared.node_id import NodeId
from shared.secrets import pairing
from shared.secrets.handshake import Handshake, IceCredentials, Role, epoch, first_contact, one_link, redial_secret
from shared.secrets.identity import DtlsIdentity
from shared.secrets.phrase import phrase
from tests.vectors import make

V: dict[str, Any] = json.loads(make.FILE.read_text())
PROTOCOL = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
ROLES = [Role.CALLER, Role.CALLEE]


def raw(path: str) -> bytes:
    """The bytes at a path like `request.seed` in the file, where they are hexadecimal."""
    return bytes.fromhex(text(path))


def text(path: str) -> str:
    value: Any = V
    for part in path.split("."):
        value = value[part]
    return str(value)


def node(path: str) -> NodeId:
    return NodeId(raw(path))


def the_request() -> Request:
    request = decode(text("request.token"))
    assert isinstance(request, Request)
    return request


def the_response() -> Response:
    response = decode(text("response.accept.token"))
    assert isinstance(response, Response)
    return response


def the_call() -> PairedToken:
    call = decode(text("paired.call.token"))
    assert isinstance(call, PairedToken)
    return call


def first_contact_handshake(role: Role) -> Handshake:
    private = ec.derive_private_key(int(text(f"first_contact.{role}.private_key"), 16), ec.SECP256R1())
    certificate = x509.load_der_x509_certificate(raw(f"first_contact.{role}.certificate"))
    return first_contact(
        role, the_request(), the_response(), DtlsIdentity(private, certificate), node("nodes.callee.key")
    )


def one_link_handshake(role: Role) -> Handshake:
    return one_link(
        role,
        the_call(),
        secret=raw("paired.secret"),
        source=node("nodes.caller.key"),
        destination=node("nodes.callee.key"),
    )


def ice(path: str) -> IceCredentials:
    return IceCredentials(text(f"{path}.username"), text(f"{path}.password"))


def test_the_vectors_are_what_the_second_implementation_writes() -> None:
    assert make.text() == make.FILE.read_text()


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_node_ids(side: str) -> None:
    assert str(node(f"nodes.{side}.key")) == text(f"nodes.{side}.text")
    assert NodeId.parse(text(f"nodes.{side}.text")) == node(f"nodes.{side}.key")


def test_the_request() -> None:
    request = Request.to(
        node("request.destination"),
        media=Media(V["request"]["media"]),
        created=V["request"]["created"],
        seed=raw("request.seed"),
        source=node("request.source"),
        fingerprint=raw("request.fingerprint"),
        port=V["request"]["port"],
    )
    assert request == the_request()
    assert request.encode() == raw("request.bytes")
    assert request.token == text("request.token")
    assert request.digest == raw("request.digest")
    assert request.destination_hint == raw("request.destination_hint")
    assert request.is_for(node("nodes.callee.key"))
    assert not request.is_for(node("nodes.caller.key"))


def test_the_response_that_accepts() -> None:
    response = Response.accepting(
        the_request(),
        media=Media(V["response"]["accept"]["media"]),
        seed=raw("response.accept.seed"),
        fingerprint=raw("response.accept.fingerprint"),
        port=V["response"]["accept"]["port"],
    )
    assert response == the_response()
    assert response.encode() == raw("response.accept.bytes")
    assert response.token == text("response.accept.token")
    assert response.request_hint == raw("response.accept.request_hint")


@pytest.mark.parametrize(("name", "status"), [("decline", Status.DECLINE), ("busy", Status.BUSY)])
def test_the_responses_that_refuse(name: str, status: Status) -> None:
    response = decode(text(f"response.{name}.token"))
    assert response == Response.refusing(the_request(), status)
    assert response.encode() == raw(f"response.{name}.bytes")
    assert isinstance(response, Response)
    assert response.fingerprint == raw(f"response.{name}.proof")
    assert response.proves(the_request())


def test_the_sealed_request() -> None:
    sealed = decode(text("sealed_request.token"))
    assert isinstance(sealed, SealedRequest)
    assert sealed.encode() == raw("sealed_request.bytes")
    key = X25519PrivateKey.from_private_bytes(raw("sealed_request.private_key"))
    assert key.public_key().public_bytes_raw() == raw("sealed_request.public_key")
    assert open_request(sealed, key, node("sealed_request.destination")) == the_request()


def test_the_cards() -> None:
    card = Card(
        node=node("card.node"),
        sealing_key=raw("card.sealing_key"),
        name=text("card.name"),
        resolves_as=text("card.resolves_as"),
        telegram_bot=text("card.telegram_bot"),
        telegram_user=V["card"]["telegram_user"],
    )
    assert card.encode() == raw("card.bytes")
    assert decode(text("card.token")) == card
    smallest = Card(node("card.node"), raw("card.sealing_key"))
    assert smallest.token == text("card.smallest.token")
    assert decode(text("card.with_an_unknown_field.token")) == smallest


@pytest.mark.parametrize("name", ["call", "ringing", "decline", "busy", "accept", "cancel"])
def test_paired_links(name: str) -> None:
    vector = V["paired"][name]
    body = PairedBody(
        Operation(vector["operation"]),
        Media(vector["media"]),
        vector["created"],
        vector["port"],
        bytes.fromhex(vector["reference"]),
    )
    assert body.encode().hex() == vector["body"]
    source, destination = NodeId(bytes.fromhex(vector["source"])), NodeId(bytes.fromhex(vector["destination"]))
    secret, nonce = raw("paired.secret"), bytes.fromhex(vector["nonce"])
    token = seal(body, secret=secret, source=source, destination=destination, nonce=nonce)
    assert token.token == vector["token"]
    assert token.encode().hex() == vector["bytes"]
    opened = Keyring(destination, [(source, secret)]).open(token)
    assert opened is not None
    assert opened.paired == body
    assert body.reference == (bytes(8) if name == "call" else reference_of(the_call()))


def test_the_notice_of_a_new_node_id() -> None:
    vector, secret = V["moved"], raw("paired.secret")
    new, old = NodeId(bytes.fromhex(vector["node"])), node("nodes.callee.key")
    token = seal_move(new, vector["created"], secret=secret, nonce=bytes.fromhex(vector["nonce"]))
    assert (token.token, token.encode().hex()) == (vector["token"], vector["bytes"])
    assert decode(vector["token"]) == token
    assert MoveKeys([(old, secret)]).open(token) == OpenedMove(old, new, vector["created"], secret)


@pytest.mark.parametrize("form", ["copybara", "handset", "handset_by_name", "telegram"])
def test_url_forms(form: str) -> None:
    assert [found.token for found in find(f"Call me: {text(f'urls.{form}')} please")] == [text("urls.token")]


@pytest.mark.parametrize("vector", V["refused"], ids=lambda vector: vector["what"])
def test_links_that_must_be_refused(vector: dict[str, str]) -> None:
    with pytest.raises(BadLink) as caught:
        decode(vector["token"])
    assert caught.value.reason == vector["reason"]


@pytest.mark.parametrize("role", ROLES)
def test_first_contact(role: Role) -> None:
    handshake = first_contact_handshake(role)
    assert handshake.secret == raw("first_contact.call_secret")
    assert handshake.local_ice == ice(f"first_contact.{role}")
    assert handshake.remote_ice == ice(f"first_contact.{role.other}")
    assert handshake.remote_pin.sha256 == raw(f"first_contact.{role.other}.fingerprint")


@pytest.mark.parametrize("role", ROLES)
def test_one_link(role: Role) -> None:
    handshake = one_link_handshake(role)
    assert handshake.secret == raw("one_link.call_secret")
    assert_epoch(handshake, "one_link")


@pytest.mark.parametrize("role", ROLES)
def test_epoch_1(role: Role) -> None:
    secret = redial_secret(raw("first_contact.call_secret"), raw("epoch_1.exported"))
    assert secret == raw("epoch_1.redial_secret")
    assert_epoch(epoch(secret, 1, role), "epoch_1")


def assert_epoch(handshake: Handshake, path: str) -> None:
    own, other = f"{path}.{handshake.role}", f"{path}.{handshake.role.other}"
    assert handshake.local_ice == ice(own)
    assert handshake.remote_ice == ice(other)
    assert handshake.identity.key.private_numbers().private_value == int(text(f"{own}.private_key"), 16)
    assert handshake.identity.public_pin == raw(f"{own}.public_key_pin")
    assert handshake.remote_pin.sha256 == raw(f"{other}.public_key_pin")


def test_transcripts() -> None:
    nodes = node("nodes.caller.key"), node("nodes.callee.key")
    request, response = raw("request.bytes"), raw("response.accept.bytes")
    for role in ROLES:
        first = pairing.transcript(*nodes, *first_contact_handshake(role).pins, request, response)
        assert first == raw("pairing.transcript")
        later = pairing.transcript(*nodes, *one_link_handshake(role).pins, raw("paired.call.bytes"), b"")
        assert later == raw("one_link_transcript")
        again = pairing.transcript_again(epoch(raw("epoch_1.redial_secret"), 1, role).pins)
        assert again == raw("epoch_1.transcript")


def test_the_pair_secret_and_its_phrase() -> None:
    caller, callee = (PairKey(raw(f"pairing.{role}.public"), raw(f"pairing.{role}.commitment")) for role in ROLES)
    agreed = pairing.agreement(raw("pairing.transcript"), caller, callee)
    assert agreed == raw("pairing.agreement")
    secret = pairing.pair_secret(agreed, raw("pairing.caller.random"), raw("pairing.callee.random"))
    assert secret == raw("pairing.secret")
    assert phrase(secret) == text("pairing.phrase")
    for role in ROLES:
        assert pairing.commitment(role, raw(f"pairing.{role}.random")) == raw(f"pairing.{role}.commitment")
        assert pairing.confirmation(role, secret, agreed) == raw(f"pairing.{role}.confirmation")


@pytest.mark.parametrize("sender", ROLES)
def test_the_pairing_seals_open(sender: Role) -> None:
    recipient = f"pairing.{sender.other}"
    mlkem = MLKEM768PrivateKey.from_seed_bytes(raw(f"{recipient}.mlkem_seed"))
    x25519 = X25519PrivateKey.from_private_bytes(raw(f"{recipient}.x25519_private_key"))
    public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    assert public == raw(f"{recipient}.public")
    private = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)
    opened = pairing.open_seal(raw(f"pairing.{sender}.sealed"), private, sender, raw("pairing.agreement"))
    assert opened == raw(f"pairing.{sender}.random")


@pytest.mark.parametrize("vector", V["messages"], ids=lambda vector: vector["message"]["type"])
def test_messages(vector: dict[str, Any]) -> None:
    message = messages.decode(bytes.fromhex(vector["bytes"]))
    assert msgspec.to_builtins(message) == vector["message"]
    assert not isinstance(message, messages.Unknown)
    assert messages.encode(message).hex() == vector["bytes"]


QUOTES = re.findall(
    r"^([a-z_0-9.]+) = (.+)$", "\n".join(re.findall(r"^```vectors\n(.*?)^```", PROTOCOL, re.M | re.S)), re.M
)


@pytest.mark.parametrize(("path", "value"), QUOTES, ids=[path for path, _ in QUOTES])
def test_the_documentation_quotes_the_vectors(path: str, value: str) -> None:
    assert text(path) == value


def test_the_documentation_quotes_every_kind_of_vector() -> None:
    lists = {"refused", "messages"}
    assert {path.partition(".")[0] for path, _ in QUOTES} == V.keys() - lists
