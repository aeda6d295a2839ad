"""`copybara card`: the own contact card, as text and as a QR code."""

from __future__ import annotations

import json
import sys

from bot.home import Home
from bot.settings import own_card, own_name, own_overlay, settings
from bot.texts import chat as texts
from bot.texts import names as name_texts
from shared.links.kinds import as_copybara
from shared.names.records import to_publish
from shared.store import Store


def show_card(home: Home, *, overlay: str | None, records: bool, as_json: bool) -> int:
    """Print the card, or with `records` what belongs into the records of a name, so that others find the card there.

    Raises OverlayError when the node can't be asked for its id.
    """
    home.prepare()
    config = settings(home, overlay)
    overlay_name, node = own_overlay(home, config)
    with Store(home.database) as store:
        card = own_card(home, config, node, store)
    if records:
        _show_records(to_publish(card, overlay_name), own_name(config), overlay_name, as_json=as_json)
        return 0
    link = as_copybara(card.token)
    if as_json:
        value = {"node": str(node), "name": card.name, "token": card.token, "link": link}
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        return 0
    import segno

    segno.make(link, error="m", boost_error=False).terminal(compact=True, border=2)
    sys.stdout.write(f"{texts.card(card.token, card.name).text}\n\nNode id: {node}\n")
    return 0


def _show_records(records: dict[str, str], name: str, overlay: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"name": name or None, "records": records}) + "\n")
        return
    sys.stdout.write(name_texts.records(records, name, loopback=overlay == "loopback"))
