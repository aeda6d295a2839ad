"""An invitation is one text, the same everywhere; what it says to do is there; its card is saved by the name on it."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest

from bot.cli.arguments import make_parser
from bot.kinds import Kind
from bot.program_source import folder_at, installed_folder, public_source
from bot.texts.invitation import (
    ASK_FOR_PEER,
    NO_SOURCE_SHORT,
    ONLY_HERE,
    WITHOUT_SUDO,
    WITHOUT_SUDO_LATER,
    invitation,
    no_source,
    no_source_here,
)
from shared.links.card import Card
from shared.links.kinds import as_copybara, decode, find
from shared.node_id import NodeId
from tests.bot.console import cli, people
from tests.peer.handset.wire import page_at

CARD = Card(node=NodeId(b"anna".ljust(32)), sealing_key=bytes(range(32)), name="Anna Maria")

PEER = f"tls://peer.example:443?key={'ab' * 32}"


async def test_the_chat_the_page_and_the_command_line_have_the_same_invitation(tmp_path: Path) -> None:
    async with people(tmp_path, "bob", config="[handset]\nport = 0\n") as (bob,):
        chat = await bob.asked("/invite", kind=Kind.INVITATION)
        assert await bob.told(kind=Kind.INVITATION_SOURCE) == NO_SOURCE_SHORT.text
        _, out, err = await bob.cli("invite")
        assert chat in out
        assert no_source(installed_folder()).sentence in err
        code, out, err = await bob.cli("invite", "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["text"] == chat
        assert bob.handset is not None
        async with page_at(bob.handset) as (_, hello):
            assert hello["invitation"] == chat
            assert hello["invitation_note"] == no_source_here(installed_folder()).text
        code, out, err = await bob.cli("invite", "--from", "https://example.org/copybara.git")
        assert err == ""
        assert "pipx install git+https://example.org/copybara.git" in out
        code, out, err = await bob.cli("invite", "--from", "https://example.org/$(reboot)")
        assert (code, out) == (1, "")
        assert err.startswith("error: A friend can't get the program from there.\nhint:  ")
        assert isinstance(decode(find(chat)[0].token), Card)


def test_a_friend_gets_it_from_where_the_folder_was_cloned(tmp_path: Path) -> None:
    """The README's way: a clone, and `pipx install .` in it."""
    folder = tmp_path / "my programs"
    assert public_source(folder.as_uri()) == ""
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    assert public_source(folder.as_uri()) == ""
    for address, said in (
        ("https://example.org/copybara.git", "https://example.org/copybara.git"),
        ("https://anna:secret@example.org/copybara.git", ""),
        ("git@example.org:copybara.git", ""),
        ("/home/anna/copybara", ""),
        ("https://example.org/$(reboot)", ""),
    ):
        subprocess.run(["git", "-C", folder, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"])
        subprocess.run(["git", "-C", folder, "config", "remote.origin.url", address], check=True)
        assert public_source(folder.as_uri()) == said
    assert public_source(7) == public_source("https://anna:secret@example.org/a.git") == ""
    assert public_source("https://example.org/a.git") == "https://example.org/a.git"


async def test_the_configured_source_is_in_all_of_them(tmp_path: Path) -> None:
    source = "https://example.org/copybara.git"
    async with people(tmp_path, "bob", config=f'[handset]\nport = 0\n[invite]\nsource = "{source}"\n') as (bob,):
        assert f"git+{source} " in await bob.asked("/invite", kind=Kind.INVITATION)
        code, out, err = await bob.cli("invite")
        assert (code, err) == (0, "")
        assert f"git+{source} " in out
        assert bob.handset is not None
        async with page_at(bob.handset) as (_, hello):
            assert f"git+{source} " in hello["invitation"]
            assert hello["invitation_note"] == ""
        assert f"ok   {'invitation':14} says to get the program from {source}" in (await bob.cli("doctor"))[1]


def test_an_invitation_without_a_source_is_true() -> None:
    text = invitation(CARD, "yggdrasil", "").text
    assert "I'll send you the program" in text
    assert "pipx install . " in text
    assert "https://example.org/copybara.whl &&" in invitation(CARD, "staex", "https://example.org/copybara.whl").text
    assert "send your friend the folder" in no_source(None).text


def test_who_has_no_public_address_reads_how_to_pack_the_folder_that_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "copybara relay"
    folder.mkdir()
    assert folder_at(folder.as_uri()) is None
    (folder / "pyproject.toml").touch()
    assert folder_at(folder.as_uri()) == folder
    assert folder_at("https://example.org/a.git") is None
    for note in (no_source(folder), no_source_here(folder)):
        (command,) = re.findall(r"^To pack it: (.+)$", note.hint, flags=re.MULTILINE)
        subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
        with tarfile.open(tmp_path / "copybara.tar.gz") as packed:
            assert packed.getnames() == ["copybara relay", "copybara relay/pyproject.toml"]
    assert no_source_here(None) == NO_SOURCE_SHORT


def test_an_invitation_says_what_needs_an_administrator() -> None:
    for overlay, later in (("yggdrasil", True), ("staex", False)):
        text = invitation(CARD, overlay, "").text
        assert WITHOUT_SUDO in text.partition("sudo apt install")[0], "who can't is told before they try"
        assert (WITHOUT_SUDO_LATER in text) is later


def test_a_private_peer_is_asked_for_and_named_only_where_the_owner_wants_it() -> None:
    asks, given = (invitation(CARD, "yggdrasil", "", private=True, peers=peers).text for peers in ((), (PEER,)))
    assert ASK_FOR_PEER in asks
    assert PEER not in asks
    assert "\n  copybara setup --peers ask\n" in asks
    assert ASK_FOR_PEER not in given
    (command,) = re.findall(r"^  copybara (setup .+)$", given, flags=re.MULTILINE)
    assert make_parser().parse_args(shlex.split(command), argparse.Namespace(home=None)).peers == PEER
    assert ASK_FOR_PEER not in invitation(CARD, "yggdrasil", "").text


async def test_there_may_be_no_private_peer_to_name(tmp_path: Path) -> None:
    async with people(tmp_path, "bob", config=f'[yggdrasil]\nprivate_peers = "{PEER}"\n') as (bob,):
        code, out, err = await bob.cli("invite", "--peer")  # on loopback
        assert (code, out) == (1, "")
        assert err.startswith("error: No private peer is known here")


@pytest.mark.parametrize("overlay", ["yggdrasil", "staex", "loopback", "another"])
def test_every_command_of_an_invitation_exists(overlay: str) -> None:
    text = invitation(CARD, overlay, "").text
    commands = re.findall(r"^  copybara (.+)$", text, flags=re.MULTILINE)
    assert commands == ["setup", "start"]
    for command in commands:
        assert isinstance(make_parser().parse_args(command.split(), argparse.Namespace(home=None)), argparse.Namespace)
    warned = text.startswith("(Don't send this yet: nobody can call you on the loopback network")
    assert warned == (overlay == "loopback")
    assert text.removeprefix(f"{ONLY_HERE}\n\n").startswith("Anna Maria invites you")
    assert [found.token for found in find(text)] == [CARD.token]


async def test_a_card_is_saved_by_the_name_on_it_and_blanks_become_dashes(tmp_path: Path) -> None:
    card = as_copybara(CARD.token)
    other = Card(node=NodeId(b"ben".ljust(32)), sealing_key=bytes(32), name="Ben")
    async with people(tmp_path, "bob") as (bob,):
        assert "Anna" in await bob.asked(f"/contact add {card}", kind=Kind.CONTACT_SAVED)
        assert "Ben-of-the-Hill" in await bob.asked(
            f"/contact add Ben of the Hill {as_copybara(other.token)}", kind=Kind.CONTACT_SAVED
        )
        await bob.asked(f"/contact add {card}", "Anna")  # as they are saved
    home = str(tmp_path / "carol")
    for arguments, name in (([card], "Anna"), (["Ben of the Hill", as_copybara(other.token)], "Ben-of-the-Hill")):
        code, out, err = await cli("--home", home, "contacts", "add", *arguments)
        assert (code, err) == (0, "")
        assert f"Saved {name}," in out
