"""Input that nobody should send ends in a sentence or in silence, never in a traceback, and opens no socket."""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.home import Home
from bot.kinds import Kind
from bot.texts.contacts import CONTACTS_A_PAGE
from shared.contacts import Contact
from shared.links.card import Card
from shared.links.finding import MAX_FOUND
from shared.links.kinds import Link, Request, Response, Status, as_copybara
from shared.links.paired import Operation, PairedBody, seal
from shared.links.sealed import seal_request
from shared.links.tokens import to_text
from shared.media import Media
from shared.node_id import NodeId
from tests.bot.console import Person, cli, connect, hang_up, people
from tests.link_forms import as_handset
from tests.peer.sockets import sockets_of
from tests.shared.links.link_values import near_tokens

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINKS = 3_000
"The number of changed links from each sender in the seeded loops."

CONTACTS = 100


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running_bob(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Person]:
    async with people(tmp_path_factory.mktemp("hostile"), "bob") as (bob,):
        with bob.store() as store:
            for number in range(CONTACTS):
                node = NodeId(number.to_bytes(32, "big"))
                store.save_contact(Contact(name=f"friend-{number}", node=node, created=0))
                store.propose_secret(node, secrets.token_bytes(32), 0)
        yield bob


@pytest_asyncio.fixture(loop_scope="module")
async def bob(running_bob: Person) -> AsyncIterator[Person]:
    """Bob's program. After the test it has as many sockets and contacts as before, and no call."""
    if not running_bob.running:
        await running_bob.begin()
    before, calls, errors = sockets_of(running_bob.process.pid), len(running_bob.calls), len(running_bob.errors)
    yield running_bob
    assert running_bob.running
    assert sockets_of(running_bob.process.pid) == before
    assert running_bob.calls[calls:] == []
    last = f"/contacts {CONTACTS // CONTACTS_A_PAGE}"
    assert len((await running_bob.asked(last, kind=Kind.CONTACT_LIST)).splitlines()) == CONTACTS_A_PAGE + 1
    assert "Traceback" not in running_bob.errors[errors:]


def links_for(bob: Person) -> list[Link]:
    """One link of each kind. A changed one never begins a call."""
    card_key = Home(bob.home).load_sealing_key().public_key().public_bytes_raw()
    with bob.store() as store:
        friend, secret = store.readable_secrets()[0]
    now = int(time.time())

    def request(to: NodeId) -> Request:
        return Request.to(
            to,
            media=Media.BOTH,
            created=now,
            seed=secrets.token_bytes(16),
            source=friend,
            fingerprint=secrets.token_bytes(32),
            port=40_000,
        )

    elsewhere = request(NodeId(b"elsewhere".ljust(32)))
    said = PairedBody(Operation.CALL, Media.BOTH, now, 40_000)
    return [
        elsewhere,
        Response.accepting(elsewhere, media=Media.BOTH, seed=bytes(8), fingerprint=bytes(32), port=40_000),
        Response.refusing(elsewhere, Status.DECLINE),
        seal(said, secret=secret, source=friend, destination=bob.id, nonce=secrets.token_bytes(12)),
        seal_request(request(bob.id), card_key, bob.id),
        Card(NodeId(b"somebody".ljust(32)), bytes(32), "Somebody"),
    ]


def changed(raw: bytes, chance: random.Random) -> bytes:
    """Bytes that are nearly the link, but never the link itself."""
    match chance.randrange(5):
        case 0:
            return raw[: chance.randrange(len(raw))]
        case 1:
            return raw + chance.randbytes(chance.randint(1, 40))
        case 2:
            at = chance.randrange(1, len(raw))
            return raw[:at] + bytes([raw[at] ^ chance.randint(1, 255)]) + chance.randbytes(len(raw) - at - 1)
        case _:
            flipped = bytearray(raw)
            for bit in chance.sample(range(len(raw) * 8), chance.randint(1, 3)):
                flipped[bit // 8] ^= 1 << bit % 8
            return bytes(flipped)


def many_changed(bob: Person, seed: int) -> list[str]:
    """LINKS changed links in messages of several each, alone and as URLs."""
    chance = random.Random(seed)
    raws = [link.encode() for link in links_for(bob)]
    forms: list[Callable[[str], str]] = [str, as_copybara, lambda token: as_handset(token, 8080)]
    messages = []
    for _ in range(LINKS // 10):
        tokens = [to_text(changed(chance.choice(raws), chance)) for _ in range(10)]
        messages.append(" ".join(chance.choice(forms)(token) for token in tokens))
    return messages


async def test_thousands_of_changed_links_from_others_are_met_with_silence(bob: Person) -> None:
    assert await bob.after_all([("somebody", message) for message in many_changed(bob, 1)]) == []


async def test_thousands_of_changed_links_from_the_owner_get_one_sentence_each(bob: Person) -> None:
    said = await bob.after_all([("owner", message) for message in many_changed(bob, 2)])
    assert all((line["type"], line["to"], line["token"]) == ("post", "owner", None) for line in said)
    refusals = {Kind.LINK_DAMAGED, Kind.LINK_WRONG_VERSION, Kind.LINK_NOT_FOR_THIS_NODE}
    assert refusals <= {line["kind"] for line in said} <= refusals | {Kind.NOT_UNDERSTOOD, Kind.LINK_UNKNOWN_CALLER}
    assert len(said) > LINKS / 2


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | near_tokens | st.lists(near_tokens, max_size=5).map(" copybara:".join))
async def test_any_text_of_others_is_met_with_silence(bob: Person, text: str) -> None:
    assert await bob.after(text, sender="somebody") == []


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.text(),
        near_tokens,
        st.builds("/{} {}".format, st.text(max_size=8), st.text(max_size=80)),
        st.builds("/{} {}".format, st.sampled_from(["call", "contact", "contact show", "decline"]), near_tokens),
    ).filter(lambda text: not text.startswith("/contact add"))
)
async def test_any_text_of_the_owner_is_met_with_at_least_one_sentence(bob: Person, text: str) -> None:
    said = await bob.after(text)
    if text.strip():
        assert said
    assert all((line["type"], line["to"]) == ("post", "owner") for line in said)
    assert all(line["text"] for line in said)


async def test_any_bytes_at_all_are_a_line_that_is_not_understood(bob: Person) -> None:
    chance = random.Random(3)
    stdin = bob.process.stdin
    assert stdin is not None
    await bob.in_order()
    before = len(bob.said)
    for _ in range(300):
        stdin.write(chance.randbytes(chance.randrange(300)) + b"\n")
        await stdin.drain()
    await bob.in_order()
    said = bob.said[before:-1]
    assert len(said) >= 299
    assert {line["type"] for line in said} == {"error"}
    assert all(line["text"].startswith("Not a line like") and len(line["text"]) < 200 for line in said)


NOT_LINES = [
    b"[]",
    b"null",
    b'"owner"',
    b"{}",
    b'{"text": "/help"}',
    b'{"from": "", "text": "/help"}',
    b'{"from": null, "text": "/help"}',
    b'{"from": ["owner"], "text": "/help"}',
    b'{"from": "owner", "text": 5}',
    b'{"from": "owner", "text": null}',
    b'{"from": "owner", "text": "/help"',
    b'{"from": "owner", "text": "/help"}}',
    b"{'from': 'owner', 'text': '/help'}",
    b'{"from": "owner", "text": "\\ud800"}',
    b'{"from": "' + b"o" * 300 + b'", "text": "/help"}',
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b'{"from": "owner", "text": "' + b"x" * 200_000 + b'"}',
    b"\0" * 1_000,
    b"9" * 60_000,
]


@pytest.mark.parametrize("line", NOT_LINES, ids=lambda line: line[:40].decode("ascii", "replace"))
async def test_what_is_not_a_line_of_the_contract_is_answered_once_and_not_acted_on(bob: Person, line: bytes) -> None:
    await bob.in_order()
    before = len(bob.said)
    stdin = bob.process.stdin
    assert stdin is not None
    stdin.write(line + b"\n")
    await bob.in_order()
    (said,) = bob.said[before:-1]
    assert said["type"] == "error"


async def test_a_line_without_text_is_an_empty_message(bob: Person) -> None:
    stdin = bob.process.stdin
    assert stdin is not None
    before = len(bob.said)
    stdin.write(b'{"from": "owner"}\r\n\n   \n{"from": "somebody", "text": "", "more": {"a": [1]}}\n')
    await bob.in_order()
    assert [line["kind"] for line in bob.said[before:-1]] == [Kind.NOT_UNDERSTOOD]


@pytest.mark.parametrize("sender", ["somebody", "owner"])
async def test_sixty_links_in_one_message_take_no_time_that_matters(bob: Person, sender: str) -> None:
    tokens = [to_text(b"\x13" + secrets.token_bytes(47)) for _ in range(60)]
    message = f"{' '.join(tokens)} ".ljust(4096, "x")
    assert len(message) == 4096
    started = time.monotonic()
    said = await bob.after(message, sender=sender)
    assert time.monotonic() - started < 10  # quadratic work takes minutes
    unknown = [line for line in said if line["kind"] == Kind.LINK_UNKNOWN_CALLER]
    assert len(unknown) == (60 if sender == "owner" else 0)


@pytest.mark.parametrize(
    "text", ["A" * 60_000, "-" * 60_000, "copybara:" * 6_000, "http://127.0.0.1:" * 3_000, "E" * 64 + " " * 60_000]
)
async def test_a_huge_message_takes_no_time_that_matters(bob: Person, text: str) -> None:
    started = time.monotonic()
    assert await bob.after(text, sender="somebody") == []
    assert 1 <= len(await bob.after(text)) <= MAX_FOUND
    assert time.monotonic() - started < 10  # quadratic work takes minutes


OTHERS = [
    "somebody",
    "Owner",
    "OWNER",
    "owner ",
    " owner",
    "owner\n",
    "owner\0",
    "\u202eowner",
    "\uff4f\uff57\uff4e\uff45\uff52",
    "\u043ewner",
]


@pytest.mark.parametrize("sender", OTHERS, ids=ascii)
async def test_nobody_but_the_owner_commands(bob: Person, sender: str) -> None:
    commands = [
        "/help",
        "/status",
        "/card",
        "/contacts",
        "/contact show friend-1",
        "/contact trust friend-1",
        "/contact remove friend-1",
        "/contact rename friend-1 mallory",
        f"/contact add mallory {'0' * 52}",
        "/call friend-1",
        "/answer",
        "/decline",
        "/hangup",
    ]
    assert await bob.after_all([(sender, command) for command in commands]) == []


BAD_NAMES = [
    "an\u202ena",
    "a\u200bnna",
    "an\u2066na",
    "an\0na",
    "an\x1b[31mna",
    "\u0301anna",
    "an/na",
    "copybara:anna",
    "-anna",
    "a" * 41,
    "\ue000",
    "an\u00adna",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
async def test_a_name_that_shows_something_else_than_it_is_becomes_nobodys(bob: Person, name: str) -> None:
    node = NodeId(b"anna".ljust(32))
    commands = [f"/contact add {name} {node}", f"/contact rename friend-1 {name}"]
    looks = [f"/{word} {name}" for word in ("call", "contact show", "contact trust", "contact remove")]
    said = await bob.after_all([("owner", text) for text in (*commands, *looks, f"/contact rename {name} anna")])
    assert len(said) == 7
    for line in said:
        assert all(character.isprintable() or character == "\n" for character in line["text"])


@pytest.mark.parametrize("mark", ["\u2066", "\u00ad", "\u200b", "\ufeff"], ids=ascii)
async def test_an_invisible_mark_at_the_end_of_a_command_is_no_part_of_the_name(bob: Person, mark: str) -> None:
    """It came along when somebody copied the line. Inside a name it is refused, as above."""
    assert "anna" in await bob.asked(f"/contact rename friend-2 anna{mark}", kind=Kind.CONTACT_RENAMED)
    with bob.store() as store:
        named = store.contact_named("anna")
    assert named is not None
    assert named.name == "anna"
    await bob.asked(f"{mark}/contact rename anna friend-2", kind=Kind.CONTACT_RENAMED)
    await bob.asked(f"/contact add anna{mark} {NodeId(b'anna'.ljust(32))}", kind=Kind.CONTACT_SAVED)
    await bob.asked("/contact remove anna", kind=Kind.CONTACT_REMOVED)


async def test_a_card_with_a_name_that_shows_something_else_is_damaged(bob: Person) -> None:
    card = bytearray(Card(NodeId(b"anna".ljust(32)), bytes(32), "an_na").encode())
    at = card.index(b"an_na") + 2
    card[at] = 0x1B
    card[-4:] = hashlib.sha256(card[:-4]).digest()[:4]
    (said,) = await bob.after(as_copybara(to_text(bytes(card))))
    assert said["kind"] == Kind.LINK_DAMAGED


async def test_what_the_owner_says_to_a_caller_is_shown_as_one_line(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        anna.write("/call bob")
        await bob.told("anna", kind=Kind.RINGS)
        bob.write("/decline no\u202e time\x1b[2J\n\ncopybara:" + "A" * 150)
        refusal = await bob.posted("chat")
        assert all(character.isprintable() for character in refusal["text"])
        await anna.told("bob", kind=Kind.ENDED)


async def test_a_flood_of_links_does_not_disturb_a_call(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob)
        sockets = sockets_of(bob.process.pid)
        before = (await bob.status())["calls"][0]["audio_packets_received"]
        said = await bob.after_all([("somebody", message) for message in many_changed(bob, 4)])
        assert [line for line in said if line["type"] == "post"] == []
        assert sockets_of(bob.process.pid) == sockets
        while (await bob.status())["calls"][0]["audio_packets_received"] == before:
            pass
        await hang_up(anna, bob)


async def test_a_plain_console_takes_any_bytes_too(tmp_path: Path) -> None:
    noise = b"".join(random.Random(5).randbytes(100) + b"\n" for _ in range(200)) + b"x" * 300_000 + b"\n/status\n"
    home = ("--home", str(tmp_path / "home"))
    code, out, err = await cli(*home, "run", "--console", "--overlay", "loopback", stdin=noise)
    assert (code, err) == (0, "")
    assert "No calls." in out.splitlines()[-1]


async def test_output_holds_no_secret_of_a_call_even_where_much_is_said(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, options=["-v"]) as (anna, bob):
        before = [*anna.secrets(), *bob.secrets()]
        await connect(anna, bob)
        await asyncio.gather(anna.media(), bob.media())
        during = [*anna.secrets(), *bob.secrets()]
        assert len(during) > len(before)
        await hang_up(anna, bob)
        for person in (anna, bob):
            person.check([*before, *during])
