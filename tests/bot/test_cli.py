"""The command line: exit codes, what goes to stdout and to stderr, and JSON that parses."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.cli.arguments import GROUPS, make_parser
from bot.cli.main import main
from bot.home import Home
from bot.known_node import remember
from peer.overlay.loopback import LoopbackOverlay
from shared.config.file import load
from shared.contacts import Contact
from shared.links.card import Card
from shared.links.kinds import Link, Request, Response, Status, as_copybara, decode
from shared.links.paired import Operation, PairedBody, seal
from shared.links.sealed import seal_request
from shared.links.tokens import to_bytes, to_text
from shared.media import Media
from shared.node_id import NodeId
from shared.store import Store
from tests.bot.console import cli, environment_of_a_person
from tests.bot.test_start import home_in
from tests.link_forms import as_handset

ANNA = NodeId(b"anna".ljust(32))
ELSEWHERE = NodeId(b"elsewhere".ljust(32))
SECRET = b"a pair secret of bob's and anna's"[:32]

Copybara = Callable[..., tuple[int, str, str]]


@pytest.fixture
def copybara(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Copybara:
    """Runs a command in this process, and returns its exit code, stdout and stderr."""
    monkeypatch.delenv("COPYBARA_HOME", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as usage:
            code = int(usage.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The home of Bob, who knows anna and is paired with her."""
    home = Home(tmp_path / "bob")
    home.prepare()
    home.own_config.write_text('name = "Bob"\noverlay = "loopback"\n')
    with Store(home.database) as store:
        store.save_contact(Contact(name="anna", node=ANNA, created=0))
        store.propose_secret(ANNA, SECRET, 0)
        store.commit_secret(ANNA, SECRET)
    return home


def node_of(home: Home) -> NodeId:
    return asyncio.run(LoopbackOverlay(home.folder).node_id())


def test_without_a_command_there_are_the_few_that_a_newcomer_needs(copybara: Copybara) -> None:
    code, out, err = copybara()
    assert (code, out) == (2, "")
    assert err.endswith("\nerror: Which command?\nhint:  One of those above. To begin: copybara setup\n")
    named = re.findall(r"^  copybara (\w+) ", err, flags=re.MULTILINE)
    assert named[1:3] == ["setup", "start"]
    for name in named:
        assert callable(make_parser().parse_args([name], argparse.Namespace(home=None)).run)


WRONG = [
    [],
    ["nonsense"],
    ["--nonsense"],
    ["call"],
    ["call", "anna", "smell"],
    ["files", "eat"],
    ["contacts", "nonsense"],
    ["contacts", "add"],
    ["contacts", "rename", "anna"],
    ["contacts", "trust", "anna", "everything"],
    ["link"],
    ["link", "explain"],
    ["sdp"],
    ["service", "nonsense"],
    ["setup", "nonsense"],
    ["help", "nonsense"],
    ["resolve"],
    ["run", "--overlay", "internet"],
    ["status", "more"],
    ["--home"],
]


MISTYPED = {
    "strat": "copybara start",
    "contacst": "copybara contacts",
    "contacts lst": "copybara contacts list",
    "devices ad phone": "copybara devices add",
    "service instal": "copybara service install",
    "setup telgram": "telegram",
    "call anna vidoe": "video",
    "run --overlay ygdrasil": "yggdrasil",
    "name": "copybara setup name",
    "version": "copybara --version",
}


@pytest.mark.parametrize(("line", "meant"), MISTYPED.items())
def test_a_mistyped_word_is_asked_back(copybara: Copybara, line: str, meant: str) -> None:
    code, out, err = copybara(*line.split())
    assert (code, out) == (2, "")
    assert f"\nhint:  Did you mean {meant}?" in err


@pytest.mark.parametrize("word", ["stop", "quit"])
def test_who_looks_for_a_command_that_stops_the_program_is_told_how(copybara: Copybara, word: str) -> None:
    code, _, err = copybara(word)
    assert (code, "\nhint:  Ctrl-C ends Copybara" in err, "Did you mean" in err) == (2, True, False)


def test_who_looks_for_a_command_that_reads_a_link_is_told_how(copybara: Copybara) -> None:
    code, _, err = copybara("read", "copybara:call")
    assert (code, "\nhint:  Paste a friend's link" in err, "copybara start LINK" in err) == (2, True, True)


@pytest.mark.parametrize(
    ("word", "call"),
    [
        ("anna", "anna"),
        ("Ann Lee", "'Ann Lee'"),
        ("anna.eth", "anna.eth"),
        ("/anna", "NAME"),
        ("x" * 80, "NAME"),
        ("", "NAME"),
    ],
)
def test_who_gives_a_name_alone_reads_how_to_call(copybara: Copybara, word: str, call: str) -> None:
    code, out, err = copybara(word)
    assert (code, out) == (2, "")
    assert err.endswith(f" See: copybara --help. To call a contact: copybara call {call}\n")


def test_who_pastes_a_link_alone_reads_how_to_open_it(copybara: Copybara) -> None:
    assert "copybara start LINK" in copybara("copybara:FQEgE1o7G")[2]


def test_a_first_name_is_asked_back(copybara: Copybara, home: Home) -> None:
    with Store(home.database) as store:
        store.save_contact(Contact(name="Ben Smith", node=NodeId(bytes(31) + b"\1"), created=0))
    for command in (["contacts", "show", "ben"], ["resolve", "ben"]):
        code, _, err = copybara("--home", str(home.folder), *command)
        assert (code, err.splitlines()[1:]) == (1, ["hint:  Did you mean Ben Smith?"])


def test_what_is_meant_by_none_of_them_is_not_guessed(copybara: Copybara) -> None:
    assert "Did you mean" not in copybara("qwxyz")[2]


def test_a_contact_that_is_mistyped_is_asked_back(copybara: Copybara, home: Home) -> None:
    for command in (["contacts", "trust", "anan"], ["contacts", "show", "ANN"], ["resolve", "anan"]):
        code, out, err = copybara("--home", str(home.folder), *command)
        assert (code, err.splitlines()[1:]) == (1, ["hint:  Did you mean anna?"]), (out, err)


def test_a_page_of_the_manual_that_is_mistyped_is_asked_back(copybara: Copybara) -> None:
    assert "hint:  Did you mean copybara manual overlays?" in copybara("manual", "overlay")[2]


def test_a_group_of_commands_alone_lists_what_it_is_about(copybara: Copybara, home: Home) -> None:
    at_home = ("--home", str(home.folder))
    for arguments in (("contacts",), ("contacts", "--json"), ("devices",), ("devices", "--json"), ("desktop",)):
        code, out, err = copybara(*at_home, *arguments)
        assert (code, err) == (0, ""), arguments
        listed = copybara(*at_home, arguments[0], "status" if arguments == ("desktop",) else "list", *arguments[1:])
        assert listed == (0, out, ""), arguments
    assert "anna" in copybara(*at_home, "contacts")[1]


def test_help_is_a_word_too(copybara: Copybara) -> None:
    assert copybara("help") == copybara("--help")
    assert copybara("help", "contacts", "add") == copybara("contacts", "add", "--help")


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_exits_2_and_shows_the_right_one(copybara: Copybara, arguments: list[str]) -> None:
    code, out, err = copybara(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: copybara")
    assert "error: " in err


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "setup",
        "start",
        "run",
        "doctor",
        "status",
        "call",
        "answer",
        "decline",
        "hangup",
        "differ",
        "contacts",
        "card",
        "resolve",
    ],
)
def test_every_command_of_the_contract_explains_itself(copybara: Copybara, command: str) -> None:
    code, out, err = copybara("--help")
    assert (code, err) == (0, "")
    assert f"\n  {command} " in out
    code, out, err = copybara(command, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: copybara {command} ")
    if command not in ("setup", "contacts"):
        assert "--json" in out


def test_help_lists_each_command_once_what_one_begins_with_first_and_no_old_name(copybara: Copybara) -> None:
    known = next(each.choices for each in make_parser()._actions if isinstance(each, argparse._SubParsersAction))
    listed = [name for _, names in GROUPS for name in names]
    assert sorted(listed) == sorted(set(known) - {"init"})
    _, out, _ = copybara("--help")
    assert re.findall(r"^  ([a-z]+)  ", out, re.MULTILINE)[: len(listed)] == listed
    assert listed[:3] == ["setup", "start", "invite"]


def test_the_version_is_told(copybara: Copybara) -> None:
    code, out, _ = copybara("--version")
    assert code == 0
    assert out.startswith("copybara ")


def test_the_home_may_stand_before_or_after_the_command_or_in_the_environment(
    copybara: Copybara, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (
        ["--home", str(home.folder), "contacts", "list"],
        ["contacts", "list", "--home", str(home.folder)],
        ["contacts", "--help"],
    ):
        code, out, _ = copybara(*arguments)
        assert code == 0
        assert "anna" in out or "--help" in arguments
    monkeypatch.setenv("COPYBARA_HOME", str(home.folder))
    assert "anna" in copybara("contacts", "list")[1]
    assert "anna" not in copybara("--home", str(tmp_path / "other"), "contacts", "list")[1]


@pytest.mark.parametrize("command", [["status"], ["call", "anna"], ["answer"], ["decline", "why"], ["hangup"]])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_without_a_running_program_what_needs_one_fails(
    copybara: Copybara, home: Home, command: list[str], form: list[str]
) -> None:
    code, out, err = copybara("--home", str(home.folder), *command, *form)
    assert (code, out) == (1, "")
    assert err.startswith("error: No copybara is running with this home.\nhint:  Start it with `copybara start`.")


def test_without_a_page_and_any_messenger_there_is_nothing_to_run(copybara: Copybara, home: Home) -> None:
    home.own_config.write_text(f"{home.own_config.read_text()}[handset]\nenabled = false\n")
    code, out, err = copybara("--home", str(home.folder), "run")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert "--console" in err.partition("hint:")[2]


def test_the_contact_book_from_the_first_entry_to_the_last(copybara: Copybara, tmp_path: Path) -> None:
    def contacts(*arguments: str) -> str:
        code, out, err = copybara("contacts", *arguments, "--home", str(tmp_path / "new"))
        assert (code, err) == (0, "")
        return out

    assert contacts("list") == "You have no contacts yet. With a friend's card: copybara contacts add CARD\n"
    assert json.loads(contacts("list", "--json")) == []
    assert contacts("add", "anna", str(ANNA)).startswith("Saved anna")
    card = Card(ELSEWHERE, bytes(32), "Ben", "ben.azero")
    assert contacts("add", "ben", as_copybara(card.token)).startswith("Saved ben")
    everybody = json.loads(contacts("list", "--json"))
    assert [(one["name"], one["node"], one["card"]) for one in everybody] == [
        ("anna", str(ANNA), False),
        ("ben", str(ELSEWHERE), True),
    ]
    assert [line.split()[0] for line in contacts("list").splitlines()] == ["anna", "ben"]
    shown: dict[str, Any] = json.loads(contacts("show", "anna", "--json"))
    assert (shown["trust"], shown["media"], shown["paired"]) == ("ring", "video", False)
    assert str(ANNA) in contacts("show", "ANNA")
    for action, trust, media in (("trust", "auto", ["audio"]), ("ring", "ring", []), ("block", "block", [])):
        assert "anna" in contacts(action, "anna", *media)
        shown = json.loads(contacts("show", "anna", "--json"))
        assert (shown["trust"], shown["media"]) == (trust, "audio")
    assert contacts("rename", "anna", "Ännchen") == "anna is now called Ännchen.\n"
    assert contacts("remove", "ännchen").startswith("Removed Ännchen")
    assert [one["name"] for one in json.loads(contacts("list", "--json"))] == ["ben"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "zoe"], "There is no contact called zoe."),
        (["trust", "zoe"], "There is no contact called zoe."),
        (["remove", "zoe"], "There is no contact called zoe."),
        (["rename", "zoe", "ben"], "There is no contact called zoe."),
        (["rename", "anna", "be/n"], "That name could be taken for a command or a link."),
        (["add", "anna", str(ELSEWHERE)], "anna is already in your contacts"),
        (["add", "ben", str(ANNA)], "anna is already in your contacts"),
        (["add", "ben", str(ANNA)[:-1] + "u"], "That isn't a node id: its character 52"),
        (["add", "ben", "something"], "That is neither a node id nor a contact card."),
        (["add", "be\u202en", str(ELSEWHERE)], "That name has characters that can't be seen."),
        (["add", "ben"], "No copybara is running with this home."),
    ],
)
def test_a_mistake_in_the_contact_book_gets_a_sentence(
    copybara: Copybara, home: Home, arguments: list[str], sentence: str
) -> None:
    code, out, err = copybara("--home", str(home.folder), "contacts", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {sentence}")
    assert json.loads(copybara("--home", str(home.folder), "contacts", "list", "--json")[1])[0]["name"] == "anna"


def test_nobody_is_a_contact_of_their_own(copybara: Copybara, home: Home) -> None:
    at_home = ("--home", str(home.folder))
    own = json.loads(copybara(*at_home, "card", "--json")[1])
    with Store(home.database) as store:
        remember(store, "loopback", NodeId.parse(own["node"]))
    for whom in ([own["link"]], ["me", own["link"]], ["me", own["node"]]):
        code, out, err = copybara(*at_home, "contacts", "add", *whom)
        assert (code, out) == (1, "")
        assert err.startswith("error: That is your own card or node id.\nhint:  Send your card to the other person")
    assert [one["name"] for one in json.loads(copybara(*at_home, "contacts", "--json")[1])] == ["anna"]


def test_the_card_is_shown_as_text_and_as_a_picture(copybara: Copybara, home: Home) -> None:
    code, out, err = copybara("--home", str(home.folder), "card", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    card = decode(told["token"])
    assert isinstance(card, Card)
    assert (card.node, card.name) == (node_of(home), "Bob")
    assert card.sealing_key == home.load_sealing_key().public_key().public_bytes_raw()
    assert (told["node"], told["name"], told["link"]) == (str(card.node), "Bob", as_copybara(card.token))
    code, out, err = copybara("--home", str(home.folder), "card")
    assert (code, err) == (0, "")
    assert told["link"] in out
    assert told["node"] in out
    assert "▀" in out or "█" in out


def test_a_name_is_resolved_in_the_contact_book(copybara: Copybara, home: Home) -> None:
    code, out, err = copybara("--home", str(home.folder), "resolve", "Anna", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["node"] == str(ANNA)
    code, out, err = copybara("--home", str(home.folder), "resolve", "anna")
    assert (code, err) == (0, "")
    assert str(ANNA) in out
    code, out, err = copybara("--home", str(home.folder), "resolve", "zoe")
    assert code == 1
    assert err.startswith("error: No one is known as zoe.\nhint:")


def links_for(home: Home) -> dict[str, Link]:
    """Links of every kind, by what is special about them."""
    own, now = node_of(home), int(time.time())

    def request(destination: NodeId) -> Request:
        return Request.to(
            destination,
            media=Media.AUDIO,
            created=now - 5,
            seed=secrets.token_bytes(16),
            source=ANNA,
            fingerprint=bytes(32),
            port=40_000,
        )

    def paired(operation: Operation, secret: bytes = SECRET) -> Link:
        calls = operation is Operation.CALL
        said = PairedBody(operation, Media.BOTH, now, 40_000 if calls else 0)
        return seal(said, secret=secret, source=ANNA, destination=own, nonce=secrets.token_bytes(12))

    card_key = home.load_sealing_key().public_key().public_bytes_raw()
    accepted = Response.accepting(request(own), media=Media.BOTH, seed=bytes(8), fingerprint=bytes(32), port=4)
    return {
        "request": request(own),
        "request to another": request(ELSEWHERE),
        "sealed": seal_request(request(own), card_key, own),
        "sealed to another": seal_request(request(ELSEWHERE), card_key, ELSEWHERE),
        "acceptance": accepted,
        "refusal": Response.refusing(request(own), Status.BUSY),
        "paired call": paired(Operation.CALL),
        "paired cancel": paired(Operation.CANCEL),
        "paired with others": paired(Operation.CALL, bytes(32)),
        "card": Card(ANNA, bytes(32), "Anna", "anna.azero"),
    }


EXPLAINED: dict[str, dict[str, object]] = {
    "request": {"link": "request to call", "from": str(ANNA), "wants": "audio", "port": 40_000},
    "request to another": {"link": "request to call, to another node", "from": str(ANNA), "wants": "audio"},
    "sealed": {"link": "request to call, sealed to a contact card", "from": str(ANNA), "wants": "audio"},
    "sealed to another": {"link": "request to call, sealed to a contact card", "from": None},
    "acceptance": {"link": "response to a request", "says": "accepts", "agrees_to": "video"},
    "refusal": {"link": "response to a request", "says": "is busy"},
    "paired call": {"link": "between paired contacts", "from": str(ANNA), "wants": "video", "port": 40_000},
    "paired cancel": {"link": "between paired contacts", "from": str(ANNA), "says": "cancel"},
    "paired with others": {"link": "between paired contacts", "from": None},
    "card": {"link": "contact card", "node": str(ANNA), "name": "Anna", "found_as": "anna.azero"},
}


@pytest.mark.parametrize("kind", EXPLAINED)
def test_a_link_of_any_kind_is_explained_and_not_used(copybara: Copybara, home: Home, kind: str) -> None:
    link = links_for(home)[kind]
    for text in (link.token, as_copybara(link.token), f"see {as_handset(link.token, 8080)} !"):
        code, out, err = copybara("--home", str(home.folder), "link", "explain", text, "--json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert EXPLAINED[kind].items() <= told.items()
        assert (told["characters"], told["bytes"]) == (len(link.token), len(link.encode()))
        if "age_seconds" in told:
            assert 0 <= told["age_seconds"] < 60
    code, out, err = copybara("link", "explain", link.token, "--home", str(home.folder))
    assert (code, err) == (0, "")
    assert str(EXPLAINED[kind]["link"]) in out
    with Store(home.database) as store:
        assert store.link_seen(link.encode()) is None


@pytest.mark.parametrize("kind", [kind for kind in EXPLAINED if kind != "card"])
def test_a_link_of_a_call_is_told_from_a_card(copybara: Copybara, home: Home, kind: str) -> None:
    link = as_copybara(links_for(home)[kind].token)
    for whom in ([link], ["ben", link]):
        code, out, err = copybara("--home", str(home.folder), "contacts", "add", *whom)
        assert (code, out) == (1, "")
        assert err.startswith("error: That is the link of a call, not a contact card.\nhint:  If they sent it to you")


def test_an_unreadable_link_is_explained_too(copybara: Copybara, home: Home) -> None:
    token = links_for(home)["request"].token
    raw = to_bytes(token)
    for text, reason in (
        (as_copybara(token[:-2]), "malformed"),
        (as_copybara(to_text(bytes([raw[0] + 16]) + raw[1:])), "wrong-version"),
    ):
        code, out, err = copybara("--home", str(home.folder), "link", "explain", text, "--json")
        assert (code, err) == (0, "")
        told = json.loads(out)
        assert (told["link"], told["reason"]) == ("unreadable", reason)
        assert told["meaning"]
    for text in ("no link at all", "hello"):
        code, out, err = copybara("--home", str(home.folder), "link", "explain", text)
        assert (code, out) == (1, "")
        assert err.startswith("error: There is no link in that.\nhint:")
    code, out, err = copybara("--home", str(home.folder), "start", "hello")
    assert (code, out) == (1, "")
    assert err.startswith("error: There is no link in 'hello'.\nhint:")


def test_what_is_too_much_is_said_by_the_command_that_it_was_given_to(copybara: Copybara) -> None:
    code, out, err = copybara("start", "link", "another")
    assert (code, out) == (2, "")
    assert err.endswith("error: `copybara start` doesn't take: another.\nhint:  See: copybara start --help\n")


def test_a_contact_without_a_card_needs_a_running_copybara_or_the_card(copybara: Copybara, tmp_path: Path) -> None:
    code, out, err = copybara("--home", str(tmp_path / "new"), "contacts", "add", "ben")
    assert (code, out) == (1, "")
    assert "hint:  With the card that they sent you: copybara contacts add ben CARD." in err


def test_a_link_can_be_explained_without_any_home(copybara: Copybara, home: Home, tmp_path: Path) -> None:
    link = links_for(home)["request"]
    code, out, _ = copybara("--home", str(tmp_path / "none"), "link", "explain", link.token, "--json")
    assert code == 0
    assert json.loads(out)["from"] == str(ANNA)
    assert not (tmp_path / "none").exists()


def test_init_without_a_terminal_takes_what_the_command_line_says(copybara: Copybara, tmp_path: Path) -> None:
    home = Home(tmp_path / "new")
    code, out, err = asyncio.run(cli("--home", str(home.folder), "init", "--overlay", "loopback", "--name", ""))
    assert (code, err) == (0, "")
    assert f"Wrote {home.own_config}" in out
    assert load(home.own_config).name == ""
    assert home.folder.stat().st_mode & 0o777 == 0o700
    assert home.own_config.stat().st_mode & 0o777 == 0o600


def test_the_doctor_finds_nothing_on_the_loopback_overlay(copybara: Copybara, home: Home) -> None:
    code, out, err = copybara("--home", str(home.folder), "doctor", "--overlay", "loopback", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["ok"] is True
    assert all(check.keys() >= {"name", "ok", "detail", "hint"} and check["ok"] for check in told["checks"])
    names = [check["name"] for check in told["checks"]]
    assert {"python", "clock", "home", "database", "configuration", "media", "overlay", "self call"} <= set(names)
    code, out, err = copybara("--home", str(home.folder), "doctor")
    assert (code, err) == (0, "")
    assert "FAIL" not in out
    assert out.splitlines()[-1].startswith(
        "Calls can be made on this computer only, for trying: no friend can be reached."
    )


@pytest.mark.parametrize(
    ("config", "name", "detail"),
    [
        ('overlay = "lopback"\n', "configuration", "line 1"),
        ('overlay = "loopback"\n[answer]\nendpoint = "file"\n[media]\nfile = "gone.mkv"\n', "media", "gone.mkv"),
        (
            'overlay = "loopback"\n[answer]\nmachine_after = 20\n[machine]\ngreeting = "gone.wav"\n',
            "media",
            "gone.wav isn't there",
        ),
        (
            'overlay = "loopback"\n[answer]\nendpoint = "camera"\n[camera]\naddress = "rtsp://me:pa55@127.0.0.1:1/"\n',
            "media",
            "The IP camera can't be reached: Connection refused.",
        ),
    ],
)
def test_the_doctor_says_what_is_wrong(copybara: Copybara, home: Home, config: str, name: str, detail: str) -> None:
    home.own_config.write_text(config)
    code, out, err = copybara("--home", str(home.folder), "doctor", "--json")
    assert (code, err) == (1, "")
    told = json.loads(out)
    assert told["ok"] is False
    (wrong,) = [check for check in told["checks"] if not check["ok"]]
    assert wrong["name"] == name
    assert detail in wrong["detail"]
    assert wrong["hint"]
    assert "pa55" not in out
    code, out, _ = copybara("--home", str(home.folder), "doctor")
    assert code == 1
    assert f"FAIL {name}" in out


def test_the_doctor_sets_a_damaged_database_aside_and_says_so(copybara: Copybara, home: Home) -> None:
    home.database.write_bytes(b"nonsense" * 1000)
    code, out, _ = copybara("--home", str(home.folder), "doctor", "--json")
    assert code == 1
    (wrong,) = [check for check in json.loads(out)["checks"] if not check["ok"]]
    assert wrong["name"] == "database"
    assert "set aside as copybara.db.damaged-" in wrong["detail"]


def test_a_reader_who_goes_away_gets_no_traceback(home: Home) -> None:
    for command in (["contacts", "list"], ["card"], ["card", "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "wb") as closed:
            done = subprocess.run(
                [sys.executable, "-m", "bot.cli", "--home", str(home.folder), *command],
                stdout=closed,
                stderr=subprocess.PIPE,
                env=environment_of_a_person(),
                timeout=30,
                check=False,
            )
        assert (done.returncode, done.stderr) == (1, b"")


def test_a_program_that_starts_loads_nothing_for_pages_other_scripts_names_and_recordings() -> None:
    """It may never need them."""
    ours = {"shared.names.lookup", "peer.media.endpoints.recorder"}
    others = {"aiohttp", "segno", "regex", "http.client", "gzip", *ours}
    program = f"import sys, bot.app; print(*{others} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_a_call_that_no_page_shows_gets_no_qr_code(tmp_path: Path) -> None:
    """Making it would take longer than placing the call."""
    home = home_in(tmp_path, "[handset]\nport = 0\n")
    program = "import sys; from bot.cli.main import main; main(); sys.exit('segno' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, "--home", str(home), "run", "--console"],
        input=f"/call {ELSEWHERE}\n",
        capture_output=True,
        text=True,
        env=environment_of_a_person(),
    )
    assert "copybara:" in done.stdout
    assert done.returncode == 0


def test_commands_that_make_no_call_load_no_media_libraries() -> None:
    """Loading them takes longer than the commands."""
    commands = ("contacts", "card", "call_log", "resolve", "explain", "invite", "devices", "backup", "remote")
    program = (
        f"import sys, {', '.join(f'bot.cli.{name}' for name in commands)};"
        "sys.exit(str(found) if (found := {'av', 'aiortc', 'aiohttp'} & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_loads_nothing_that_only_commands_or_mistakes_need() -> None:
    others = {"importlib.metadata", "difflib", "logging", "json", "inspect", "dataclasses", "asyncio", "msgspec"}
    program = (
        "import sys; from bot.cli.main import main; main(['--help']);"
        f"sys.exit(str(found) if (found := {others} & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
