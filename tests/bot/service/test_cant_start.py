"""A service that can't start: its page, at the port that systemd holds, says why until somebody has corrected it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.home import Home, HomeLock, who_runs
from bot.process.service_manager import READY
from bot.texts.cant_start import AFTER_DAMAGE, GOES_ON, RUNS_ELSEWHERE
from shared.errors import ConfigError, DamagedStore, HomeInUse
from tests.bot.console import environment_of_a_person
from tests.bot.test_start import home_in
from tests.peer.handset.knocking import knock
from tests.peer.handset.test_held_port import HELD

SECONDS = 60.0


@dataclass
class Service:
    """A `copybara run` that systemd has started."""

    process: asyncio.subprocess.Process
    home: Home
    port: int
    manager: socket.socket

    async def told(self) -> str:
        """Its next message to systemd."""
        async with asyncio.timeout(SECONDS):
            return (await asyncio.get_running_loop().sock_recv(self.manager, 4096)).decode()

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[tuple[dict[str, Any], aiohttp.ClientWebSocketResponse]]:
        """The first message to a browser that knows the home's key, as from a bookmark."""
        origin = f"http://127.0.0.1:{self.port}"
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{origin}/socket", headers={"Origin": origin}) as sock,
        ):
            key = self.home.handset_key.read_bytes()
            first = await knock(sock, origin.removeprefix("http://"), "home", key)
            assert first is not None
            yield first, sock


@contextlib.asynccontextmanager
async def service(folder: Path) -> AsyncIterator[Service]:
    """The service of that home. It exits with 0 when it is stopped."""
    bash, home = shutil.which("bash"), Home(folder / "home")
    assert bash is not None
    home.load_handset_key()  # it has run before
    with (
        socket.create_server(("127.0.0.1", 0)) as held,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        held.set_inheritable(True)
        manager.bind(str(folder / "notify"))
        manager.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            *(bash, "-c", HELD, "bash", str(held.fileno())),
            *(sys.executable, "-m", "bot.cli", "--home", str(home.folder), "run"),
            pass_fds=(held.fileno(),),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            env={**environment_of_a_person(), "NOTIFY_SOCKET": str(folder / "notify")},
        )
        try:
            yield Service(process, home, held.getsockname()[1], manager)
            process.terminate()
            async with asyncio.timeout(SECONDS):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def closed(sock: aiohttp.ClientWebSocketResponse) -> None:
    """Wait until the program has closed the page's socket."""
    async with asyncio.timeout(SECONDS):
        while (await sock.receive()).type not in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
            pass


async def test_the_bookmark_says_what_is_wrong_with_the_configuration_until_it_is_right(tmp_path: Path) -> None:
    config = home_in(tmp_path) / "copybara.toml"
    right = config.read_text()
    config.write_text(f"{right}[calls]\nlifetime = 0\n")
    async with service(tmp_path) as it:
        status = await it.told()
        assert status.startswith(f"STATUS={config}, line 4: ")
        assert await it.told() == READY
        async with it.page() as (first, sock):
            assert (first["type"], first["kind"]) == ("cant-start", ConfigError().kind)
            assert first["sentence"] in status
            assert first["hint"].endswith(GOES_ON)
            assert who_runs(it.home) is None, "whoever mends it may need the home"
            # A new fault is shown at once.
            config.write_text(f"{right}[calls]\n[nonsense]\n")
            assert "nonsense" in await it.told()
            async with asyncio.timeout(SECONDS):
                assert "nonsense" in (await sock.receive_json())["sentence"]
            config.write_text(right)
            await closed(sock)
        assert [await it.told(), await it.told()] == ["STATUS=", READY]
        async with it.page() as (first, _):
            assert first["type"] == "hello"


async def test_a_database_that_was_set_aside_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    home_in(tmp_path).joinpath("copybara.db").write_bytes(b"damaged" * 1000)
    async with service(tmp_path) as it:
        assert (await it.told()).endswith(f"nothing was overwritten. {AFTER_DAMAGE}")
        assert await it.told() == READY
        async with it.page() as (first, _):
            assert (first["kind"], first["hint"]) == (DamagedStore().kind, AFTER_DAMAGE)
        assert not it.home.database.exists()


async def test_while_another_program_has_the_home_the_bookmark_says_so(tmp_path: Path) -> None:
    with contextlib.ExitStack() as other:
        other.enter_context(HomeLock(Home(home_in(tmp_path))))
        async with service(tmp_path) as it:
            assert "is already running with the home" in await it.told()
            assert await it.told() == READY
            async with it.page() as (first, sock):
                assert (first["kind"], first["hint"]) == (HomeInUse().kind, RUNS_ELSEWHERE)
                other.close()
                await closed(sock)
            assert [await it.told(), await it.told()] == ["STATUS=", READY]


async def test_a_node_that_has_changed_is_said_and_the_home_is_free_for_who_confirms_it(tmp_path: Path) -> None:
    home = Home(home_in(tmp_path))
    async with service(tmp_path) as it:
        assert await it.told() == READY
    home.node_key.unlink()
    (tmp_path / "notify").unlink()
    async with service(tmp_path) as it:
        assert "This home has always been node" in await it.told()
        assert await it.told() == READY
        async with it.page() as (first, _):
            assert "copybara run --new-node" in first["hint"]
        assert who_runs(home) is None


async def test_without_a_page_it_waits_for_its_node_and_says_so_to_systemd(tmp_path: Path) -> None:
    home = home_in(tmp_path, '[handset]\nenabled = false\n[telegram]\ntoken = "file"\n')
    (home / "telegram.token").write_text("2001:" + "A" * 35)
    (home / "telegram.token").chmod(0o600)
    config = home / "copybara.toml"
    config.write_text(f'{config.read_text().replace("loopback", "yggdrasil")}[yggdrasil]\nadmin = "unix:///one.sock"\n')
    async with service(tmp_path) as it:
        assert (await it.told()).startswith("STATUS=No Yggdrasil node at unix:///one.sock.")
        assert await it.told() == READY
        # It still waits, whatever is missing.
        config.write_text(config.read_text().replace("one.sock", "two.sock"))
        assert (await it.told()).startswith("STATUS=No Yggdrasil node at unix:///two.sock.")
