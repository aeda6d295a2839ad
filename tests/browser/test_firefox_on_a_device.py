"""Firefox as the browser of a device, with the home's certificate authority in its profile."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from shared.paired_device import DeviceWay
from tests.bot.console import Chat
from tests.browser.authority_trusted import install_authority_of
from tests.browser.chromium import Browser
from tests.browser.firefox import PREFERENCES, ROOT, require_firefox
from tests.browser.test_phone_at_home import Computer
from tests.network.calls import Caller
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import three_hosts

pytestmark = pytest.mark.slow


async def test_firefox_on_a_device_pairs_and_hears_and_sees_itself_through_home(tmp_path: Path) -> None:
    path = require_firefox()
    from playwright.async_api import async_playwright

    skip_without_namespaces("certutil")
    async with three_hosts() as hosts:
        home, phone = hosts.a.wire.address, hosts.a.wire.far_address
        config = f'overlay = "loopback"\n[answer]\nendpoint = "handset"\n[devices]\nlan = "{home}"\n'
        anna = Caller("anna", tmp_path, Chat(), Computer(hosts.a), config)  # type: ignore[arg-type]  # no overlay node
        await anna.begin()
        try:
            said = await anna.asked(f"/devices add phone {phone}", kind="device.pairing")
            address = next(word for word in said.split() if word.startswith("https://"))
            profile, script = tmp_path / "profile", tmp_path / "firefox"
            profile.mkdir()
            await install_authority_of(anna, profile, DeviceWay.LAN)
            command = shlex.join((sys.executable, "-m", "tests.browser.bidi", "--on", hosts.r.name, path))
            script.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {command} "$@"\n')
            script.chmod(0o755)
            async with async_playwright() as playwright:
                context = await playwright.firefox.launch_persistent_context(
                    profile,
                    channel="moz-firefox",
                    executable_path=script,
                    firefox_user_prefs=PREFERENCES,
                    env={**os.environ},
                )
                try:
                    browser = Browser(context)
                    page = await browser.open(address)
                    code = (await page.heard("pairing-code"))["code"]
                    await anna.asked(f"/devices confirm {code}", kind="device.added")
                    await page.heard("hello")
                    assert await page.page.evaluate("isSecureContext")
                    await page.press("Test call")
                    await page.call("active")
                    await page.receives("audio", "video")
                    await page.press("Hang up")
                    await page.call("ended")
                    assert not browser.problems, browser.problems
                finally:
                    await context.close()
        finally:
            anna.process.terminate()
            await anna.gone()
        anna.check()
