"""`copybara bugreport` helps a maintainer, shows what it would write, and contains nothing private of a home."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.bugreport.private import of_home
from bot.cli.bugreport.scrubber import Private, Scrubber
from bot.cli.bugreport.vocabulary import own_vocabulary
from bot.home import Home
from shared.call.records import CallRecord
from shared.contacts import Contact
from shared.media import Media
from shared.node_id import NodeId
from shared.store import Store
from shared.store.journal import Journal
from tests.bot.console import cli

NODES = [NodeId(bytes(range(at, at + 32))) for at in (7, 60, 111, 160)]
PEOPLE = ["Zebulon-Quix", "rose", "Мария", "mallory"]
TOKEN = "7654321098:" + "AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"
PAIR_SECRET = bytes(range(200, 232))
ADDRESSES = ["10.83.7.9", "201:5d3a:77::1f", "fd00::9", "192.168.77.20", "[201:5d3a::2]:4711"]
ACCOUNTS = ["@zeb-bot:example.org", "zeb@mail.example", "@zebulon_bot", "48151623"]
PASSWORD = "hunter2&co"
NAMES = ["zebulon.azero", "quix.eth"]
OTHERS = ["Mallory", "Theodora Blum", "+4930901820", "/home/quirin/secret.txt", "dcaccount:nine.example"]
"Names and secrets of people whom this home doesn't know. They are only in the log."

CONFIG = f"""\
name = "Zebulon Quix"
overlay = "loopback"
[answer]
endpoint = "pattern"
[calls]
lifetime = 300
[camera]
address = "rtsp://zeb:{PASSWORD}@192.168.77.20/door"
[devices]
microphone = "Zebulon's headset"
[names]
own_name = "zebulon.azero"
"""


def filled(folder: Path) -> tuple[Home, list[str]]:
    """A home in a folder with a user's name, with secrets of every kind. Also returns all of them as texts."""
    home = Home(folder / "zebulon q" / "her home")
    home.folder.parent.mkdir()
    home.prepare()
    home.own_config.write_text(CONFIG)
    (home.folder / "telegram.token").write_text(TOKEN)
    (home.folder / "letter to rose.txt").write_text("private")
    sealing, handset = home.load_sealing_key().private_bytes_raw(), home.load_handset_key()
    now = int(time.time())
    with Store(home.database) as store:
        for name, node in zip(PEOPLE, NODES, strict=True):
            store.save_contact(Contact(name=name, node=node, created=now))
        store.propose_secret(NODES[0], PAIR_SECRET, now)
        store.end_call(
            CallRecord(
                reference=bytes(8),
                peer=NODES[2],
                role="caller",
                media=Media.AUDIO,
                started=now,
                connected=None,
                ended=now,
                reason="hung-up",
                name="Ohm",
            )
        )
        Journal(store, "telegram").set_facts({"owner": b"48151623", "bot": b"zebulon_bot"})
        account = {"user": ACCOUNTS[0], "token": "syt_c2VjcmV0"}
        Journal(store, "matrix").set_facts({"account": json.dumps(account).encode()})
        store.set_home_fact("node", str(NODES[0]).encode())
    forms = (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode)
    raw = (sealing, handset, PAIR_SECRET, *(node.key for node in NODES))
    keys = [str(form(key), "ascii") for key in raw for form in forms] + [key.hex() for key in raw]
    secrets = [*map(str, NODES), *(node.short for node in NODES), *PEOPLE, "Ohm", TOKEN, *keys]
    secrets += [*ADDRESSES, *ACCOUNTS, PASSWORD, *NAMES, *OTHERS]
    secrets += [str(home.folder), "zebulon q", "Zebulon's headset", "letter to rose", "syt_c2VjcmV0"]
    return home, secrets


def log_with(folder: Path, secrets: list[str]) -> Path:
    """A log with each secret in all places where texts may be: in sentences, quotes, addresses and paths."""
    log = folder / "copybara.log"
    lines = ["Reading messages failed", "Traceback (most recent call last):"]
    lines.append(f'  File "{folder}/bot/app.py", line 3, in _run')
    for secret in secrets:
        lines.append(f"WARNING bot.app: the call of {secret} ended, ({secret}), '{secret}', {secret}: {secret}.")
        lines.append(f"INFO httpx: http://{secret}:{secret}@host.example/bot{secret}/getMe?name={secret}")
    log.write_text("\n".join(lines))
    return log


async def test_nothing_private_of_a_home_is_in_its_report(tmp_path: Path) -> None:
    home, secrets = filled(tmp_path)
    for number, at in enumerate(range(0, len(secrets), 40)):
        output = tmp_path / f"report{number}.txt"
        log = log_with(tmp_path, secrets[at : at + 40])
        code, out, err = await cli(
            *("--home", str(home.folder), "bugreport", "--yes"), *("--output", str(output), "--log", str(log))
        )
        assert (code, err) == (0, "")
        written = output.read_text()
        assert written in out  # what was shown is what was written
        assert output.stat().st_mode & 0o777 == 0o600
        for secret in secrets:
            assert secret.lower() not in written.lower(), secret


async def test_a_report_tells_a_maintainer_what_they_need(tmp_path: Path) -> None:
    home, _ = filled(tmp_path)
    log = log_with(tmp_path, [])
    output = tmp_path / "report.txt"
    await cli("--home", str(home.folder), "bugreport", "--yes", "--output", str(output), "--log", str(log))
    written = output.read_text()
    for line in (
        "  calls.lifetime: 300",
        "  overlay: loopback",
        "  camera.address: given",
        "  names.own_name: given",
        "  contacts: 4 rows",
        "  pair_secrets: 1 row",
        "  no damage found",
        "  ok database: 4 contacts",
        "  ok configuration: …/copybara.toml",
        "  Reading messages failed",
        '    File "bot/app.py", line 3, in _run',
    ):
        assert f"{line}\n" in written, line
    assert "ok self call: connected to ourselves in " in written
    assert "\n  aiortc 1." in written


async def test_nothing_is_written_without_a_yes_nor_over_another_file(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    output = tmp_path / "report.txt"
    code, out, _ = await cli("--home", str(home.folder), "bugreport", "--output", str(output))
    assert code == 0
    assert "What doctor says" in out
    assert "\nHome\n  none\n" in out
    assert "Nothing was written" in out
    assert not output.exists()
    assert not home.folder.exists()
    output.write_text("mine")
    code, _, err = await cli("--home", str(home.folder), "bugreport", "--output", str(output), "--yes")
    assert code == 1
    assert "is there already" in err
    assert output.read_text() == "mine"


async def test_a_home_that_is_broken_can_be_reported(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    home.own_config.write_text('name = "Quix"\nsecret_of = "Quix"\n')
    home.database.write_bytes(b"Quix" * 1000)
    output = tmp_path / "report.txt"
    code, _, err = await cli("--home", str(home.folder), "bugreport", "--output", str(output), "--yes")
    assert (code, err) == (0, "")
    written = output.read_text()
    assert "can't be read: line 2" in written
    assert "can't be read: DatabaseError" in written
    assert "quix" not in written.lower()


SCRUBBER = Scrubber(own_vocabulary(), Private(("at the lake",), frozenset({"call"})))


@given(st.text("0123456789abcdefABCDEF", min_size=12) | st.text("0123456789", min_size=6) | st.ip_addresses().map(str))
def test_keys_numbers_of_accounts_and_addresses_are_never_kept(secret: str) -> None:
    kept = SCRUBBER.scrubbed(f"node ({secret}), at {secret}: '{secret}'").replace("node", "").replace("at", "")
    assert not any(character.isalnum() for character in kept)


@pytest.mark.parametrize("name", ["anna", "Anna", "bob", "at the lake", "AT THE LAKE", "call", "Call"])
def test_a_name_is_removed_even_if_the_program_has_that_word(name: str) -> None:
    assert name.lower() not in SCRUBBER.scrubbed(f"the link of {name} ended").lower()


@pytest.mark.parametrize(
    "line",
    [
        "the overlay can't be used: Permission denied",
        "aioice 0.13.0, packets up to 1280 bytes, 12.5 ms",
        "2026-11-28 09:42:34 WARNING bot.messengers.outbox: OSError",
        "shared.errors.ConfigError: no such file",
    ],
)
def test_what_says_nothing_about_anybody_stays(line: str) -> None:
    assert SCRUBBER.scrubbed(line) == line


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("at the lake/copybara.toml: no such file", "…/copybara.toml: no such file"),
        ("at the lake/letter.txt: no such file", "…: no such file"),
        ("at the lakeat the lake", "…"),
    ],
)
def test_of_a_path_in_the_home_one_mark_is_left_and_the_name_that_is_the_same_in_every_home(
    line: str, kept: str
) -> None:
    assert SCRUBBER.scrubbed(line) == kept


def test_a_letter_of_a_name_is_no_name(tmp_path: Path) -> None:
    home, _ = filled(tmp_path)  # with Zebulon's headset
    line = "The Staex node's API didn't answer."
    assert Scrubber(own_vocabulary(), of_home(home)).scrubbed(line) == line
