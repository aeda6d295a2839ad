"""Opening the page in the person's browser, if there is one to open it in."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from urllib.parse import quote

VARIABLE = "BROWSER"
"The environment variable that names a browser: see the module webbrowser."

_OPENERS = ("xdg-open", "gio open")
"What opens an address on a Linux desktop. Both return at once."

_OUTSIDE = ("systemd-run", "--user", "--quiet", "--collect")
"Starts a program beside a service, in the user's session as it is now."

ACTIVATION = "XDG_ACTIVATION_TOKEN"

SSH_PORT = 22

MAX_LINK = 4096
"Characters of a link that the page looks at."


def with_link(address: str, link: str) -> str:
    """An address of the page that holds a ticket, with a link for the page to explain; unchanged without one.

    Anything may be in `link`: it can add nothing else to the address.
    """
    return f"{address}&{quote(link[:MAX_LINK], safe='')}" if link else address


def has_browser() -> bool:
    """Whether a page can be opened here. A browser that would take over the terminal doesn't count."""
    if os.environ.get(VARIABLE) or sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def logged_in_as() -> str:
    """How this computer was reached over SSH, as ssh takes it: `anna@192.0.2.7`. Empty if it wasn't.

    sshd says it in SSH_CONNECTION: the other side's address and port, then this one's.
    """
    told = os.environ.get("SSH_CONNECTION", "").split()
    if len(told) != 4 or not told[3].isdecimal():
        return ""
    try:
        own = ipaddress.ip_address(told[2])
    except ValueError:
        return ""
    from getpass import getuser

    port = f"-p {int(told[3])} " if int(told[3]) != SSH_PORT else ""
    return f"{port}{getuser()}@{own}"


def opener() -> str:
    """What an address would be opened with; empty if there is nothing."""
    if given := os.environ.get(VARIABLE):
        return given
    if sys.platform == "linux":
        for words in _OPENERS:
            if shutil.which(words.split()[0]):
                return words
    import webbrowser

    try:
        return getattr(webbrowser.get(), "name", "") or "the default browser"
    except webbrowser.Error:
        return ""


def open_page(address: str, activation_token: str = "") -> bool:
    """Open the address; False if nothing could. May take a second: not for the event loop.

    `activation_token` lets the browser's window come to the front (the protocol xdg-activation of Wayland).
    """
    if sys.platform == "linux" and not os.environ.get(VARIABLE):
        # These keep the browser's own messages out of our terminal.
        for opener in _OPENERS:
            words = [*opener.split(), address]
            if not shutil.which(words[0]):
                continue
            if _is_service() and _ran([*_OUTSIDE, f"--setenv={ACTIVATION}={activation_token}", "--", *words]):
                return True
            if has_browser() and _ran(words, activation_token):
                return True
    if not has_browser():
        return False
    import webbrowser

    try:
        return webbrowser.open(address)
    except (OSError, webbrowser.Error):
        return False


def _is_service() -> bool:
    """Whether systemd has started this very process: its sandbox would be the browser's too (systemd.exec(5))."""
    return os.environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()) and bool(shutil.which(_OUTSIDE[0]))


def _ran(words: list[str], activation_token: str = "") -> bool:
    try:
        subprocess.run(  # noqa: S603 - no shell, and the address is our own
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, ACTIVATION: activation_token} if activation_token else None,
            check=True,
            timeout=10,
        )
    except subprocess.TimeoutExpired:
        return True  # it waits for the browser
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
