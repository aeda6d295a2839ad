"""Debian's Firefox, driven by playwright, with an artificial camera and microphone and a real speaker.

Its pages are examined like Chromium's, see chromium.py. No setting about connections is changed, so they are made as in
any Firefox.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.browser.chromium import Browser
from tests.network.namespaces import Namespace
from tests.peer.media.pulse_server import PulseServer
from tests.programs import need

ROOT = Path(__file__).parents[2]

PREFERENCES: dict[str, str | float | bool] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
}
"As if a person had allowed camera, microphone and sound."

ALLOWED: dict[str, str | float | bool] = {"media.peerconnection.ice.obfuscate_host_addresses": False}
"Without this, an artificial microphone doesn't count as allowed, and the page sees random names in `.local`."


def require_firefox() -> str:
    """The path of Firefox. Skips the test if it is missing, and says what to install."""
    need("firefox-esr", packages="firefox-esr")
    pytest.importorskip("playwright.async_api", reason="playwright isn't installed (pip install playwright)")
    return str(shutil.which("firefox-esr"))


@contextlib.asynccontextmanager
async def firefox(
    folder: Path, sound: PulseServer, on: Namespace | None = None, *, allowed: bool = False
) -> AsyncIterator[Browser]:
    """A separate Firefox that plays on a sound server, `on` a host. `folder` is for the script that starts it.

    `allowed`: its pages see the machine's addresses, as if the person had allowed a real microphone.
    """
    path = require_firefox()
    from playwright.async_api import async_playwright

    script = folder / "firefox"
    where = ("--on", on.name) if on is not None else ()
    command = shlex.join((sys.executable, "-m", "tests.browser.bidi", *where, path))
    script.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {command} "$@"\n')
    script.chmod(0o755)
    async with async_playwright() as playwright:
        launched = await playwright.firefox.launch(
            channel="moz-firefox",
            executable_path=script,
            firefox_user_prefs=PREFERENCES | (ALLOWED if allowed else {}),
            env={**os.environ, **sound.environment},
        )
        try:
            yield Browser(await launched.new_context())
        finally:
            await launched.close()
