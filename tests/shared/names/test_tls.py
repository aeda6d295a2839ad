"""Servers with a certificate: it is verified for the requested name, over both ways to ask."""

from __future__ import annotations

import datetime
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import serve

from shared.errors import NamesUnreachable
from shared.names.azero import AzeroId, Network
from shared.names.trace import Trace
from shared.node_id import NodeId
from tests.shared.names.chain import GENESIS, REGISTRY, ROUTER, Chain, Name
from tests.shared.names.ethereum import http_server

NODE = NodeId(bytes(range(32)))
REFUSED = "The server's certificate isn't good for its name."


def certificate(folder: Path, *names: x509.GeneralName) -> Path:
    """A self-signed certificate with its key, valid for those names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    no_password = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture(params=["wss", "https"])
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, str, Path]]:
    """A server with a certificate for `localhost` only: its address by name and by number, and the certificate."""
    file = certificate(tmp_path, x509.DNSName("localhost"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    chain = Chain({"anna": Name({"staex-id": str(NODE)})})

    async def answer(body: bytes) -> bytes:
        return json.dumps(chain.reply(json.loads(body))).encode()

    if request.param == "wss":
        async with serve(chain.answer, "127.0.0.1", 0, ssl=context, close_timeout=0.1) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"wss://localhost:{port}", f"wss://127.0.0.1:{port}", file
    else:
        async with http_server(answer, tls=context) as port:
            yield f"https://localhost:{port}/v3/KEY", f"https://127.0.0.1:{port}", file


async def look_up(url: str) -> NodeId:
    azero = AzeroId(Network((url,), GENESIS, ROUTER, {"azero": REGISTRY}), seconds=5.0)
    return (await azero.look_up("anna.azero", ("staex-id",), Trace())).node


async def test_a_certificate_that_is_trusted_and_good_for_the_name_is_taken(
    servers: tuple[str, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(servers[2]))
    assert await look_up(servers[0]) == NODE


async def test_a_certificate_that_nobody_vouches_for_is_refused(servers: tuple[str, str, Path]) -> None:
    with pytest.raises(NamesUnreachable) as caught:
        await look_up(servers[0])
    assert caught.value.sentence.endswith(REFUSED)


async def test_a_certificate_for_another_name_is_refused(
    servers: tuple[str, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(servers[2]))
    with pytest.raises(NamesUnreachable) as caught:
        await look_up(servers[1])
    assert caught.value.sentence.endswith(REFUSED)
