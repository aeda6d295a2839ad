"""One text for a friend who doesn't have the program yet: what it is, what they need, what to do, and the card."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bot.friends_peers import FriendsPeers
from bot.kinds import Kind, Sentence
from bot.texts.overlay import only_near
from peer.overlay.yggdrasil_peers import addresses_in, has_password
from shared.links.card import Card
from shared.links.kinds import as_copybara
from shared.sentences import joined

_FROM_GIT = re.compile(r"[0-9.]+(?:dev[0-9]+\+g([0-9a-f]+)|$)")
"A version that comes from git, and the commit if that has no tag. Behind it stands a date if the folder was changed."

NODE_PROGRAMS = {
    "staex": "a Staex node on that computer (https://docs.staex.io)",
    "yggdrasil": "Yggdrasil, which the set-up installs if you like",
}
"What a friend needs for each overlay."

ONLY_HERE = (
    "(Don't send this yet: nobody can call you on the loopback network, because its calls only reach this computer. "
    "First run `copybara setup overlay`, then invite.)"
)


UNKNOWN_FOLDER = "To pack it, in the folder above it: tar czf copybara.tar.gz --exclude=FOLDER/build FOLDER"


def no_source(folder: Path | None) -> Sentence:
    """For the owner, beside an invitation that a terminal prints. `folder` is the one that it was installed from."""
    to_pack_it = " ".join(how_to_pack(folder)) if folder else UNKNOWN_FOLDER
    return Sentence(
        Kind.INVITATION_SOURCE,
        "The invitation doesn't say where to get the program, because yours came from no public address. So send your "
        "friend the folder that you installed it from, too, as one packed file; your keys and contacts aren't in it.",
        f'{to_pack_it}\nIf it has an address on the web, add it to copybara.toml: [invite] source = "https://…"',
    )


NO_SOURCE_SHORT = Sentence(
    Kind.INVITATION_SOURCE,
    "The invitation can't say where to get the program: send it along, as one file.",
    "How to pack it: copybara invite",
)
"The same in a chat, which needn't know the owner's folders."


def no_source_here(folder: Path | None) -> Sentence:
    """The same where only the owner reads it."""
    return Sentence(NO_SOURCE_SHORT.kind, NO_SOURCE_SHORT.sentence, " ".join(how_to_pack(folder)))


def how_to_pack(folder: Path | None) -> tuple[str, str]:
    """What a command is for, and the command. `folder` is the one that the program was installed from, if known."""
    if folder is None:
        return "How to pack it:", "copybara invite"
    return "To pack it:", to_pack(folder, version("copybara-relay"))


def to_pack(folder: Path, version: str) -> str:
    """The command that packs the program, so that it installs elsewhere with the same version.

    Of a clone it packs the commit that was installed, without the history, which is most of it, and the pictures.
    """
    installed = _FROM_GIT.match(version)
    if installed is None or not (folder / ".git").exists():
        without = f"--exclude={folder.name}/build"  # what installing has left there
        return shlex.join(("tar", "czf", "copybara.tar.gz", without, "-C", str(folder.parent), folder.name))
    # What setuptools-scm reads where there is no git.
    told = f"--add-virtual-file={folder.name}/PKG-INFO:Version: {installed[0]}"
    commit = installed[1] or f"v{version}"
    pack = ("git", "-C", str(folder), "archive", "--format=tar.gz", f"--prefix={folder.name}/", told, commit)
    return f"{shlex.join((*pack, ':!docs/images'))} > copybara.tar.gz"


PRIVATE_PEER = Sentence(
    Kind.INVITATION_PEER,
    "A private peer connects you to Yggdrasil, and your friend needs one of the same network. The invitation doesn't "
    "name yours, because its line holds that computer's address: it tells your friend to ask you.",
    "To put the line into it: copybara invite --peer",
)
"For the owner, beside an invitation. A chat's server reads it, so it holds no address."

PERHAPS_PRIVATE = Sentence(
    Kind.INVITATION_PEER,
    "If the peer of your Yggdrasil node is a private one, which Copybara can't tell, your friend needs it too. The "
    "invitation doesn't name it, because its line holds that computer's address.",
    "To put the line into it: copybara invite --peer. If public peers connect you, copybara.toml can say so: "
    "[yggdrasil] public_peers = true",
)
"The same where the node was set up by hand."

PERHAPS_UNNAMED = Sentence(
    Kind.INVITATION_PEER,
    "If the peer of your Yggdrasil node is a private one, which Copybara can't tell, your friend needs it too.",
    "If it is, write its line into copybara.toml: [yggdrasil] private_peers = "
    '"tls://HOST:PORT?key=KEY". If public peers connect you: public_peers = true',
)
"The same where the node doesn't say which line it has dialled."


def peers_note(peers: FriendsPeers) -> Sentence | None:
    """What the owner has to know of an invitation without their lines; None: nothing."""
    if peers.needed == "yes":
        return PRIVATE_PEER
    if peers.needed == "perhaps":
        return PERHAPS_PRIVATE if peers.lines else PERHAPS_UNNAMED
    return None


def peers_note_here(peers: FriendsPeers) -> Sentence | None:
    """The same where only the owner reads it: it may hold the peers' addresses."""
    if (note := peers_note(peers)) is None:
        return None
    return Sentence(note.kind, joined(note.sentence, only_near(peers.lines)), note.hint)


def what_lines_show(lines: Sequence[str]) -> str:
    """What anyone who reads an invitation learns from the peers' lines in it. Only for the owner's eyes."""
    computers = "that computer's" if len(lines) == 1 else "those computers'"
    password = " and its password" if any(map(has_password, lines)) else ""
    return joined(
        f"This shows {computers} internet address ({', '.join(addresses_in(lines))}){password} to your friend, and to "
        "anyone else who can read the message.",
        only_near(lines),
    )


def to_include(peers: FriendsPeers) -> str:
    """What the owner agrees to on the page by putting the lines into the invitation; empty if there are none."""
    if not peers.lines:
        return ""
    their = "its line" if len(peers.lines) == 1 else "their lines"
    return f"Put {their} into the invitation all the same. {what_lines_show(peers.lines)}"


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

UNSEEN = (
    "directly between our two computers, encrypted, with no server in between, and neither of us sees the other's "
    "internet address."
)
THROUGH_PEER = (
    "between our two computers, encrypted. A private peer passes them on and can't read them: you see its internet "
    "address, and its owner sees yours."
)
"In place of it: that peer may be a computer in the owner's own home."

ASK = " --peers ask"
"For the set-up, which then asks for the line."

_PACKAGES = (".whl", ".zip", ".tar.gz")
"What pip takes as it is; everything else is a repository of git."


NO_PEERS = FriendsPeers()


def invitation(
    card: Card, overlay: str, source: str, peers: FriendsPeers = NO_PEERS, *, names_peers: bool = False
) -> Sentence:
    """The text. `overlay` is the network that both need; `source` is where the program comes from, if that is known.

    `peers` are those that the friend may need too; `names_peers`: the owner has agreed that the text has their lines.
    """
    named = peers.lines if names_peers else ()
    asks = peers.needed == "yes" and not named
    who = card.name or "A friend"
    node = NODE_PROGRAMS.get(overlay, "the same overlay network as mine")
    where = (
        "In a terminal"
        if source
        else "I'll send you the program: unpack the file, and open a terminal in the folder that you find in it. There"
    )
    get = "." if not source else source if source.endswith(_PACKAGES) else f"git+{source}"
    lines = [
        *((ONLY_HERE, "") if overlay == "loopback" else ()),
        f"{who} invites you to private calls with Copybara: sound and picture go "
        f"{THROUGH_PEER if asks or named else UNSEEN}",
        "",
        f"You need a computer with Linux (tested on Debian 12 and 13), and {node}. "
        f"{WITHOUT_SUDO}{WITHOUT_SUDO_LATER if overlay == 'yggdrasil' else ''}",
        "",
        f"{where} (this takes one to two minutes, mostly in silence; you can ignore what it says about PATH):",
        "",
        f"  sudo apt install --no-install-recommends ca-certificates git pipx && pipx install {get} && pipx ensurepath",
        "",
        *((ASK_FOR_PEER, "") if asks else ()),
        "Then, in a new terminal:",
        "",
        f"  copybara setup{_peers(named) if named else ASK if asks else ''}",
        "  copybara start",
        "",
        "A page opens in your browser. Paste my card there (under Call someone) and save it. Then click the camera "
        "beside my name, and send me the link that the page shows, in this chat. I answer with a link too: paste it "
        "where your page asks for the answer, and we are talking. My card:",
        "",
        as_copybara(card.token),
    ]
    return Sentence(Kind.INVITATION, "\n".join(lines))


def _peers(lines: Sequence[str]) -> str:
    """What tells the set-up of them, for any shell."""
    return f" --peers {shlex.quote(' '.join(lines))}"
