"""Parsers of what chats, pages, servers and files contain."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import tempfile
from pathlib import Path
from urllib.parse import quote

import msgspec

from bot.assistant import commands
from bot.backup.sealed_file import MAGIC, unseal
from bot.backup.snapshot import unpack
from bot.cli.setup.yggdrasil import public_peers
from bot.command_socket import Reply, _replied
from bot.messengers.console import Console
from bot.messengers.deltachat.owner import Owner
from bot.page.contact_requests import _reference
from bot.shown_contact import ShownContact
from peer.calls.programs.deltachat import SWITCHED_ON, DeltaChatApp
from peer.handset import protocol
from peer.handset.offer import read_answer
from peer.media.picture.camera import _size
from peer.overlay.addresses import parse_address
from peer.overlay.yggdrasil_peers import addresses_in, has_password, in_own_network, is_only_here, peers_in
from peer.transport.sdp.candidates import parse_candidate
from peer.transport.sdp.reading import read_description
from shared.config import file as configuration
from shared.contacts import check_name
from shared.errors import (
    BadAddress,
    BadBackup,
    BadDescription,
    ConfigError,
    HandsetError,
    InputError,
    LinkError,
    NameSystemError,
    NodeIdError,
    OverlayError,
    ServerFault,
)
from shared.files.names import safe_name
from shared.links import kinds
from shared.links.classic import decode_classic, find_classic
from shared.links.finding import find
from shared.links.node_ids import node_in
from shared.links.pasted import read_pasted
from shared.media import Media
from shared.names import azns, ens_call, ink, json_rpc, records, ss58
from shared.node_id import NodeId
from shared.printable import visible
from tests.fuzz.target import Target, text

VECTORS = Path(__file__).parents[1] / "vectors"
PROTOCOL = msgspec.json.decode((VECTORS / "protocol-v1.json").read_bytes())
READS = msgspec.json.decode((VECTORS / "azero-reads.json").read_bytes())
RESPONSES = tuple(json_rpc.from_hex(read["response"]) for form in ("plain", "events") for read in READS[form].values())
OFFERS = tuple(path.read_bytes() for path in sorted((VECTORS / "sdp").glob("*.sdp")))
NODE = str(NodeId(bytes(range(32))))
TOKENS = (
    PROTOCOL["request"]["token"],
    PROTOCOL["response"]["accept"]["token"],
    PROTOCOL["response"]["decline"]["token"],
    PROTOCOL["sealed_request"]["token"],
    PROTOCOL["card"]["token"],
)


def _each(*texts: str) -> tuple[bytes, ...]:
    return tuple(each.encode() for each in texts)


def _found(data: bytes) -> None:
    said = text(data)
    for link in find(said):
        assert 0 <= link.start <= link.end <= len(said)
    find_classic(said)


def _classic(data: bytes) -> None:
    """The unpacked content of a link of the original web app."""
    query = base64.b64encode(gzip.compress(data, 1, mtime=0)).decode()
    decode_classic(f"https://copybara.example/call?{quote(query)}")


def _shown(data: bytes) -> None:
    for lines in (False, True):
        once = visible(text(data), lines=lines)
        assert visible(once, lines=lines) == once


def _named(data: bytes) -> None:
    once = check_name(text(data))
    assert check_name(once) == once


def _configured(data: bytes) -> None:
    configuration.parse(text(data), Path("copybara.toml"))


def _unpacked(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        unpack(data, home)
        assert [path.name for path in Path(folder).iterdir()] == ["home"]


def _contract(data: bytes) -> None:
    """The return value of a contract of Aleph Zero's names, read as each type that it may have."""
    for read in (azns.text, azns.account, azns.moment, azns.maybe_account, azns.domains):
        try:
            read(data)
        except NameSystemError:
            continue


def _contract_call(data: bytes) -> None:
    """The answer to a read of such a contract, up to the value in it."""
    ink.returned(ink.answer(data))


def _ens_contract(data: bytes) -> None:
    for read in (ens_call.as_address, ens_call.as_text, ens_call.as_bytes, ens_call.as_number, ens_call.as_truth):
        try:
            read(data)
        except NameSystemError:
            continue


def _record(data: bytes) -> None:
    records.card_in(text(data), NodeId.parse(NODE))
    records.node_in(records.YGGDRASIL_KEY, text(data))


def _page_proof(data: bytes) -> None:
    with contextlib.suppress(HandsetError):
        protocol.decode_proof(text(data), protocol.Prove)
    with contextlib.suppress(HandsetError):
        protocol.decode_proof(text(data), protocol.PageProof)


def _node_id(data: bytes) -> None:
    assert str(NodeId.parse(text(data))) == text(data)


def _file_name(data: bytes) -> None:
    once = safe_name(text(data))
    assert safe_name(once) == once


def _peers(data: bytes) -> None:
    """The line that says how to reach a friend's node, and an invitation's sentence about it."""
    peers = peers_in(text(data))
    assert set(in_own_network(peers)) <= set(addresses_in(peers))
    for peer in peers:
        has_password(peer)
        is_only_here(peer)


def _question(data: bytes) -> None:
    """What the command line asks the running program."""

    async def replied() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data + b"\n")
        await _replied(reader, nothing)

    async def nothing(question: object) -> Reply:
        return Reply()

    asyncio.run(replied())


class _Mute(Console):
    """A console that stays silent about what it can't read."""

    def _complain(self, text: str) -> None:
        """Say nothing."""


def _console_line(data: bytes) -> None:
    for as_json in (False, True):
        _Mute(as_json=as_json, source=0, sink=1)._message(text(data))


TEXTS = {
    "links in a message": Target(
        _found,
        (),
        _each(
            *(*TOKENS, f"_copybara:{TOKENS[0]}_", f"https://t.me/b?start={TOKENS[1]}"),
            f"https://elsewhere.example/?to=copybara%3A{TOKENS[1]}%C3%A4",
        ),
    ),
    "a link's token": Target(lambda data: kinds.decode(text(data)), (LinkError,), _each(*TOKENS)),
    "a link of the original": Target(
        _classic,
        (BadDescription, NodeIdError),
        (
            b'{"offer":{"type":"offer","sdp":"v=0"},"candidates":[{"candidate":"candidate:0 1 UDP 2 fd::1 4 typ host",'
            b'"sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"1a"}],"sourceNodeId":"%s","destinationNodeId":"%s",'
            b'"sourceIp":"10.83.0.1"}' % (NODE.encode(), NODE.encode()),
            b'{"answer":{"type":"answer","sdp":"v=0"},"candidates":[],"destinationIp":"10.83.0.9"}',
        ),
    ),
    "a pasted offer": Target(lambda data: read_pasted(text(data)), (BadDescription,), OFFERS),
    "a description": Target(lambda data: read_description(text(data)), (BadDescription,), OFFERS),
    "a candidate": Target(
        lambda data: parse_candidate(text(data)),
        (),
        _each(
            "candidate:0 1 UDP 9 10.0.0.1 41234 typ host",
            "candidate:1 1 tcp 9 fd00::1 9 typ host tcptype active",
        ),
    ),
    "a browser's answer": Target(lambda data: read_answer(text(data), Media.BOTH), (HandsetError,), OFFERS),
    "a command": Target(
        lambda data: commands.parse(text(data)),
        (InputError,),
        _each(
            "/call anna audio",
            "/contact add anna",
            "/contact trust anna auto",
            "/name anna anna.azero",
            "/sdp offer v=0",
        ),
    ),
    "a text that is shown": Target(_shown, (), _each("Anna", "a\u200db", "\u202eabc", "👨‍👩‍👧")),
    "a contact's name": Target(_named, (InputError,), _each("anna", "Анна", "می‌خواهم")),
    "a node id": Target(_node_id, (NodeIdError,), _each(NODE)),
    "a node id that was pasted": Target(
        lambda data: node_in(text(data)),
        (NodeIdError,),
        _each(f"My node is “{NODE}”.", f"<b>{NODE[:26]}-{NODE[26:]}</b>"),
    ),
    "a node's address": Target(lambda data: parse_address(text(data)), (BadAddress,), _each("10.83.0.1", "200::1")),
    "the configuration": Target(
        _configured,
        (ConfigError,),
        (
            (VECTORS.parents[1] / "config" / "copybara.toml").read_bytes(),
            b'[calls]\n"lifetime" = "long" # for ever\n[no.such]\ntable = [1, {a = """b"""}]\n',
            b"name = \n",
            b"ring_seconds = " + b"1" * 5000,
        ),
    ),
    "a record of a name": Target(_record, (NameSystemError,), _each(NODE, TOKENS[4], "a" * 64)),
    "an answer of the chain": Target(
        lambda data: json_rpc.from_hex(json_rpc.decode(data)[1]),
        (NameSystemError,),
        (b'{"jsonrpc":"2.0","id":1,"result":"0x00"}', b'{"id":1,"error":{"code":-32000,"message":"m","data":"0x"}}'),
    ),
    "a contract of Aleph Zero": Target(_contract, (), (b"\x00\x00\x10abcd", b"\x00\x01\x02", bytes(40))),
    "a read of a contract": Target(_contract_call, (ServerFault,), RESPONSES),
    "a contract of Ethereum": Target(
        _ens_contract, (), (bytes(31) + b"\x20" + bytes(31) + b"\x03abc" + bytes(29), bytes(32))
    ),
    "an account of Substrate": Target(
        lambda data: ss58.decode(text(data)),
        (ValueError, NameSystemError, InputError),
        _each("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
    ),
    "a message of the page": Target(
        lambda data: protocol.decode(data),
        (HandsetError,),
        (
            b'{"type":"answer","call":1,"media":"both"}',
            b'{"type":"place","whom":"anna","media":"audio"}',
            b'{"type":"hang-up"}',
        ),
    ),
    "a proof of the page": Target(_page_proof, (), (b'{"type":"prove","nonce":"AAAA"}', b'{"proof":"AAAA"}')),
    "a state of Delta Chat's page": Target(
        lambda data: DeltaChatApp(0).read(SWITCHED_ON, text(data)), (), (b'{"audioEnabled":true,"videoEnabled":false}',)
    ),
    "Delta Chat's owner": Target(lambda data: Owner.read(data), (), (b"10 DA01338A3A57F87DFDBEC7D1B6CBC67E153CE8CC",)),
    "the name of a file": Target(_file_name, (), _each("holiday.jpg", "../con.txt", "a" * 200 + ".tar.gz")),
    "a friend's peers": Target(
        _peers,
        (InputError,),
        _each("tls://peer.example:443?key=" + "ab" * 32, "quic://[200::1]:9001?password=a tcp://10.0.0.1:80"),
    ),
    "the list of public peers": Target(
        lambda data: public_peers.by_country(data, minor=5),
        (OverlayError,),
        (b'{"france.md":{"tls://[2001:db8::1]:443":{"up":true,"response_ms":7.5,"proto_minor":5}}}',),
    ),
    "a question of the command line": Target(
        _question, (), (b'{"type":"say","text":"/call anna"}', b'{"type":"status"}')
    ),
    "a line of the console": Target(_console_line, (), (b'{"from":"owner","text":"/call anna"}', b"/call anna")),
    "a contact that was shown": Target(
        lambda data: ShownContact.parse(text(data)),
        (),
        _each("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.0123456789ab"),
    ),
    "a call that a page names": Target(lambda data: _reference(text(data)), (HandsetError,), _each("0011223344556677")),
    "what ffmpeg says of a camera": Target(_size, (ValueError,), (b"YUV4MPEG2 W640 H480 F30:1 Ip C420jpeg\n",)),
    "a backup's files": Target(_unpacked, (BadBackup,), ()),
    "a backup": Target(lambda data: unseal(data, "words"), (BadBackup,), (MAGIC,)),
}
