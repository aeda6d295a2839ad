"""Calls between real programs, from a typed line to arriving packets."""

from __future__ import annotations

import asyncio
import datetime
import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.demo.node import Said
from bot.kinds import Kind
from peer.overlay.loopback import loopback_address
from shared.call.table import glare
from shared.links.kinds import Request, Response, Status, decode
from shared.links.paired import Operation, PairedBody, reference_of, seal
from shared.media import Media
from tests.bot.console import Person, as_before, befriend, connect, hang_up, people, ring

pytestmark = pytest.mark.asyncio(loop_scope="module")

TALKING = 8
"In packets, half a second of pictures. With that many, a call works."


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running_friends(friends: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Person]]:
    async with people(tmp_path_factory.mktemp("calls"), "anna", "bob", "carol", homes=friends) as everybody:
        yield everybody


@pytest_asyncio.fixture(loop_scope="module")
async def trio(running_friends: list[Person]) -> AsyncIterator[list[Person]]:
    """Anna, bob and carol, running. Bob is paired with the others, and all calls ring."""
    yield running_friends
    anna, bob, carol = running_friends
    await as_before(*running_friends)
    for person, other in ((anna, "bob"), (bob, "anna"), (carol, "bob"), (bob, "carol")):
        await person.asked(f"/contact ring {other} video", kind=Kind.CONTACT_RINGS)


@pytest_asyncio.fixture(loop_scope="module")
async def pair(trio: list[Person]) -> list[Person]:
    """Anna and bob, paired."""
    return trio[:2]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running_strangers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Person]]:
    async with people(tmp_path_factory.mktemp("strangers"), "dora", "emil") as everybody:
        yield everybody


@pytest_asyncio.fixture(loop_scope="module")
async def strangers(running_strangers: list[Person]) -> AsyncIterator[list[Person]]:
    """Dora and emil, running. They don't know each other."""
    yield running_strangers
    await as_before(*running_strangers)
    for person, other in zip(running_strangers, reversed(running_strangers), strict=True):
        await forget(person, other)


async def forget(person: Person, other: Person) -> None:
    """Make the other a stranger again. An unsaved person's secret is kept too, in case they are saved."""
    await person.asked(f"/contact add {other.name} {other.node}", kind=Kind.CONTACT_SAVED)
    await person.asked(f"/contact remove {other.name}", kind=Kind.CONTACT_REMOVED)


async def talk(*everybody: Person, kinds: tuple[str, ...] = ("audio", "video")) -> list[Said]:
    """Let each person's active call go on until TALKING packets of every kind have arrived."""

    async def listen(person: Person) -> Said:
        while True:
            person.write("/status")
            report = await person.call("active")
            if all(report[f"{kind}_packets_received"] >= TALKING for kind in kinds):
                return report

    return list(await asyncio.gather(*map(listen, everybody)))


async def request_of(caller: Person, callee: Person, media: str = "") -> tuple[Said, Request]:
    """Call a stranger until it rings there. Returns the link as a post and as a value."""
    caller.write(f"/call {callee.node} {media}")
    link = await caller.posted("chat")
    await callee.told(kind=Kind.STRANGER_RINGS)
    request = decode(link["token"])
    assert isinstance(request, Request)
    return link, request


def forged(request: Request) -> str:
    """An acceptance of a request by somebody who has only read it."""
    return Response.accepting(
        request, media=Media.BOTH, seed=secrets.token_bytes(8), fingerprint=secrets.token_bytes(32), port=40_000
    ).token


async def test_two_strangers_meet_and_then_need_one_link_only(strangers: list[Person]) -> None:
    dora, emil = strangers
    link, request = await request_of(dora, emil)
    assert link["text"].startswith("I'd like to call you (video) with Copybara Relay: copybara:")
    assert len(link["token"]) == 128
    assert request.source == dora.id
    assert request.is_for(emil.id)
    emil.write("/answer")
    response = await emil.posted("chat")
    assert response["text"].startswith("Here is my answer: copybara:")
    assert len(response["token"]) == 64

    told = [await person.told(kind=Kind.WORDS) for person in strangers]
    words = [text.splitlines()[0].partition(": ")[2] for text in told]
    assert words[0] == words[1]
    assert len(words[0].split()) == 4
    assert all("/contact add NAME" in text for text in told)
    assert all("If the other person sees the same four, nobody is between you, and there is" in text for text in told)
    assert all("read them out on the phone" in text for text in told), "a terminal sends a test picture"

    await asyncio.gather(dora.media(), emil.media())
    await dora.asked("/contact add emil", kind=Kind.CONTACT_SAVED)
    await emil.asked("/contact add dora", kind=Kind.CONTACT_SAVED)
    for person, other in ((dora, "emil"), (emil, "dora")):
        assert "one is enough" in await person.asked(f"/contact show {other}", kind=Kind.CONTACT_DETAILS)
        refused = await person.asked(f"/contact confirm {other} {words[0]}", kind="error.nothing-to-confirm")
        assert "there is nothing to type if the words are the same" in refused
    reports = await hang_up(dora, emil)
    assert [report["phrase"] for report in reports] == words

    posts = len(dora.chat.posts)
    link = await connect(dora, emil)
    await asyncio.gather(dora.media(), emil.media())
    await hang_up(emil, dora)
    assert len(link["token"]) == 64
    assert link["text"] == f"copybara:{link['token']}"
    assert len(dora.chat.posts) == posts + 1


async def test_media_goes_between_the_two_overlay_addresses(pair: list[Person]) -> None:
    anna, bob = pair
    await connect(anna, bob)
    reports = await talk(anna, bob)
    for report, own, other in zip(reports, pair, reversed(pair), strict=True):
        assert report["with"] == other.name
        assert report["node"] == other.node
        assert report["local"].rpartition(":")[0] == str(loopback_address(own.id))
        assert report["remote"].rpartition(":")[0] == str(loopback_address(other.id))
        assert report["connect_ms"] >= 0
        assert report["lost"] == 0
        assert report["refused"] == {}
    assert reports[0]["local"] == reports[1]["remote"]
    assert reports[1]["local"] == reports[0]["remote"]
    assert [report["role"] for report in reports] == ["caller", "callee"]
    await hang_up(*pair)


async def test_a_text_is_sent_whole_or_the_owner_hears_why_not(pair: list[Person]) -> None:
    anna, bob = pair
    await anna.asked("/say hello", kind="error.input")
    await connect(anna, bob)
    text = "long " * 799 + "end"
    await anna.asked(f"/say {text}", kind=Kind.TEXT_SENT)
    await bob.told("long end", kind=Kind.TEXT)
    assert "4000" in await anna.asked(f"/say {text} and more", kind="error.input")
    await hang_up(anna, bob)


async def test_an_audio_call_carries_no_picture(pair: list[Person]) -> None:
    anna, bob = pair
    await connect(anna, bob, "audio")
    await talk(anna, bob, kinds=("audio",))
    for report in await hang_up(bob, anna):
        assert report["media"] == "audio"
        assert report["video_packets_received"] == 0


async def test_a_stranger_who_is_answered_with_audio_gets_and_sends_no_picture(strangers: list[Person]) -> None:
    dora, emil = strangers
    await request_of(dora, emil)
    emil.write("/answer audio")
    await asyncio.gather(*(person.call("active") for person in strangers))
    await talk(dora, emil, kinds=("audio",))
    for report in await hang_up(emil, dora):
        assert report["video_packets_received"] == 0


async def test_a_contact_who_is_answered_with_audio_gets_no_picture_and_soon_sends_none(pair: list[Person]) -> None:
    anna, bob = pair
    await connect(anna, bob, answer="/answer audio")
    before = await talk(anna, bob, kinds=("audio",))
    await talk(anna, bob, kinds=("audio",))
    after = await hang_up(bob, anna)
    assert after[1]["video_packets_received"] == 0
    # The single link can't tell anna beforehand. What she sent before bob's hello was dropped.
    assert after[0]["video_packets_received"] == before[1]["video_packets_received"]


async def test_a_trusted_contact_is_answered_without_any_tap(pair: list[Person]) -> None:
    anna, bob = pair
    await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
    posts = len(anna.chat.posts)
    anna.write("/call bob")
    assert "as you chose" in await bob.told("(video)", kind=Kind.ANSWERED_AUTOMATICALLY)
    await asyncio.gather(*(person.call("active", automatic=person is bob) for person in pair))
    await asyncio.gather(anna.media(), bob.media())
    await hang_up(anna, bob)
    assert len(anna.chat.posts) == posts + 1


async def test_trust_can_be_for_audio_only(pair: list[Person]) -> None:
    anna, bob = pair
    assert "(audio)" in await bob.asked("/contact trust anna audio", kind=Kind.CONTACT_TRUSTED)
    anna.write("/call bob video")
    await bob.told("(audio)", kind=Kind.ANSWERED_AUTOMATICALLY)
    await asyncio.gather(*(person.call("active") for person in pair))
    await talk(anna, bob, kinds=("audio",))
    reports = await hang_up(anna, bob)
    assert reports[0]["video_packets_received"] == 0


async def test_outside_the_hours_of_trust_it_rings(pair: list[Person]) -> None:
    anna, bob = pair
    hour = (datetime.datetime.now() + datetime.timedelta(hours=6)).hour
    hours = f"{hour:02}:00-{(hour + 1) % 24:02}:30"
    assert hours in await bob.asked(f"/contact trust anna {hours}", kind=Kind.CONTACT_TRUSTED)
    await ring(anna, bob)


async def test_a_trusted_stranger_of_whom_only_the_node_is_known_is_answered_without_any_tap(
    strangers: list[Person],
) -> None:
    dora, emil = strangers
    await emil.asked(f"/contact add dora {dora.node}", kind=Kind.CONTACT_SAVED)
    await emil.asked("/contact trust dora unproven", kind=Kind.CONTACT_TRUSTED)
    dora.write(f"/call {emil.node}")
    await emil.told(kind=Kind.ANSWERED_AUTOMATICALLY)
    await asyncio.gather(dora.media(), emil.media())


async def test_a_trusted_contact_rings_until_both_share_a_key_and_is_answered_from_then_on(
    strangers: list[Person],
) -> None:
    dora, emil = strangers
    await emil.asked(f"/contact add dora {dora.node}", kind=Kind.CONTACT_SAVED)
    assert "once you share a key" in await emil.asked("/contact trust dora", kind=Kind.CONTACT_TRUSTED)
    dora.write(f"/call {emil.node}")
    assert "nothing proves that it is them" in await emil.told(kind=Kind.RINGS)
    emil.write("/answer")
    await asyncio.gather(dora.told(kind=Kind.WORDS), emil.told(kind=Kind.WORDS))
    await dora.asked("/contact add emil", kind=Kind.CONTACT_SAVED)
    await hang_up(dora, emil)
    dora.write("/call emil")
    await emil.told(kind=Kind.ANSWERED_AUTOMATICALLY)
    await asyncio.gather(dora.media(), emil.media())


async def test_a_declined_call_ends_on_both_sides(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    bob.write("/decline")
    refusal = await bob.posted("chat")
    assert refusal["text"] == f"copybara:{refusal['token']}"
    assert len(refusal["token"]) == 64
    assert "anna" in await bob.told(kind=Kind.ENDED)
    assert (await bob.call("ended"))["reason"] == "declined"
    assert "bob" in await anna.told(kind=Kind.ENDED)
    assert (await anna.call("ended"))["reason"] == "remote-declined"


async def test_why_a_call_is_declined_stands_in_the_chat(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    bob.write("/decline in a   meeting until 3")
    refusal = await bob.posted("chat")
    assert refusal["text"] == f"I can't take your call: in a meeting until 3 copybara:{refusal['token']}"
    await anna.told("bob", kind=Kind.ENDED)
    await ring(anna, bob)
    bob.write("/decline")
    refusal = await bob.posted("chat")
    assert refusal["text"] == f"copybara:{refusal['token']}"


async def test_a_stranger_is_told_of_a_refusal_that_anybody_could_have_written(strangers: list[Person]) -> None:
    dora, emil = strangers
    await request_of(dora, emil)
    emil.write("/decline")
    said = await dora.told(kind=Kind.UNPROVEN_REFUSAL)
    assert "I'll keep waiting" in said
    assert "/hangup" in said
    assert "calling" in await dora.asked("/status", kind=Kind.STATUS)
    dora.write("/hangup")
    assert (await dora.call("ended"))["reason"] == "cancelled"


async def test_a_refusal_forged_in_the_chat_does_not_end_the_call(strangers: list[Person]) -> None:
    dora, emil = strangers
    _, request = await request_of(dora, emil)
    for status in (Status.DECLINE, Status.BUSY):
        dora.write(f"copybara:{Response.refusing(request, status).token}", sender="mallory")
        await dora.told(kind=Kind.UNPROVEN_REFUSAL)
    emil.write("/answer")
    await asyncio.gather(dora.media(), emil.media())


@pytest.mark.parametrize("forgeries", [1, 20])
async def test_forged_responses_before_the_true_one_do_not_cost_the_caller_the_call(
    strangers: list[Person], forgeries: int
) -> None:
    dora, emil = strangers
    _, request = await request_of(dora, emil)
    for _ in range(forgeries):
        dora.write(f"Here is my answer: copybara:{forged(request)}", sender="mallory")
    await dora.in_order()
    emil.write("/answer")
    await asyncio.gather(dora.media(), emil.media())
    reports = await hang_up(dora, emil)
    assert {report["reason"] for report in reports} == {"hung-up", "remote-hung-up"}


@pytest.mark.parametrize("forgeries", [4, 40])
async def test_forged_responses_after_the_true_one_do_not_disturb_the_call(
    strangers: list[Person], forgeries: int
) -> None:
    dora, emil = strangers
    _, request = await request_of(dora, emil)
    with dora.chat.hold():
        emil.write("/answer")
        response = await emil.posted("chat")
    dora.write(response["text"], sender="emil")
    for _ in range(forgeries):
        dora.write(forged(request), sender="mallory")
    await asyncio.gather(dora.media(), emil.media())
    dora.write(forged(request), sender="mallory")
    await talk(dora, emil)
    await hang_up(dora, emil)


async def test_a_response_to_an_earlier_request_is_no_response_to_this_one(strangers: list[Person]) -> None:
    dora, emil = strangers
    _, first = await request_of(dora, emil)
    dora.write("/hangup")
    await dora.call("ended")
    emil.write("/decline")
    await emil.call("ended")
    await request_of(dora, emil)
    assert await dora.after(forged(first), sender="mallory") == []
    emil.write("/answer")
    await asyncio.gather(dora.media(), emil.media())


async def test_a_card_seals_the_request_and_proves_the_refusal(strangers: list[Person]) -> None:
    dora, emil = strangers
    emil.write("/card")
    card = await emil.posted("owner", kind=Kind.CARD)
    for whom, answer in ((card["token"], "/decline"), (f"copybara:{card['token']}", "/answer")):
        dora.write(f"/call {whom}")
        link = await dora.posted("chat")
        assert len(link["token"]) == 194
        assert link["text"] == f"copybara:{link['token']}"
        assert dora.node in await emil.told(kind=Kind.STRANGER_RINGS)
        emil.write(answer)
        if answer == "/decline":
            assert (await dora.call("ended"))["reason"] == "remote-declined"
    await asyncio.gather(dora.media(), emil.media())


async def test_a_saved_card_seals_the_request_too(strangers: list[Person]) -> None:
    dora, emil = strangers
    emil.write("/card")
    card = await emil.posted("owner", kind=Kind.CARD)
    assert f"/contact add emil copybara:{card['token']}" in await dora.asked(card["text"], kind=Kind.CARD_SEEN)
    await dora.asked(f"/contact add emil copybara:{card['token']}", kind=Kind.CONTACT_SAVED)
    assert "card     yes" in await dora.asked("/contact show emil", kind=Kind.CONTACT_DETAILS)
    dora.write("/call emil audio")
    assert len((await dora.posted("chat"))["token"]) == 194
    await emil.told(kind=Kind.STRANGER_RINGS)
    assert "emil" in await dora.asked(card["token"], kind=Kind.CARD_KNOWN)


async def test_whoever_calls_during_a_call_is_told_that_we_are_busy(trio: list[Person]) -> None:
    anna, bob, carol = trio
    await connect(anna, bob)
    carol.write("/call bob")
    assert "bob" in await carol.told(kind=Kind.ENDED)
    assert (await carol.call("ended"))["reason"] == "remote-busy"
    assert "carol" in await bob.told(kind=Kind.ENDED)
    assert "anna" in await bob.asked("/call carol", kind="error.in-call")
    await talk(anna, bob)
    await hang_up(anna, bob)
    await ring(carol, bob)


async def test_a_stranger_who_calls_during_a_call_learns_nothing(trio: list[Person]) -> None:
    anna, bob, carol = trio
    await connect(carol, bob)
    posts = len(anna.chat.posts)
    anna.write(f"/call {carol.node}")
    await carol.told("Somebody you haven't saved called while you were in a call.", kind=Kind.ENDED)
    await carol.in_order()
    assert [writer.name for writer, _ in anna.chat.posts[posts:]] == ["anna"]
    assert "calling" in await anna.asked("/status", kind=Kind.STATUS)


async def test_a_call_that_is_taken_back_stops_ringing(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    anna.write("/hangup")
    assert len((await anna.posted("chat"))["token"]) == 64
    assert "bob" in await anna.told(kind=Kind.ENDED)
    assert "anna" in await bob.told(kind=Kind.ENDED)
    assert (await bob.call("ended"))["reason"] == "remote-cancelled"
    await bob.asked("/answer", kind="error.nothing-rings")


async def test_a_contact_can_say_that_it_rings(pair: list[Person]) -> None:
    anna, bob = pair
    link = await ring(anna, bob)
    anna.write(says_that_it_rings(link["token"], bob, anna), sender="bob")
    assert "bob" in await anna.told(kind=Kind.REMOTE_RINGS)


def says_that_it_rings(token: str, callee: Person, caller: Person) -> str:
    """A message that a program could send to say so. Ours doesn't."""
    with callee.store() as store:
        secret = store.writable_secret(caller.id)
    assert secret is not None
    reference = reference_of(decode(token))  # type: ignore[arg-type]
    said = PairedBody(Operation.RINGING, Media.NONE, int(time.time()), reference=reference)
    return seal(said, secret=secret, source=callee.id, destination=caller.id, nonce=secrets.token_bytes(12)).token


@pytest.mark.parametrize("first", ["winner", "loser", "loser, much later"])
async def test_two_who_call_each_other_at_the_same_moment_get_one_call(pair: list[Person], first: str) -> None:
    await crossed(pair, ["/call bob", "/call anna"], first)


@pytest.mark.parametrize("first", ["winner", "loser", "loser, much later"])
async def test_two_strangers_who_call_each_other_at_the_same_moment_get_one_call(
    strangers: list[Person], first: str
) -> None:
    dora, emil = strangers
    await crossed(strangers, [f"/call {emil.node}", f"/call {dora.node}"], first)


async def crossed(both: list[Person], commands: list[str], first: str) -> None:
    """Both call. `first` is which link is read first: the winning one, the losing one, or the winning one late."""
    links = []
    with both[0].chat.hold():
        for person, command in zip(both, commands, strict=True):
            person.write(command)
            links.append(await person.posted("chat"))
    raw = [decode(link["token"]).encode() for link in links]
    winner, loser = (0, 1) if glare(*raw) else (1, 0)

    def deliver(number: int) -> None:
        both[1 - number].write(links[number]["text"], sender=both[number].name)

    if first == "loser":
        deliver(loser)
        await both[winner].in_order()
    deliver(winner)
    if first == "winner":
        deliver(loser)
    ended, _ = await asyncio.gather(both[loser].call("ended"), both[winner].call("active"))
    assert ended["reason"] == "replaced"
    await talk(*both)
    if first == "loser, much later":
        said = await both[winner].after(links[loser]["text"], sender=both[loser].name)
        assert [line for line in said if line["type"] == "post"] == []
    for person, role in ((both[winner], "caller"), (both[loser], "callee")):
        calls = (await person.status())["calls"]
        assert [(call["state"], call["role"]) for call in calls] == [("active", role)]
    await hang_up(*both)


async def test_hanging_up_on_either_side_ends_the_call_on_both(pair: list[Person]) -> None:
    anna, bob = pair
    for first, second in ((anna, bob), (bob, anna)):
        await connect(anna, bob, "audio")
        first.write("/hangup")
        assert second.name in await first.told(kind=Kind.ENDED)
        assert first.name in await second.told(kind=Kind.ENDED)
        for person in pair:
            await person.call("ended")
            assert (await person.status())["calls"] == []


async def test_what_is_not_possible_now_is_said(pair: list[Person]) -> None:
    anna, bob = pair
    await anna.asked("/answer", kind="error.nothing-rings")
    await anna.asked("/decline", kind="error.nothing-rings")
    await anna.asked("/hangup", kind="error.no-call")
    assert "zoe" in await anna.asked("/call zoe", kind="error.name-not-found")
    await anna.asked(f"/call {anna.node}", kind="error.own-node")
    await anna.asked(f"/call {bob.node[:-1]}l", kind="error.node-id")
    await connect(anna, bob)
    assert "bob" in await anna.asked("/call bob", kind="error.in-call")
    await anna.asked("/answer", kind="error.nothing-rings")


async def test_status_tells_what_is_going_on(pair: list[Person]) -> None:
    anna, bob = pair
    assert await anna.asked("/status", kind=Kind.STATUS) == f"Node {anna.node} on loopback. No calls."
    await ring(anna, bob)
    assert "bob: calling, video" in await anna.asked("/status", kind=Kind.STATUS)
    assert "anna: ringing, video" in await bob.asked("/status", kind=Kind.STATUS)
    bob.write("/answer")
    await asyncio.gather(*(person.call("active") for person in pair))
    await talk(*pair)
    said = await anna.asked("/status", kind=Kind.STATUS)
    line = said.splitlines()[1]
    assert line.startswith("bob: active, video, ")
    for part in ("audio and", "video packets, 0 lost", f"{loopback_address(anna.id)}:", f"{loopback_address(bob.id)}:"):
        assert part in line


async def test_the_command_line_makes_answers_and_ends_calls(pair: list[Person]) -> None:
    anna, bob = pair
    code, out, _ = await anna.cli("call", "bob", "--json")
    assert code == 0
    posts = json.loads(out)["posts"]
    assert [post["to"] for post in posts] == ["chat", "owner"]
    assert len(posts[0]["token"]) == 64
    await bob.told("anna", kind=Kind.RINGS)
    calls = (await bob.status())["calls"]
    assert [(call["state"], call["with"], call["reason"]) for call in calls] == [("ringing", "anna", None)]
    assert await bob.cli("answer", "audio") == (0, "Answering anna (audio) …\n", "")
    await asyncio.gather(*(person.call("active") for person in pair))
    await talk(*pair, kinds=("audio",))
    for person, other in ((anna, bob), (bob, anna)):
        code, out, _ = await person.cli("status", "--json")
        assert code == 0
        status = json.loads(out)
        assert status["node"] == person.node
        overlay = {"name": "loopback", "address": str(loopback_address(person.id)), "error": None}
        assert status["overlay"] == overlay | {"connected": None, "kind": None, "notice": None}
        (call,) = status["calls"]
        assert call["state"] == "active"
        assert call["with"] == other.name
        assert call["audio_packets_received"] >= TALKING
        assert {"local", "remote", "connect_ms", "video_packets_received"} <= call.keys()
    code, out, _ = await anna.cli("status")
    assert code == 0
    assert "active" in out
    assert await anna.cli("hangup") == (0, "You ended the call with bob.\n", "")
    assert (await bob.call("ended"))["reason"] == "remote-hung-up"


async def test_the_command_line_declines_with_a_reason(pair: list[Person]) -> None:
    anna, bob = pair
    await ring(anna, bob)
    code, out, _ = await bob.cli("decline", "not", "now")
    assert code == 0
    before = "Send this to the other person, so that they know:"
    assert out.startswith(f"{before}\nI can't take your call: not now copybara:")
    assert out.endswith("You declined anna's call.\n")
    await anna.told("bob", kind=Kind.ENDED)
    code, out, err = await bob.cli("answer")
    assert (code, out) == (1, "")
    assert err.startswith("error: Nobody is calling.\nhint:")


async def test_the_contact_book_can_be_changed_while_the_program_runs(pair: list[Person]) -> None:
    anna, bob = pair
    code, out, _ = await bob.cli("contacts", "trust", "anna", "audio")
    assert (code, out.split(" (")[0]) == (0, "anna's calls will now be answered automatically")
    anna.write("/call bob")
    await bob.told("(audio)", kind=Kind.ANSWERED_AUTOMATICALLY)
    await asyncio.gather(*(person.call("active") for person in pair))
    await hang_up(anna, bob)
    assert (await bob.cli("contacts", "rename", "anna", "Ännchen"))[0] == 0
    assert "Ännchen" in await bob.asked("/contacts", kind=Kind.CONTACT_LIST)
    await bob.asked("/contact rename Ännchen anna", kind=Kind.CONTACT_RENAMED)
    assert (await bob.cli("contacts", "block", "anna"))[0] == 0
    anna.write("/call bob")
    link = await anna.posted("chat")
    assert await bob.after(link["text"], sender="anna") == []


async def test_the_command_line_saves_the_other_side_of_the_latest_call(strangers: list[Person]) -> None:
    dora, emil = strangers
    await request_of(dora, emil)
    emil.write("/answer")
    await dora.told(kind=Kind.WORDS)
    code, out, _ = await dora.cli("contacts", "add", "emil")
    assert code == 0
    assert out.startswith("Saved emil")
    assert [contact["name"] for contact in json.loads((await dora.cli("contacts", "list", "--json"))[1])] == ["emil"]


async def test_a_link_that_nobody_answers_expires(friends: Path, tmp_path: Path) -> None:
    config = "[calls]\nlifetime = 5\n"  # seconds during which it rings on a busy machine
    async with people(tmp_path, "anna", "bob", homes=friends, config=config) as (anna, bob):
        await ring(anna, bob)
        assert "bob" in await anna.told(kind=Kind.ENDED)
        assert (await anna.call("ended"))["reason"] == "no-answer"
        assert "anna" in await bob.told(kind=Kind.ENDED)
        assert (await bob.call("ended"))["reason"] == "missed"
        await bob.asked("/answer", kind="error.nothing-rings")


async def test_as_many_calls_run_at_once_as_are_configured(friends: Path, tmp_path: Path) -> None:
    config = "[calls]\nat_once = 2\n"
    async with people(tmp_path, "anna", "bob", "carol", "dora", homes=friends, config=config) as everybody:
        anna, bob, carol, dora = everybody
        await bob.asked(f"/contact add dora {dora.node}", kind=Kind.CONTACT_SAVED)
        for caller in (anna, carol):
            await connect(caller, bob, "audio")
        dora.write(f"/call {bob.node}")
        await dora.told(kind=Kind.CALLING)
        posted = len(bob.chat.posts)
        await bob.told("dora", kind=Kind.ENDED)
        # A caller who proves nothing doesn't learn that bob is busy, or that he is there.
        await bob.in_order()
        await dora.in_order()
        assert bob.chat.posts[posted:] == []
        assert [call["state"] for call in (await dora.status())["calls"]] == ["calling"]
        assert {line.get("kind") for line in dora.said}.isdisjoint({Kind.UNPROVEN_REFUSAL, Kind.ENDED})
        calls = (await bob.status())["calls"]
        assert [(call["with"], call["state"]) for call in calls] == [("anna", "active"), ("carol", "active")]
        for caller in (anna, carol):
            await caller.media(("audio",))
            await hang_up(caller, bob)


async def test_both_sides_meet_again_after_both_have_forgotten_each_other(strangers: list[Person]) -> None:
    dora, emil = strangers
    for _ in range(2):
        await befriend(dora, emil)
        await dora.asked("/contact remove emil", kind=Kind.CONTACT_REMOVED)
        await emil.asked("/contact remove dora", kind=Kind.CONTACT_REMOVED)


async def test_a_contact_who_has_forgotten_us_is_met_again_as_a_stranger(strangers: list[Person]) -> None:
    dora, emil = strangers
    await befriend(dora, emil)
    await emil.asked("/contact remove dora", kind=Kind.CONTACT_REMOVED)
    dora.write("/call emil")
    link = await dora.posted("chat")
    assert len(link["token"]) == 64
    assert await emil.after(link["text"]) != []
    dora.write("/hangup")
    await dora.call("ended")
    emil.write(f"/call {dora.node}")
    await dora.told("emil", kind=Kind.UNPROVEN_RINGS)
    dora.write("/answer")
    await asyncio.gather(*(person.call("active") for person in strangers))
    told, _ = await asyncio.gather(*(person.told(kind=Kind.WORDS) for person in strangers))
    words = told.partition(": ")[2].splitlines()[0]
    await dora.asked(f"/contact confirm emil {words}", kind=Kind.CONTACT_CONFIRMED)
    await emil.asked("/contact add dora", kind=Kind.CONTACT_SAVED)
    await hang_up(dora, emil)
    await connect(dora, emil)
    await hang_up(emil, dora)
