"""`copybara service`: the units that it writes, its requests to systemd, and a running service's messages to systemd.

A container has no systemd, so a script replaces systemctl and records its arguments.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from bot.cli import service
from bot.cli.doctor.service import background
from bot.cli.service import units
from bot.home import Home, HomeLock
from bot.process.service_manager import READY, ServiceManager
from bot.settings import settings
from shared.errors import HomeInUse, InputError, StoreError
from shared.in_thread import in_thread
from tests.bot.console import connect, environment_of_a_person, hang_up, people
from tests.programs import need

CONFIG = Path(__file__).parents[3] / "config"

WORST_EXPOSURE = 25
"The allowed exposure in tenths, as in `systemd-analyze security`. 0 is best."


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that records the calls of systemctl. A file `refuses` beside it makes systemctl fail."""
    programs = tmp_path / "programs"
    programs.mkdir()
    log = tmp_path / "log"
    for name, code in (("systemctl", f"[ ! -e {tmp_path}/refuses ]"), ("loginctl", "false")):
        (programs / name).write_text(f'#!/bin/sh\necho "$0 $*" | sed "s/.*\\///" >> {log}\n{code}\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return log


NO_PORT = "[handset]\nport = 0\n"
"Another program of this machine may use the usual port."


def home_of(folder: Path, config: str = NO_PORT) -> Home:
    home = Home(folder / 'a "home" of 100 % $USER')
    home.prepare()
    home.own_config.write_text(f'overlay = "loopback"\n{config}')
    return home


def test_the_units_of_the_repository_are_the_ones_that_are_installed() -> None:
    assert (CONFIG / units.SERVICE).read_text() == units.service()
    assert (CONFIG / units.SOCKET).read_text() == units.socket()


def test_install_writes_valid_units_for_that_home_and_remove_takes_them_away(
    tmp_path: Path, systemctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("systemd-analyze", packages="systemd")
    home = home_of(tmp_path, "[handset]\nport = 9123\n")
    assert service.install(home) == 0
    assert service.folder() == tmp_path / "config" / "systemd" / "user"
    text = (service.folder() / units.SERVICE).read_text()
    assert "ListenStream=127.0.0.1:9123" in (service.folder() / units.SOCKET).read_text()
    assert 'COPYBARA_HOME="' in text
    assert '\\"home\\" of 100 %% $USER' in text
    calls = systemctl.read_text().splitlines()
    assert calls.index("systemctl --user enable copybara.socket") < calls.index(
        "systemctl --user restart copybara.service"
    )
    assert "loginctl --no-ask-password enable-linger" in calls, "asks no password"
    assert "enable-linger" in capsys.readouterr().out
    verified = subprocess.run(
        ["systemd-analyze", "--user", "verify", *map(str, service.folder().iterdir())],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    assert service.remove() == 0
    assert list(service.folder().iterdir()) == []
    assert home.own_config.exists()


def test_nobody_else_may_change_what_the_service_runs(tmp_path: Path, systemctl: Path) -> None:
    before = os.umask(0)
    try:
        service.install(home_of(tmp_path, f'[media]\nrecord_to = "{tmp_path}/of/recordings"\n{NO_PORT}'))
    finally:
        os.umask(before)
    made = [*(tmp_path / each for each in ("config", "config/systemd", "of")), service.folder()]
    assert [path for path in (*made, *service.folder().iterdir()) if path.stat().st_mode & 0o022] == []


def test_systemd_keeps_the_port_however_often_the_program_fails() -> None:
    """A service that has used up its starts takes its socket down too. packages/test_debian.py tests that."""
    settings = dict(line.split("=", 1) for line in units.service().splitlines() if "=" in line and line[0] != "#")
    assert settings["StartLimitIntervalSec"] == "0"
    # Without a restart, each request at the port would start it at once, again and again.
    assert settings["Restart"] == "on-failure"
    assert int(settings["RestartSec"]) > 2, "systemd gives up a socket that is asked twenty times in two seconds"
    assert not {"StartLimitBurst", "RestartPreventExitStatus"} & settings.keys()


@pytest.mark.parametrize("page", ["enabled = false", "port = 0"])
def test_without_a_fixed_port_none_is_held(tmp_path: Path, systemctl: Path, page: str) -> None:
    service.install(home_of(tmp_path, f"[handset]\n{page}\n"))
    lines = (service.folder() / units.SOCKET).read_text().splitlines()
    assert [line for line in lines if line.startswith("Listen")] == ["ListenNetlink=inet-diag"]


def test_the_service_may_write_where_the_configuration_says(tmp_path: Path, systemctl: Path) -> None:
    folders = tmp_path / "recordings 100 %", tmp_path / "files"
    config = f'[media]\nrecord_to = "{folders[0]}"\n[files]\nfolder = "{folders[1]}"\n{NO_PORT}'
    service.install(home_of(tmp_path, config))
    assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in folders), "it couldn't make them itself"
    lines = (service.folder() / units.SERVICE).read_text().splitlines()
    written = [line for line in lines if line.startswith("ReadWritePaths=")]
    assert written[1:] == [f'ReadWritePaths="{tmp_path}/recordings 100 %%"', f'ReadWritePaths="{folders[1]}"']


def test_a_unit_of_another_version_or_other_settings_is_said_to_be_renewed(
    tmp_path: Path, systemctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = home_of(tmp_path)
    service.install(home)
    service.status(home)
    assert service.OUTDATED not in capsys.readouterr().out
    unit = service.folder() / units.SERVICE
    unit.write_text(unit.read_text().replace("PrivateTmp=yes\n", ""))
    service.status(home)
    assert service.OUTDATED in capsys.readouterr().out
    service.status(Home(tmp_path / "another"))
    assert service.OUTDATED not in capsys.readouterr().out, "it isn't that home's service"

    service.install(home)
    home.own_config.write_text(home.own_config.read_text().replace("port = 0", "port = 9123"))
    assert service.is_outdated(home, settings(home)), "the page would be at another port than systemd holds"


def test_a_refusal_of_systemd_is_a_sentence_and_leaves_nothing_behind(tmp_path: Path, systemctl: Path) -> None:
    (tmp_path / "refuses").touch()
    with pytest.raises(StoreError, match="systemd refuses"):
        service.install(home_of(tmp_path))
    assert not service.folder().exists(), "and no unit is left that another command trips over"


def test_a_service_that_does_not_start_is_taken_away_again_and_its_own_error_is_said(
    tmp_path: Path, systemctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = tmp_path / "programs"
    (programs / "systemctl").write_text('#!/bin/sh\n[ "$2 $3" != "restart copybara.service" ]\n')
    (programs / "journalctl").write_text("#!/bin/sh\necho 'error: No node runs here.'\necho 'hint:  Go.'\n")
    (programs / "journalctl").chmod(0o755)
    with pytest.raises(StoreError) as failed:
        service.install(home_of(tmp_path))
    assert failed.value.sentence == "The service didn't start, and was removed again: No node runs here. Go."
    assert "su" not in failed.value.hint.split()
    assert not service.installed()

    (service.folder() / units.SERVICE).write_text("of an earlier installation")
    with pytest.raises(StoreError, match="doesn't start: No node runs here") as failed:
        service.install(home_of(tmp_path))
    assert "copybara service remove" in failed.value.hint
    assert service.installed()


def test_a_service_that_waits_to_be_mended_is_said_to_and_is_not_installed_for_the_first_time(
    tmp_path: Path, systemctl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, why = home_of(tmp_path), "This home's node id has changed. Go."
    service.install(home)
    (tmp_path / "programs" / "systemctl").write_text(
        f'#!/bin/sh\n[ "$2" != is-active ] || echo active\n'
        f'[ "$2" != show ] || printf "ActiveState=active\\nStatusText=%s\\n" "{why}"\n'
    )
    assert service.status(home) == 1
    assert f"It can't start: {why}\n" in capsys.readouterr().out
    check = background(home, settings(home))
    assert check is not None
    assert (check.ok, check.detail) == (False, f"can't start: {why}")
    with pytest.raises(StoreError, match="The service doesn't start: This home's node id"):
        service.install(home)
    assert service.installed()
    service.remove()
    with pytest.raises(StoreError, match="didn't start, and was removed again: This home's node id"):
        service.install(home)
    assert not service.installed()


def test_failures_of_before_are_forgotten_at_an_install_and_a_remove(tmp_path: Path, systemctl: Path) -> None:
    """systemd would refuse the start, and would go on listing removed units."""
    service.install(home_of(tmp_path))
    forgotten = "systemctl --user reset-failed copybara.service copybara.socket"
    calls = systemctl.read_text().splitlines()
    assert calls.index(forgotten) < calls.index("systemctl --user restart copybara.socket")
    systemctl.unlink()
    service.remove()
    assert systemctl.read_text().splitlines()[-1] == forgotten


def test_an_open_page_does_not_start_what_is_being_stopped(tmp_path: Path, systemctl: Path) -> None:
    """The page reconnects after half a second, and the socket would start the service."""
    service.install(home_of(tmp_path))
    assert "systemctl --user stop copybara.socket copybara.service" in systemctl.read_text().splitlines()
    systemctl.unlink()
    service.remove()
    assert "systemctl --user disable --now copybara.socket copybara.service" in systemctl.read_text().splitlines()


def test_where_systemd_does_not_answer_the_status_says_why(tmp_path: Path, systemctl: Path) -> None:
    home = home_of(tmp_path)
    service.install(home)
    (tmp_path / "programs" / "systemctl").write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    with pytest.raises(StoreError, match="Failed to connect to bus") as refused:
        service.status(home)
    assert "log in as yourself" in refused.value.hint


@pytest.mark.parametrize(("status", "sandbox"), [("226", False), ("217", False), ("1", None)])
def test_where_a_user_may_have_no_namespace_the_service_gets_no_sandbox(
    tmp_path: Path, systemctl: Path, capsys: pytest.CaptureFixture[str], status: str, sandbox: bool | None
) -> None:
    unit, home = service.folder() / units.SERVICE, home_of(tmp_path)
    (tmp_path / "programs" / "systemctl").write_text(
        f'#!/bin/sh\n[ "$2" != show ] || echo ExecMainStatus={status}\n'
        f'[ "$2 $3" != "restart copybara.service" ] || ! grep -q PrivateUsers= {unit}\n'
    )
    if sandbox is None:  # it is the program that fails
        with pytest.raises(StoreError, match="didn't start"):
            service.install(home)
        assert not service.installed()
        return
    assert service.install(home) == 0
    assert service.NO_SANDBOX in capsys.readouterr().out
    assert "ReadWritePaths" not in unit.read_text()
    assert "NoNewPrivileges=yes" in unit.read_text()
    assert not service.is_outdated(home, settings(home))


def test_while_another_program_runs_with_the_home_nothing_is_changed(tmp_path: Path, systemctl: Path) -> None:
    home = home_of(tmp_path)
    with HomeLock(home), pytest.raises(HomeInUse) as refused:
        service.install(home)
    assert f"running outside the service (process {os.getpid()})" in refused.value.sentence
    assert refused.value.hint == "Press Ctrl-C in the window where it runs. Then: copybara service install"
    assert not systemctl.exists(), "systemd was asked nothing"
    assert not service.folder().exists()


async def test_in_a_call_the_service_is_not_started_again(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await in_thread(lambda: service.refuse_during_call(Home(anna.home)))
        await connect(anna, bob)
        with pytest.raises(InputError, match="There is a call with bob, which the restart would end"):
            await in_thread(lambda: service.refuse_during_call(Home(anna.home)))
        await hang_up(anna, bob)
        await in_thread(lambda: service.refuse_during_call(Home(anna.home)))


def test_the_service_itself_is_no_other_program() -> None:
    slices = "/user.slice/user-1000.slice/user@1000.service/app.slice"
    assert service.in_service(f"0::{slices}/copybara.service\n")
    assert service.in_service(f"8:pids:/user.slice\n1:name=systemd:{slices}/copybara.service\n")
    assert not service.in_service(f"0::{slices}/app-gnome-terminal-copybara.service.scope\n")
    assert not service.in_service("")


def test_a_port_that_another_program_has_is_said_before_anything_is_written(tmp_path: Path, systemctl: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        home = home_of(tmp_path, f"[handset]\nport = {port}\n")
        with pytest.raises(InputError, match=f"Another program has the page's port {port}"):
            service.install(home)
        assert not service.folder().exists()
        # systemd holds it for the installed service.
        service.folder().mkdir(parents=True)
        (service.folder() / units.SOCKET).write_text(units.socket(port))
        assert service.install(home) == 0


def test_without_systemd_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no systemd"):
        service.status(home_of(tmp_path))


def test_the_service_may_do_little(tmp_path: Path) -> None:
    need("systemd-analyze", packages="systemd")
    unit = tmp_path / units.SERVICE
    unit.write_text(units.service(program=sys.executable))
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={WORST_EXPOSURE}", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-300:] + judged.stderr


async def test_a_running_program_tells_systemd_that_it_is_ready_and_lives(tmp_path: Path) -> None:
    home = home_of(tmp_path, "[handset]\nenabled = false\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.cli", "--home", str(home.folder), "run", "--console"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={
                **environment_of_a_person(),
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "WATCHDOG_USEC": "200000",
            },
        )
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60):
            told = [(await loop.sock_recv(manager, 100)).decode() for _ in range(4)]
            process.terminate()
            assert await process.wait() == 0
            while told[-1] != "STOPPING=1":
                told.append((await loop.sock_recv(manager, 100)).decode())
    assert told[:4] == [READY, "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "nonsense"}, {"NOTIFY_SOCKET": "/none/there"}])
def test_where_nobody_listens_nothing_happens(environment: dict[str, str]) -> None:
    ServiceManager(environment).tell(READY)
    assert environment == {}


async def test_a_manager_that_reads_nothing_holds_up_nothing_and_reads_it_later(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, suppress(BlockingIOError):
            other.setblocking(False)
            while True:
                other.sendto(b"other", str(tmp_path / "notify"))
        manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        async with asyncio.timeout(60):
            await in_thread(lambda: manager.tell(READY))
            telling = asyncio.create_task(manager.keep_telling())
            listening.setblocking(False)
            loop = asyncio.get_running_loop()
            while await loop.sock_recv(listening, 100) != READY.encode():
                pass
            telling.cancel()


def test_another_processs_watchdog_is_not_ours() -> None:
    assert ServiceManager({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}).seconds == 1.0
    assert ServiceManager({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid() + 1)}).seconds is None
    assert ServiceManager({"WATCHDOG_USEC": "nonsense"}).seconds is None
