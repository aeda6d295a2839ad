"""The original web app in a browser, in both roles, over a Staex network in which each node has its own addresses."""

from __future__ import annotations

import asyncio
import functools
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bot.console import Chat
from tests.browser.chromium import PageView, browser, require_chromium, until
from tests.browser.firefox import firefox, require_firefox
from tests.browser.people import AT_THE_PAGE, Somebody, somebody
from tests.network.calls import Caller, Captures, captures, endpoint, settings
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import three_hosts
from tests.network.staex import API, StaexNetwork, staex_network
from tests.peer.media.pulse_server import PulseServer, need_pulseaudio

pytestmark = pytest.mark.slow

PORT = 8123
PAGES = Path(__file__).parent / "classic"
PAGE = f"http://127.0.0.1:{PORT}/index.html"

LINK = re.compile(r"http://127\.0\.0\.1:8123/\S+")


@asynccontextmanager
async def network(folder: Path) -> AsyncIterator[tuple[StaexNetwork, Captures]]:
    """Two machines, one of them with the original's page, and captures of all that both send."""
    require_chromium()
    skip_without_namespaces()
    (folder / "network").mkdir()
    async with three_hosts() as hosts, staex_network(hosts, folder / "network") as made:
        serve = (sys.executable, "-m", "http.server", str(PORT), "--bind", "127.0.0.1", "--directory", str(PAGES))
        async with made.b.host.process(*serve, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL):
            with captures(made) as seen:
                yield made, seen


@asynccontextmanager
async def anna_on(made: StaexNetwork, folder: Path, config: str) -> AsyncIterator[Caller]:
    anna = Caller("anna", folder, Chat(), made.a, config)
    anna.configure()
    await anna.begin()
    try:
        await anna.asked(f"/contact add bob {made.b.node_id}", kind="contact.saved")
        yield anna
    finally:
        anna.process.terminate()
        await anna.gone()
    anna.check()


async def talk(anna: Caller, page: PageView) -> dict[str, Any]:
    """Check that sound, picture and text pass both ways, and return Anna's report."""
    report = await anna.media()
    await page.receives("audio", "video")
    await page.page.evaluate("classic.state.channel.send('hello from the page')")
    await anna.told("hello from the page")
    await anna.asked("/say hello to the page", kind="call.text-sent")
    await written_there(page, "hello to the page")
    return report


async def written_there(page: PageView, text: str) -> None:
    """Wait until a line of text has arrived at the page."""

    async def there() -> bool:
        return text in await page.page.evaluate("classic.state.texts")

    await until(there, text)


def nothing_else(made: StaexNetwork, seen: Captures, report: dict[str, Any], *, firefox: bool = False) -> None:
    """Check that a call touched nothing but the overlay, and in the overlay nothing but the other node's address.

    Firefox itself contacts its makers' servers over the wire, and the call has no part in that.
    """
    ours, theirs = endpoint(report["local"]), endpoint(report["remote"])
    assert theirs[0] == made.a.address_of(made.b)
    assert made.a.address_of(made.b) != made.b.address, "the same node has another address at each"
    assert (seen.wire_a.leaks(made.a.peering) if firefox else seen.leaks) == []
    for flow in seen.overlay_a.flows:
        assert {flow.source, flow.destination} == {ours[0], theirs[0]}, str(flow)
    # The browser on B tries each address that it has. What it sends in the overlay must go to our node only.
    for flow in seen.overlay_b.flows:
        assert firefox or made.b.address_of(made.a) in (flow.source, flow.destination), str(flow)


async def page_calls(anna: Caller, page: PageView, made: StaexNetwork, answer: Any) -> dict[str, Any]:
    """Let the page call: its link rings here and says where it is from, and our answer is pasted into the page."""
    ids = {"sourceNodeId": str(made.b.node_id), "destinationNodeId": anna.node, "sourceIp": str(made.b.address)}
    request = await page.page.evaluate("ids => classic.call(ids)", ids)
    rings = await anna.asked(request, kind="call.rings")
    assert f"bob is calling (video) from {PAGE}. Nothing proves who it is" in rings
    await answer()
    response = LINK.search((await anna.posted("chat", kind="link.answer"))["text"])
    assert response is not None
    assert response[0].startswith(f"{PAGE}?H4sI")
    accepted = {"link": response[0], "destinationIp": str(made.b.address_of(made.a))}
    await page.page.evaluate("accepted => classic.accept(accepted)", accepted)
    report = await talk(anna, page)
    await anna.asked(request, kind="link.already-used")
    return report


async def page_answers(anna: Caller, page: PageView, made: StaexNetwork) -> dict[str, Any]:
    """Let us call: our link is opened at the page, and the page's answer is pasted here."""
    anna.write("/call bob classic")
    request = LINK.search((await anna.posted("chat", kind="link.request"))["text"])
    assert request is not None
    await page.page.goto(request[0])
    own = {"ownNodeId": str(made.b.node_id), "ownIp": str(made.b.address), "sourceIp": str(made.b.address_of(made.a))}
    response = await page.page.evaluate("own => classic.answer(own)", own)
    anna.write(f"here it is: {response}")
    return await talk(anna, page)


async def both_ways(anna: Caller, page: PageView, made: StaexNetwork) -> list[dict[str, Any]]:
    """Make two calls: the page calls and we hang up, then we call and the page hangs up. Returns both reports."""

    async def answer() -> None:
        anna.write("/answer")

    first = await page_calls(anna, page, made, answer)
    anna.write("/hangup")
    await anna.call("ended")
    second = await page_answers(anna, page, made)
    await page.page.evaluate("classic.state.connection.close()")
    assert (await anna.call("ended"))["reason"] == "remote-hung-up"
    return [first, second]


@asynccontextmanager
async def at_a_handset(tmp_path: Path, made: StaexNetwork) -> AsyncIterator[tuple[Caller, Somebody, PageView]]:
    """Anna, who talks at her handset page; her browser; and the original's page in another browser."""
    config = f'overlay = "staex"\n[staex]\napi = "{API}"\n{AT_THE_PAGE}[calls]\nclassic_page = "{PAGE}"\n'
    async with (
        anna_on(made, tmp_path, config) as anna,
        browser(tmp_path, made.b.host.command) as chromium,
        somebody(anna, on=made.a.host.command) as at_handset,
    ):
        yield anna, at_handset, await chromium.open(PAGE)


async def answers(at_handset: Somebody) -> None:
    """Answer the call that rings at the handset page."""
    await at_handset.page.call("ringing")
    await at_handset.page.answer()


async def test_the_original_in_chromium_calls_and_is_called_with_the_pattern(tmp_path: Path) -> None:
    async with network(tmp_path) as (made, seen):
        config = settings(made.a) + f'[calls]\nclassic_page = "{PAGE}"\n'
        async with anna_on(made, tmp_path, config) as anna, browser(tmp_path, made.b.host.command) as chromium:
            reports = await both_ways(anna, await chromium.open(PAGE), made)
        for report in reports:
            nothing_else(made, seen, report)
            assert report["program"] == "classic"


async def test_the_original_in_chromium_calls_and_is_called_at_the_handset(tmp_path: Path) -> None:
    async with network(tmp_path) as (made, seen):
        async with at_a_handset(tmp_path, made) as (anna, at_handset, page):
            first = await page_calls(anna, page, made, functools.partial(answers, at_handset))
            await at_handset.page.receives("audio", "video")
            await at_handset.page.write("hello from the handset")
            await written_there(page, "hello from the handset")
            await at_handset.page.reload()
            await at_handset.page.call("active")
            await asyncio.gather(at_handset.page.receives("audio", "video"), page.receives("audio", "video"))
            await at_handset.page.press("Hang up")
            await anna.call("ended")
            second = await page_answers(anna, page, made)
            await at_handset.page.receives("audio", "video")
        for report in (first, second):
            nothing_else(made, seen, report)


async def test_what_offers_h264_alone_is_seen_at_the_handset_and_sees_it(tmp_path: Path) -> None:
    async with network(tmp_path) as (made, _), at_a_handset(tmp_path, made) as (anna, at_handset, page):
        await page.page.evaluate("classic.state.only = 'video/H264'")
        await page_calls(anna, page, made, functools.partial(answers, at_handset))
        await at_handset.page.receives("audio", "video")


async def test_the_original_in_firefox_calls_and_is_called_with_the_pattern(tmp_path: Path) -> None:
    need_pulseaudio()
    require_firefox()
    sound = PulseServer(tmp_path)
    async with network(tmp_path) as (made, seen), sound.running("room"):
        config = settings(made.a) + f'[calls]\nclassic_page = "{PAGE}"\n'
        # An automated Firefox has no permission for a microphone, so its pages see the address of the default route
        # only.
        await made.b.host.run("ip", "route", "replace", "default", "dev", made.b.device)
        async with (
            anna_on(made, tmp_path, config) as anna,
            firefox(tmp_path, sound, made.b.host, allowed=True) as there,
        ):
            reports = await both_ways(anna, await there.open(PAGE), made)
        for report in reports:
            nothing_else(made, seen, report, firefox=True)


async def test_the_original_in_firefox_calls_and_is_called_at_the_handset(tmp_path: Path) -> None:
    need_pulseaudio()
    require_firefox()
    sound = PulseServer(tmp_path)
    async with network(tmp_path) as (made, seen), sound.running("room"):
        config = f'overlay = "staex"\n[staex]\napi = "{API}"\n{AT_THE_PAGE}[calls]\nclassic_page = "{PAGE}"\n'
        await made.b.host.run("ip", "route", "replace", "default", "dev", made.b.device)
        async with (
            anna_on(made, tmp_path, config) as anna,
            firefox(tmp_path, sound, made.b.host, allowed=True) as there,
            somebody(anna, on=made.a.host.command) as at_handset,
        ):
            page = await there.open(PAGE)
            first = await page_calls(anna, page, made, functools.partial(answers, at_handset))
            await at_handset.page.receives("audio", "video")
            await at_handset.page.write("hello from the handset")
            await written_there(page, "hello from the handset")
            await at_handset.page.press("Hang up")
            await anna.call("ended")
            second = await page_answers(anna, page, made)
            await at_handset.page.receives("audio", "video")
        for report in (first, second):
            nothing_else(made, seen, report, firefox=True)
