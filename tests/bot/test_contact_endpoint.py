"""What one contact sees and hears, chosen by the owner."""

from __future__ import annotations

import json
from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import connect, hang_up, people


async def test_a_contact_gets_an_endpoint_of_its_own_in_the_chat_and_on_the_command_line(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        said = await bob.asked("/contact endpoint anna none", kind=Kind.CONTACT_ENDPOINT)
        assert said == "anna's calls will be answered by none."
        assert "answers  none" in await bob.asked("/contact show anna", kind=Kind.CONTACT_DETAILS)
        await connect(anna, bob, "audio")
        await bob.media(("audio",))
        report, _ = await hang_up(anna, bob)
        assert report["audio_packets_received"] == 0

        code, out, _ = await bob.cli("contacts", "endpoint", "anna", "echo+recorder")
        assert (code, out) == (0, "anna's calls will be answered by echo+recorder.\n")
        await connect(anna, bob, "audio")
        await anna.media(("audio",))
        anna.write("/hangup")
        assert await bob.told("anna", kind=Kind.RECORDED)
        await bob.call("ended")

        await bob.asked("/contact endpoint anna default", kind=Kind.CONTACT_ENDPOINT)
        _, out, _ = await bob.cli("contacts", "show", "anna", "--json")
        assert json.loads(out)["endpoint"] is None


async def test_an_endpoint_that_does_not_exist_is_refused_with_those_that_do(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "bob", homes=friends) as (bob,):
        for wrong in ("telescope", "file+telescope", "echo+recorder+file", "+"):
            said = await bob.asked(f"/contact endpoint anna {wrong}", kind="error.input")
            assert "There is no such media endpoint. There are: " in said
        assert "nobody-here" in await bob.asked("/contact endpoint nobody-here echo", kind="error.name-not-found")
        code, _, err = await bob.cli("contacts", "endpoint", "anna", "telescope")
        assert code == 1
        assert err.startswith("error: There is no such media endpoint.\nhint:  There are: ")


async def test_a_camera_for_somebody_who_is_not_trusted_is_explained(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "bob", homes=friends) as (bob,):
        assert "/contact trust anna" in await bob.asked("/contact endpoint anna camera", kind=Kind.CONTACT_ENDPOINT)
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        assert await bob.asked("/contact endpoint anna camera", kind=Kind.CONTACT_ENDPOINT) == (
            "anna's calls will be answered by camera."
        )
