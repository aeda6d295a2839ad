"""Links of the original web app and pasted SDP in a running program: what rings, is refused, or is explained."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from peer.overlay.loopback import loopback_address
from shared.links.classic import ClassicRequest, decode_classic
from shared.node_id import NodeId
from tests.bot.console import Person, as_before, people
from tests.peer.transport.sdp.descriptions import offer, sixty_candidates, with_candidates

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOB = NodeId(b"bob " * 8)
STRANGER = NodeId(b"eve!" * 8)

PAGE = "https://page.example/"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_anna(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Person]:
    async with people(tmp_path_factory.mktemp("foreign"), "anna", config=f'[calls]\nclassic_page = "{PAGE}"\n') as [
        anna
    ]:
        await anna.asked(f"/contact add bob {BOB}", kind="contact.saved")
        yield anna


@pytest_asyncio.fixture(loop_scope="module")
async def anna(running_anna: Person) -> AsyncIterator[Person]:
    """A program whose only contact is Bob, whose calls ring."""
    yield running_anna
    await as_before(running_anna)
    await running_anna.asked("/contact ring bob", kind="contact.rings")
    await running_anna.asked("/contact program bob copybara", kind="contact.program")


def request(anna: Person, source: NodeId = BOB, **changed: Any) -> str:
    """A link in the original's form, with its own credentials."""
    sdp = offer("firefox-offer").replace("1ad1f3f2", f"{random.getrandbits(40):x}aaaa")
    values: dict[str, Any] = {
        "offer": {"type": "offer", "sdp": sdp},
        "candidates": [{"candidate": "candidate:0 1 UDP 2122252543 10.83.0.1 41234 typ host", "sdpMid": "0"}],
        "sourceNodeId": str(source),
        "destinationNodeId": anna.node,
        "sourceIp": "10.83.0.1",
        **changed,
    }
    return link(json.dumps(values).encode())


def link(content: bytes) -> str:
    return f"{PAGE}?{quote(base64.b64encode(gzip.compress(content)).decode(), safe='')}"


def pasted() -> str:
    """An offer with several addresses, Bob's loopback address among them."""
    sdp = offer("firefox-offer").replace("1ad1f3f2", f"{random.getrandbits(40):x}bbbb")
    own = f"candidate:0 1 UDP 2122252543 {loopback_address(BOB)} 41234 typ host"
    return with_candidates(sdp, [*sixty_candidates(), own])


async def declined(anna: Person) -> None:
    anna.write("/decline")
    await anna.call("ended")


async def test_a_classic_request_rings_with_what_is_known_and_works_once(anna: Person) -> None:
    made = request(anna)
    rings = await anna.asked(f"look: {made}", kind="call.rings")
    assert "bob is calling (video) from https://page.example/." in rings
    assert "Nothing proves who it is" in rings
    await declined(anna)
    assert "used before" in await anna.asked(made, kind="link.already-used")


async def test_the_same_request_written_another_way_is_the_same_request(anna: Person) -> None:
    made = request(anna)
    await anna.asked(made, kind="call.rings")
    await declined(anna)
    read = decode_classic(made)
    assert isinstance(read, ClassicRequest)
    elsewhere = ClassicRequest(
        "http://localhost/", read.sdp + "a=x:1\r\n", read.candidates, read.source, read.destination, read.source_address
    )
    await anna.asked(elsewhere.encode(), kind="link.already-used")


async def test_a_stranger_rings_as_one(anna: Person) -> None:
    rings = await anna.asked(request(anna, STRANGER), kind="call.stranger-rings")
    assert str(STRANGER) in rings
    await declined(anna)


async def test_a_trusted_contact_is_answered_only_if_marked_for_it(anna: Person) -> None:
    await anna.asked("/contact trust bob", kind="contact.trusted")
    await anna.asked(request(anna), kind="call.rings")
    await declined(anna)
    said = await anna.asked("/contact trust bob classic", kind="contact.trusted")
    assert "only the overlay shows who is calling: anyone at that node" in said
    await anna.asked(request(anna), kind="call.answered-automatically")
    answer = await anna.posted("chat", PAGE)
    assert "Paste it into the page" in answer["text"]
    anna.write("/hangup")
    await anna.call("ended")
    await anna.asked("/contact ring bob", kind="contact.rings")
    await anna.asked(request(anna), kind="call.rings")
    await declined(anna)


@pytest.mark.parametrize(("changed", "kind"), [
    ({"destinationNodeId": str(STRANGER)}, "link.not-for-this-node"),
    ({"candidates": []}, "error.outside-overlay"),
    ({"sourceIp": "10.83.0.10"}, "error.outside-overlay"),
    ({"sourceIp": "10.83.0"}, "error.bad-description"),
    ({"offer": {"type": "offer", "sdp": "v=0"}}, "error.bad-description"),
    ({"sourceNodeId": "bob"}, "error.bad-description"),
])  # fmt: skip
async def test_a_request_that_cannot_be_answered_is_refused_in_one_sentence(
    anna: Person, changed: dict[str, Any], kind: str
) -> None:
    await anna.asked(request(anna, **changed), kind=kind)


async def test_nothing_is_said_to_others_about_their_bad_links(anna: Person) -> None:
    for bad in (request(anna, candidates=[]), link(b"{}"), PAGE + "?H4sI"):
        said = await anna.after(bad, sender="somebody")
        assert [each for each in said if each["type"] == "post"] == []
    assert [each for each in await anna.after(pasted(), sender="somebody") if each["type"] == "post"] == []


async def test_bombs_cost_a_sentence_and_nothing_else(anna: Person) -> None:
    bombs = [
        link(b" " * 20_000_000),
        link(b"[" * 100_000),
        link(b'{"offer":' * 50_000),
        f"{PAGE}?H4sI{'A' * 50_000}",
        "v=0\r\n" + "a=x\r\n" * 8_000,
        '{"type": "offer", "sdp": "' + "x" * 60_000 + '"}',
        '{"type": "offer", "sdp": ' + "[" * 50_000,
    ]
    for bomb in bombs:
        await anna.asked(bomb[:60_000], kind="error.bad-description")
    assert (await anna.status())["calls"] == []


async def test_a_pasted_offer_rings_and_the_command_line_answers_it(anna: Person) -> None:
    await anna.asked(pasted(), kind="call.rings")
    await declined(anna)
    given = json.dumps({"type": "offer", "sdp": pasted()}).encode()
    code, out, err = await anna.cli("sdp", "answer", "bob", stdin=given)
    assert (code, err.count("Answering bob")) == (0, 1), (out, err)
    answer = json.loads(out)
    assert answer["type"] == "answer"
    assert str(loopback_address(anna.id)) in answer["sdp"]
    assert not any(foreign in answer["sdp"] for foreign in ("10.83.", "203.0.113", ".local", "198.51.100"))


@pytest.mark.parametrize(("given", "sentence"), [
    (b"", "no offer or answer"),
    (b" \r\n", "no offer or answer"),
    (b"\xff\xfev\x00=\x000\x00", "isn't text"),
    (b"x" * 10_000_000, "too long"),
    (b"x" * 200_000, "too long"),
    (b"hello", "write an offer or to take one"),
    (b"\xef\xbb\xbfv=0\r\n", "isn't an SDP offer"),
    (b"v=0\r\na=setup:actpass\r\n", "no part for sound or picture"),
    (b'{"type": "answer", "sdp": "v=0"}', "an offer is needed"),
    (b'{"type": "offer", "sdp": NaN}', "can't be read"),
])  # fmt: skip
async def test_what_is_no_offer_on_standard_input_is_refused_in_one_sentence(
    anna: Person, given: bytes, sentence: str
) -> None:
    code, out, err = await anna.cli("sdp", "answer", "bob", stdin=given)
    assert (code, out, "Traceback" in err) == (1, "", False)
    assert sentence in err


async def test_the_command_line_writes_an_offer_and_takes_its_answer(anna: Person) -> None:
    code, out, _ = await anna.cli("sdp", "offer", "bob", "audio")
    assert code == 0
    assert out.startswith("v=0")
    assert "m=video" not in out
    assert "m=audio" in out
    other = offer("chromium-audio").replace("actpass", "active").encode()
    code, _, err = await anna.cli("sdp", "take", stdin=other)
    assert "isn't for this node" in err


async def test_a_contact_marked_so_is_called_by_the_original(anna: Person) -> None:
    await anna.asked("/contact program bob classic", kind="contact.program")
    anna.write("/call bob")
    posted = await anna.posted("chat", PAGE)
    address = next(word for word in str(posted["text"]).split() if word.startswith(PAGE))
    made = decode_classic(address)
    assert isinstance(made, ClassicRequest)
    assert (str(made.source), made.destination, made.source_address) == (anna.node, BOB, loopback_address(anna.id))
    assert len(made.candidates) == 1
    assert len(address) < 1_600, "the original's have about 2,000 characters"


async def test_link_explain_says_what_it_is_and_uses_nothing(anna: Person) -> None:
    made = request(anna)
    for _ in range(2):
        code, out, _ = await anna.cli("link", "explain", made, "--json")
        explained = json.loads(out)
        assert code == 0
        assert explained["link"] == "request of the original web app"
        assert (explained["from"], explained["to"], explained["page"]) == (str(BOB), anna.node, PAGE)
        assert (explained["wants"], explained["ports"], explained["proves"]) == ("video", 1, "nothing")
    code, out, _ = await anna.cli("link", "explain", PAGE + "?H4sI", "--json")
    assert json.loads(out)["link"] == "unreadable"
    code, out, _ = await anna.cli("link", "explain", pasted(), "--json")
    assert json.loads(out)["link"] == "SDP offer"
    assert (await anna.status())["calls"] == []
    await anna.asked(made, kind="call.rings")
    await declined(anna)


async def test_links_of_the_original_that_others_write_in_the_chat_are_taken(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=f'[calls]\nclassic_page = "{PAGE}"\n') as [anna, bob]:
        await anna.asked(f"/contact add bob {bob.node}", kind="contact.saved")
        await bob.asked(f"/contact add anna {anna.node}", kind="contact.saved")
        anna.write("/call bob classic")
        rings = await bob.told(kind="call.rings")
        assert f"anna is calling (video) from {PAGE}" in rings
        bob.write("/answer")
        for person in (anna, bob):
            report = await person.media()
            assert (report["state"], report["program"]) == ("active", "classic")
        await anna.asked("/say hello", kind="call.text-sent")
        await bob.told("hello", kind="call.text")
        bob.write("/hangup")
        await anna.call("ended")
