"""`copybara init`: ask what is needed, write the configuration, make the home."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import sys
from collections.abc import Iterator

from bot.home import Home
from bot.messengers.registry import MESSENGERS
from peer.overlay.choose import configured, examine
from shared.config.file import load, parse
from shared.errors import InputError
from shared.links.card import Card
from shared.node_id import NodeId
from shared.store.files import write_new_file

TEMPLATE = """\
# Written by `copybara init`. Everything that can be set is explained in config/copybara.toml.
name = {name}
overlay = {overlay}
"""


def init(home: Home) -> int:
    """Make a home. Without a terminal every question gets its default. Raises InputError if there is one already."""
    if home.own_config.exists():
        raise InputError(
            f"This home has a configuration already: {home.own_config}", "Edit it, or give another home with --home."
        )
    home.prepare()
    overlay = _choose_overlay(home)
    name = _ask("The name on your contact card? (may be empty)", "")
    _check_name(name)
    wanted = []
    for messenger in MESSENGERS:
        if answer := _ask_secret(messenger.setup.QUESTION):
            messenger.setup.keep(home, answer)
            wanted.append(messenger)
    text = TEMPLATE.format(name=json.dumps(name, ensure_ascii=False), overlay=json.dumps(overlay))
    text += "".join(messenger.setup.SECTION for messenger in wanted)
    parse(text, home.own_config)
    write_new_file(home.own_config, text.encode())
    home.load_sealing_key()
    if wanted:
        _say(
            f"Wrote {home.own_config}, and the secrets beside it",
            "",
            "Next:",
            "  copybara doctor         checks that calls can be made",
            "  copybara run            starts",
            *(messenger.setup.next_step(home) for messenger in wanted),
        )
        return 0
    _say(
        f"Wrote {home.own_config}",
        "",
        "Next:",
        "  copybara doctor         checks that calls can be made",
        "  copybara run --console  starts; paste links into it, and send the ones that it shows you",
        "  copybara card           shows your contact card, to give to others",
    )
    return 0


def _choose_overlay(home: Home) -> str:
    config = load(None)
    overlays = [overlay for overlay in configured(config, home.folder) if overlay.name != "loopback"]
    report = asyncio.run(examine("auto", overlays))
    for finding in report.findings:
        _say(f"{finding.overlay:10} {'works' if finding.usable else finding.why_not}")
    if report.taken is not None:
        return "auto"
    answer = _ask("No overlay node was found. Try on this machine only, without privacy? (yes/no)", "no")
    return "loopback" if answer.lower().startswith("y") else "auto"


def _check_name(name: str) -> None:
    """Raise InputError for a name that fits on no card."""
    Card(node=NodeId(bytes(32)), sealing_key=bytes(32), name=name)


def _ask(question: str, default: str) -> str:
    if not sys.stdin.isatty():
        return default
    sys.stdout.write(f"{question}{f' [{default}]' if default else ''} ")
    sys.stdout.flush()
    with _answered():
        answer = sys.stdin.readline()
        if not answer:
            raise EOFError
        return answer.strip() or default


def _ask_secret(question: str) -> str:
    """The same, without the answer on the screen."""
    if not sys.stdin.isatty():
        return ""
    with _answered():
        return getpass.getpass(f"{question} ").strip()


@contextlib.contextmanager
def _answered() -> Iterator[None]:
    """Raise InputError for Ctrl-C, Ctrl-D and an answer that isn't text."""
    try:
        yield
    except (EOFError, KeyboardInterrupt):
        sys.stdout.write("\n")
        raise InputError("You stopped. No configuration was written.", "Run `copybara init` again.") from None
    except UnicodeError:
        raise InputError("That isn't text in your terminal's encoding.", "Run `copybara init` again.") from None


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
