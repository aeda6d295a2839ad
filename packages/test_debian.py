"""The package for Debian: built, looked at by lintian, installed on a fresh machine, run as a service, and removed."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from packages.systems.debian import RELEASES, USER, missing
from packages.systems.machine import Machine, machine
from tests.network.namespaces import Hosts, three_hosts

REPOSITORY = Path(__file__).parents[1]

SECONDS = 120.0
PORT = 8765

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0 or bool(missing()), reason=f"needs root, and {', '.join(missing())}"),
]


async def built(release: str, hosts: Hosts, folder: Path) -> Path:
    """The package that `make deb` makes on a machine of that release from what is committed here."""
    async with machine(release, hosts.b, folder / "builder") as builder:
        await builder.run(
            "sh",
            "-c",
            "apt-get update -q && apt-get install -q -y --no-install-recommends git make python3-venv lintian",
        )
        source = builder.root / "home" / USER / "source"
        await asyncio.to_thread(_clone, source)
        await builder.run("chown", "-R", f"{USER}:", f"/home/{USER}/source")
        said = await builder.as_user("make -s -C source deb")
        package = source / said.strip().splitlines()[-1]
        return Path(shutil.copy(package, folder))


def _clone(to: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, to], check=True)


async def until(there: str, on: Machine) -> str:
    """Wait until a line of the user's shell ends with 0, and return what it said."""
    async with asyncio.timeout(SECONDS):
        while True:
            said = await on.as_user(f"{there} && echo THERE", check=False)
            if said.rstrip().endswith("THERE"):
                return said
            await asyncio.sleep(0.5)


@asynccontextmanager
async def installed(package: Path, release: str, hosts: Hosts, folder: Path) -> AsyncIterator[Machine]:
    """A fresh machine on which somebody has installed it."""
    async with machine(release, hosts.a, folder / "user") as user:
        shutil.copy(package, user.root / "root")
        await user.run(
            "sh", "-c", f"apt-get update -q && apt-get install -q -y --no-install-recommends /root/{package.name}"
        )
        yield user


@pytest.mark.parametrize("release", RELEASES)
async def test_the_package_is_installed_runs_as_a_service_and_is_removed(release: str, tmp_path: Path) -> None:
    async with three_hosts() as hosts:
        package = await built(release, hosts, tmp_path)
        async with installed(package, release, hosts, tmp_path) as user:
            assert (await user.as_user("copybara --version")).startswith("copybara 0.")
            assert "video" in await user.as_user("copybara demo --json")
            # It may only be written by root, so it must be compiled already.
            assert await user.run("sh", "-c", "find /usr/lib/copybara-relay -name '*.pyc' | head -n 1")
            assert "man" in await user.run(
                "sh", "-c", "zcat /usr/share/man/man1/copybara.1.gz | head -c 2000 && echo man"
            )

            await runs_as_a_service(user)

            await user.run("apt-get", "remove", "-q", "-y", "copybara-relay")
            await user.run("sh", "-c", "! ls -d /usr/lib/copybara-relay /usr/bin/copybara")
            assert (user.root / "home" / USER / ".local/share/copybara/copybara.toml").exists()


async def runs_as_a_service(user: Machine) -> None:
    """`copybara service`, with a systemd that means it."""
    await user.as_user("copybara setup --yes --name Anna --overlay loopback")
    # What it says is to be run, where there is no polkit to allow it.
    await user.run("loginctl", "enable-linger", USER)
    await user.as_user("copybara service install")
    await until("systemctl --user is-active --quiet copybara.service", user)
    assert "active" in await user.as_user("copybara service status")
    assert '"node"' in await user.as_user("copybara status --json")

    # The port is held while the program is stopped, and who asks for the page starts it again.
    await user.as_user("systemctl --user stop copybara.service")
    assert f"127.0.0.1:{PORT}" in await user.run("ss", "-Htln")
    ask = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{PORT}; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; head -n 1 <&3'"
    assert "HTTP/1." in await user.as_user(ask)
    await until("systemctl --user is-active --quiet copybara.service", user)

    # One that hangs is started again, and one that fails again and again is given up.
    await changed(user, "[Service]\nWatchdogSec=5\nRestartSec=0\n[Unit]\nStartLimitBurst=3\n")
    before = await main_process(user)
    await user.as_user(f"kill -STOP {before}")
    await until(f"test $(systemctl --user show --value -p MainPID copybara) != {before}", user)
    await until("systemctl --user is-active --quiet copybara.service", user)
    for _ in range(6):
        await user.as_user("systemctl --user kill --signal=KILL copybara.service", check=False)
        await until("! systemctl --user show --value -p ActiveState copybara | grep -q deactivating", user)
    await until("systemctl --user show --value -p Result copybara | grep -q .", user)
    await until("systemctl --user is-failed --quiet copybara.service", user)

    await user.as_user("copybara service remove")
    assert f":{PORT}" not in await user.run("ss", "-Htln")


async def changed(user: Machine, setting: str) -> None:
    """As `systemctl --user edit copybara`."""
    folder = user.root / "home" / USER / ".config/systemd/user/copybara.service.d"
    folder.mkdir()
    (folder / "override.conf").write_text(setting)
    await user.as_user("systemctl --user daemon-reload && systemctl --user restart copybara")
    await until("systemctl --user is-active --quiet copybara.service", user)


async def main_process(user: Machine) -> int:
    return int(await user.as_user("systemctl --user show --value -p MainPID copybara"))
