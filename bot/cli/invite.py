"""`copybara invite`: a text to send to a friend who doesn't have the program yet."""

from __future__ import annotations

import asyncio
import sys

from bot.friends_peers import friends_peers
from bot.home import Home
from bot.program_source import installed_folder, program_source
from bot.settings import own_card, own_overlay, settings
from bot.terminal.streams import as_wide_as, print_json, print_text
from bot.texts.invitation import invitation, no_source, peers_note_here, what_lines_show
from peer.overlay.yggdrasil_peers import check
from shared.config.checks import program_address
from shared.errors import InputError
from shared.store import Store

NO_PEER = "No private peer is known here that could be put into the invitation."
NO_PEER_HINT = (
    "If one connects your Yggdrasil, write its line into copybara.toml: "
    '[yggdrasil] private_peers = "tls://HOST:PORT?key=KEY"'
)


def invite(home: Home, *, source: str | None, peer: bool, overlay: str | None, as_json: bool) -> int:
    """Print the text. `source` is where the friend gets the program. `peer`: it may name our private peers.

    Raises OverlayError if the node can't be asked, InputError for an invalid source or peer.
    """
    if source is not None and not (source and program_address(source)):
        raise InputError(
            "A friend can't safely get the program from there.",
            "Give an address that begins with https:// or ssh://, and that has no password in it. By http:// or git:// "
            "somebody on the way could give them another program.",
        )
    home.prepare()
    config = settings(home, overlay)
    network, node = own_overlay(home, config)
    with Store(home.database) as store:
        card = own_card(home, config, node, store)
    source = source or program_source(config)
    peers = asyncio.run(friends_peers(config, network))
    if peer:
        if network == "yggdrasil":
            check(config.yggdrasil.private_peers.split())
        if not peers.lines:
            raise InputError(NO_PEER, NO_PEER_HINT)
    said = invitation(card, network, source, peers, names_peers=peer)
    notes = [] if source else [no_source(installed_folder())]
    if not peer and (about_peers := peers_note_here(peers)) is not None:
        notes.append(about_peers)
    if as_json:
        print_json({"kind": said.kind, "text": said.text, "token": card.token, "source": source or None})
    else:
        print_text(said.text, to_copy=True)
        sys.stdout.flush()
        for note in notes:
            hints = (f"hint:  {each}" for each in note.hint.splitlines())
            _note(f"note:  {note.sentence}", *hints)
        if peer:
            _note(f"note:  The invitation names your peer. {what_lines_show(peers.lines)}")
    return 0


def _note(*lines: str) -> None:
    wide = [as_wide_as(sys.stderr, each, hanging=len("note:  ")) for each in lines]
    sys.stderr.write("\n".join(["", *wide, ""]))
