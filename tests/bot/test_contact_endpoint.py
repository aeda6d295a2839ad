"""What one contact sees and hears, chosen by the owner."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bot.console import connect, hang_up, people


async def test_a_contact_gets_an_endpoint_of_its_own_in_the_chat_and_on_the_command_line(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        said = await bob.asked("/contact endpoint anna none", "answered by")
        assert said == "anna's calls are answered by none now."
        assert "answers  none" in await bob.asked("/contact show anna", "answers ")
        await connect(anna, bob, "audio")
        await bob.media(("audio",))
        report, _ = await hang_up(anna, bob)
        assert report["audio_packets_received"] == 0

        code, out, _ = await bob.cli("contacts", "endpoint", "anna", "echo+recorder")
        assert (code, out) == (0, "anna's calls are answered by echo+recorder now.\n")
        await connect(anna, bob, "audio")
        await anna.media(("audio",))
        anna.write("/hangup")
        assert await bob.told("A recording from anna is in ")
        await bob.call("ended")

        assert "the configured endpoint" in await bob.asked("/contact endpoint anna default", "endpoint")
        _, out, _ = await bob.cli("contacts", "show", "anna", "--json")
        assert json.loads(out)["endpoint"] is None


async def test_an_endpoint_that_does_not_exist_is_refused_with_those_that_do(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "bob", homes=friends) as (bob,):
        for wrong in ("telescope", "file+telescope", "echo+recorder+file", "+"):
            said = await bob.asked(f"/contact endpoint anna {wrong}", "endpoint")
            assert "There is no such media endpoint. There are: " in said
        assert "nobody-here" in await bob.asked("/contact endpoint nobody-here echo", "nobody-here")
        code, _, err = await bob.cli("contacts", "endpoint", "anna", "telescope")
        assert code == 1
        assert err.startswith("error: There is no such media endpoint.\nhint:  There are: ")


async def test_a_camera_for_somebody_who_is_not_trusted_is_explained(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "bob", homes=friends) as (bob,):
        assert "only for contacts that you trust" in await bob.asked("/contact endpoint anna camera", "camera")
        await bob.asked("/contact trust anna", "answered by itself")
        assert await bob.asked("/contact endpoint anna camera", "camera") == (
            "anna's calls are answered by camera now."
        )
