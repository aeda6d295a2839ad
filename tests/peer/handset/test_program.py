"""What a running program sends to a page, and what the page can request. No browser takes part, only the messages."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from bot.kinds import Kind
from shared.node_id import NodeId
from tests.bot.console import Person, befriend, connect, people
from tests.bot.stranger import forged
from tests.bot.test_calls import says_that_it_rings
from tests.peer.handset.wire import AT_THE_PAGE, WirePage, wire_page


async def test_a_first_call_from_page_to_page(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node),
        wire_page(anna_node) as (anna, hello),
        wire_page(bob_node) as (bob, _),
    ):
        assert (hello["node"], hello["name"], hello["calls"], hello["log"]) == (anna_node.node, "anna", [], [])
        assert hello["overlay"]["name"] == "Loopback"
        assert "no privacy" in hello["overlay"]["notice"]
        assert hello["card"]["text"].startswith("copybara:")
        assert hello["card"]["qr"].startswith("data:image/svg+xml")

        placed = await anna.ask("place", whom=bob_node.node, media="video")
        assert placed["type"] == "done"
        annas = placed["call"]
        link = await anna.next("link")
        assert len(link["link"]["token"]) == 128
        assert link["link"]["text"] == f"copybara:{link['link']['token']}"
        assert "paste what they send back" in link["sentence"]

        ring = await bob.next("ring")
        assert "Somebody new is calling (video)" in ring["sentence"]
        await bob.say("answer", call=ring["call"], media="audio")
        for page in (anna, bob):
            # The offer of sound waits for nothing on the disk, so it may come first.
            call, offer = await page.both({"type": "call", "state": "active"}, {"type": "offer"})
            assert (call["trust"], call["handset"], call["contact"]) == ("stranger", True, None)
            assert call["media"] == "audio"
            if page is bob:
                assert "m=video" not in offer["sdp"]

        bobs = ring["call"]
        await anna.say("write", call=annas, text="hello")
        assert (await anna.next("text"))["ours"]
        assert (await bob.next("text", ours=False))["text"] == "hello"

        saved = await anna.ask("save-contact", call=annas, name="bob")
        assert saved["type"] == "done"
        assert "Saved bob" in saved["sentence"]
        assert [contact["name"] for contact in (await anna.next("contacts"))["contacts"]] == ["bob"]
        assert (await anna.next("call"))["trust"] == "contact"

        await bob.say("set-media", call=bobs, audio=False, video=True)
        muted = await anna.next("remote-media")
        assert muted["remote"] == {"audio": False, "video": False, "screen": False}

        assert (await anna.next("quality"))["call"] == annas
        await anna.say("hang-up", call=annas)
        assert (await anna.next("call", state="ended"))["sentence"] == "You ended the call with bob."
        assert (await anna.next("log"))["log"][0]["reason"] == "hung-up"
        await bob.next("call", state="ended")

        await bob_node.told(kind="call.words")
        saved = await bob.ask("save-contact", call=bobs, name="anna", node=anna_node.node)
        assert "Saved anna" in saved["sentence"]
        assert "/contact confirm" not in saved["sentence"], "it was in this call, which is over"
        await bob_node.asked("/contact remove anna", kind="contact.removed")
        saved = await bob.ask("save-contact", call=7, name="anna", node=anna_node.node)
        assert "Saved anna" in saved["sentence"]


async def test_who_is_saved_in_a_call_has_that_name_beside_the_file_that_they_offered_before(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node),
        wire_page(anna_node) as (anna, _),
        wire_page(bob_node) as (bob, _),
    ):
        placed = await anna.ask("place", whom=bob_node.node, media="audio")
        ring = await bob.next("ring")
        await bob.say("answer", call=ring["call"], media="audio")
        for page in (anna, bob):
            await page.next("call", state="active")
        upload = await bob.ask("send-file", call=ring["call"], name="a.bin", size=3)
        await bob.socket.send_bytes(upload["id"].to_bytes(4) + b"abc")
        offered = await anna.next("file", state="offered")
        assert "you haven't saved wants to send you a.bin" in offered["sentence"]
        await anna.ask("save-contact", call=placed["call"], name="bob")
        assert (await anna.next("file", file=offered["file"]))["sentence"].startswith("bob wants to send you a.bin")


@pytest.mark.parametrize("compared", [True, False])
async def test_who_is_saved_from_the_log_after_a_kill_needs_one_link_if_the_words_were_compared(
    tmp_path: Path, compared: bool
) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
            placed = await anna.ask("place", whom=bob_node.node, media="audio")
            ring = await bob.next("ring")
            await bob.say("answer", call=ring["call"], media="audio")
            await bob_node.told(kind="call.words")
            (call,) = (await bob_node.status())["calls"]
            if compared:
                wrong = await bob.ask("confirm-words", call=ring["call"], words="abandon ability able about")
                assert "aren't the words" in wrong["sentence"]
                await bob.ask("confirm-words", call=ring["call"], words=call["phrase"])
                shown = await bob.next("call", compared=True)
                assert "nobody is between you" in shown["trust_words"]
            await anna.ask("save-contact", call=placed["call"], name="bob")
            await bob.say("hang-up", call=ring["call"])
            await bob.next("call", state="ended")
        await bob_node.signalled(signal.SIGKILL)
        await bob_node.begin()
        async with wire_page(bob_node) as (bob, hello):
            (entry,) = hello["log"]
            assert entry["compared"] is compared
            saved = await bob.ask("add-contact", name="anna", whom=anna_node.node, reference=entry["reference"])
            assert ("From now on one link is enough" in saved["sentence"]) is compared
            (contact,) = (await bob.next("contacts"))["contacts"]
            assert contact["paired"] is compared
            placed = await bob.ask("place", whom="anna", media="audio")
            assert len((await bob.next("link"))["link"]["token"]) == (64 if compared else 128)


async def first_call(anna: WirePage, bob: WirePage, bob_node: Person) -> int:
    """Let anna call bob, who hasn't saved her. Returns the call's number at his page, once there are words."""
    await anna.ask("place", whom=bob_node.node, media="audio")
    ring = await bob.next("ring")
    await bob.say("answer", call=ring["call"], media="audio")
    await bob_node.told(kind=Kind.WORDS)
    return int(ring["call"])


async def test_who_was_in_a_first_call_can_be_saved_on_a_page_that_comes_after_it(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        async with wire_page(anna_node) as (anna, _):
            async with wire_page(bob_node) as (bob, _):
                number = await first_call(anna, bob, bob_node)
            await anna.say("hang-up", call=(await anna.next("call", state="active"))["id"])
            await bob_node.call("ended")
        async with wire_page(bob_node) as (_, first), wire_page(bob_node) as (bob, hello):
            for (call,) in (first["calls"], hello["calls"]):
                assert [call[each] for each in ("id", "state", "contact")] == [number, "ended", None]
            saved = await bob.ask("save-contact", call=number, name="anna", node=anna_node.node)
            assert "From now on one link is enough" in saved["sentence"]
        async with wire_page(bob_node) as (_, hello):
            assert hello["calls"] == []


async def test_an_offer_to_save_somebody_does_not_come_back_once_it_was_put_away(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
            number = await first_call(anna, bob, bob_node)
            await bob.ask("hang-up", call=number)
            await bob.next("call", state="ended")
            await bob.ask("seen-end", call=number)
        await bob_node.calm()
        async with wire_page(bob_node) as (_, hello):
            assert hello["calls"] == []


async def test_a_call_whose_words_the_chat_says_differ_is_shown_as_such_and_offers_to_save_nobody(
    tmp_path: Path,
) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
            number = await first_call(anna, bob, bob_node)
            await bob.next("call", state="active")
            await bob.ask("hang-up", call=number)
            await bob.next("call", state="ended")
        await bob_node.calm()
        async with wire_page(bob_node) as (_, hello):
            assert [(call["id"], call["differed"]) for call in hello["calls"]] == [(number, False)]
        await bob_node.asked("/differ", kind=Kind.WORDS_DIFFER)
        async with wire_page(bob_node) as (_, hello):
            assert [(call["id"], call["differed"]) for call in hello["calls"]] == [(number, True)]


@pytest.mark.parametrize("contact", [False, True])
async def test_that_the_words_differ_is_said_on_every_page_and_the_key_of_that_call_proves_nothing(
    tmp_path: Path, contact: bool
) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
            if contact:
                await bob_node.asked(f"/contact add anna {anna_node.node}", kind=Kind.CONTACT_SAVED)
            number = await first_call(anna, bob, bob_node)
            await bob.ask("hang-up", call=number, words_differ=True)
            assert (await bob.next("call", state="ended"))["differed"]
        async with wire_page(bob_node) as (bob, hello):
            assert [call["differed"] for call in hello["calls"]] == [True]
            if not contact:
                saved = await bob.ask("save-contact", call=number, name="anna", node=anna_node.node)
                assert "Compare the four words in your next call" in saved["sentence"]
        async with wire_page(bob_node) as (bob, hello):
            assert [each["paired"] for each in hello["contacts"]] == [False]
            # The next call is a first call again, so its words can be compared.
            await bob.ask("place", whom="anna", media="audio")
            assert len((await bob.next("link"))["link"]["token"]) == 128


async def test_what_the_other_side_said_of_a_call_is_there_again_while_it_waits(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        async with wire_page(anna_node) as (anna, _):
            placed = await anna.ask("place", whom="bob", media="audio")
            token = (await anna.next("link"))["link"]["token"]
            anna_node.write(says_that_it_rings(token, bob_node, anna_node), sender="bob")
            said = await anna.next("said", sentence="It is ringing at bob's.")
        async with wire_page(anna_node) as (anna, hello):
            assert hello["notes"] == [said]
            await anna.ask("hang-up", call=placed["call"])
            await anna.next("call", state="ended")
        async with wire_page(anna_node) as (_, hello):
            assert hello["notes"] == []


async def test_a_page_that_comes_late_is_told_everything(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        await bob_node.asked("/contact trust anna", kind="contact.trusted")
        async with wire_page(anna_node) as (anna, hello):
            assert hello["log"][0]["name"]
            assert hello["contacts"][0]["paired"]
            await anna.ask("place", whom="bob")
            up = (await anna.next("call", state="active"))["id"]
            assert "answered automatically" in (await anna.next("answered-alone", by="them"))["sentence"]
            nothing = {"audio": False, "video": False, "screen": False}
            assert (await anna.next("remote-media"))["remote"] == nothing
            number = (await anna.ask("write", call=up, text="are you there?"))["type"]
            assert number == "done"
            await bob_node.told("are you there?")
            async with wire_page(bob_node) as (_, late):
                (call,) = late["calls"]
                assert (call["state"], call["automatic"], call["trust"]) == ("active", True, "trusted")
                assert [text["text"] for text in late["texts"]] == ["are you there?"]
                assert late["links"] == []
        async with wire_page(anna_node) as (again, hello):
            (call,) = hello["calls"]
            assert (call["state"], call["remote_automatic"], call["remote"]) == ("active", True, nothing)
            assert [(text["ours"], text["text"]) for text in hello["texts"]] == [(True, "are you there?")]
            await again.say("hang-up", call=call["id"])
            await again.next("call", state="ended")


async def test_a_link_is_explained_and_rings_and_no_more(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        with anna_node.chat.hold():
            async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
                await anna.ask("place", whom="bob", media="video")
                token = (await anna.next("link"))["link"]["token"]
                own = await anna.ask("explain", text=f"copybara:{token}")
                assert (own["kind"], own["can_act"]) == ("own", False)
                call = await bob.ask("explain", text=f"look: http://127.0.0.1:8765/#{token}")
                assert (call["kind"], call["can_act"], call["token"]) == ("call", True, token)
                assert call["sentence"].startswith("anna is calling you (video); link made just now")
                done = await bob.ask("act", text=token)
                assert done["type"] == "done"
                await bob.next("ring", call=done["call"])
                await bob.say("answer", call=done["call"], media="video")
                await asyncio.gather(*(page.next("call", state="active") for page in (anna, bob)))
                used = await bob.ask("explain", text=token)
                assert (used["kind"], used["can_act"]) == ("unusable", False)
                assert "read already" in used["sentence"]
                assert "used before" in (await bob.ask("act", text=token))["sentence"]
                await bob.say("hang-up", call=done["call"])
                await anna.next("call", state="ended")
                # A call to somebody whom the owner trusts doesn't ring first, and the button says so.
                assert call["button"] == "Let it ring"
                await bob.ask("set-trust", name="anna", node=anna_node.node, trust="auto")
                await anna.ask("place", whom="bob", media="video")
                token = (await anna.next("link"))["link"]["token"]
                call = await bob.ask("explain", text=token)
                assert call["button"] == "Answer"
                assert "it connects at once" in call["sentence"]
                done = await bob.ask("act", text=token)
                ours, theirs = [await page.next("call", state="active") for page in (bob, anna)]
                assert ours["id"] == done["call"]
                assert (ours["automatic"], theirs["remote_automatic"]) == (False, False)


async def test_a_link_that_would_be_ignored_is_not_offered(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        with anna_node.chat.hold():
            async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
                await bob.ask("set-trust", name="anna", node=anna_node.node, trust="block")
                await anna.ask("place", whom="bob", media="audio")
                token = (await anna.next("link"))["link"]["token"]
                explained = await bob.ask("explain", text=token)
                assert (explained["kind"], explained["can_act"]) == ("unusable", False)
                assert "block" in explained["sentence"]
                await bob.ask("set-trust", name="anna", node=anna_node.node, trust="ring")
                assert (await bob.ask("explain", text=token))["can_act"]


async def test_a_response_carried_by_hand_connects(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        with anna_node.chat.hold():
            async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
                placed = await anna.ask("place", whom=bob_node.node, media="audio")
                request = (await anna.next("link"))["link"]["token"]
                explained = await bob.ask("explain", text=request)
                assert "isn't in your contacts" in explained["sentence"]
                assert anna_node.node not in explained["sentence"]
                assert (explained["node"], explained["rings"]) == (anna_node.node, True)
                done = await bob.ask("act", text=request)
                await bob.say("answer", call=done["call"], media="audio")
                link = await bob.next("link")
                assert "connects as soon as they have read it" in link["sentence"]
                response = link["link"]["token"]
                answered = await anna.ask("explain", text=response)
                assert (answered["kind"], answered["button"]) == ("response", "Connect")
                await anna.ask("act", text=response)
                await asyncio.gather(*(page.next("call", state="active") for page in (anna, bob)))
                assert (await bob.ask("explain", text=response))["kind"] in ("own", "unusable")
                await anna.say("hang-up", call=placed["call"])
                await bob.next("call", state="ended")


async def test_a_declined_call_says_so_on_both_pages(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
            await anna.ask("place", whom="bob", media="audio")
            ring = await bob.next("ring")
            assert ring["sentence"].startswith("anna is calling (audio).")
            await bob.say("decline", call=ring["call"])
            assert (await anna.next("call", state="ended"))["sentence"] == "bob declined."
            assert (await bob.next("call", state="ended"))["sentence"] == "You declined anna's call."


async def test_a_stranger_who_is_blocked_at_the_page_learns_nothing(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node),
        wire_page(anna_node) as (anna, _),
        wire_page(bob_node) as (bob, _),
    ):
        placed = await anna.ask("place", whom=bob_node.node)
        ring = await bob.next("ring")
        (waiting,) = (await anna_node.status())["calls"]
        done = await bob.ask("block", call=ring["call"])
        assert done["type"] == "done", done
        assert (done["kind"], "won't ring for a day" in done["sentence"]) == ("call.stranger-silenced", True)
        assert (await bob.next("call", state="ended"))["id"] == ring["call"]
        await bob_node.in_order()
        await anna_node.in_order()

        # The caller gets no link and no packet, and the call waits as before.
        assert [writer for writer, _ in anna_node.chat.posts] == [anna_node]
        assert (await anna_node.status())["calls"] == [waiting]
        assert (waiting["state"], waiting["bytes_received"], waiting["refused"]) == ("calling", 0, {})

        # Another call learns nothing more, and doesn't ring.
        await anna.ask("hang-up", call=placed["call"])
        await anna.next("call", state="ended")
        await anna.ask("place", whom=bob_node.node)
        await bob_node.in_order()
        assert [call["state"] for call in (await anna_node.status())["calls"]] == ["calling"]
        assert (await bob_node.status())["calls"] == []
        assert [writer for writer, _ in anna_node.chat.posts] == [anna_node] * 2


async def test_a_call_on_the_node_id_alone_turns_on_no_microphone_at_the_page(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node),
        wire_page(bob_node) as (bob, _),
    ):
        await bob_node.asked(f"/contact add anna {anna_node.node}", kind="contact.saved")
        for wish, proven in (("/contact ring anna", False), ("/contact trust anna unproven", True)):
            bob_node.write(wish)
            anna_node.write(f"/call {bob_node.node}")
            call = await bob.next("call", state="ringing")
            assert (call["contact"], call["proven"]) == ("anna", proven)
            ring = await bob.next("ring")
            assert "anna is calling" in ring["sentence"]
            await bob.say("decline", call=ring["call"])
            await bob.next("call", state="ended")
            anna_node.write("/hangup")
            await anna_node.call("ended")


async def test_block_under_a_forged_call_keeps_nobody_out_for_good(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node),
        wire_page(bob_node) as (bob, _),
    ):
        bob_node.write(forged(bob_node, anna_node.id), sender="chat")
        await bob.ask("block", call=(await bob.next("ring"))["call"])
        await bob.next("call", state="ended")
        bob_node.write(forged(bob_node, anna_node.id), sender="chat")
        await bob_node.in_order()
        assert (await bob_node.status())["calls"] == []
        # Bob gets her card, and she can call him.
        added = await bob.ask("add-contact", name=" Anna  Miller", whom=anna_node.node)
        assert added["sentence"].startswith("Saved Anna Miller. ")
        renamed = await bob.ask("rename-contact", name="Anna Miller", node=anna_node.node, new_name="Anna of  the Hill")
        assert renamed["sentence"].endswith("is now called Anna of the Hill.")
        anna_node.write(f"/call {bob_node.node}")
        assert "Anna of the Hill is calling" in (await bob.next("ring"))["sentence"]


async def test_a_stranger_who_was_silenced_rings_again_once_the_owner_has_called_them(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node),
        wire_page(bob_node) as (bob, _),
    ):
        bob_node.write(forged(bob_node, anna_node.id), sender="chat")
        await bob.ask("block", call=(await bob.next("ring"))["call"])
        placed = await bob.ask("place", whom=anna_node.node)
        await anna_node.told(kind="call.stranger-rings")
        bob_node.write("/hangup")
        await bob.next("call", state="ended", id=placed["call"])
        anna_node.write("/decline")
        await anna_node.in_order()
        anna_node.write(f"/call {bob_node.node}")
        await bob.next("ring")


async def test_a_second_call_rings_at_a_page_that_has_one(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", "carol", config=AT_THE_PAGE) as (anna_node, bob_node, carol_node):
        await befriend(anna_node, bob_node)
        await befriend(carol_node, bob_node)
        # Not even a trusted caller is answered automatically now.
        await bob_node.asked("/contact trust carol", kind="contact.trusted")
        async with wire_page(bob_node) as (bob, _), wire_page(carol_node) as (carol, _):
            anna_node.write("/call bob audio")
            await bob.ask("answer", call=(first := (await bob.next("ring"))["call"]), media="audio")
            await bob.next("call", state="active")

            await carol.ask("place", whom="bob", media="audio")
            ring = await bob.next("ring")
            assert ring["sentence"] == "carol is calling (audio)."
            assert (await bob.next("quality"))["call"] == first
            await bob.ask("decline", call=ring["call"])
            assert (await carol.next("call", state="ended"))["sentence"] == "bob declined."

            # Hanging up and answering.
            await carol.ask("place", whom="bob", media="audio")
            second = (await bob.next("ring"))["call"]
            await bob.say("hang-up", call=first)
            await bob.next("call", id=first, state="ended")
            assert (await bob.ask("answer", call=second, media="audio"))["type"] == "done"
            assert (await bob.next("call", id=second, state="active"))["name"] == "carol"
            assert not (await carol.next("call", state="active"))["remote_automatic"]


async def test_without_a_page_a_second_caller_hears_that_we_are_busy(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", "carol", config=AT_THE_PAGE) as (anna_node, bob_node, carol_node):
        await befriend(anna_node, bob_node)
        await befriend(carol_node, bob_node)
        await connect(anna_node, bob_node, "audio")
        carol_node.write("/call bob")
        assert await carol_node.told("busy") == "bob is busy."


async def test_the_contact_book_is_kept_at_the_page(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node),
        wire_page(bob_node) as (bob, theirs),
        wire_page(anna_node) as (anna, _),
    ):
        card = theirs["card"]["text"]
        explained = await anna.ask("explain", text=card)
        assert (explained["kind"], explained["card_name"], explained["card_node"]) == ("card", "bob", bob_node.node)
        own = await bob.ask("explain", text=card)
        assert (own["kind"], own["card_name"], own["sentence"][:22]) == ("own", "bob", "That is your own card.")
        refused = await bob.ask("add-contact", name="me", whom=card)
        assert refused["sentence"] == "That is your own card."
        assert (await anna.ask("add-contact", name="bob", whom=card))["type"] == "done"
        (contact,) = (await anna.next("contacts"))["contacts"]
        assert (contact["name"], contact["node"], contact["trust"], contact["paired"]) == (
            "bob",
            bob_node.node,
            "ring",
            False,
        )
        missed = await anna.ask("set-trust", name="bob", node=anna_node.node, trust="auto")
        assert "have another node now" in missed["sentence"]
        await anna.ask("set-trust", name="bob", node=bob_node.node, trust="auto", media="audio")
        (contact,) = (await anna.next("contacts"))["contacts"]
        assert (contact["trust"], contact["media"]) == ("auto", "audio")
        assert contact["trust_words"] == "answered automatically (audio), once you share a key"
        await anna.ask("rename-contact", name="bob", node=bob_node.node, new_name="robert")
        assert [each["name"] for each in (await anna.next("contacts"))["contacts"]] == ["robert"]
        await anna_node.asked("/contact block robert", kind="contact.blocked")
        assert (await anna.next("contacts"))["contacts"][0]["trust"] == "block"
        await anna.ask("remove-contact", name="robert", node=bob_node.node)
        assert (await anna.next("contacts"))["contacts"] == []


async def test_a_voice_message_is_for_the_one_who_was_called_whoever_has_their_name_by_then(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        async with wire_page(anna_node) as (anna, _):
            recorded = {"call": 7, "node": bob_node.node, "size": 1, "form": "webm"}
            await anna_node.asked("/contact rename bob robert", kind="contact.renamed")
            await anna_node.asked(f"/contact add bob {NodeId(b'x' * 32)}", kind="contact.saved")
            assert (await anna.ask("leave-voice", **recorded))["type"] == "done"
            await anna_node.asked("/contact remove robert", kind="contact.removed")
            assert "were removed" in (await anna.ask("leave-voice", **recorded))["sentence"]


async def test_who_is_called_again_is_whom_the_page_shows_whoever_has_their_name_by_then(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        shown = {"whom": "bob", "node": bob_node.node, "media": "audio"}
        await anna_node.asked(f"/contact add bob {bob_node.node}", kind="contact.saved")
        await anna_node.asked("/contact rename bob robert", kind="contact.renamed")
        await anna_node.asked(f"/contact add bob {NodeId(b'x' * 32)}", kind="contact.saved")
        async with wire_page(anna_node) as (anna, _):
            await anna.say("place", **shown)
            call = await anna.next("call", state="calling")
            assert (call["name"], call["node"]) == ("robert", bob_node.node)
            await anna.say("hang-up", call=call["id"])
            await anna.next("call", state="ended")
            await anna_node.asked("/contact remove robert", kind="contact.removed")
            assert "were removed" in (await anna.ask("place", **shown))["sentence"]


REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("place", {"whom": "nobody-here"}, "No one is known"),
    ("place", {"whom": "   "}, ""),
    ("answer", {"call": 7}, "That call is over."),
    ("decline", {"call": 7}, "That call is over."),
    ("block", {"call": 7}, "That call is over."),
    ("hang-up", {"call": 7}, "That call is over."),
    ("write", {"call": 7, "text": "x"}, "That call is over."),
    ("save-contact", {"call": 7, "name": "x"}, "That call is over."),
    ("add-contact", {"name": "x", "whom": "not a node"}, "neither a node id nor a contact card"),
    ("add-contact", {"name": "a/b", "whom": "0" * 52}, "could be taken for"),
    ("set-trust", {"name": "nobody", "node": "", "trust": "auto"}, "There is no contact"),
    ("rename-contact", {"name": "nobody", "node": "", "new_name": "x"}, ""),
    ("remove-contact", {"name": "nobody", "node": ""}, ""),
    ("act", {"text": "nothing"}, "no Copybara link"),
    ("act", {"text": "copybara:AAAA"}, "another version"),
]


async def test_what_cant_be_done_is_said(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", config=AT_THE_PAGE) as (anna_node,), wire_page(anna_node) as (anna, hello):
        for kind, fields, said in REFUSED:
            problem = await anna.ask(kind, **fields)
            assert problem["type"] == "problem", (kind, fields)
            assert said in problem["sentence"]
        assert (await anna.ask("place", whom=hello["node"]))["sentence"] == "That is your own card or node id."


async def test_an_answer_to_no_offer_and_a_wish_for_no_call_are_ignored(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", config=AT_THE_PAGE) as (anna_node,), wire_page(anna_node) as (anna, _):
        assert (await anna.ask("media-answer", call=1, leg=1, sdp="v=0"))["type"] == "done"
        assert (await anna.ask("want-offer", call=1))["type"] == "done"
        nothing = await anna.ask("explain", text="hello there")
        assert (nothing["kind"], nothing["token"]) == ("nothing", "")


async def test_a_hostile_answer_costs_a_call_nothing(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
            await anna.ask("place", whom="bob")
            await bob.say("answer", call=(await bob.next("ring"))["call"])
            for sdp in ("v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=setup:active", "a" * 30_000):
                offer = await anna.next("offer")
                await anna.say("media-answer", call=offer["call"], leg=offer["leg"], sdp=sdp)
                assert (await anna.next("problem"))["call"] == offer["call"]
            assert (await anna.next("quality"))["call"] == offer["call"]
            await anna.say("hang-up", call=offer["call"])
            await anna.next("call", state="ended")


async def test_the_page_is_told_when_the_program_ends(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", config=AT_THE_PAGE) as (anna_node,), wire_page(anna_node) as (anna, _):
        anna_node.process.terminate()
        async for _message in anna.socket:
            pass
        assert anna.socket.close_code == 4002
        assert await anna_node.gone() == 0


async def test_a_taken_port_is_no_obstacle(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", config=AT_THE_PAGE) as (anna_node,):
        assert anna_node.handset is not None
        port = anna_node.handset.split(":")[2].split("/")[0]
        config = f'[answer]\nendpoint = "handset"\n[handset]\nport = {port}\n'
        async with people(tmp_path, "bob", config=config) as (bob_node,), wire_page(bob_node) as (_, hello):
            assert hello["node"] == bob_node.node
            assert f":{port}/" not in str(bob_node.handset)
            assert (await bob_node.status())["handset"] == bob_node.handset


async def test_without_the_page_there_is_no_address(tmp_path: Path) -> None:
    config = '[answer]\nendpoint = "pattern"\n[handset]\nenabled = false\n'
    async with people(tmp_path, "anna", config=config) as (anna_node,):
        assert anna_node.handset is None
