"""Whatever another machine or another program answers is read up to a number of bytes and for so long.

The list says where: a file, a function in it, and the name by which the bound stands there. A new place at which a
connection or a program is opened needs its row.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.syntax import parsed

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "peer", "shared")

OPENS = {
    *("AsyncClient", "AsyncHTTPTransport", "HTTPXRequest", "urlopen", "MessageBus"),
    *("create_subprocess_exec", "create_subprocess_shell", "Popen", "check_output", "getoutput", "popen"),
    *("open_connection", "open_unix_connection", "create_connection", "connect_read_pipe"),
    *("start_server", "start_unix_server", "create_datagram_endpoint", "SubstrateInterface"),
    *("subprocess.run", "subprocess.call", "subprocess.check_call", "socket.socket"),
}
"Functions and classes that open something that may answer; some by their module, for others have that name too."


class Bounds(NamedTuple):
    """Where it stands: a file, a function, and what is named there."""

    size: str
    seconds: str


ASKED = Bounds("bot/asked.py _written MOST_BYTES", "bot/asked.py _written until")
DELTACHAT = Bounds(
    "bot/messengers/deltachat/rpc.py Rpc.running LINE_BYTES", "bot/messengers/deltachat/rpc.py Rpc.call seconds"
)
YGGDRASIL = Bounds(
    "peer/overlay/yggdrasil_admin.py YggdrasilAdmin._exchange MOST_BYTES",
    "peer/overlay/yggdrasil_admin.py YggdrasilAdmin._ask_at _timeout",
)
STAEX = "peer/overlay/staex_command.py StaexCommand"

BOUNDED: dict[str, Bounds] = {
    "bot/cli/setup/yggdrasil/public_peers.py _fetched": Bounds(
        "bot/cli/setup/yggdrasil/public_peers.py _fetched MOST_BYTES",
        "bot/cli/setup/yggdrasil/public_peers.py _fetched seconds",
    ),
    "bot/command_socket.py ask": Bounds("bot/command_socket.py _line MAX_REPLY", "bot/command_socket.py _line until"),
    "bot/command_socket.py listening": Bounds(
        "bot/command_socket.py listening MAX_QUESTION", "bot/command_socket.py _replied REPLY_SECONDS"
    ),
    "bot/demo/node.py DemoNode._launched": Bounds(
        "bot/demo/node.py DemoNode._launched READ_LIMIT", "bot/demo/node.py DemoNode.until seconds"
    ),
    "bot/messengers/deltachat/rpc.py Rpc.running": DELTACHAT,
    "bot/messengers/matrix/api.py MatrixApi.open": Bounds(
        "bot/messengers/matrix/api.py MatrixApi._request REPLY_BYTES",
        "bot/messengers/matrix/api.py MatrixApi._request seconds",
    ),
    "bot/messengers/matrix/login.py server_told_at": Bounds(
        "bot/messengers/matrix/login.py server_told_at WELL_KNOWN_BYTES",
        "bot/messengers/matrix/login.py server_told_at WELL_KNOWN_SECONDS",
    ),
    "bot/messengers/telegram/http.py Http": Bounds(
        "bot/messengers/telegram/http.py Http.do_request REPLY_BYTES",
        "bot/messengers/telegram/http.py Http.do_request read",
    ),
    "bot/messengers/telegram/switches.py _replied": Bounds(
        "bot/messengers/telegram/switches.py _replied MOST_BYTES",
        "bot/messengers/telegram/switches.py _replied seconds",
    ),
    "bot/asked.py asked": ASKED,
    "peer/media/picture/camera.py CameraProgram.open": Bounds(
        "peer/media/picture/camera.py CameraProgram.open READ_BYTES",
        "peer/media/picture/camera.py CameraProgram.read STILL_SECONDS",
    ),
    "peer/media/sound/pulse.py _start": Bounds(
        "peer/media/sound/pulse.py _pactl REPLY_BYTES", "peer/media/sound/pulse.py _pactl REPLY_SECONDS"
    ),
    "peer/overlay/staex_api.py StaexApi._get": Bounds(
        "peer/overlay/staex_api.py StaexApi._read MOST_BYTES", "peer/overlay/staex_api.py StaexApi._get _timeout"
    ),
    "peer/overlay/staex_command.py StaexCommand._status_and_output": Bounds(
        f"{STAEX}._status_and_output MOST_BYTES", f"{STAEX}._run _timeout"
    ),
    "peer/overlay/yggdrasil_admin.py YggdrasilAdmin._exchange": YGGDRASIL,
    "shared/names/rpc_http.py connect": Bounds(
        "shared/names/rpc_http.py _read MOST_BYTES", "shared/names/servers.py ask_one limit"
    ),
    "shared/names/rpc_websocket.py _open": Bounds(
        "shared/names/rpc_websocket.py connect MOST_BYTES", "shared/names/servers.py ask_one limit"
    ),
    "shared/names/second_opinion.py _read": Bounds(
        "shared/names/second_opinion.py _read carried", "shared/names/second_opinion.py second_opinion seconds"
    ),
    "shared/netlink.py asked": Bounds(
        "shared/netlink.py Service.asked MOST_BYTES", "shared/netlink.py Service.__init__ REPLY_SECONDS"
    ),
}
"What is asked and answers."

NOTHING_IS_READ: dict[str, tuple[str, ...]] = {
    "It listens, or tries whether that can be done; what comes in has limits of its own.": (
        "bot/cli/doctor/system.py handset_port",
        "bot/cli/service/__init__.py _refuse_taken_port",
        "bot/command_socket.py _bound",
        "bot/process/systemd_sockets.py handed_over",
        "peer/handset/devices/quiet_listener.py QuietListener.open",
        "peer/handset/devices/quiet_listener.py _bound",
        "peer/handset/devices/quiet_listener.py _check_free",
        "peer/handset/late_server.py listening_socket",
        "peer/handset/loopback_socket.py LoopbackSocket._is_own",
        "peer/handset/loopback_socket.py _behind_loopback",
        "peer/transport/connected_socket.py connected_socket",
        "peer/transport/udp_socket.py bound_socket",
    ),
    "What it writes goes nowhere, or is shown to the person who waits for it and may type.": (
        "bot/browser.py _ran",
        "bot/cli/setup/yggdrasil/for_root.py hand_over",
        "bot/cli/setup/yggdrasil/root.py become_root",
        "bot/cli/setup/yggdrasil/root.py _ran",
        "bot/cli/system_files.py offer_removal",
        "bot/process/service_manager.py ServiceManager._say",
    ),
    "The kernel's own word, a datagram at a time, none of which is waited for.": (
        "peer/overlay/device_events.py DeviceEvents.__aenter__",
        "peer/overlay/interfaces.py ThisMachine.interfaces",
    ),
    "The session bus of the same user, which limits messages itself; what is asked there has SECONDS.": (
        "bot/desktop/notification_server.py notification_server",
    ),
    "It is thrown away at once.": ("shared/names/rpc_http.py load",),
}
"Why something that is opened needs none."


def opened_in(node: ast.AST, within: str = "") -> Iterator[str]:
    """The names of functions in which something is opened, and of classes that do it by what they derive from."""
    for child in ast.iter_child_nodes(node):
        name = within
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{within}{child.name}."
            if isinstance(child, ast.ClassDef) and not OPENS.isdisjoint(map(ast.unparse, child.bases)):
                yield name.removesuffix(".")
        elif isinstance(child, ast.Call):
            called = ast.unparse(child.func)
            if called in OPENS or called.rpartition(".")[2] in OPENS:
                yield within.removesuffix(".")
        yield from opened_in(child, name)


def opened() -> set[str]:
    """All of the program: file and function of each."""
    files = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    return {f"{file.relative_to(ROOT)} {name}" for file in files for name in opened_in(parsed(file.read_text()))}


def names_in(file: str, function: str) -> set[str]:
    """What a function, which may be a method, names anywhere in it."""
    inner: ast.AST = parsed((ROOT / file).read_text())
    for name in function.split("."):
        inner = next(each for each in ast.iter_child_nodes(inner) if getattr(each, "name", "") == name)
    named = {each.id for each in ast.walk(inner) if isinstance(each, ast.Name)}
    return named | {each.attr for each in ast.walk(inner) if isinstance(each, ast.Attribute)}


def test_whatever_is_opened_has_bounds_or_a_reason_to_need_none() -> None:
    reasons = {each for places in NOTHING_IS_READ.values() for each in places}
    assert opened() == BOUNDED.keys() | reasons
    assert not BOUNDED.keys() & reasons


def test_each_bound_stands_where_the_list_says() -> None:
    for place, bounds in BOUNDED.items():
        for bound in bounds:
            file, function, name = bound.split()
            assert name in names_in(file, function), f"{place}: {bound}"
