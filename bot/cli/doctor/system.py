"""Checks of the machine: Python, the libraries, the clock, and the port of the handset page."""

from __future__ import annotations

import ctypes
import errno
import socket
import sys
import time
from importlib.metadata import PackageNotFoundError, version

from bot.browser import has_browser, opener
from bot.cli.doctor.check import Check
from bot.process.user_units import keeps_port
from bot.terminal.as_root import as_root

BUILT = 1_780_000_000
"May 2026 in Unix seconds. An earlier clock is wrong, and links would be refused."

TIME_ERROR = 5
"The return value of adjtimex(2) while the clock isn't synchronised."

STA_UNSYNC = 0x40
"The bit of `timex.status` with the same meaning."

LOOPBACK = "127.0.0.1"


def python() -> Check:
    """Whether this Python is new enough."""
    ok = sys.version_info >= (3, 11)
    return Check("python", ok, sys.version.split()[0], "" if ok else "Python 3.11 or newer is needed.")


def libraries() -> Check:
    """Whether the libraries for calls are installed."""
    try:
        found = ", ".join(f"{name} {version(name)}" for name in ("aiortc", "aioice", "cryptography", "av"))
    except PackageNotFoundError as missing:
        return Check("libraries", ok=False, detail=f"{missing.name} is missing.", hint="Install copybara again.")
    return Check("libraries", ok=True, detail=found)


def clock(*, synchronised: bool | None) -> Check:
    """Whether the clock can be right. Links carry the time at which they were made."""
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    if time.time() < BUILT:
        return Check("clock", ok=False, detail=now, hint="Set the clock: links carry the time they were made.")
    if synchronised is False:
        hint = "Compare it with another clock: if two clocks differ by more than two minutes, links are refused. "
        return Check(
            "clock",
            ok=True,
            note=True,
            detail=f"{now}, not synchronised",
            hint=f"{hint}`{as_root('timedatectl set-ntp true')}` lets the system set it.",
        )
    return Check("clock", ok=True, detail=f"{now}{', synchronised' if synchronised else ''}")


def clock_synchronised() -> bool | None:
    """Whether the kernel says that the clock is synchronised (adjtimex(2)). None if it doesn't say."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):
        return None  # not Linux

    timex = _Timex()  # `modes` is 0: only read
    state = adjtimex(ctypes.byref(timex))
    return None if state < 0 else state != TIME_ERROR and not timex.status & STA_UNSYNC


def handset_port(port: int, *, enabled: bool, running: bool) -> Check | None:
    """Whether the handset page can use its port. `running`: a copybara of this home may be using it now."""
    if not enabled or running or port == 0:
        return None
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE and keeps_port(port):
                detail = f"Your own background service keeps port {port}, and Copybara isn't running."
                hint = "To see why: copybara service status. To free the port: copybara service remove"
                return Check("page", ok=True, note=True, detail=detail, hint=hint)
            return refused_port(port, error)
    return Check("page", ok=True, detail=f"its port {port} is free")


def refused_port(port: int, error: OSError) -> Check:
    """Why the system refuses the port. Pure."""
    if error.errno == errno.EADDRINUSE:
        detail = f"Another program has port {port}, so the page gets another one, and bookmarks won't work."
        return Check(
            "page",
            ok=True,
            note=True,
            detail=detail,
            hint="Choose another in copybara.toml: under [handset] `port = 8770`, for example.",
        )
    hint = "Set a `port` above 1024 in copybara.toml, under [handset]."
    if error.errno == errno.EACCES:
        detail = f"You may not use port {port}: those below 1024 are the system's."
        return Check("page", ok=False, detail=detail, hint=hint)
    return Check("page", ok=False, detail=f"Port {port} can't be used: {error.strerror}.", hint=hint)


def page_browser(*, enabled: bool) -> Check | None:
    """Whether `copybara start` can open the page. If not, people open it themselves."""
    if not enabled:
        return None
    hint = "Open the address that `copybara start` shows in a browser of this computer."
    if not has_browser():
        detail = "There is no desktop in this session, so the page isn't opened for you."
    elif with_what := opener():
        return Check("browser", ok=True, detail=f"the page is opened with {with_what}")
    else:
        detail = "No browser was found that could open the page."
    return Check("browser", ok=True, note=True, detail=detail, hint=hint)


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`, with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("_rest", ctypes.c_char * 256),
    )
