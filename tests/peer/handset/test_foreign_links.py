"""Links of the original web app at the page: explained before anything is done, and read and answered after a click."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bot.console import people
from tests.peer.handset.wire import AT_THE_PAGE, wire_page

PAGE = "https://page.example/"


async def test_a_classic_call_is_explained_answered_and_connected_at_two_pages(tmp_path: Path) -> None:
    config = f'{AT_THE_PAGE}[calls]\nclassic_page = "{PAGE}"\n'
    async with people(tmp_path, "anna", "bob", config=config) as (anna_node, bob_node):
        await anna_node.asked(f"/contact add bob {bob_node.node}", kind="contact.saved")
        await anna_node.asked("/contact program bob classic", kind="contact.program")
        with anna_node.chat.hold():
            async with wire_page(anna_node) as (anna, _), wire_page(bob_node) as (bob, _):
                placed = await anna.ask("place", whom="bob", media="audio")
                request = (await anna.next("link"))["link"]
                assert request["text"].startswith(f"{PAGE}?H4sI")
                assert request["qr"] == "", "too long for a camera"

                own = await anna.ask("explain", text=request["text"])
                assert (own["kind"], own["can_act"]) == ("own", False)
                call = await bob.ask("explain", text=f"look: {request['text']}")
                assert (call["kind"], call["button"], call["can_act"]) == ("call", "Answer", True)
                assert anna_node.node in call["sentence"]
                assert f"from {PAGE}" in call["sentence"]
                assert "Nothing proves who it is" in call["sentence"]

                done = await bob.ask("act", text=call["token"])
                await bob.next("ring", call=done["call"])
                await bob.say("answer", call=done["call"], media="audio")
                response = (await bob.next("link"))["link"]["text"]
                assert response.startswith(f"{PAGE}?H4sI")
                assert (await bob.ask("explain", text=response))["can_act"] is False
                used = await bob.ask("explain", text=request["text"])
                assert (used["kind"], used["can_act"]) == ("unusable", False)

                answered = await anna.ask("explain", text=response)
                assert (answered["kind"], answered["button"]) == ("response", "Connect")
                await anna.ask("act", text=answered["token"])
                await asyncio.gather(*(page.next("call", state="active") for page in (anna, bob)))

                await anna.say("write", call=placed["call"], text="hello beside the call")
                assert "hello beside the call" in (await bob.next("text"))["text"]
                await anna.say("hang-up", call=placed["call"])
                await bob.next("call", state="ended")


async def test_a_damaged_classic_link_is_explained_as_one(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", config=AT_THE_PAGE) as [anna_node], wire_page(anna_node) as (anna, _):
        damaged = await anna.ask("explain", text=f"{PAGE}?H4sIAAAA")
        assert (damaged["kind"], damaged["can_act"]) == ("unusable", False)
        assert "damaged" in damaged["sentence"]
