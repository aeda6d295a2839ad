"""An invitation is one text, the same everywhere. Its instructions work, and its card is saved under its own name."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import tarfile
from pathlib import Path

import pytest
import setuptools_scm
from hypothesis import example, given
from hypothesis import strategies as st

from bot.cli.arguments import make_parser
from bot.friends_peers import FriendsPeers, friends_peers, of_node
from bot.kinds import Kind
from bot.program_source import folder_at, installed_folder, public_source
from bot.texts.invitation import (
    ASK_FOR_PEER,
    NO_SOURCE_SHORT,
    ONLY_HERE,
    PERHAPS_PRIVATE,
    PERHAPS_UNNAMED,
    PRIVATE_PEER,
    THROUGH_PEER,
    UNSEEN,
    WITHOUT_SUDO,
    WITHOUT_SUDO_LATER,
    invitation,
    no_source,
    no_source_here,
    peers_note,
    peers_note_here,
    to_include,
    to_pack,
)
from peer.overlay.yggdrasil_admin import AdminSocket, Peer, Peers, read_response
from peer.overlay.yggdrasil_peers import MAX_LENGTH
from shared.config.schema import Config, Yggdrasil
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
            (note,) = hello["invitation_notes"]
            assert f"{note['text']} {note['command']}" == no_source_here(installed_folder()).text
        code, out, err = await bob.cli("invite", "--from", "https://example.org/copybara.git")
        assert err == ""
        assert "pipx install git+https://example.org/copybara.git" in out
        code, out, err = await bob.cli("invite", "--from", "https://example.org/$(reboot)")
        assert (code, out) == (1, "")
        assert err.startswith("error: A friend can't safely get the program from there.\nhint:  ")
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
            assert hello["invitation_notes"] == []
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


def test_of_a_clone_the_commit_that_was_installed_is_packed_with_its_version_and_without_its_history(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "copybara relay"
    (folder / "docs" / "images").mkdir(parents=True)
    (folder / "docs" / "images" / "a.png").touch()
    (folder / "pyproject.toml").write_text('[tool.setuptools_scm]\nfallback_version = "0.1.dev0"\n')
    who = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "one")):
        subprocess.run(["git", *who, *words], cwd=folder, check=True)
    version = setuptools_scm.get_version(folder)
    (folder / "later").touch()
    command = to_pack(folder, f"{version}.d20261129")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    with tarfile.open(tmp_path / "copybara.tar.gz") as packed:
        assert set(packed.getnames()) == {
            "copybara relay",
            "copybara relay/PKG-INFO",
            "copybara relay/pyproject.toml",
        }
    (tmp_path / "friend").mkdir()
    subprocess.run(["tar", "xzf", "../copybara.tar.gz"], cwd=tmp_path / "friend", check=True)
    unpacked = tmp_path / "friend" / "copybara relay"
    assert setuptools_scm.get_version(unpacked, fallback_version="0.1.dev0") == version
    assert " v1.4.0 " in to_pack(folder, "1.4.0"), "a tag"
    assert to_pack(folder, "0.1.dev0").startswith("tar czf"), "no commit is known"


def test_an_invitation_says_what_needs_an_administrator() -> None:
    for overlay, later in (("yggdrasil", True), ("staex", False)):
        text = invitation(CARD, overlay, "").text
        assert WITHOUT_SUDO in text.partition("sudo apt install")[0], "who can't is told before they try"
        assert (WITHOUT_SUDO_LATER in text) is later


def told_to_set_up(text: str) -> list[str]:
    """The words of the set-up line in an invitation, as a shell splits them."""
    (command,) = re.findall(r"^  (copybara setup.*)$", text, flags=re.MULTILINE)
    said = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, check=True, text=True)
    return said.stdout.splitlines()


async def test_a_private_peer_is_asked_for_and_named_only_where_the_owner_wants_it() -> None:
    peers = await friends_peers(Config(yggdrasil=Yggdrasil(private_peers=PEER)), "yggdrasil")
    assert peers == FriendsPeers("yes", (PEER,))
    asks, given = (invitation(CARD, "yggdrasil", "", peers, names_peers=wanted).text for wanted in (False, True))
    assert ASK_FOR_PEER in asks
    assert PEER not in asks
    assert told_to_set_up(asks) == ["copybara", "setup", "--peers", "ask"]
    assert ASK_FOR_PEER not in given
    assert told_to_set_up(given) == ["copybara", "setup", "--peers", PEER]
    assert make_parser().parse_args(told_to_set_up(given)[1:], argparse.Namespace(home=None)).peers == PEER
    for text in (asks, given):
        assert THROUGH_PEER in text, "that peer may be a computer in the owner's home"
        assert UNSEEN not in text
    without = invitation(CARD, "yggdrasil", "").text
    assert UNSEEN in without
    assert ASK_FOR_PEER not in without


def test_before_the_owner_agrees_they_read_which_address_is_shown_and_a_chat_hears_none() -> None:
    peers = FriendsPeers("yes", (PEER, "tls://[2001:db8::7]:443?password=hush&priority=1"))
    assert "(peer.example, 2001:db8::7) and its password to your friend" in to_include(peers)
    assert "hush" not in to_include(peers)
    for note in (PRIVATE_PEER, PERHAPS_PRIVATE, PERHAPS_UNNAMED):
        assert "peer.example" not in note.text
    assert to_include(FriendsPeers("yes")) == ""
    assert "local network" not in to_include(peers)
    near = to_include(FriendsPeers("yes", ("tls://192.168.1.5:443", "tls://nas.local:443")))
    only_there = (
        "192.168.1.5 and nas.local work only inside one local network, such as a home's: nobody "
        "elsewhere can connect through them."
    )
    assert near.endswith(only_there)
    told = peers_note_here(FriendsPeers("yes", ("tls://192.168.1.5:443", "tls://nas.local:443")))
    assert told is not None
    assert told.sentence == f"{PRIVATE_PEER.sentence} {only_there}"
    assert peers_note_here(peers) == PRIVATE_PEER
    assert peers_note_here(FriendsPeers()) is None


@pytest.mark.parametrize(
    ("answer", "peers", "note"),
    [
        # In 0.5, each peer says who has dialled.
        (
            {"remote": "tls://203.0.113.5:7000", "up": True, "inbound": False, "key": "ab" * 32},
            FriendsPeers("perhaps", (f"tls://203.0.113.5:7000?key={'ab' * 32}",)),
            PERHAPS_PRIVATE,
        ),
        ({"remote": "tls://203.0.113.5:51158", "up": True, "inbound": True, "key": "ab" * 32}, FriendsPeers(), None),
        ({"remote": "tls://203.0.113.5:7000", "up": False, "inbound": False, "key": ""}, FriendsPeers(), None),
        ({"remote": "tls://[fe80::1%25eth0]:7000", "up": True, "inbound": False, "key": ""}, FriendsPeers(), None),
        ({"remote": "tls://127.0.0.1:7000", "up": True, "inbound": False, "key": ""}, FriendsPeers(), None),
        ({"remote": "unix:///run/peer", "up": True, "inbound": False}, FriendsPeers("perhaps"), PERHAPS_UNNAMED),
        # In 0.4, it may be the address of a node that has dialled ours.
        ({"remote": "tls://203.0.113.5:7000", "key": "ab" * 32}, FriendsPeers("perhaps"), PERHAPS_UNNAMED),
    ],
)
def test_a_node_that_was_set_up_by_hand_says_what_it_has_dialled_and_nobody_elses_address_is_named(
    answer: dict[str, object], peers: FriendsPeers, note: object
) -> None:
    raw = json.dumps({"status": "success", "response": {"peers": [answer]}}).encode()
    found = of_node(read_response(raw, Peers, "getpeers", AdminSocket(path="/run/yggdrasil.sock")).peers)
    assert found == peers
    assert peers_note(found) == note
    assert told_to_set_up(invitation(CARD, "yggdrasil", "", found).text) == ["copybara", "setup"]
    assert told_to_set_up(invitation(CARD, "yggdrasil", "", found, names_peers=True).text)[2:] == (
        ["--peers", *peers.lines] if peers.lines else []
    )


async def test_whom_public_peers_connect_hears_nothing_of_them() -> None:
    """The node isn't asked: there is none at that socket, and no error."""
    for settings in (Yggdrasil(public_peers=True), Yggdrasil(admin="unix:///nobody/here")):
        assert peers_note(await friends_peers(Config(yggdrasil=settings), "yggdrasil")) is None
    assert await friends_peers(Config(yggdrasil=Yggdrasil(private_peers=PEER)), "staex") == FriendsPeers()


HOSTILE = st.text() | st.builds("tls://203.0.113.5:1{}".format, st.text("?/=&'\"$();\\n`\\ aA1%", max_size=20))


@given(st.lists(st.builds(Peer, inbound=st.just(False), remote=HOSTILE, key=HOSTILE), max_size=5))
@example([Peer(inbound=False, remote="tls://203.0.113.5:1' ; reboot '")])
@example([Peer(inbound=False, remote="tls://203.0.113.5:1?a=$(reboot)")])
@example([Peer(inbound=False, remote="tls://203.0.113.5:1\n  reboot")])
@example([Peer(inbound=False, remote=f"tls://{'a' * MAX_LENGTH}:1")])
def test_whatever_a_node_says_the_command_of_an_invitation_stays_one_command(peers: list[Peer]) -> None:
    found = of_node(peers)
    assert all(len(line) <= MAX_LENGTH for line in found.lines)
    text = invitation(CARD, "yggdrasil", "", found, names_peers=True).text
    (command,) = re.findall(r"^  (copybara setup.*)$", text, flags=re.MULTILINE)
    assert shlex.split(command)[2:] == (["--peers", " ".join(found.lines)] if found.lines else [])
    assert not set(command) & set('"$();`\\|<>*!#~')
    plain = invitation(CARD, "yggdrasil", "").text
    assert len(text.splitlines()) == len(plain.splitlines())


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


async def test_a_card_is_saved_by_the_name_on_it_with_its_spaces(tmp_path: Path) -> None:
    card = as_copybara(CARD.token)
    other = Card(node=NodeId(b"ben".ljust(32)), sealing_key=bytes(32), name="Ben")
    async with people(tmp_path, "bob") as (bob,):
        assert f"/contact add Anna Maria {card}" in await bob.asked(card, kind=Kind.CARD_SEEN)
        saved = await bob.asked(f"/contact add {card}", kind=Kind.CONTACT_SAVED)
        assert "Saved Anna Maria, " in saved
        assert await bob.asked("/contact add Ben Smith", "There has been no call yet.", kind="error.input")
        saved = await bob.asked(f"/contact add Ben of the Hill {as_copybara(other.token)}", kind=Kind.CONTACT_SAVED)
        assert "Saved Ben of the Hill, " in saved
        saved = await bob.asked(f"/contact add {card}", kind=Kind.CONTACT_SAVED)
        assert "Saved Anna Maria, " in saved, "as they are saved"
        renamed = await bob.asked("/contact rename ben-of-the-hill Ben  Hill", kind=Kind.CONTACT_RENAMED)
        assert renamed == "ben-of-the-hill is now called Ben Hill."
        renamed = await bob.asked("/contact rename Ben Hill Ben Hill Junior", kind=Kind.CONTACT_RENAMED)
        assert renamed == "Ben Hill is now called Ben Hill Junior."
    home = str(tmp_path / "carol")
    for arguments, name in (([card], "Anna Maria"), (["Ben of the Hill", as_copybara(other.token)], "Ben of the Hill")):
        code, out, err = await cli("--home", home, "contacts", "add", *arguments)
        assert (code, err) == (0, "")
        assert f"Saved {name}," in out
    code, out, err = await cli("--home", home, "contacts", "rename", "Anna Maria", "Änna  Möller 😀")
    assert (code, err) == (0, "")
    assert "now called Änna Möller 😀.\n" in out
