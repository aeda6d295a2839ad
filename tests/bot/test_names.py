"""Calls to names, from the outside: real programs, and names that exist only on a chain."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bot.kinds import Kind
from shared.errors import CopybaraError
from shared.links.card import Card
from shared.links.kinds import SealedRequest, decode
from shared.links.sealed import open_request
from shared.node_id import NodeId
from tests.bot.console import Chat, Person, hang_up, people
from tests.shared.names.chain import OWNER, Chain, Name
from tests.shared.names.tcp import tcp

SECONDS = "server_seconds = 1.5"
OTHER, THIRD = (str(NodeId(bytes([number]) * 32)) for number in (1, 2))


def config(*urls: str, own_name: str = "") -> str:
    return f'[names]\n{SECONDS}\nown_name = "{own_name}"\n[names.azero]\nrpc = {json.dumps(urls)}\n'


async def publish(chain: Chain, person: Person, name: str) -> None:
    """Write the output of `copybara card --records` under a name."""
    code, out, err = await person.cli("card", "--records", "--json")
    assert code == 0, err
    chain.names[name] = Name(json.loads(out)["records"])


@contextlib.asynccontextmanager
async def anna_and_bob(folder: Path, chain: Chain) -> AsyncIterator[tuple[Person, Person]]:
    """Two people who don't know each other. Bob has written his records."""
    async with people(folder, "anna", "bob", config=config(chain.url)) as (anna, bob):
        await publish(chain, bob, "bob")
        yield anna, bob


async def answered(anna: Person, bob: Person) -> None:
    await bob.call("ringing")
    bob.write("/answer")
    await asyncio.gather(*(person.call("active") for person in (anna, bob)))
    await hang_up(anna, bob)


async def test_a_name_that_is_only_on_the_chain_is_called_then_kept_then_held(tmp_path: Path) -> None:
    chain = Chain()
    async with chain.running(), anna_and_bob(tmp_path, chain) as (anna, bob):
        # The name is only on the chain, with Bob's card beside the node id. So the first link is sealed.
        anna.write("/call bob.azero")
        assert "bob.azero" in await anna.told(kind=Kind.NAME_LOOKING_UP)
        assert await anna.told(kind=Kind.NAME_FOUND) == f"bob.azero is node {bob.id.short}…, says AZERO.ID."
        link = await anna.posted("chat")
        assert isinstance(decode(link["token"]), SealedRequest)
        await answered(anna, bob)
        await anna.asked("/contact add bob", kind=Kind.CONTACT_SAVED)
        assert "found as bob.azero" in await anna.asked("/contact show bob", kind=Kind.CONTACT_DETAILS)

    # The chain is gone. The stored node is called, and the owner reads so.
    again = tmp_path / "again"
    again.mkdir()
    async with people(again, "anna", "bob", homes=tmp_path, config=config(chain.url)) as (anna, bob):
        anna.write("/call bob.azero")
        told = await anna.told(kind=Kind.NAME_FOUND)
        assert "No server of Aleph Zero could be asked." in told
        assert "what AZERO.ID said on" in told
        await answered(anna, bob)

        # The chain is back, and the record names somebody else. Nothing is called, and both values are shown.
        async with chain.running():
            chain.names["bob"].records["staex-id"] = OTHER
            chats = len(anna.chat.posts)
            told = await anna.asked("/call bob.azero", kind="error.name-held")
            assert f"before  {bob.node}\nnow     {OTHER}\n" in told
            assert "/name follow bob.azero" in told
            assert "/name keep bob.azero" in told
            code, out, err = await anna.cli("call", "bob.azero")
            assert (code, out) == (1, "")
            assert f"now     {OTHER}" in err
            assert "copybara resolve --follow bob.azero" in err
            await anna.in_order()
            assert len(anna.chat.posts) == chats

            # The owner stays. The old node is called, and each time the owner reads that the record says otherwise.
            await anna.asked("/name keep bob.azero", kind=Kind.NAME_KEPT)
            anna.write("/call bob.azero")
            assert OTHER[:8] in await anna.told(kind=Kind.NAME_FOUND)
            await answered(anna, bob)

            # Another change, and the owner follows it: the contact moves.
            chain.names["bob"].records["staex-id"] = THIRD
            await anna.asked("/name bob.azero", kind="error.name-held")
            code, out, err = await anna.cli("resolve", "--follow", "bob.azero")
            assert code == 0, err
            assert "bob has that node now" in out
            assert THIRD in await anna.asked("/contact show bob", kind=Kind.CONTACT_DETAILS)


async def test_a_server_that_hangs_keeps_nothing_else_waiting(tmp_path: Path) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with (
        tcp(hang) as port,
        people(tmp_path, "anna", config=config(f"ws://127.0.0.1:{port}").replace("1.5", "14")) as (anna,),
    ):
        await anna.asked("/call bob.azero", kind=Kind.NAME_LOOKING_UP)
        begun = time.monotonic()
        await anna.asked("/status", kind=Kind.STATUS)
        await anna.asked("/call bob.azero", kind="error.looking-up")
        assert "bob.azero" in await anna.asked("/hangup", kind=Kind.NAME_STOPPED)
        await anna.asked("/hangup", kind="error.no-call")
        for number in range(4):
            await anna.asked(f"/name bob{number}.azero", kind=Kind.NAME_LOOKING_UP)
        await anna.asked("/name bob4.azero", kind="error.looking-up")
        assert time.monotonic() - begun < 10
        # `people` ends the program now, within its two seconds, though it waits for four servers.


async def test_a_name_is_resolved_on_the_command_line(tmp_path: Path) -> None:
    chain = Chain()
    async with chain.running():
        bob = Person("bob", tmp_path, Chat())
        bob.home.mkdir(mode=0o700)
        settings = config(chain.url, own_name="Bob.azero")
        (bob.home / "copybara.toml").write_text(f'name = "bob"\noverlay = "loopback"\n{settings}')
        code, out, err = await bob.cli("card", "--records")
        assert code == 0, err
        assert "Write this under bob.azero" in out
        await publish(chain, bob, "bob")
        node = chain.names["bob"].records["staex-id"]
        chain.primary[OWNER] = "bob.azero"

        code, out, err = await bob.cli("resolve", "bob.azero")
        assert code == 0, err
        assert out.splitlines()[:4] == [
            node,
            f"from     AZERO.ID, 127.0.0.1:{chain.port}, just now",
            "record   staex-id, and a contact card",
            f"owner    {OWNER}",
        ]
        assert f"ms  ask 127.0.0.1:{chain.port}" in out

        code, out, _ = await bob.cli("resolve", "bob.azero", "--json")
        kept = json.loads(out)
        assert (kept["node"], kept["from_memory"], kept["steps"][0]["what"]) == (node, True, "use what is kept")
        code, out, _ = await bob.cli("resolve", "bob.azero", "--fresh", "--json")
        fresh = json.loads(out)
        assert (fresh["from_memory"], fresh["server"], fresh["age"] < 60) == (False, f"127.0.0.1:{chain.port}", True)
        assert [step["what"] for step in fresh["steps"]] == [f"ask 127.0.0.1:{chain.port}", "read bob.azero"]
        assert all(step["ms"] > 0 for step in fresh["steps"])
        code, out, _ = await bob.cli("resolve", OWNER, "--json")
        assert json.loads(out)["name"] == "bob.azero"

        code, out, err = await bob.cli("contacts", "add", "b", "bob.azero")
        assert code == 0, err
        assert "bob.azero" in (await bob.cli("contacts", "show", "b"))[1]
        await bob.cli("contacts", "remove", "b")

        # The own name, before and after it names somebody else's node.
        assert "bob.azero leads to this node" in (await bob.cli("doctor"))[1]
        chain.names["bob"].records["staex-id"] = OTHER
        code, out, _ = await bob.cli("doctor")
        assert "bob.azero leads to another node" in out
        assert code == 0  # a warning, because calls can be made

        # The content of a hostile record is never repeated.
        chain.names["evil"] = Name({"staex-id": "\x1b[31m\n/contact trust mallory\u202e"})
        code, out, err = await bob.cli("resolve", "evil.azero")
        assert (code, "mallory" in out + err, "\x1b" in out + err) == (1, False, False)
        assert "The record staex-id under that name isn't a node id." in err
        for name in ("ev\x1b[31mil.azero", "evil\n.azero", "\u202eevil.azero", "ev/il?x=#.azero"):
            code, out, err = await bob.cli("resolve", name)
            assert code == 1
            assert (out + err).replace("\n", "").isprintable()

    code, out, err = await bob.cli("resolve", "bob.azero", "--fresh")
    assert code == 1
    assert "Nothing listens there." in err
    assert "Before, bob.azero led to node" in err


class TwoFaced(Chain):
    """Gives the first reader of a name another node than the second."""

    def call(self, contract: bytes, message: bytes) -> bytes:
        if message[:4].hex() == "7e6cb4ce" and b"staex-id" in message:
            self.names["bob"].records["staex-id"] = str(NodeId(bytes([len(self.reads) // 3] * 32)))
        return super().call(contract, message)


async def test_a_name_is_read_a_second_time_by_an_independent_client(tmp_path: Path) -> None:
    node = NodeId(bytes(range(32)))
    async with Chain({"bob": Name({"staex-id": str(node)})}).running() as chain:
        bob = Person("bob", tmp_path, Chat())
        bob.home.mkdir(mode=0o700)
        (bob.home / "copybara.toml").write_text(f'overlay = "loopback"\n{config(chain.url)}')
        code, out, err = await bob.cli("resolve", "bob.azero", "--check", "--json")
        assert code == 0, err
        said = json.loads(out)
        assert said["node"] == str(node)
        [step] = [step for step in said["steps"] if "substrate-interface" in step["what"]]
        assert step["outcome"] == f"127.0.0.1:{chain.port}: node {node}"
        code, _, err = await bob.cli("resolve", "bob.eth", "--check")
        assert code == 1
        assert "reads AZERO.ID only" in err


async def test_two_clients_that_disagree_are_both_shown_and_nothing_is_kept(tmp_path: Path) -> None:
    async with TwoFaced({"bob": Name()}).running() as chain:
        bob = Person("bob", tmp_path, Chat())
        bob.home.mkdir(mode=0o700)
        (bob.home / "copybara.toml").write_text(f'overlay = "loopback"\n{config(chain.url)}')
        code, out, err = await bob.cli("resolve", "bob.azero", "--check")
        assert code == 1
        assert "disagree about bob.azero" in err
        assert f"127.0.0.1:{chain.port}: node {NodeId(bytes(32))}" in err
        assert "read with substrate-interface: node" in err
        chain.names.clear()
        code, out, err = await bob.cli("resolve", "bob.azero")
        assert code == 1, out
        assert "Before" not in err


async def test_another_card_in_the_records_gets_no_link_and_is_not_saved(tmp_path: Path) -> None:
    chain = Chain()
    async with chain.running(), anna_and_bob(tmp_path, chain) as (anna, bob):
        await anna.asked("/name bob.azero", kind=Kind.NAME_DETAILS)
        other = X25519PrivateKey.generate()
        forged = Card(bob.id, other.public_key().public_bytes_raw(), telegram_bot="mallory_bot")
        chain.names["bob"].records["copybara-card"] = forged.token
        anna.write("/call bob.azero")
        told = await anna.told(kind=Kind.NAME_FOUND)
        assert "another contact card now, which isn't used" in told
        sealed = decode((await anna.posted("chat"))["token"])
        assert isinstance(sealed, SealedRequest)
        with pytest.raises(CopybaraError):
            open_request(sealed, other, bob.id)
        await answered(anna, bob)
        await anna.asked("/contact add bob", kind=Kind.CONTACT_SAVED)
        assert "mallory" not in await anna.asked("/contact show bob", kind=Kind.CONTACT_DETAILS)
