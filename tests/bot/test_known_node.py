"""A home keeps its overlay and its node id, whatever replies instead of the node at the next start."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.home import Home
from bot.known_node import remember
from bot.settings import open_overlay
from peer.overlay.choose import choose, configured
from shared.config.schema import Config, Staex, Yggdrasil
from shared.errors import NodeChanged, OverlayDown, OverlayForbidden
from shared.store import Store
from tests.peer.overlay import staex_service, yggdrasil_service
from tests.peer.overlay.staex_service import answering, listening, node
from tests.peer.overlay.yggdrasil_service import OUR_ADDRESS, myself, pretending
from tests.peer.own_namespace import NO_NODE, in_own_namespace, ip, need
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

ROOT = Path(__file__).parents[2]


def started(home: Path, *options: str, within: Sequence[str] = ()) -> tuple[str, str]:
    """The node id with which `copybara run` starts, empty if it doesn't start, and its stderr.

    `within` is a command that runs it.
    """
    command = [*within, sys.executable, "-m", "bot.cli", "--home", str(home), "run", "--console", "--json", *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        _, errors = process.communicate(timeout=100)
    assert process.returncode == (0 if ready else 1), errors
    return (json.loads(ready)["node"] if ready else ""), errors


def test_a_node_that_changed_is_refused_until_the_owner_says_so(tmp_path: Path) -> None:
    before, _ = started(tmp_path, "--overlay", "loopback")
    assert before
    (tmp_path / "node.key").unlink()
    changed, errors = started(tmp_path, "--overlay", "loopback")
    assert not changed
    assert "error: This home has always been node" in errors
    assert before[:8] in errors
    assert "hint:" in errors
    assert "copybara run --new-node" in errors
    after, _ = started(tmp_path, "--overlay", "loopback", "--new-node")
    assert after not in ("", before)
    assert started(tmp_path, "--overlay", "loopback")[0] == after


def device(name: str, address: str, kind: str = "") -> None:
    """Make a device of an overlay, or one of another kind."""
    ip(f"link add {name} type {kind}" if kind else f"tuntap add {name} mode tun")
    ip(f"addr add {address} dev {name}")
    ip(f"link set {name} up")


@contextlib.asynccontextmanager
async def staex() -> AsyncIterator[Staex]:
    async with listening(answering(node())) as api:
        yield Staex(api=api)


@pytest.mark.parametrize("kind", ["bridge", "veth peer name other"])
def test_auto_takes_no_staex_node_on_a_containers_network(tmp_path: Path, kind: str) -> None:
    async def work() -> None:
        device("docker0", "10.83.0.1/24", kind)
        async with staex() as settings:
            overlays = configured(Config(staex=settings, yggdrasil=Yggdrasil(admin="unix:///none")), tmp_path)
            with pytest.raises(OverlayDown) as refused:
                await choose("auto", overlays)
            assert re.search(r"docker0, .* which no overlay uses", refused.value.hint)
            assert (await choose("staex", overlays)).overlay.interface == "docker0"

    in_own_namespace(work)


def test_auto_takes_a_staex_node_with_a_device_of_its_own(tmp_path: Path) -> None:
    async def work() -> None:
        device("mcc0", "10.83.0.1/24")
        async with staex() as settings:
            choice = await choose("auto", configured(Config(staex=settings), tmp_path))
            assert (choice.overlay.name, choice.overlay.interface) == ("staex", "mcc0")

    in_own_namespace(work)


def test_a_home_stays_with_its_overlay_though_a_preferred_one_appears(tmp_path: Path) -> None:
    home = Home(tmp_path)

    async def work() -> None:
        device("ygg0", f"{OUR_ADDRESS}/7")
        device("mcc0", "10.83.0.1/24")
        admin = Yggdrasil(admin=f"unix://{tmp_path}/sock")
        config = Config(yggdrasil=admin, staex=Staex(api="http://127.0.0.1:1"))
        with Store(home.database) as store:
            async with pretending(tmp_path / "sock", myself()):
                overlay, own = await open_overlay(config, home, store)
                assert (overlay.name, own) == ("yggdrasil", yggdrasil_service.US)
                remember(store, overlay.name, own)
                async with staex() as settings:
                    config = Config(yggdrasil=admin, staex=settings)
                    assert (await open_overlay(config, home, store))[0].name == "yggdrasil"
                    overlay, own = await open_overlay(config, home, store, new_node=True)
                    assert (overlay.name, own) == ("staex", staex_service.US)
            async with staex() as settings:
                config = Config(yggdrasil=admin, staex=settings)
                with pytest.raises(OverlayDown) as down:
                    await open_overlay(config, home, store)
                assert "This home uses Yggdrasil" in down.value.hint
                assert "copybara run --new-node" in down.value.hint

    in_own_namespace(work)


def test_a_node_that_only_has_to_be_started_is_not_to_be_replaced(tmp_path: Path) -> None:
    need("unshare", "mount", "ip", "yggdrasil")
    with Store(Home(tmp_path).database) as store:
        remember(store, "yggdrasil", yggdrasil_service.US)
    node, errors = started(tmp_path, within=NO_NODE)
    assert not node
    assert "doesn't run" in errors
    assert "sudo systemctl restart yggdrasil" in errors
    assert "--new-node" not in errors
    Home(tmp_path).for_root.touch()
    _, errors = started(tmp_path, within=NO_NODE)
    assert f"sh {tmp_path}/for-root.sh" in " ".join(errors.split()), "that command waits already"
    assert "copybara setup overlay" not in errors


async def test_a_node_that_only_may_not_be_asked_is_not_to_be_replaced() -> None:
    with reachable_folder() as folder:
        home = Home(folder)
        with Store(home.database) as store:
            remember(store, "yggdrasil", yggdrasil_service.US)
            async with pretending(folder / "sock", myself()) as admin:
                (folder / "sock").chmod(0)
                with ordinary_user(), pytest.raises(OverlayForbidden) as refused:
                    await open_overlay(Config(yggdrasil=Yggdrasil(admin=admin)), home, store)
    assert "--new-node" not in refused.value.hint


def test_another_node_that_answers_in_the_nodes_place_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)

    async def work() -> None:
        device("mcc0", "10.83.0.1/24")
        with Store(home.database) as store:
            remember(store, "staex", staex_service.THEM)
            async with staex() as settings:
                with pytest.raises(NodeChanged, match=staex_service.THEM.short):
                    await open_overlay(Config(overlay="staex", staex=settings), home, store)

    in_own_namespace(work)


def test_a_home_whose_node_cannot_be_read_says_so_and_starts_when_the_owner_says_so(tmp_path: Path) -> None:
    node_id, _ = started(tmp_path, "--overlay", "loopback")
    with Store(Home(tmp_path).database) as store:
        store.set_home_fact("node.loopback", b"\xff")
    refused, errors = started(tmp_path, "--overlay", "loopback")
    assert not refused
    assert "can't be read any more" in errors
    assert "copybara run --new-node" in errors
    assert started(tmp_path, "--overlay", "loopback", "--new-node")[0] == node_id
