"""One text for a friend who doesn't have the program yet: what it is, what they need, what to do, and the card."""

from __future__ import annotations

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

NO_SOURCE = Sentence(
    Kind.INVITATION_SOURCE,
    "The invitation doesn't say where to get the program, because yours came from no public address. So send your "
    "friend the folder that you installed it from, too, as one packed file; your keys and contacts aren't in it.",
    "To pack it, in the folder above it: tar czf copybara.tar.gz FOLDER. "
    'If it has an address on the web, add it to copybara.toml: [invite] source = "https://…"',
)
"For the owner, beside an invitation that a terminal prints."

NO_SOURCE_SHORT = Sentence(
    Kind.INVITATION_SOURCE,
    "The invitation can't say where to get the program: send it along, as one file.",
    "How to pack it: copybara invite",
)
"The same anywhere else."

_PACKAGES = (".whl", ".zip", ".tar.gz")
"What pip takes as it is; everything else is a repository of git."


def invitation(card: Card, overlay: str, source: str) -> Sentence:
    """The text. `overlay` is the network that both need; `source` is where the program comes from, if that is known."""
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
        "beside my name, and send me the link that the page shows, in this chat. I answer with a link too: paste it "
        "where your page asks for the answer, and we are talking. My card:",
        "",
        as_copybara(card.token),
    ]
    return Sentence(Kind.INVITATION, "\n".join(lines))
