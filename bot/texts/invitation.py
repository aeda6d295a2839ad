"""One text for a friend who doesn't have the program yet: what it is, what they need, what to do, and the card."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

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


def no_source(folder: Path | None) -> Sentence:
    """For the owner, beside an invitation that a terminal prints. `folder` is the one that it was installed from."""
    return Sentence(
        Kind.INVITATION_SOURCE,
        "The invitation doesn't say where to get the program, because yours came from no public address. So send your "
        "friend the folder that you installed it from, too, as one packed file; your keys and contacts aren't in it.",
        f"{_to_pack(folder) or 'To pack it, in the folder above it: tar czf copybara.tar.gz FOLDER'}\n"
        'If it has an address on the web, add it to copybara.toml: [invite] source = "https://…"',
    )


NO_SOURCE_SHORT = Sentence(
    Kind.INVITATION_SOURCE,
    "The invitation can't say where to get the program: send it along, as one file.",
    "How to pack it: copybara invite",
)
"The same in a chat, which needn't know the owner's folders."


def no_source_here(folder: Path | None) -> Sentence:
    """The same where only the owner reads it."""
    return Sentence(NO_SOURCE_SHORT.kind, NO_SOURCE_SHORT.sentence, _to_pack(folder) or NO_SOURCE_SHORT.hint)


def _to_pack(folder: Path | None) -> str:
    if folder is None:
        return ""
    return f"To pack it: {shlex.join(('tar', 'czf', 'copybara.tar.gz', '-C', str(folder.parent), folder.name))}"


PRIVATE_PEER = Sentence(
    Kind.INVITATION_PEER,
    "A private peer connects you to Yggdrasil, and your friend needs one of the same network. The invitation doesn't "
    "name yours, because its line holds that computer's address: it tells your friend to ask you.",
    "To put the line into it: copybara invite --peer",
)
"For the owner, beside an invitation."

WITHOUT_SUDO = (
    "If you may not use sudo there, an administrator of that computer runs the part of the next command before the "
    "first &&, as root and without the word sudo. You run the rest."
)

WITHOUT_SUDO_LATER = " Later the set-up gives you one more command for them."
"For an overlay that the set-up installs."

ASK_FOR_PEER = (
    "A private peer connects me to Yggdrasil, and you need it too: with public peers we may not reach each other. Ask "
    "me for its line now. The set-up asks for it."
)

ASK = " --peers ask"
"For the set-up, which then asks for the line."

_PACKAGES = (".whl", ".zip", ".tar.gz")
"What pip takes as it is; everything else is a repository of git."


def invitation(card: Card, overlay: str, source: str, *, private: bool = False, peers: Sequence[str] = ()) -> Sentence:
    """The text. `overlay` is the network that both need; `source` is where the program comes from, if that is known.

    `private`: a private peer connects the owner. `peers` are the lines that the owner wants in the text.
    """
    who = card.name or "A friend"
    node = _NODE.get(overlay, "the same overlay network as mine")
    where = (
        "In a terminal"
        if source
        else "I'll send you the program: unpack the file, and open a terminal in the folder that you find in it. There"
    )
    get = "." if not source else source if source.endswith(_PACKAGES) else f"git+{source}"
    lines = [
        *((ONLY_HERE, "") if overlay == "loopback" else ()),
        f"{who} invites you to private calls with Copybara: sound and picture go directly between our two computers, "
        "encrypted, with no server in between, and neither of us sees the other's internet address.",
        "",
        f"You need a computer with Linux (tested on Debian 12 and 13), and {node}. "
        f"{WITHOUT_SUDO}{WITHOUT_SUDO_LATER if overlay == 'yggdrasil' else ''}",
        "",
        f"{where} (this takes one to two minutes, much of it without a word; what it says about PATH needs nothing of "
        "you):",
        "",
        f"  sudo apt install --no-install-recommends ca-certificates git pipx && pipx install {get} && pipx ensurepath",
        "",
        *((ASK_FOR_PEER, "") if private and not peers else ()),
        "Then, in a new terminal:",
        "",
        f"  copybara setup{_peers(peers, private=private)}",
        "  copybara start",
        "",
        "A page opens in your browser. Paste my card there (under Call someone) and save it. Then click the camera "
        "beside my name, and send me the link that the page shows, in this chat. I answer with a link too: paste it "
        "where your page asks for the answer, and we are talking. My card:",
        "",
        as_copybara(card.token),
    ]
    return Sentence(Kind.INVITATION, "\n".join(lines))


def _peers(peers: Sequence[str], *, private: bool) -> str:
    """What the set-up is to be told about them."""
    return f' --peers "{" ".join(peers)}"' if peers else ASK if private else ""
