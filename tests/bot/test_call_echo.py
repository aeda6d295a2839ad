"""`/call echo` in a chat and on the command line: a test call with one's own program, which leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import Person, people


async def connected(anna: Person) -> None:
    """Wait until the test call is connected."""
    assert "Connected with echo" in await anna.told(kind=Kind.CONNECTED)


async def test_a_test_call_is_made_from_the_chat_and_its_links_go_to_nobody(tmp_path: Path) -> None:
    async with people(tmp_path, "anna") as (anna,):
        said = await anna.asked("/call echo", kind=Kind.TEST_CALL)
        assert said.startswith("Test call (video): your own program sends back what you say and show.")
        await connected(anna)
        await anna.asked("/hangup", "You ended the call with echo.", kind=Kind.ENDED)
        assert [each for each in anna.said if each["type"] == "post" and each["to"] == "chat"] == []
        _, log, _ = await anna.cli("log", "--json")
        assert "echo" not in log
        await anna.asked("/call Echo audio", "Test call (audio)", kind=Kind.TEST_CALL)
        await connected(anna)


async def test_a_test_call_is_made_from_the_command_line(tmp_path: Path) -> None:
    async with people(tmp_path, "anna") as (anna,):
        code, out, err = await anna.cli("call", "echo")
        assert (code, err) == (0, "")
        assert "Test call (video)" in out
        await connected(anna)
        code, _, err = await anna.cli("call", "echo")
        assert code == 1
        assert "There is a call with echo already." in err


async def test_a_contact_of_that_name_comes_first(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob") as (anna, bob):
        await anna.asked(f"/contact add echo {bob.node}", kind=Kind.CONTACT_SAVED)
        await anna.asked("/call echo", "Calling echo", kind=Kind.CALLING)
