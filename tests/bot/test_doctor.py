"""`copybara doctor` about Telegram and Yggdrasil's peers, with servers under the test's control."""

from __future__ import annotations

import asyncio
import email.utils
import errno
import getpass
import json
import os
import shutil
import socket
import time
from pathlib import Path

import pytest
from aiohttp import web

from bot.cli import service
from bot.cli.doctor import checks_of, devices, system
from bot.cli.doctor import home as home_checks
from bot.cli.doctor.check import Check
from bot.cli.doctor.overlay import _peers
from bot.cli.doctor.service import background, yggdrasil_node
from bot.command_socket import Question, Reply, listening
from bot.home import Home, HomeLock
from peer.overlay.choose import Finding
from shared.config.schema import Config, Devices, Yggdrasil
from shared.node_id import NodeId
from shared.store import Store
from shared.store.journal import Journal
from tests.bot.console import cli
from tests.bot.telegram.server import Server
from tests.bot.telegram.world import BotAccount, World
from tests.peer.overlay.yggdrasil_service import pretending, response
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

TOKEN = "2001:" + "A" * 35


async def checks(folder: Path, url: str, token: str = TOKEN) -> dict[str, list[dict[str, object]]]:
    """The doctor's lines by name, for a home with that bot."""
    home = Home(folder / "home")
    home.prepare()
    (home.folder / "telegram.token").write_text(f"{token}\n")
    (home.folder / "telegram.token").chmod(0o600)
    with Store(home.database) as store:
        Journal(store, "telegram").set_facts({"owner": b"1001"})
    home.own_config.write_text(f'overlay = "loopback"\n[telegram]\ntoken = "file"\nbase_url = "{url}"\n')
    _, out, err = await cli("--home", str(home.folder), "doctor", "--json")
    found: dict[str, list[dict[str, object]]] = {}
    for check in json.loads(out or err)["checks"]:
        found.setdefault(check["name"], []).append(check)
    return found


async def telegram(folder: Path, server: Server, token: str = TOKEN) -> dict[str, object]:
    (check,) = (await checks(folder, server.url, token))["telegram"]
    return check


async def test_the_doctor_asks_telegram_about_the_token_and_reads_no_message(tmp_path: Path) -> None:
    world = World()
    account = world.bot(2001, "Anna's bot", "anna_bot", TOKEN)
    async with Server(world).running() as server:
        assert (await telegram(tmp_path, server))["ok"]
        assert [(name, method) for name, method, _ in server.requests] == [(account.username, "getme")]


async def test_the_doctor_says_that_a_token_was_revoked(tmp_path: Path) -> None:
    async with Server(World()).running() as server:
        check = await telegram(tmp_path, server)
    assert not check["ok"]
    assert "was revoked or mistyped" in str(check["detail"])
    assert "@BotFather" in str(check["hint"])


@pytest.mark.parametrize("status", [502, 302, 404])
async def test_the_doctor_says_what_answers_in_telegrams_place(tmp_path: Path, status: int) -> None:
    async def proxy(_bot: BotAccount, _method: str) -> web.StreamResponse | None:
        return web.Response(status=status, text="<html>proxy</html>", content_type="text/html")

    world = World()
    world.bot(2001, "Anna's bot", "anna_bot", TOKEN)
    server = Server(world)
    server.before = proxy
    async with server.running():
        check = await telegram(tmp_path, server)
    assert not check["ok"]
    assert f"says {status}" in str(check["detail"])
    assert check["hint"]


async def test_the_doctor_says_that_nothing_answers_for_telegram(tmp_path: Path) -> None:
    server = Server(World())
    async with server.running():
        pass
    check = await telegram(tmp_path, server)
    assert not check["ok"]
    assert "can't be reached" in str(check["detail"])


@pytest.mark.parametrize(("minutes", "wrong"), [(0, False), (15, True), (-15, True)])
async def test_the_doctor_compares_the_clock_with_telegrams(tmp_path: Path, minutes: int, wrong: bool) -> None:
    async def dated(_bot: BotAccount, _method: str) -> web.StreamResponse | None:
        date = email.utils.formatdate(time.time() + minutes * 60, usegmt=True)
        return web.json_response({"ok": True, "result": {}}, headers={"Date": date})

    world = World()
    world.bot(2001, "Anna's bot", "anna_bot", TOKEN)
    server = Server(world)
    server.before = dated
    async with server.running():
        clock = (await checks(tmp_path, server.url))["clock"]
    apart = [each for each in clock if "clock and Telegram's differ by" in str(each["detail"])]
    assert bool(apart) == wrong
    assert not any(each["ok"] for each in apart)


@pytest.mark.parametrize(
    ("peers", "ok", "detail"),
    [
        ('[{"remote": "tls://a", "up": true}, {"remote": "tls://b", "up": false}]', True, "Yggdrasil has 1 peer"),
        ('[{"remote": "tls://b", "up": false}]', False, "connected to no other: nobody can be reached"),
        ("[]", False, "connected to no other: nobody can be reached"),
    ],
)
async def test_the_doctor_looks_at_yggdrasils_peers(tmp_path: Path, peers: str, ok: bool, detail: str) -> None:
    async with pretending(tmp_path / "admin.sock", response(f'{{"peers": {peers}}}')) as admin:
        config = Config(yggdrasil=Yggdrasil(admin=admin))
        (check,) = await _peers(config, Finding("yggdrasil", node=NodeId(bytes(32))))
    assert check.ok == ok
    assert detail in check.detail
    assert ok or 'copybara setup overlay --peers "' in check.hint


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the only programs. Its `systemctl` prints the file `state`."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text(
        f"#!/bin/sh\nread -r state < {tmp_path}/state\n"
        'case "$*" in *show*) echo "$state" | tr " " "\\n";; *) set -- $state; echo "${1#ActiveState=}";; esac\n'
    )
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return programs


def test_without_a_service_the_doctor_says_nothing_of_one(tmp_path: Path, machine: Path) -> None:
    assert background(Home(tmp_path / "home"), Config()) is None


@pytest.mark.parametrize(
    ("state", "lingers", "note", "detail"),
    [
        ("active", True, False, "runs, also while you are logged out"),
        ("active", False, True, "runs, and stops when you log out"),
        ("failed", True, True, "is installed but isn't running: failed"),
    ],
)
def test_the_doctor_says_of_a_service_whether_it_runs_after_a_log_out(
    tmp_path: Path, machine: Path, state: str, lingers: bool, note: bool, detail: str
) -> None:
    unit = service.folder() / "copybara.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    (tmp_path / "state").write_text(f"{state}\n")
    (tmp_path / "linger").mkdir()
    if lingers:
        (tmp_path / "linger" / getpass.getuser()).touch()
    check = background(Home(tmp_path / "home"), Config(), tmp_path / "linger")
    assert check is not None
    assert (check.ok, check.note, check.detail) == (True, note, detail)
    assert bool(check.hint) == note


async def test_the_doctor_asks_the_service_itself_whether_it_can_call(tmp_path: Path, machine: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    unit = service.folder() / "copybara.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    (tmp_path / "state").write_text("active\n")

    async def waits(_: Question) -> Reply:
        return Reply(error="You may not open it.", hint="Restart the computer.", kind="error.overlay-forbidden")

    async with listening(home.command_socket, waits):
        check = await asyncio.to_thread(background, home, Config())
    assert check is not None
    assert (check.ok, check.hint) == (False, "Restart the computer.")
    assert check.detail == "runs, but can't call yet: You may not open it."


def test_a_service_of_another_version_is_to_be_installed_once_more(tmp_path: Path, machine: Path) -> None:
    home, config = Home(tmp_path / "home"), Config()
    service.folder().mkdir(parents=True)
    for name, text in service.texts_for(home, config).items():
        (service.folder() / name).write_text(text)
    (tmp_path / "state").write_text("active\n")
    check = background(home, config, tmp_path / "linger")
    assert check is not None
    assert "log out" in check.detail
    (service.folder() / "copybara.socket").unlink()
    check = background(home, config)
    assert check is not None
    assert (check.ok, check.note) == (True, True)
    assert "another version" in check.detail
    assert "copybara service install" in check.hint


@pytest.mark.parametrize(
    "state",
    [
        "ActiveState=activating SubState=auto-restart NRestarts=0",
        "ActiveState=activating SubState=start NRestarts=3",
        "ActiveState=failed SubState=failed NRestarts=9",
    ],
)
def test_a_service_that_ends_whenever_it_is_started_does_not_run(tmp_path: Path, machine: Path, state: str) -> None:
    unit = service.folder() / "copybara.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    (tmp_path / "state").write_text(f"{state}\n")
    (machine / "journalctl").write_text("#!/bin/sh\necho 'error: No node.'\necho 'hint:  Start it.'\necho Failed\n")
    (machine / "journalctl").chmod(0o755)
    (machine / "tr").symlink_to(shutil.which("tr", path="/usr/bin:/bin") or "tr")
    check = background(Home(tmp_path / "home"), Config())
    assert check is not None
    assert not check.ok
    assert check.detail == "fails whenever it is started. No node. Start it."
    assert "copybara service remove" in check.hint


def test_the_doctor_says_that_yggdrasils_service_has_failed(tmp_path: Path, machine: Path) -> None:
    for state, failed in (("failed", True), ("activating", True), ("active", False), ("inactive", False)):
        (tmp_path / "state").write_text(f"{state}\n")
        check = yggdrasil_node()
        assert bool(check) == failed, state
        assert check is None or (not check.ok and "journalctl -u yggdrasil" in check.hint)


def test_the_doctor_says_what_opens_the_page(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    without = system.page_browser(enabled=True)
    assert without is not None
    assert (without.note, "no desktop" in without.detail, bool(without.hint)) == (True, True, True)
    monkeypatch.setenv("DISPLAY", ":7")
    (machine / "xdg-open").write_text("#!/bin/sh\n")
    (machine / "xdg-open").chmod(0o755)
    found = system.page_browser(enabled=True)
    assert found is not None
    assert (found.ok, found.note, found.detail) == (True, False, "the page is opened with xdg-open")
    assert system.page_browser(enabled=False) is None


def test_the_port_of_a_copybara_that_runs_with_this_home_is_not_another_programs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with socket.socket() as page:
        page.bind(("127.0.0.1", 0))
        page.listen()
        (tmp_path / "copybara.toml").write_text(f"[handset]\nport = {page.getsockname()[1]}\n")

        def said() -> list[str]:
            return [each.detail for each in checks_of(home, "loopback") if each.name == "page"]

        assert ["Another program has port" in each for each in said()] == [True]
        with HomeLock(home):
            assert said() == []


def test_the_doctor_says_whether_the_page_can_have_its_port() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = system.handset_port(port, enabled=True, running=False)
        assert taken is not None
        assert (taken.note, f"Another program has port {port}" in taken.detail, bool(taken.hint)) == (True, True, True)
        # That program may be ours.
        assert system.handset_port(port, enabled=True, running=True) is None
    free = system.handset_port(port, enabled=True, running=False)
    assert free is not None
    assert (free.ok, free.note, free.detail) == (True, False, f"its port {port} is free")
    forbidden = system.refused_port(80, PermissionError(errno.EACCES, "Permission denied"))
    assert (forbidden.ok, "may not use port 80" in forbidden.detail, bool(forbidden.hint)) == (False, True, True)
    assert "can't be used: Strange." in system.refused_port(9, OSError(errno.EIO, "Strange")).detail


@pytest.mark.parametrize(("synchronised", "note"), [(True, False), (False, True), (None, False)])
def test_the_doctor_asks_the_kernel_whether_the_clock_is_set(synchronised: bool | None, note: bool) -> None:
    check = system.clock(synchronised=synchronised)
    assert (check.ok, check.note, bool(check.hint)) == (True, note, note)
    assert system.clock_synchronised() in (True, False, None)


def test_the_doctor_says_that_others_can_look_into_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    assert home_checks.folder(home) == str(home.folder)
    home.folder.chmod(0o755)
    check = home_checks.folder(home)
    assert isinstance(check, Check)
    assert (check.ok, check.note, check.hint) == (True, True, f"Run: chmod 700 {home.folder}")


@pytest.mark.parametrize("folder", ["/dev/null/copybara", "/dev/full/a/copybara"])
async def test_a_home_that_cant_be_made_is_a_sentence_with_a_hint(folder: str) -> None:
    code, out, err = await cli("--home", folder, "doctor", "--overlay", "loopback")
    assert code == 1
    assert "Traceback" not in out + err
    (line,) = (line for line in out.splitlines() if line.startswith("FAIL home "))
    assert folder.split("/")[1] in line
    assert out.splitlines()[-1].startswith("Calls can't be made yet. First look at: home")
    # Nothing was made, and everything else was checked.
    assert "overlay" in out


@pytest.mark.parametrize(
    ("microphones", "speakers", "note", "detail"),
    [
        (["mic", "out.monitor"], ["out", "other"], False, "Pulse: 1 microphone, 2 speakers. "),
        (["out.monitor"], ["out"], True, "Pulse has no microphone"),
        ([], ["auto_null"], True, "Pulse has no microphone and speaker"),
    ],
)
def test_the_doctor_counts_microphones_and_speakers(
    microphones: list[str], speakers: list[str], note: bool, detail: str
) -> None:
    check = devices.found("Pulse", microphones, speakers)
    assert (check.ok, check.note) == (True, note)
    assert check.detail.startswith(detail)
    assert bool(check.hint) == note


def test_the_doctor_says_where_there_is_no_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    check = devices.sound(Config(devices=Devices(sound="pulse")))
    assert (check.ok, check.note, bool(check.hint)) == (True, True, True)


def test_the_doctor_says_whether_there_is_a_camera_that_one_may_use() -> None:
    with reachable_folder() as folder:
        nothing = devices.camera(Config(), folder)
        assert (nothing.note, nothing.detail) == (True, "no camera was found")
        device = folder / "video0"
        device.touch()
        found = devices.camera(Config(), folder)
        assert (found.ok, found.note, found.detail) == (True, False, str(device))
        device.chmod(0)
        with ordinary_user():
            refused = devices.camera(Config(), folder)
        assert (refused.note, "`video`" in refused.hint) == (True, True)
    assert devices.camera(Config(devices=Devices(camera="none"))).detail == "none, as configured"
    assert devices.camera(Config(devices=Devices(camera="/dev/nothing"))).detail == "/dev/nothing isn't there"


@pytest.mark.parametrize("messenger", ["deltachat", "matrix"])
async def test_the_doctor_says_how_to_set_up_a_messenger_that_is_configured_and_makes_nothing(
    tmp_path: Path, messenger: str
) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    home.own_config.write_text(f'overlay = "loopback"\n[{messenger}]\nenabled = true\n')
    _, out, _ = await cli("--home", str(home.folder), "doctor", "--json")
    report = json.loads(out)
    (check,) = (check for check in report["checks"] if check["name"] == messenger)
    assert not check["ok"]
    assert f"copybara setup {messenger}" in check["hint"]
    assert messenger in report["summary"]
    assert os.listdir(home.folder) == ["copybara.toml"]
