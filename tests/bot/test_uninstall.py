"""`copybara uninstall`: keys stay or are shredded, as the person says, and nobody else's file is touched."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import pytest

from bot.cli import service
from bot.cli.service import units
from bot.cli.setup.yggdrasil.let_in import drop_in
from bot.cli.system_files import found, listed, removal, remove_program
from bot.cli.uninstall import uninstall
from bot.desktop.install import MAX_FILE, anything_installed, install
from bot.desktop.places import Places
from bot.home import Home, HomeLock
from bot.terminal.asking import Answers, Asking
from shared.errors import HomeInUse
from shared.store import Store
from tests.bot.console import people
from tests.bot.setup.test_asked import at_terminal
from tests.child import run_child
from tests.programs import need

pytestmark = pytest.mark.usefixtures("no_service")


@pytest.fixture
def no_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that was used."""
    home = Home(tmp_path / "home")
    home.prepare()
    home.own_config.write_text('overlay = "loopback"\n')
    home.load_sealing_key()
    home.load_handset_key()
    with HomeLock(home), Store(home.database):
        pass
    (home.folder / "deltachat").mkdir()
    (home.folder / "deltachat" / "keys").write_bytes(b"secret")
    return home


def removing(home: Home, answer: str) -> int:
    return uninstall(home, Asking(Answers({"shred": answer})))


def test_keys_stay_unless_the_person_says_otherwise(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.name for path in home.folder.iterdir())
    assert removing(home, "no") == 0
    assert sorted(path.name for path in home.folder.iterdir()) == before
    assert f"stay in {home.folder}" in capsys.readouterr().out


def test_keys_are_overwritten_before_they_are_removed(home: Home) -> None:
    key = home.sealing_key.read_bytes()
    # A second name for the same bytes shows what happened to them.
    left = home.folder.parent / "left"
    left.hardlink_to(home.sealing_key)
    (home.folder / ".telegram.token.77.new").write_text("of a write that was killed")
    assert removing(home, "yes") == 0
    assert not home.folder.exists()
    assert left.stat().st_size == len(key)
    assert left.read_bytes() != key


KILLED = """
import os, signal, sys
from pathlib import Path
from bot.home import Home
from bot.messengers.matrix.account_file import MatrixAccount, write_account
print("ready", flush=True)
sys.addaudithook(lambda event, given: event == "os.rename" and os.kill(os.getpid(), signal.SIGKILL))
write_account(Home(Path(sys.argv[1])), MatrixAccount("@anna:example.org", token="secret"))
"""


def test_what_a_killed_log_in_leaves_is_removed_too(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    with run_child(KILLED, home.folder) as child:
        assert child.wait() == -signal.SIGKILL
    (left,) = home.folder.iterdir()
    assert b"secret" in left.read_bytes()
    assert removing(home, "yes") == 0
    assert not home.folder.exists()


def test_what_isnt_copybaras_stays(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (home.folder / "telegram.token").symlink_to(elsewhere)
    (home.folder / "holiday.key").write_text("mine")
    (home.folder / "recordings").mkdir()
    removing(home, "yes")
    assert sorted(path.name for path in home.folder.iterdir()) == ["holiday.key", "recordings"]
    assert elsewhere.read_text() == "mine"
    assert f"is still in {home.folder}" in capsys.readouterr().out


def test_a_home_that_is_in_use_is_left_alone(home: Home) -> None:
    before = home.sealing_key.read_bytes()
    with HomeLock(home), pytest.raises(HomeInUse):
        removing(home, "yes")
    assert home.sealing_key.read_bytes() == before


async def test_a_running_program_is_stopped_if_the_person_says_so_and_else_nothing_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with people(tmp_path, "anna") as (anna,):
        home = Home(anna.home)
        install(Places.of_user(), "/usr/bin/copybara", str(home.folder), starts_at_login=True)
        code, out, err = await anna.cli("uninstall", "--shred-keys")
        assert (code, out) == (1, "")
        assert err.startswith("error: Copybara is running, so nothing was removed.\nhint:  Stop it: press Ctrl-C")
        assert anna.running
        assert anything_installed(Places.of_user())
        asking = Asking(Answers({"shred": "yes", "stop": "yes"}))
        assert await asyncio.to_thread(uninstall, home, asking) == 0
        assert await anna.gone() == 0
    assert "It has ended." in capsys.readouterr().out
    assert not home.folder.exists()


def test_without_a_home_there_is_nothing_to_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert removing(Home(tmp_path / "none"), "yes") == 0
    assert not (tmp_path / "none").exists()
    assert "There is nothing" in capsys.readouterr().out


def test_the_service_goes_first(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text("#!/bin/sh\n")
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    unit = service.folder() / "copybara.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    removing(home, "no")
    assert not unit.exists()


async def test_who_lets_the_service_go_on_loses_nothing(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text("#!/bin/sh\necho active\n")
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    units_and_links()
    asked = r"running in the background\. Stop it\? Calls that are up end\. \(yes/no\) \[no\] "
    async with at_terminal("--home", str(home.folder), "uninstall", code=1) as terminal:
        await terminal.asks(asked, "")
        await terminal.shows("error: Copybara is running in the background, so nothing was removed.\n")
    assert all(path.is_symlink() or path.exists() for path in service.own_files())
    async with at_terminal("--home", str(home.folder), "uninstall") as terminal:
        await terminal.asks(asked, "yes")
        await terminal.asks(r"Remove them for good\?.*\] ", "no")
        await terminal.shows("To remove the program")
    assert not service.installed()


def test_what_systemd_cannot_be_told_is_said_and_everything_goes(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bus of the user's session is gone, because nobody is logged in there any more."""
    need("systemctl", packages="systemd")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    units_and_links()
    install(Places.of_user(), "/usr/bin/copybara", str(home.folder), starts_at_login=True)
    assert removing(home, "yes") == 0
    assert not [path for path in service.folder().rglob("*") if not path.is_dir()]
    assert not anything_installed(Places.of_user())
    assert not home.folder.exists()
    said = capsys.readouterr().out
    refused = "systemd refuses `systemctl --user disable --now copybara.socket copybara.service`"
    assert f"systemd couldn't be told: {refused}" in said
    assert "systemctl --user stop copybara.socket copybara.service" in said


def test_where_systemd_has_gone_its_files_go_too(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(home.folder))
    units_and_links()
    assert service.remove() == 0
    assert not [path for path in service.folder().rglob("*") if not path.is_dir()]
    assert "systemd couldn't be told: There is no systemd here." in capsys.readouterr().out
    assert service.remove() == 0
    assert capsys.readouterr().out == "There is no service.\n"


def test_what_cannot_be_removed_from_the_desktop_keeps_nothing_else(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "mimeapps.list").write_text("#" * (MAX_FILE + 1))
    assert removing(home, "yes") == 1
    assert not home.folder.exists()
    assert "mimeapps.list is too large." in capsys.readouterr().out


def units_and_links() -> None:
    """The files of `copybara service install`, with the links of `systemctl enable`."""
    for name, target in ((units.SERVICE, "default.target"), (units.SOCKET, "sockets.target")):
        unit = service.folder() / name
        link = service.folder() / f"{target}.wants" / name
        link.parent.mkdir(parents=True)
        unit.touch()
        link.symlink_to(unit)


def test_the_desktop_forgets_it(home: Home, tmp_path: Path) -> None:
    mine = tmp_path / "config" / "mimeapps.list"
    mine.parent.mkdir()
    mine.write_text("[Default Applications]\ntext/plain=mine.desktop\n")
    install(Places.of_user(), "/usr/bin/copybara", str(home.folder), starts_at_login=True)
    removing(home, "no")
    assert not anything_installed(Places.of_user())
    left = [path for path in (*(tmp_path / "config").rglob("*"), *(tmp_path / "data").rglob("*")) if path.is_file()]
    assert left == [mine]
    assert mine.read_text() == "[Default Applications]\ntext/plain=mine.desktop\n"


def test_what_the_set_up_made_for_the_whole_computer_is_listed_with_roots_commands(tmp_path: Path) -> None:
    assert not found("nobody-known", tmp_path).ours
    for path in ("etc/copybara/overlay.nft", "etc/yggdrasil/yggdrasil.conf.before-copybara", "usr/sbin/yggdrasil"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    there = found("nobody-known", tmp_path)
    assert (there.ours, there.config, there.firewall, there.member, there.installed) == (True, True, True, False, True)
    assert len(listed(there, "nobody-known")) == 3
    without, with_keys = (removal(there, "nobody-known", keys=keys) for keys in (False, True))
    assert set(with_keys) - set(without) == {"rm -rf /etc/yggdrasil"}
    # While the node runs, its device has the firewall.
    assert without.index("systemctl disable --now yggdrasil") < without.index(
        "systemctl disable --now copybara-overlay-firewall.service"
    )


UNSEEN = """
import os, sys
from pathlib import Path
from bot.cli.system_files import offer_removal
from bot.terminal.asking import Answers, Asking
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print("ready", flush=True)
offer_removal(Asking(Answers({})), "nobody-known", keys=False, root=Path(sys.argv[1]))
"""


@pytest.mark.parametrize("has_firewall", [False, True])
def test_a_folder_that_this_user_may_not_enter_stops_nothing(*, has_firewall: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        root, hidden = Path(name), Path(name) / "etc/yggdrasil"
        hidden.mkdir(parents=True)
        (hidden / "yggdrasil.conf.before-copybara").touch()
        if has_firewall:
            (root / "etc/copybara").mkdir()
        root.chmod(0o755)
        hidden.chmod(0)
        try:
            with run_child(UNSEEN, root) as child:
                assert child.stdout is not None
                said = child.stdout.read()
        finally:
            hidden.chmod(0o700)
    assert child.returncode == 0
    assert ("changes in /etc/yggdrasil/yggdrasil.conf" in said) is has_firewall
    assert ("which holds the key of your node id" in said) is has_firewall


def test_what_let_in_the_background_service_for_a_day_goes_with_its_user(tmp_path: Path) -> None:
    for user in ("anna", "ben"):
        (file := tmp_path / drop_in(user).lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    there = found("anna", tmp_path)
    assert there.ours
    assert listed(there, "anna") == [f"{drop_in('anna')}: lets anna in until the computer restarts"]
    assert removal(there, "anna", keys=False) == [f"rm -f {drop_in('anna')}", "systemctl daemon-reload"]
    assert not found("nobody-known", tmp_path).ours


def test_the_command_that_removes_the_program_is_the_one_for_how_it_was_installed(tmp_path: Path) -> None:
    assert remove_program("/usr/lib/copybara-relay").endswith("apt remove copybara-relay")
    assert remove_program("/home/anna/.local/share/pipx/venvs/copybara-relay") == "pipx uninstall copybara-relay"
    assert remove_program("/opt/copybara", tmp_path) == "pipx uninstall copybara-relay"
    (tmp_path / ".dockerenv").touch()
    assert remove_program("/opt/copybara", tmp_path).startswith("docker compose down")
