"""`copybara desktop install` and `remove`, checked with a desktop's tools."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.browser import with_link
from bot.cli import desktop
from bot.cli.doctor.desktop import links
from bot.desktop import entries
from bot.desktop.install import install, remove
from bot.desktop.places import ENTRY, Places
from bot.home import Home
from bot.process.own_program import own_program
from shared.errors import StoreError
from tests.bot.console import environment_of_a_person
from tests.bot.test_start import Browser, home_in, running
from tests.peer.handset.wire import page_at
from tests.programs import need

STRANGE = 'a "b" $HOME `id` \\ %u % ; & \' ~'
"A name that a file may have."

LINK = f"copybara:{'E' * 64}"


def put(places: Places, home: str = "/home/anna/.local/share/copybara", *, starts_at_login: bool = True) -> None:
    install(places, own_program(), home, starts_at_login=starts_at_login)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def said_by(*command: str) -> str:
    """The output of a program, which must succeed."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def gio(*words: str) -> None:
    """Let the desktop start something, without waiting for its end."""
    subprocess.run(["gio", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60)


@pytest.mark.parametrize("home", ["/home/anna/.local/share/copybara", f"/home/{STRANGE}"])
def test_the_entries_are_valid(places: Places, home: str) -> None:
    need("desktop-file-validate", packages="desktop-file-utils")
    put(places, home)
    for entry in (places.application, places.autostart):
        assert said_by("desktop-file-validate", str(entry)) == ""


def test_links_lead_to_it_and_to_nobody_afterwards(places: Places) -> None:
    need("xdg-mime", "gio", packages="xdg-utils, libglib2.0-bin")
    put(places)
    assert said_by("xdg-mime", "query", "default", entries.SCHEME).strip() == ENTRY
    assert ENTRY in said_by("gio", "mime", entries.SCHEME)
    remove(places)
    assert said_by("xdg-mime", "query", "default", entries.SCHEME).strip() == ""


def test_a_desktop_starts_the_program_with_its_arguments_as_they_are(places: Places, tmp_path: Path) -> None:
    """Whatever the names of the program and the home are, and whatever the link is."""
    need("gio", packages="libglib2.0-bin")
    program, pipe = tmp_path / STRANGE.replace("%", ""), tmp_path / "arguments"  # GLib finds none with %
    os.mkfifo(pipe)
    program.write_text(f"#!{sys.executable}\nimport sys\nopen({str(pipe)!r}, 'w').write(repr(sys.argv[1:]))\n")
    program.chmod(0o755)
    home = f"/home/{STRANGE}"
    install(places, str(program), home, starts_at_login=True)
    for link in (LINK, "copybara:%25%20$(id)`id`&ticket=x;", "copybara:--home"):
        gio("open", link)
        assert eval(pipe.read_text()) == ["--home", home, "start", "--", link]
    gio("launch", str(places.autostart))
    assert eval(pipe.read_text()) == ["--home", home, "start", "--no-open"]


async def test_a_click_on_a_link_opens_the_page_with_it(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gio", packages="libglib2.0-bin")
    browser, folder = Browser(tmp_path), home_in(tmp_path, "[handset]\nport = 0\n")
    for name, value in {**environment_of_a_person(), "BROWSER": browser.variable}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert desktop.install(Home(folder), starts_at_login=True) == 0
    async with running(folder, "run") as program:
        await program.until("copybara status")
        gio("open", LINK)
        address = await browser.opened()
        assert "#ticket=" in address
        assert address.endswith(f"&copybara%3A{'E' * 64}")
        async with page_at(address.rpartition("&")[0]) as (_, hello):
            assert (hello["name"], hello["calls"]) == ("Anna", [])
    assert desktop.remove() == 0
    assert not places.application.exists()


async def test_a_click_starts_the_program_if_it_doesnt_run(tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    home = home_in(tmp_path, "[handset]\nport = 0\n")
    async with running(home, "start", "--", LINK, browser=browser.variable) as program:
        assert (await browser.opened()).endswith(f"&copybara%3A{'E' * 64}")
        await program.until("Ctrl-C")


def test_a_link_adds_nothing_else_to_the_address() -> None:
    assert with_link("http://127.0.0.1:1/#ticket=x", "") == "http://127.0.0.1:1/#ticket=x"
    evil = "copybara:&key=1#ticket=2 \n\N{RIGHT-TO-LEFT OVERRIDE}"
    added = with_link("", evil).removeprefix("&")
    assert not set(added) & set("&=#: \n")
    assert added.isascii()
    assert len(with_link("", "copybara:" + "x" * 100_000)) < 5000


def test_twice_changes_nothing_and_remove_leaves_what_was_there(places: Places, tmp_path: Path) -> None:
    other = places.application.with_name("other.desktop")
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    places.mimeapps.parent.mkdir(parents=True)
    places.mimeapps.write_bytes(b"# mine \xff\n[Default Applications]\ntext/plain=other.desktop\n")
    before = files_below(tmp_path)
    put(places)
    there = files_below(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    put(places)
    assert files_below(tmp_path) == there
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert there.keys() - before.keys() == {
        f"data/applications/{ENTRY}",
        f"config/autostart/{ENTRY}",
        "data/icons/hicolor/scalable/apps/copybara-relay.svg",
    }
    remove(places)
    assert files_below(tmp_path) == before
    remove(places)
    assert files_below(tmp_path) == before


def test_on_a_desktop_without_such_files_nothing_is_left(places: Places, tmp_path: Path) -> None:
    put(places)
    remove(places)
    assert files_below(tmp_path) == {}


def test_without_a_start_at_log_in_an_earlier_one_goes(places: Places) -> None:
    put(places)
    put(places, starts_at_login=False)
    assert places.application.exists()
    assert not places.autostart.exists()


def test_somebody_elses_files_are_left_alone(places: Places, tmp_path: Path) -> None:
    places.application.parent.mkdir(parents=True)
    places.application.write_text("[Desktop Entry]\nName=Mine\n")
    before = files_below(tmp_path)
    with pytest.raises(StoreError, match="isn't Copybara's"):
        put(places)
    remove(places)
    assert files_below(tmp_path) == before


def test_a_list_that_is_a_link_stays_one(places: Places, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles"
    kept.write_text("")
    places.mimeapps.parent.mkdir(parents=True)
    places.mimeapps.symlink_to(kept)
    put(places)
    assert places.mimeapps.is_symlink()
    assert ENTRY in kept.read_text()


def test_folders_that_arent_absolute_are_ignored() -> None:
    usual = Places.of_user({})
    assert Places.of_user({"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": ""}) == usual
    assert usual.application == Path.home() / ".local/share/applications" / ENTRY


def test_doctor_says_whether_links_open_the_page(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert links() is None
    monkeypatch.setenv("DISPLAY", ":9")
    check = links()
    assert check is not None
    assert check.ok
    assert "copybara desktop install" in check.hint
    put(places)
    check = links()
    assert check is not None
    assert "starts when you log in" in check.detail
    assert not check.note
