"""`copybara setup`: what it writes, that running it twice changes nothing, and what automation answers."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path

import pytest

from bot.cli import arguments
from bot.cli.setup import setup
from bot.cli.setup.parts import PARTS, after_one
from bot.home import Home
from bot.messengers.registry import MESSENGERS
from bot.terminal.asking import Answers
from shared.config.file import load
from shared.config.schema import Config
from shared.contacts import Contact
from shared.errors import ConfigError, InputError
from shared.node_id import NodeId
from shared.store import Store
from tests.bot.console import cli

TOKEN = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "new")


def config_of(home: Home) -> str:
    return home.own_config.read_text()


async def test_twice_is_as_good_as_once(home: Home) -> None:
    for changed in (True, False):
        code, out, err = await cli("--home", str(home.folder), "setup", "--name", "Anna Maria", "--overlay", "loopback")
        assert (code, err) == (0, "")
        assert (f"Wrote {home.own_config}" in out) is changed
        assert load(home.own_config).name == "Anna Maria"
        assert load(home.own_config).overlay == "loopback"
    assert stat.S_IMODE(home.own_config.stat().st_mode) == 0o600


def test_the_environment_and_the_command_line_answer_questions(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYBARA_NAME", "Anna")
    monkeypatch.setenv("COPYBARA_OVERLAY", "loopback")
    setup(home, Answers(yes=True))
    assert (load(home.own_config).name, load(home.own_config).overlay) == ("Anna", "loopback")
    setup(home, Answers({"name": "Ben"}, yes=True))
    assert load(home.own_config).name == "Ben"


def test_what_somebody_wrote_stays_with_its_comments(home: Home) -> None:
    home.prepare()
    home.own_config.write_text(
        '# mine\noverlay = "loopback"  # for trying\n\n[calls]\nlifetime = 60 # short\n[handset]\nport = 9000\n'
    )
    setup(home, Answers({"name": "Anna"}, yes=True))
    text = config_of(home)
    for kept in ("# mine", "# for trying", "lifetime = 60 # short", "port = 9000"):
        assert kept in text
    config = load(home.own_config)
    assert (config.name, config.calls.lifetime, config.handset.port) == ("Anna", 60, 9000)


def test_a_link_to_the_configuration_stays_a_link(home: Home, tmp_path: Path) -> None:
    home.prepare()
    elsewhere = tmp_path / "dotfiles.toml"
    elsewhere.write_text('overlay = "loopback"\n')
    home.own_config.symlink_to(elsewhere)
    setup(home, Answers({"name": "Anna"}, yes=True))
    assert home.own_config.is_symlink()
    assert load(elsewhere).name == "Anna"


@pytest.mark.parametrize("given", [{"overlay": "internet"}, {"name": "x" * 400, "overlay": "loopback"}])
def test_an_answer_that_is_of_no_use_changes_nothing(home: Home, given: dict[str, str]) -> None:
    with pytest.raises(InputError):
        setup(home, Answers(given, yes=True))
    assert not home.own_config.exists()


def test_a_configuration_that_is_wrong_is_left_alone(home: Home) -> None:
    home.prepare()
    home.own_config.write_text("name = 3\n")
    with pytest.raises(ConfigError, match="line 1"):
        setup(home, Answers({"name": "Anna"}, yes=True))
    assert config_of(home) == "name = 3\n"


def test_print_makes_nothing(home: Home) -> None:
    setup(home, Answers({"overlay": "loopback"}, yes=True, only_prints=True))
    assert not home.folder.exists()


def test_every_part_can_be_asked_for_by_name() -> None:
    assert tuple(part.name for part in PARTS) == arguments.SETUP
    assert {messenger.name for messenger in MESSENGERS} <= set(arguments.SETUP)
    with pytest.raises((SystemExit, argparse.ArgumentError)):
        arguments.make_parser().parse_args(["setup", "nonsense"])


def test_only_one_part_is_set_up_where_one_is_named(home: Home) -> None:
    setup(home, Answers({"name": "Anna", "overlay": "loopback"}, yes=True), part="name")
    assert config_of(home).count("=") == 1
    assert load(home.own_config).name == "Anna"


def test_of_a_command_for_an_administrator_nothing_is_said_once_only_this_computer_is_wanted(home: Home) -> None:
    home.prepare()
    home.for_root.touch()
    said, alone = (" ".join(after_one(home, Config(overlay=overlay))) for overlay in ("yggdrasil", "loopback"))
    assert "for-root.sh" in said
    assert "for-root.sh" not in alone


def test_who_stops_trying_hears_that_contacts_have_other_addresses_now(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    setup(home, Answers({"name": "Anna", "overlay": "loopback"}, yes=True))
    with Store(home.database) as store:
        for name in ("ben", "carl"):
            store.save_contact(Contact(name=name, node=NodeId(name.encode().ljust(32)), created=1))
    assert "while trying" not in capsys.readouterr().out
    setup(home, Answers({"overlay": "staex"}, yes=True), part="overlay")
    assert "2 contacts were saved while trying: exchange cards again" in " ".join(capsys.readouterr().out.split())
    setup(home, Answers({"overlay": "staex"}, yes=True), part="overlay")
    assert "while trying" not in capsys.readouterr().out


NOTHING_RUNS = '[yggdrasil]\nadmin = "unix:///nonexistent/yggdrasil.sock"\n[staex]\napi = "http://127.0.0.1:1"\n'


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ([], "--overlay and --name"),
        (["--overlay", "loopback"], "--name"),
        (["overlay"], "--overlay"),
        (["name"], "--name"),
        (["telegram"], "COPYBARA_TELEGRAM_TOKEN"),
        (["deltachat"], "COPYBARA_DELTACHAT_ACCOUNT"),
        (["matrix"], "COPYBARA_MATRIX_USER"),
    ],
)
async def test_without_a_terminal_it_says_what_has_to_be_given_and_begins_nothing(
    home: Home, given: list[str], missing: str
) -> None:
    code, out, err = await cli("--home", str(home.folder), "setup", *given)
    assert (code, out) == (1, "")
    assert err.startswith("error: Set-up asks questions, and there is no terminal here to ask at.")
    assert f"Give {missing}. " in err
    assert not home.folder.exists()


@pytest.mark.parametrize("part", [[], ["overlay"]])
async def test_without_a_terminal_nothing_is_installed_that_nobody_agreed_to_and_that_is_no_success(
    home: Home, part: list[str]
) -> None:
    home.prepare()
    home.own_config.write_text(NOTHING_RUNS)
    code, _, err = await cli("--home", str(home.folder), "setup", *part, "--overlay", "auto", "--name", "Anna")
    assert code == 1
    assert err.startswith("error: No overlay's program answers on this computer, so nobody could be called.")
    assert config_of(home) == NOTHING_RUNS


def test_what_a_part_asks_first_may_stand_behind_it_unless_it_is_a_secret(home: Home) -> None:
    setup(home, Answers({"overlay": "loopback"}, yes=True), part="name", answer="Anna")
    assert load(home.own_config).name == "Anna"
    for secret in ("telegram", "deltachat"):
        with pytest.raises(InputError, match="a secret on the command line") as refused:
            setup(home, Answers(yes=True), part=secret, answer=TOKEN)
        assert TOKEN not in refused.value.sentence + refused.value.hint
    with pytest.raises(InputError, match="takes nothing after it"):
        setup(home, Answers(yes=True), part="sound", answer="loud")
