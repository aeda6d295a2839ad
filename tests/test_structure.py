"""Rules for the program's code: one name for one class, and no code that only tests use."""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.syntax import parsed

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "peer", "shared")

CALLED_BY_LIBRARIES = {
    "_check_value",  # argparse
    "_register_data_receiver",
    "_send_rtp",  # aiortc
    "extract_cookies",  # http.cookiejar, as httpx uses it
    "add_cookie_header",
    "_unregister_data_receiver",
    "_fields_",  # ctypes
    "_validate_peer_identity",  # aiortc
    "datagram_received",  # asyncio
    "do_request",  # python-telegram-bot
    "error_received",  # asyncio
    "gather_candidates",  # aioice
    "on_broken_pipe",  # rich
    "process_redirect",  # websockets
}

A_LIMIT_THAT_TESTS_HOLD = {"MAX_REPORT"}

TASKS_WITHOUT_A_GROUP = {
    "bot/demo/handset.py _until_stopped": "waits for the first, ends the others and waits for them",
    "bot/demo/node.py start": "`stop` waits for it",
    "bot/desktop/call_notices.py _shown": "waits for it, for some seconds even at the program's end",
    "bot/desktop/notification_server.py notification_server": "waits for it in the end",
    "bot/desktop/ring_tone.py _ring_to_the_end": "waits for it, for some seconds even at the program's end",
    "bot/messengers/journal_writer.py run": "waits for it, now or when it runs again",
    "bot/process/ending.py unless_wanted": "waits for the first, ends the other and waits for both",
    "peer/calls/posting.py first": "`_posted_late` hears of its end, `leave` ends it and waits for it",
    "peer/calls/posting.py last": "`_last_posted` hears of its end, `leave` ends it and waits for it",
    "peer/handset/connection_limits.py accept": "`_came_in` hears of its end, `close` cancels it",
    "peer/handset/devices/server.py _confirmed": "ends it and waits for it",
    "peer/media/endpoint_host.py _run": "waits for it here, or in `run` if that was cancelled",
    "peer/media/picture/camera.py open": "`_end` waits for it",
    "peer/media/sound/pulse.py changes": "ends it and waits for it",
    "peer/transport/ice.py connect": "aioice's `close` ends it and waits for it",
    "peer/transport/ice.py request": "ends it; what it calls raises nothing",
    "peer/transport/last_flight.py begin": "`close` ends it and waits for it",
    "peer/transport/sctp.py _sack_due": "`stop` ends it and waits for it",
}
"All tasks that no TaskGroup owns, by the function that begins them, and who notices their end."

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@functools.cache
def trees() -> dict[Path, ast.Module]:
    return {file: parsed(file.read_text()) for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))}


def defined(node: ast.AST) -> Iterator[tuple[int, str]]:
    """The functions, classes, methods and constants in a module, each with its line."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield child.lineno, child.name
            yield from defined(child)
        elif isinstance(child, ast.Assign):
            yield from ((child.lineno, target.id) for target in child.targets if isinstance(target, ast.Name))


def used() -> Counter[str]:
    """How often the program reads each name, or has it in a short text, such as one for getattr or `import`."""
    names: Counter[str] = Counter()
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                names[node.id] += 1
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                names[node.attr] += 1
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80:
                names.update(re.findall(r"\w+", node.value))
    return names


def test_a_class_name_stands_for_one_thing() -> None:
    """Messages have the same names on the page, on the wire and as commands of the owner.

    These names say what is meant.
    """
    messages = {"bot/assistant/commands.py", "bot/command_socket.py", "peer/handset/protocol.py"}
    names = Counter(
        node.name
        for file, tree in trees().items()
        if str(file.relative_to(ROOT)) not in messages
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} == set()


def fields_and_methods() -> tuple[set[str], set[str]]:
    """The names of fields and properties in all classes, and the names of methods."""
    fields: set[str] = set()
    methods: set[str] = set()
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign):
                fields.add(ast.unparse(node.target).removeprefix("self."))
            elif isinstance(node, ast.Assign):
                fields.update(ast.unparse(target).removeprefix("self.") for target in node.targets)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                (fields if node.decorator_list else methods).add(node.name)
    return fields, methods


def test_no_object_gets_its_callbacks_from_outside_after_it_is_made() -> None:
    """An object gets its callbacks when it is made, or others subscribe to it (peer/transport/listeners.py)."""
    fields, methods = fields_and_methods()
    late = [
        f"{file.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}"
        for file, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Lambda | ast.Attribute)
        and not (isinstance(node.value, ast.Attribute) and node.value.attr not in methods - fields)
        and any(isinstance(t, ast.Attribute) and ast.unparse(t.value) not in ("self", "cls") for t in node.targets)
    ]
    assert late == []


def test_nothing_is_defined_that_the_program_does_not_use() -> None:
    known = used()
    unused = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file, tree in trees().items()
        for line, name in defined(tree)
        if not (known[name] or name in CALLED_BY_LIBRARIES | A_LIMIT_THAT_TESTS_HOLD or name.startswith("__"))
    ]
    assert unused == []


def begun_without_a_group(node: ast.AST, function: str = "") -> Iterator[str]:
    """The functions that begin tasks by asyncio itself, or by an event loop."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute):
            ours = not re.search("asyncio|loop", ast.unparse(child.func.value))
            if child.func.attr == "ensure_future" or (child.func.attr == "create_task" and not ours):
                yield function
        yield from begun_without_a_group(child, child.name if isinstance(child, Definition) else function)


def test_every_task_has_an_owner_that_notices_its_end() -> None:
    begun = {
        f"{file.relative_to(ROOT)} {function}"
        for file, tree in trees().items()
        for function in begun_without_a_group(tree)
    }
    assert begun == TASKS_WITHOUT_A_GROUP.keys()


IMPURE = re.compile(
    r"(time|os|socket|asyncio|threading|subprocess|shutil|tempfile)\.(?!path\.|fsencode|fsdecode)\w+"
    r"|open|(datetime\.)?datetime\.now|.*\.(read|write)_(text|bytes)|os\.environ\.\w+"
)
"What reads a clock or anything else outside, or changes it. Randomness counts as pure: tests pass their own."


def test_what_says_that_it_is_pure_looks_at_nothing_outside() -> None:
    impure = [
        f"{file.relative_to(ROOT)}:{node.lineno} {ast.unparse(node.func)}"
        for file, tree in trees().items()
        if re.search(r"\bPure[.:;]|Sans-IO", ast.get_docstring(tree) or "") and file.name != "__init__.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and IMPURE.fullmatch(ast.unparse(node.func))
    ]
    assert impure == []
