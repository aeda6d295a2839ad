"""`copybara invite`: one text to send to a friend who doesn't have the program yet."""

from __future__ import annotations

from bot.home import Home
from bot.settings import own_card, own_overlay, settings
from bot.streams import print_json, print_text
from bot.texts.invitation import installed_from, invitation
from shared.store import Store


def invite(home: Home, *, source: str | None, overlay: str | None, as_json: bool) -> int:
    """Print it. `source` is where the friend gets the program. Raises OverlayError if the node can't be asked."""
    home.prepare()
    config = settings(home, overlay)
    network, node = own_overlay(home, config)
    with Store(home.database) as store:
        card = own_card(home, config, node, store)
    said = invitation(card, network, source or installed_from())
    if as_json:
        print_json({"kind": said.kind, "text": said.text, "token": card.token})
    else:
        print_text(said.text)
    return 0
