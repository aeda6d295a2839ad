"""Every reason to refuse a link, from the outside: a line goes in; the owner gets a sentence, others get silence.

The links are made here, by people without a program. The secrets that bob's program shares with them are in its store.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bot.assistant.reading import MOST_UNOPENED
from bot.home import Home
from bot.kinds import Kind
from bot.texts.chat import refusal
from shared.contacts import Contact, Hours, Trust
from shared.links.card import Card
from shared.links.kinds import LIFETIME, MAX_CLOCK_AHEAD, Request, Response, as_copybara, as_telegram, find
from shared.links.paired import Operation, PairedBody, seal
from shared.links.sealed import seal_request
from shared.links.tokens import to_bytes, to_text
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store
from tests.bot.console import Person, as_before, people
from tests.link_forms import as_handset

pytestmark = pytest.mark.asyncio(loop_scope="module")

MINUTE = 60


@dataclass(frozen=True)
class Writer:
    """A person who writes links to bob by hand."""

    name: str
    node: NodeId
    secret: bytes
    bob: NodeId
    bobs_card_key: bytes

    def request(self, media: Media = Media.BOTH, *, age: int = 0, to: NodeId | None = None) -> Request:
        """A request for a first contact."""
        return Request.to(
            to or self.bob,
            media=media,
            created=int(time.time()) - age,
            seed=secrets.token_bytes(16),
            source=self.node,
            fingerprint=secrets.token_bytes(32),
            port=40_000,
        )

    def first(self, media: Media = Media.BOTH, *, age: int = 0) -> str:
        """A request as a link that everybody can read."""
        return self.request(media, age=age).token

    def sealed(self, media: Media = Media.BOTH, *, age: int = 0) -> str:
        """A request as a link that only bob can read."""
        return seal_request(self.request(media, age=age), self.bobs_card_key, self.bob).token

    def paired(
        self, media: Media = Media.BOTH, *, age: int = 0, operation: Operation = Operation.CALL, secret: bytes = b""
    ) -> str:
        """A link between contacts."""
        created = int(time.time()) - age
        calls = operation is Operation.CALL
        said = PairedBody(
            operation,
            media if calls else Media.NONE,
            created,
            40_000 if calls else 0,
            bytes(8) if calls else secrets.token_bytes(8),
        )
        nonce = secrets.token_bytes(12)
        return seal(said, secret=secret or self.secret, source=self.node, destination=self.bob, nonce=nonce).token


@dataclass(frozen=True)
class World:
    """Bob's program, and the people who write to it."""

    bob: Person
    friend: Writer
    "A contact whose calls ring."
    blocked: Writer
    listener: Writer
    "A contact who may have audio only."
    sleeper: Writer
    "A contact whose calls ring, but not at this time of the day."
    stranger: Writer


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with peopled(tmp_path_factory, "ring") as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(running: World) -> AsyncIterator[World]:
    """Bob's program, and people who write to it. Strangers' calls ring."""
    yield running
    await as_before(running.bob)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running_reserved(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with peopled(tmp_path_factory, "ignore") as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def reserved(running_reserved: World) -> AsyncIterator[World]:
    """The same people, and bob accepts no calls from strangers."""
    yield running_reserved
    await as_before(running_reserved.bob)


@contextlib.asynccontextmanager
async def peopled(folders: pytest.TempPathFactory, unknown: str) -> AsyncIterator[World]:
    """Bob's program, with everybody else in its store."""
    config = f'[calls]\nunknown = "{unknown}"\n'
    async with people(folders.mktemp("reasons"), "bob", config=config) as (bob,):
        card_key = Home(bob.home).load_sealing_key().public_key().public_bytes_raw()

        def writer(name: str) -> Writer:
            return Writer(name, NodeId(secrets.token_bytes(32)), secrets.token_bytes(32), bob.id, card_key)

        world = World(bob, *map(writer, ("friend", "blocked", "listener", "sleeper", "stranger")))
        hour = (datetime.datetime.now().hour + 6) % 24
        with bob.store() as store:
            for someone, contact in (
                (world.friend, {}),
                (world.blocked, {"trust": Trust.BLOCK}),
                (world.listener, {"media": Media.AUDIO}),
                (world.sleeper, {"hours": Hours(hour * 60, hour * 60 + 60)}),
            ):
                store.save_contact(Contact(name=someone.name, node=someone.node, created=0, **contact))
                agree(store, someone)
            # A person to whom bob has talked, and whom he hasn't saved.
            agree(store, world.stranger)
        yield world


def agree(store: Store, someone: Writer) -> None:
    store.propose_secret(someone.node, someone.secret, 0)
    store.commit_secret(someone.node, someone.secret)


def damaged(token: str) -> str:
    return as_copybara(token[:-2])


def mistyped(token: str) -> str:
    """A card with one wrong character. Everything except its checksum is valid."""
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]


def of_version_2(token: str) -> str:
    raw = to_bytes(token)
    return as_copybara(to_text(bytes([raw[0] + 0x10]) + raw[1:]))


def sealed_to_a_key_of_the_past(world: World) -> str:
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    return seal_request(world.friend.request(), key, world.bob.id).token


def sealed_for_another_node(world: World) -> str:
    request, node = world.friend.request(), NodeId(secrets.token_bytes(32))
    return seal_request(request, world.friend.bobs_card_key, node).token


def response_to_nothing(world: World) -> str:
    return Response.accepting(
        world.friend.request(), media=Media.BOTH, seed=bytes(8), fingerprint=bytes(32), port=40_000
    ).token


ANOTHER = NodeId(b"another".ljust(32))
AHEAD = -(MAX_CLOCK_AHEAD + MINUTE)
OLD = LIFETIME + MINUTE

REFUSED: list[tuple[Reason, str, Callable[[World], str]]] = [
    (Reason.MALFORMED, "cut off", lambda world: damaged(world.friend.first())),
    (Reason.MALFORMED, "a paired one cut off", lambda world: damaged(world.friend.paired())),
    (Reason.MALFORMED, "no media wanted", lambda world: "copybara:EQ" + "A" * 126),
    (Reason.MALFORMED, "unknown kind", lambda world: "copybara:Hw" + "A" * 62),
    (Reason.WRONG_VERSION, "request", lambda world: of_version_2(world.friend.first())),
    (Reason.WRONG_VERSION, "paired", lambda world: of_version_2(world.friend.paired())),
    (Reason.NOT_FOR_THIS_NODE, "request", lambda world: world.friend.request(to=ANOTHER).token),
    (Reason.NOT_FOR_THIS_NODE, "sealed for another node", sealed_for_another_node),
    (Reason.NOT_FOR_THIS_NODE, "sealed to another key", sealed_to_a_key_of_the_past),
    (Reason.NOT_FOR_THIS_NODE, "a response to nothing", response_to_nothing),
    (Reason.CLOCK, "request", lambda world: world.friend.first(age=AHEAD)),
    (Reason.CLOCK, "sealed", lambda world: world.friend.sealed(age=AHEAD)),
    (Reason.EXPIRED, "request", lambda world: world.friend.first(age=OLD)),
    (Reason.EXPIRED, "sealed", lambda world: world.friend.sealed(age=OLD)),
    (Reason.EXPIRED, "from a stranger", lambda world: world.stranger.first(age=OLD)),
    (Reason.EXPIRED, "about a call of the past", lambda world: world.friend.paired(operation=Operation.CANCEL)),
    (Reason.UNKNOWN_CALLER, "no key fits", lambda world: world.friend.paired(secret=secrets.token_bytes(32))),
    (Reason.BLOCKED, "request", lambda world: world.blocked.first()),
    (Reason.BLOCKED, "sealed", lambda world: world.blocked.sealed()),
    (Reason.BLOCKED, "paired", lambda world: world.blocked.paired()),
    (Reason.NOT_ALLOWED_NOW, "picture for a listener", lambda world: world.listener.first(Media.VIDEO)),
    (Reason.NOT_ALLOWED_NOW, "paired picture for a listener", lambda world: world.listener.paired(Media.VIDEO)),
    (Reason.NOT_ALLOWED_NOW, "request at night", lambda world: world.sleeper.first()),
    (Reason.NOT_ALLOWED_NOW, "paired at night", lambda world: world.sleeper.paired(Media.AUDIO)),
    # Of two reasons, the one that is checked first is given.
    (Reason.NOT_FOR_THIS_NODE, "expired too", lambda world: world.friend.request(to=ANOTHER, age=OLD).token),
    (Reason.CLOCK, "blocked too", lambda world: world.blocked.paired(age=AHEAD)),
    (Reason.EXPIRED, "blocked too", lambda world: world.blocked.first(age=OLD)),
]

STRANGERS: list[tuple[str, Callable[[World], str]]] = [
    ("request", lambda world: world.stranger.first()),
    ("sealed", lambda world: world.stranger.sealed()),
    ("paired but not saved", lambda world: world.stranger.paired()),
]


@pytest.mark.parametrize(("reason", "make"), [pytest.param(r, m, id=f"{r}: {n}") for r, n, m in REFUSED])
async def test_a_refused_link_gets_a_sentence_from_the_owner_and_silence_from_others(
    world: World, reason: Reason, make: Callable[[World], str]
) -> None:
    await refused(world.bob, reason, make(world), make(world))


@pytest.mark.parametrize("minutes", [-15, 15, 180])
@pytest.mark.parametrize("sender", ["owner", "somebody"])
async def test_a_contact_whose_clock_differs_is_worth_a_sentence_once(
    reserved: World, sender: str, minutes: int
) -> None:
    bob = reserved.bob
    link = reserved.friend.paired(age=-minutes * MINUTE)
    said, reply = await bob.after(link, sender=sender)
    differ = "3 hours" if minutes == 180 else "15 minutes"
    assert said["kind"] == Kind.CLOCKS_DIFFER
    assert said["text"].startswith(f"friend called; your clocks differ by about {differ}")
    assert ("or the link came late" in said["text"]) == (minutes < 0)
    # Their program hears it too, in the chat of the link.
    assert (reply["to"], reply["kind"]) == ("chat", Kind.LINK_REFUSAL)
    assert reply["text"] == as_copybara(reply["token"])
    # Nothing rings, no matter who repeats it, and a repetition by others has no effect.
    assert await bob.after(link, sender="somebody") == []
    assert not (await bob.status())["calls"]


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in STRANGERS])
async def test_strangers_are_refused_where_none_are_wanted(reserved: World, make: Callable[[World], str]) -> None:
    await refused(reserved.bob, Reason.UNKNOWN_CALLER, make(reserved), make(reserved))


async def test_contacts_ring_where_no_strangers_are_wanted(reserved: World) -> None:
    for link in (reserved.friend.first(), reserved.friend.paired()):
        await rings(reserved.bob, link, "friend is calling")


async def refused(bob: Person, reason: Reason, mine: str, theirs: str) -> None:
    """Check that bob reads why the first link is refused, and that nobody reads anything about the second."""
    (said,) = await bob.after(mine)
    sentence = refusal(reason, find(mine)[0].token)
    assert said == {"type": "post", "kind": sentence.kind, "to": "owner", "text": sentence.text, "token": None}
    assert await bob.after(f"look: {theirs} !", sender="somebody") == []


async def rings(bob: Person, link: str, expected: str, *, sender: str = "somebody") -> None:
    """Check that the link begins a call that rings, and decline it."""
    said = await bob.after(link, sender=sender)
    assert expected in said[0]["text"]
    assert said[1]["state"] == "ringing"
    assert len(said) == 2
    bob.write("/decline")
    await bob.call("ended", reason="declined")


@pytest.mark.parametrize("kind", ["first", "sealed", "paired"])
async def test_a_used_link_is_refused(world: World, kind: str) -> None:
    link = getattr(world.friend, kind)()
    await rings(world.bob, link, "friend is calling")
    await refused(world.bob, Reason.ALREADY_USED, link, link)
    for form in (as_copybara(link), as_handset(link, 8080), f"see\n{link}"):
        await refused(world.bob, Reason.ALREADY_USED, form, form)


@pytest.mark.parametrize("first", ["open", "sealed"])
async def test_a_used_request_is_refused_however_anybody_seals_it_again(world: World, first: str) -> None:
    friend = world.friend
    request = friend.request()

    def sealed() -> str:
        return seal_request(request, friend.bobs_card_key, friend.bob).token

    await rings(world.bob, request.token if first == "open" else sealed(), "friend is calling")
    for again in (sealed(), request.token):
        await refused(world.bob, Reason.ALREADY_USED, again, again)


async def test_a_message_full_of_links_that_no_key_opens_is_read_no_further(world: World) -> None:
    closed = [to_text(b"\x13" + secrets.token_bytes(47)) for _ in range(MOST_UNOPENED)]
    link = world.friend.first()
    assert await world.bob.after(" ".join([*closed, link]), sender="somebody") == []
    await rings(world.bob, link, "friend is calling")


async def test_a_refused_link_is_not_used_up(world: World) -> None:
    link = world.listener.paired(Media.VIDEO)
    await refused(world.bob, Reason.NOT_ALLOWED_NOW, link, link)
    await world.bob.asked("/contact ring listener video", kind=Kind.CONTACT_RINGS)
    await rings(world.bob, link, "listener is calling (picture only)")
    await world.bob.asked("/contact ring listener audio", kind=Kind.CONTACT_RINGS)


async def test_what_a_contact_may_have_is_cut_down_to_that(world: World) -> None:
    await rings(world.bob, world.listener.paired(Media.BOTH), "listener is calling (audio)")


@pytest.mark.parametrize("age", [-(MAX_CLOCK_AHEAD - 10), LIFETIME - 10])
async def test_a_link_is_taken_up_to_the_limits_of_the_clock(world: World, age: int) -> None:
    await rings(world.bob, world.friend.paired(age=age), "friend is calling")


async def test_the_own_link_gets_a_sentence_from_the_owner_and_silence_from_others(world: World) -> None:
    bob = world.bob
    bob.write("/call friend")
    link = (await bob.posted("chat"))["token"]
    bob.write(f"/call {world.stranger.node}")
    assert "friend" in await bob.told(kind="error.in-call")
    await refused(bob, Reason.OWN_LINK, link, link)
    bob.write("/hangup")
    await bob.call("ended", reason="cancelled")
    await refused(bob, Reason.OWN_LINK, link, link)


async def test_a_chat_full_of_requests_does_not_become_as_many_questions(world: World) -> None:
    bob = world.bob
    said = await bob.after_all([("somebody", world.friend.first()) for _ in range(12)])
    assert sum("is calling" in line.get("text", "") for line in said) == 8
    (told,) = await bob.after(world.friend.first())
    assert told["kind"] == Kind.LINK_BUSY
    for _ in range(8):
        bob.write("/decline")
        await bob.call("ended", reason="declined")


async def test_a_link_is_read_in_every_form_in_which_a_messenger_may_show_it(world: World) -> None:
    bob = world.bob
    for form in (
        "{}",
        "  {}\n",
        "copybara:{}",
        "COPYBARA:{}",
        "call me (copybara:{}), please",
        "http://127.0.0.1:8080/#{}",
        "http://copybara.localhost:8080/#{}",
        "https://t.me/bob_bot?start={}",
        "t.me/bob_bot?start={}",
        "I'd like to call you: {}.",
    ):
        (said,) = await bob.after(form.format(world.blocked.paired()))
        assert said["kind"] == Kind.LINK_BLOCKED
    assert as_telegram(world.blocked.paired(), "bob_bot").startswith("https://t.me/")


async def test_every_link_of_a_message_gets_its_own_word(world: World) -> None:
    said = await world.bob.after(f"{world.blocked.first()} {world.friend.first(age=OLD)} {of_version_2('E' * 64)}")
    expected = [Reason.BLOCKED, Reason.EXPIRED, Reason.WRONG_VERSION]
    assert [line["kind"] for line in said] == [refusal(reason).kind for reason in expected]


async def test_a_message_without_a_link_gets_a_word_from_the_owner_only(world: World) -> None:
    for text in ("hello", "call me later today", "E" * 63, "https://example.org/#abc", "Ärger 😀"):
        (said,) = await world.bob.after(text)
        assert (said["kind"], said["text"].endswith("/help lists what I can do.")) == (Kind.NOT_UNDERSTOOD, True)
        assert await world.bob.after(text, sender="somebody") == []


async def test_without_its_slash_a_command_that_shows_something_is_carried_out_and_any_other_is_named(
    world: World,
) -> None:
    for text, kind in (("help", Kind.HELP), ("Status", Kind.STATUS), ("contacts", Kind.CONTACT_LIST)):
        (said,) = await world.bob.after(text)
        assert said["kind"] == kind
        assert await world.bob.after(text, sender="somebody") == []
    for text in ("call dora", "contact remove dora", "hangup"):
        (said,) = await world.bob.after(text)
        assert said["kind"] == Kind.NOT_UNDERSTOOD
        assert said["text"].endswith(f"A command begins with a slash: /{text}")


async def test_a_card_gets_a_word_from_the_owner_and_silence_from_others(world: World) -> None:
    bob = world.bob
    bob.write("/card")
    card = (await bob.posted("owner", kind=Kind.CARD))["token"]
    assert await bob.after(card, sender="somebody") == []
    (said,) = await bob.after(as_copybara(card))
    assert said["kind"] == Kind.CARD_OWN_SEEN
    theirs = Card(world.stranger.node, bytes(32), "Zoe Maria")
    (said,) = await bob.after(theirs.token)
    assert (said["kind"], str(world.stranger.node) in said["text"]) == (Kind.CARD_SEEN, True)
    assert said["text"].endswith(f"/contact add Zoe Maria {as_copybara(theirs.token)}")
    await bob.asked(said["text"].partition("with ")[2], "Zoe", kind=Kind.CONTACT_SAVED)
    await bob.asked(theirs.token, "Zoe Maria", kind=Kind.CARD_KNOWN)
    await bob.asked("/contact remove Zoe Maria", kind=Kind.CONTACT_REMOVED)
    (said,) = await bob.after(as_copybara(mistyped(card)))
    assert said["kind"] == Kind.LINK_DAMAGED
