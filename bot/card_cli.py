"""`copybara card`: the own contact card, as text and as a QR code."""

from __future__ import annotations

import json
import sys

from bot import texts
from bot.settings import own_card, own_node, settings
from peer.home import Home
from shared.links import as_copybara


def show_card(home: Home, *, overlay: str | None, as_json: bool) -> int:
    """Print the card. Raises OverlayError when the node can't be asked for its id."""
    home.prepare()
    config = settings(home, overlay)
    node = own_node(home, config)
    card = own_card(home, config, node)
    link = as_copybara(card.token)
    if as_json:
        value = {"node": str(node), "name": card.name, "token": card.token, "link": link}
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        return 0
    import segno

    segno.make(link, error="m", boost_error=False).terminal(compact=True, border=2)
    sys.stdout.write(f"{texts.card(card.token, card.name)}\n\nNode id: {node}\n")
    return 0
