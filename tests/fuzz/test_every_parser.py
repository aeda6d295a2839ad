"""Every parser of bytes or JSON in the program is reached by a target, unless nobody else can write its input."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.fuzz.targets import TARGETS, found
from tests.syntax import parsed

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "peer", "shared")

TAKE_APART = {
    *("from_bytes", "unpack", "unpack_from", "iter_unpack"),
    *("decode", "fromhex", "b64decode", "urlsafe_b64decode", "loads", "convert"),
    *("decompress", "decompressobj", "load_pem_private_key", "load_pem_x509_certificate"),
}
"Methods and functions that parse. `decode` is that of bytes, of msgspec's decoders, and of our own classes."

NO_TARGET: dict[str, tuple[str, ...]] = {
    "The home's own files and database, which only their owner writes.": (
        "bot/cli/bugreport/private.py _texts",
        "bot/cli/bugreport/sections.py _log",
        "bot/known_node.py remembered_overlay",
        "bot/messengers/deltachat/calls/app_calls.py AppCalls.act",
        "bot/messengers/deltachat/setup.py look",
        "bot/messengers/inbox.py Inbox._killed_us",
        "bot/messengers/matrix/account_file.py read_account",
        "bot/messengers/matrix/own_device.py _private",
        "bot/messengers/matrix/vault.py Vault.get",
        "bot/messengers/owners_news.py tell_missed",
        "bot/messengers/telegram/ownership.py Ownership.__init__",
        "bot/page/last_place.py LastPlace.expect",
        "peer/calls/acceptances.py Acceptances.of",
        "peer/handset/devices/authority.py _read",
        "peer/overlay/loopback.py _kept_node",
        "shared/config/file.py load",
        "shared/lookalikes.py _prototypes",
        "shared/store/calls.py CallTables.running_calls",
        "shared/store/database.py Database.decode",
        "shared/store/database.py Database.decode_all",
        "shared/store/database.py Database.decoded",
        "shared/store/database.py _text",
        "shared/store/restored.py links_from",
    ),
    "The kernel of this machine, what is installed on it, and programs that it runs for its user.": (
        "bot/cli/setup/yggdrasil/let_in.py names",
        "bot/cli/setup/yggdrasil/root.py _ran",
        "bot/command_socket.py ask",
        "bot/command_socket.py user_of",
        "bot/demo/node.py DemoNode._read",
        "bot/asked.py _written",
        "bot/program_source.py _installed_from",
        "peer/handset/devices/quiet_listener.py waiting",
        "peer/media/picture/camera.py _last_line",
        "peer/media/sound/pulse.py _pactl",
        "peer/overlay/device_kind.py device_kind",
        "peer/overlay/interfaces.py _ask",
        "peer/overlay/port_owner.py refuse_foreign_end",
        "peer/overlay/staex_command.py StaexCommand._run",
        "shared/connection_user.py _asked",
        "shared/connection_user.py _sock_diag",
        "shared/connection_user.py _unix_asked",
        "shared/netlink.py Service.asked",
    ),
    "What the owner types, or a script of theirs.": (
        "bot/cli/sdp.py _read",
        "bot/messengers/console.py Console.run",
        "shared/names/azero.py AzeroId.primary_name",
    ),
    "Values of ours, or of a size that is known, and any of them will do.": (
        "bot/messengers/matrix/reading.py number_of",
        "bot/process/service_manager.py ServiceManager.tell_status",
        "bot/page/view.py report_of",
        "peer/handset/answer_notice.py AnswerNotice.has",
        "peer/handset/devices/pairing.py pairing_code",
        "peer/handset/server.py HandsetServer._let_in",
        "peer/media/picture/size.py way_up",
        "peer/overlay/source_filter.py _loads_address",
        "peer/overlay/source_filter.py source_filter",
        "peer/overlay/yggdrasil_address.py yggdrasil_address",
        "peer/transport/srtp_streams.py BoundedSession._processing.<locals>.processed",
        "shared/connection_user.py _in_table",
        "shared/names/azero.py AzeroId.__init__",
        "shared/names/ens_call.py label_number",
        "shared/names/ss58.py encode",
        "shared/secrets/identity.py _derived_key",
        "shared/secrets/phrase.py phrase",
    ),
    "FFmpeg's decoders, which have fuzzers of their own; whatever they raise costs that one frame.": (
        "peer/media/decoding.py decode",
        "peer/media/rtp/encoded.py VP8Pictures._decode",
        "peer/media/sound/speaker.py Sound._samples",
    ),
    "A library's own client, for `copybara resolve --check`; whatever it raises is that server's fault.": (
        "shared/names/second_opinion.py _Carried.send",
        "shared/names/second_opinion.py _Reader._call",
        "shared/names/second_opinion.py _Reader._decoded",
    ),
}
"Parsers without a target: the reason, then file and name of each."


def takes_apart(node: ast.AST) -> bool:
    """Whether a node is a call that parses bytes or JSON that aren't literals."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKE_APART):
        return False
    if node.args and all(isinstance(each, ast.Constant) for each in node.args) and node.func.attr == "fromhex":
        return False
    made = node.func.value
    while isinstance(made, ast.Subscript):  # the part that fits
        made = made.value
    return not (isinstance(made, ast.Call) and "encode" in ast.unparse(made.func))  # to text, and not from it


def parsers_in(node: ast.AST, within: str = "") -> Iterator[str]:
    """The names of functions that contain such a call, as code objects spell them."""
    for child in ast.iter_child_nodes(node):
        name = within
        if isinstance(child, ast.ClassDef):
            name = f"{within}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{within}{child.name}.<locals>."
        elif within and takes_apart(child):
            yield within.removesuffix(".<locals>.")
        yield from parsers_in(child, name)


def parsers() -> set[str]:
    """File and name of each parser in the program."""
    files = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    return {f"{file.relative_to(ROOT)} {name}" for file in files for name in parsers_in(parsed(file.read_text()))}


def met() -> set[str]:
    """The functions that run when each target reads its seeds and the inputs that once did harm."""
    seen: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            seen.add((frame.f_code.co_filename, frame.f_code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for name, target in TARGETS.items():
            for data in (*target.seeds, *(path.read_bytes() for path in found(name))):
                target.meet(data)
    finally:
        sys.setprofile(before)
    return {f"{Path(file).relative_to(ROOT)} {name}" for file, name in seen if file.startswith(f"{ROOT}/")}


def test_whatever_takes_foreign_bytes_apart_is_met_by_a_target() -> None:
    all_of_them, without = parsers(), {each for reason in NO_TARGET.values() for each in reason}
    assert all_of_them - met() - without == set(), "they need a target, or a reason in NO_TARGET"
    assert without - all_of_them == set(), "they are in NO_TARGET, and there is no such parser any more"
