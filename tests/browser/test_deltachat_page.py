"""The call page of Delta Chat's own apps, in both roles, over Yggdrasil: a friend with their app and a node."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bot.console import Chat
from tests.bot.deltachat.friends import meet
from tests.bot.deltachat.mail import PATH, MailServer
from tests.bot.deltachat.world import SECTION, App, Owner, apps, chat_with_bot, set_up
from tests.browser.chromium import browser, require_chromium
from tests.browser.deltachat_page import FOLDER, AppPage, require_page
from tests.browser.people import AT_THE_PAGE, Somebody, somebody
from tests.network.calls import Caller, Captures, captures, endpoint
from tests.network.conftest import skip_without_namespaces
from tests.network.forward import forwarded
from tests.network.namespaces import three_hosts
from tests.network.yggdrasil import YggdrasilNetwork, yggdrasil_network

pytestmark = pytest.mark.slow

PORT = 8124
PAGE = f"http://127.0.0.1:{PORT}/index.html"


@asynccontextmanager
async def network(folder: Path) -> AsyncIterator[tuple[YggdrasilNetwork, MailServer, Captures]]:
    """Anna's machine and Bob's, with the call page on his, and a mail server that hers reaches past every wire."""
    require_chromium()
    require_page()
    skip_without_namespaces("yggdrasil")
    if shutil.which("dovecot", path=PATH) is None:
        pytest.skip("needs dovecot (Debian: dovecot-core, dovecot-imapd)")
    (folder / "network").mkdir()
    server = MailServer()
    with server.running(), tempfile.TemporaryDirectory() as sockets:
        async with three_hosts() as hosts, yggdrasil_network(hosts, folder / "network") as made:
            serve = (sys.executable, "-m", "http.server", str(PORT), "--bind", "127.0.0.1", "--directory", str(FOLDER))
            quiet = asyncio.subprocess.DEVNULL
            async with (
                forwarded(made.a.host, Path(sockets), server.imap_port, server.smtp_port),
                made.b.host.process(*serve, stdout=quiet, stderr=quiet),
            ):
                with captures(made) as seen:
                    yield made, server, seen


@asynccontextmanager
async def anna_and_bob(
    made: YggdrasilNetwork, server: MailServer, folder: Path
) -> AsyncIterator[tuple[Owner, Somebody, AppPage]]:
    """Anna with her bot and her page, and Bob with his app and its call page. Each can reach the other."""
    config = f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{made.a.admin}"\n{AT_THE_PAGE}{SECTION}'
    with apps(folder) as rpc:
        anna, bob = [await asyncio.to_thread(App, rpc, server, name) for name in ("Anna", "Bob")]
        bot = Caller("anna", folder, Chat(), made.a, config)
        await asyncio.to_thread(set_up, bot.home, server, anna, "anna-bot")
        await bot.begin()
        try:
            owner = Owner(anna, bot, await asyncio.to_thread(chat_with_bot, anna))
            contact = await asyncio.to_thread(meet, anna, owner.chat, bob)
            await owner.asks(f"/contact add bob {made.b.node_id}", "Saved")
            async with (
                somebody(bot, on=made.a.host.command) as at_handset,
                browser(folder, made.b.host.command) as chromium,
            ):
                page = AppPage(bob, int(rpc.create_chat_by_contact_id(bob.number, contact)), chromium, PAGE)
                await page.begin()
                yield owner, at_handset, page
        finally:
            bot.process.terminate()
            await bot.gone()
        bot.check()


async def both_receive(at_handset: Somebody, page: AppPage) -> None:
    await asyncio.gather(at_handset.page.receives("audio", "video"), page.view.receives("audio", "video"))


async def test_the_apps_own_page_calls_and_is_called_at_the_handset(tmp_path: Path) -> None:
    async with network(tmp_path) as (made, server, seen):
        async with anna_and_bob(made, server, tmp_path) as (anna, at_handset, page):
            await page.rings()
            await at_handset.page.call("ringing")
            asked = await asyncio.to_thread(anna.reads, "The call names bob's address")
            await at_handset.page.answer()
            await page.connects()
            await both_receive(at_handset, page)
            report = await anna.bot.media()
            assert (report["program"], report["with"]) == ("deltachat", "bob")
            await page.view.page.get_by_role("button", name="Mute microphone").click()
            await at_handset.page.remote(audio=False, video=True, screen=False)
            await at_handset.page.click(at_handset.page.page.locator("#c-camera"))
            await page.is_told('{"audioEnabled":true,"videoEnabled":false}')
            # Android's app restarts ICE when its network changes. Nobody answers the restart, and the call continues.
            await page.restarts_ice()
            await at_handset.page.click(at_handset.page.page.locator("#c-camera"))
            await page.is_told('{"audioEnabled":true,"videoEnabled":true}')
            await both_receive(at_handset, page)
            await page.is_connected()
            await page.hangs_up()
            assert (await anna.bot.call("ended"))["reason"] == "remote-hung-up"

            found = re.search(r"(\d+): This is bob", asked)
            assert found is not None
            anna.says(found[1])
            await asyncio.to_thread(anna.reads, "now prove who is calling")
            await anna.asks("/contact program bob deltachat", "ring their Delta Chat")
            anna.says("/call bob")
            await page.answers()
            await both_receive(at_handset, page)
            second = await anna.bot.media()
            await at_handset.page.press("Hang up")
            await page.is_over()
            await anna.bot.call("ended")
        # Whatever the page has offered, our machine's wire carries only the overlay's own connection, and the machine
        # knows no address in the overlay but Bob's.
        assert seen.wire_a.leaks(made.a.peering) == []
        for each in (report, second):
            assert (endpoint(each["local"])[0], endpoint(each["remote"])[0]) == (made.a.address, made.b.address)
        for flow in seen.overlay_a.flows:
            assert {flow.source, flow.destination} == {made.a.address, made.b.address}, str(flow)
