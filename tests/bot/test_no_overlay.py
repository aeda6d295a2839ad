"""`copybara start` on a computer without an overlay: the page says what to do, and goes on once there is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from bot.page.no_overlay import wait_until_available
from bot.texts.no_overlay import COMMAND
from shared.errors import NodeChanged, OverlayDown
from tests.bot.console import cli
from tests.bot.test_start import Browser, home_in, running
from tests.peer.handset.knocking import given_in, knock, origin_of
from tests.peer.handset.wire import WirePage
from tests.peer.own_namespace import NO_NODE, need

PATIENCE = 60.0
KEY = bytes(range(32))


class Overlay:
    """The overlay to find. It appears when a test says so."""

    def __init__(self) -> None:
        self.there = asyncio.Event()
        self.looked = asyncio.Event()
        self.error: OverlayDown | NodeChanged = OverlayDown("No overlay network was found.", "Install one.")

    async def find(self) -> str:
        self.looked.set()
        if not self.there.is_set():
            raise self.error
        return "found"


async def test_the_page_says_what_to_run_and_gives_way_once_the_network_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, overlay = Browser(tmp_path), Overlay()
    opened, again = asyncio.Event(), asyncio.Event()
    monkeypatch.setenv("BROWSER", browser.variable)
    waiting = asyncio.create_task(
        wait_until_available(
            *(overlay.find, asyncio.Event()),
            port=0,
            key=KEY,
            command_socket=tmp_path / "socket",
            shown=opened.set,
            looks_again=again.set,
        ),
    )
    address = await browser.opened()
    await asyncio.wait_for(opened.wait(), PATIENCE)
    origin, (kind, secret) = origin_of(address), given_in(address)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{origin}/socket", headers={"Origin": origin}) as sock,
    ):
        assert await knock(sock, origin.removeprefix("http://"), kind, secret)
        page = WirePage(sock)
        told = await page.next("no-overlay")
        assert (told["sentence"], told["hint"], told["command"]) == (
            overlay.error.sentence,
            overlay.error.hint,
            COMMAND,
        )
        # Another reason is shown at once, and the page's requests do nothing.
        overlay.error = OverlayDown("The node was stopped.", "Start it.")
        assert (await page.next("no-overlay"))["sentence"] == "The node was stopped."
        # The change of the set-up in another terminal is noticed.
        assert again.is_set()
        overlay.there.set()
        assert await asyncio.wait_for(waiting, PATIENCE) == "found"
        async with asyncio.timeout(PATIENCE):
            while (await sock.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
                pass
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(origin)


async def test_a_node_that_has_changed_is_no_missing_network(tmp_path: Path) -> None:
    overlay = Overlay()
    overlay.error = NodeChanged("This home has always been another node.")
    with pytest.raises(NodeChanged):
        await wait_until_available(overlay.find, asyncio.Event(), port=0, key=KEY, command_socket=tmp_path / "socket")


def without_node(folder: Path) -> Path:
    """A home whose node doesn't run."""
    home = home_in(folder, "[handset]\nport = 0\n")
    config = home / "copybara.toml"
    lost = f'[yggdrasil]\nadmin = "unix://{folder}/nobody.sock"\n'
    config.write_text(config.read_text().replace("loopback", "yggdrasil") + lost)
    return home


async def test_a_service_runs_without_its_node_and_page_and_commands_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, missing = Browser(tmp_path), f"No Yggdrasil node at unix://{tmp_path}/nobody.sock."
    home = await asyncio.to_thread(without_node, tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        with monkeypatch.context() as systemd:
            systemd.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
            systemd.setenv("WATCHDOG_USEC", "200000")
            service = running(home, "run", browser=browser.variable)
            program = await service.__aenter__()
        async with contextlib.AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            stack.push_async_exit(service)
            loop = asyncio.get_running_loop()
            assert [await loop.sock_recv(manager, 100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            assert await program.until("as soon as the network is there")
            variable = {"BROWSER": browser.variable}
            starting = asyncio.create_task(cli("--home", str(home), "start", environment=variable))
            address = await browser.opened()
            for code, _, err in (await starting, await cli("--home", str(home), "status")):
                assert code == 1
                assert err.startswith(f"error: {missing}\n")
            origin, (kind, secret) = origin_of(address), given_in(address)
            async with (
                aiohttp.ClientSession() as http,
                http.ws_connect(f"{origin}/socket", headers={"Origin": origin}) as sock,
            ):
                assert await knock(sock, origin.removeprefix("http://"), kind, secret)
                assert (await WirePage(sock).next("no-overlay"))["sentence"] == missing


async def test_start_shows_it_in_browser_and_terminal_and_everything_else_gets_the_error(tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    home = await asyncio.to_thread(without_node, tmp_path)
    async with running(home, "start", browser=browser.variable, terminal=True) as program:
        await browser.opened()
        lines = await program.until("Ctrl-C ends it.")
        assert any(COMMAND in line for line in lines)
    for command in (("start", "--no-open"), ("run",), ("run", "--json")):
        code, _, err = await cli("--home", str(home), *command)
        assert code == 1
        assert err.startswith("error: ")
        assert "hint: " in err


def test_a_node_that_is_installed_and_does_not_run_is_named_with_how_to_start_it(tmp_path: Path) -> None:
    need("unshare", "mount", "ip", "yggdrasil")
    ended = subprocess.run(
        [*NO_NODE, sys.executable, "-m", "bot.cli", "--home", str(tmp_path), "start", "--no-open"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "error: Yggdrasil is installed on this computer, but it doesn't run.\nhint:  To start it: "
    )
    assert "sudo systemctl restart yggdrasil" in ended.stderr
    assert "copybara setup" in ended.stderr
