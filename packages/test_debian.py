"""The package for Debian: built, looked at by lintian, installed, upgraded, run as a service, and removed."""

from __future__ import annotations

import asyncio
import json
import os
import re
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

WORST_EXPOSURE = 25
"Tenths, as `systemd-analyze security` counts: 0 is the best, 100 the worst."

COMMITS = ("HEAD~100", "HEAD")
"Whose packages are built: what somebody has, and what they upgrade to."

FRIEND = "copybara:FQEgE1o7G-zVr3OBCPJffLkvCqx01yvKy8hr04pRRbJG9nsCIFXm---tIQS_yHiF69Qrlu6_PVQR-Rpq7rLSJh1nfMBPaxblxQ"
"README's card."

pytestmark = [
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.geteuid() != 0 or bool(missing()), reason=f"needs root, and {', '.join(missing())}"),
]


async def built(release: str, hosts: Hosts, folder: Path) -> list[Path]:
    """The packages that `make deb` makes of COMMITS on a machine of that release."""
    async with machine(release, hosts.b, folder / "builder") as builder:
        await builder.run("apt-get", "update", "-q")
        apt_install = ("apt-get", "install", "-q", "-y", "--no-install-recommends")
        await builder.run(*apt_install, "git", "make", "python3-venv")
        source = builder.root / "home" / USER / "source"
        await asyncio.to_thread(_clone, source)
        commits = [_hash_of(commit, source) for commit in COMMITS]
        await builder.run("chown", "-R", f"{USER}:", f"/home/{USER}/source")
        packages = []
        for commit in commits:
            if commit == commits[-1]:  # the others were looked at in their time
                await builder.run(*apt_install, "lintian")
            said = await builder.as_user(f"git -C source checkout -q {commit} && make -s -C source deb")
            package = source / said.strip().splitlines()[-1]
            packages.append(Path(shutil.copy(package, folder)))
        return packages


def _clone(to: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, to], check=True)


def _hash_of(commit: str, source: Path) -> str:
    done = subprocess.run(["git", "-C", source, "rev-parse", commit], capture_output=True, text=True, check=True)
    return done.stdout.strip()


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
        await user.run("apt-get", "update", "-q")
        await add(package, user)
        yield user


async def add(package: Path, user: Machine) -> None:
    """Install it, or upgrade to it."""
    shutil.copy(package, user.root / "root")
    await user.run("apt-get", "install", "-q", "-y", "--no-install-recommends", f"/root/{package.name}")


@pytest.mark.parametrize("release", RELEASES)
async def test_the_package_is_installed_runs_as_a_service_is_upgraded_and_removed(release: str, tmp_path: Path) -> None:
    async with three_hosts() as hosts:
        before, package = await built(release, hosts, tmp_path)
        async with installed(before, release, hosts, tmp_path) as user:
            await is_upgraded(package, user)
            assert (await user.as_user("copybara --version")).startswith("copybara 0.")
            assert "video" in await user.as_user("copybara demo --json")
            # It may only be written by root, so it must be compiled already.
            assert await user.run("sh", "-c", "find /usr/lib/copybara-relay -name '*.pyc' | head -n 1")
            assert "man" in await user.run(
                "sh", "-c", "zcat /usr/share/man/man1/copybara.1.gz | head -c 2000 && echo man"
            )

            await runs_as_a_service(user)

            said = await user.as_user("copybara uninstall < /dev/null")
            (command,) = re.findall("^To remove the program: sudo (.+)$", said, re.MULTILINE)
            await user.run(*command.split(), "-q", "-y")
            await user.run("sh", "-c", "! ls -d /usr/lib/copybara-relay /usr/bin/copybara")
            assert (user.root / "home" / USER / ".local/share/copybara/copybara.toml").exists()


async def is_upgraded(package: Path, user: Machine) -> None:
    """The home of the earlier program stays what it is, and its service runs the new one once it is started again."""
    await user.as_user("copybara setup --yes --name Anna --overlay loopback")
    await user.as_user(f"copybara contacts add bob {FRIEND}")
    await user.run("loginctl", "enable-linger", USER)
    await user.as_user("copybara service install")
    await until("systemctl --user is-active --quiet copybara.service", user)
    kept = await home_of(user)
    earlier = await user.as_user("copybara --version")

    await add(package, user)
    assert await user.as_user("copybara --version") != earlier
    assert await user.run("dpkg", "--verify", "copybara-relay") == ""
    process = await main_process(user)
    await user.as_user("copybara service install")
    await until("systemctl --user is-active --quiet copybara.service", user)
    assert await main_process(user) != process
    assert await home_of(user) == kept
    await user.as_user("copybara service remove")


async def home_of(user: Machine) -> tuple[str, list[tuple[str, str]]]:
    """The user's card, and their contacts by name and node."""
    contacts = json.loads(await user.as_user("copybara contacts list --json"))
    card = json.loads(await user.as_user("copybara card --json"))
    return card["token"], [(each["name"], each["node"]) for each in contacts]


async def runs_as_a_service(user: Machine) -> None:
    """`copybara service`, with a systemd that means it."""
    await user.as_user("copybara setup --yes --name Anna --overlay loopback")
    # What it says is to be run, where there is no polkit to allow it.
    await user.run("loginctl", "enable-linger", USER)
    await user.as_user("copybara service install")
    await until("systemctl --user is-active --quiet copybara.service", user)
    units = "~/.config/systemd/user/copybara"
    assert await user.as_user(f"systemd-analyze --user --man=no verify {units}.service {units}.socket") == ""
    await user.as_user(f"systemd-analyze security --offline=true --threshold={WORST_EXPOSURE} {units}.service")
    assert "active" in await user.as_user("copybara service status")
    assert '"node"' in await user.as_user("copybara status --json")

    # The port is held while the program is stopped, and who asks for the page starts it again.
    await user.as_user("systemctl --user stop copybara.service")
    assert f"127.0.0.1:{PORT}" in await user.run("ss", "-Htln")
    ask = f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{PORT}; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; head -n 1 <&3'"
    assert "HTTP/1." in await user.as_user(ask)
    await until("systemctl --user is-active --quiet copybara.service", user)

    # One that hangs or fails is started again, however often, and the port is held meanwhile.
    await changed(user, "[Service]\nWatchdogSec=5\nRestartSec=0\n")
    before = await main_process(user)
    await user.as_user(f"kill -STOP {before}")
    await until(f"test $(systemctl --user show --value -p MainPID copybara) != {before}", user)
    await until("systemctl --user is-active --quiet copybara.service", user)
    for _ in range(6):
        await user.as_user("systemctl --user kill --signal=KILL copybara.service", check=False)
        await until("! systemctl --user show --value -p ActiveState copybara | grep -q deactivating", user)
        assert f"127.0.0.1:{PORT}" in await user.run("ss", "-Htln")
    await until("systemctl --user is-active --quiet copybara.service", user)

    # It can be installed again.
    await user.as_user("copybara service install")
    await until("systemctl --user is-active --quiet copybara.service", user)
    await says_what_to_mend(ask, user)
    await is_removed_beside_an_open_page(user)


async def says_what_to_mend(ask: str, user: Machine) -> None:
    """With a mistake in the configuration it answers at the bookmark, and runs once that is right."""
    config = "~/.local/share/copybara/copybara.toml"
    await user.as_user(f"cp {config} right.toml && echo 'nonsense = 1' >> {config}")
    await user.as_user("systemctl --user restart copybara")
    assert "HTTP/1." in await user.as_user(ask)
    assert "It can't start: " in await user.as_user("copybara service status", check=False)
    await user.as_user(f"cp right.toml {config}")
    await until("copybara service status", user)
    assert '"node"' in await user.as_user("copybara status --json")


async def is_removed_beside_an_open_page(user: Machine) -> None:
    """One that connects again and again, and so has systemd start the service."""
    shutil.rmtree(user.root / "home" / USER / ".config/systemd/user/copybara.service.d")
    await user.as_user("systemctl --user daemon-reload")
    knocking = f"while :; do (exec 3<>/dev/tcp/127.0.0.1/{PORT}) 2> /dev/null; sleep 0.05; done"
    for action in ("install", "remove"):
        page = f"timeout 120 bash -c '{knocking}' & page=$!"
        await user.as_user(f"{page}; copybara service {action}; code=$?; kill $page; exit $code")
    assert f":{PORT}" not in await user.run("ss", "-Htln")
    await user.run("sh", "-c", "! pgrep -f 'copybara[ ]run'")


async def changed(user: Machine, setting: str) -> None:
    """As `systemctl --user edit copybara`."""
    folder = user.root / "home" / USER / ".config/systemd/user/copybara.service.d"
    folder.mkdir()
    (folder / "override.conf").write_text(setting)
    await user.as_user("systemctl --user daemon-reload && systemctl --user restart copybara")
    await until("systemctl --user is-active --quiet copybara.service", user)


async def main_process(user: Machine) -> int:
    return int(await user.as_user("systemctl --user show --value -p MainPID copybara"))
