"""One text for a friend who doesn't have the program yet: what it is, what they need, what to do, and the card."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote

from bot.kinds import Kind, Sentence
from shared.links.card import Card
from shared.links.kinds import as_copybara

_NODE = {
    "staex": "a Staex node on that computer (https://docs.staex.io)",
    "yggdrasil": "Yggdrasil, which the set-up installs if you like",
}

ONLY_HERE = (
    "(Don't send this yet: nobody can call you on the loopback network, because its calls only reach this computer. "
    "First run `copybara setup overlay`, then invite.)"
)

MOST_CHARACTERS = 65_536
"Of git's configuration that are read."

_ORIGIN = re.compile(r'^\[remote "origin"\]\n(?:[ \t]+(?!url\b).*\n)*[ \t]+url = (\S+)$', re.MULTILINE)
"As git writes it."


def invitation(card: Card, overlay: str, source: str) -> Sentence:
    """The text. `overlay` is the network that both need; `source` is where the program comes from, if that is known."""
    who = card.name or "A friend"
    node = _NODE.get(overlay, "the same overlay network as mine")
    where = "In a terminal" if source else "In the program's folder (ask me for it), in a terminal"
    get = f"git+{source}" if source else "."
    lines = [
        *((ONLY_HERE, "") if overlay == "loopback" else ()),
        f"{who} invites you to private calls with Copybara: sound and picture go directly between our two computers, "
        "encrypted, with no server in between, and neither of us sees the other's internet address.",
        "",
        f"You need a computer with Linux (tested on Debian 12 and 13), and {node}. {where} (this takes one to two "
        "minutes, much of it without a word):",
        "",
        f"  sudo apt install --no-install-recommends ca-certificates git pipx && pipx install {get} && pipx ensurepath",
        "",
        "and in a new terminal:",
        "",
        "  copybara setup",
        "  copybara start",
        "",
        "A page opens in your browser. Paste my card there (under Call someone) and save it. Then click the camera "
        "beside my name, and send me the link that the page shows, in this chat. My card:",
        "",
        as_copybara(card.token),
    ]
    return Sentence(Kind.INVITATION, "\n".join(lines))


def installed_from() -> str:
    """The public address that this program came from (PEP 610), without a password; empty if there is none.

    Installed from a folder, it is the address that the folder was cloned from.
    """
    try:
        told = json.loads(distribution("copybara-relay").read_text("direct_url.json") or "{}")
        return public_source(told.get("url", ""))
    except (PackageNotFoundError, ValueError, AttributeError):
        return ""


def public_source(url: object) -> str:
    """An address that a friend can install from too; empty if it is none."""
    if isinstance(url, str) and url.startswith("file:///"):
        url = _cloned_from(Path(unquote(url.removeprefix("file://"))))
    usable = isinstance(url, str) and url.startswith("https://") and "@" not in url and url.isprintable()
    return str(url) if usable and not set(str(url)) & set(" '\"$`\\;&|<>") else ""


def _cloned_from(folder: Path) -> str:
    try:
        with (folder / ".git" / "config").open(encoding="utf-8", errors="replace") as file:
            found = _ORIGIN.search(file.read(MOST_CHARACTERS))
    except OSError:
        return ""
    return found[1] if found else ""
