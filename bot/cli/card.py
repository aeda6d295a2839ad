"""`copybara card`: your contact card, as text and as a QR code."""

from __future__ import annotations

import sys
from pathlib import Path

from bot.home import Home
from bot.settings import own_card, own_name, own_overlay, settings
from bot.terminal import qr_code
from bot.terminal.streams import print_json, print_text
from bot.terminal.texts import own_address
from bot.texts import contacts as contact_texts
from bot.texts import names as name_texts
from shared.links.kinds import as_copybara
from shared.names.records import to_publish
from shared.store import Store

NO_ROOM = "The QR code doesn't fit into this terminal. This writes it into a file: copybara card --qr card.png"


def show_card(home: Home, *, overlay: str | None, records: bool, qr: Path | None, as_json: bool) -> int:
    """Print the card. With `records`, print the records of a name with which others find the card.

    With `qr`, the QR code goes to that file. Raises OverlayError if the node can't be asked for its id, InputError for
    an unsupported type of file, OSError if the file can't be written.
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
    code = qr_code.made(link)
    if qr is not None:
        qr_code.save(code, qr)
    if as_json:
        print_json({"node": str(node), "name": card.name, "token": card.token, "link": link})
        return 0
    if qr is not None:
        print_text(f"Wrote {qr}\n")
    elif (picture := qr_code.in_terminal(code)) is not None:
        sys.stdout.write(f"{picture}\n")
    else:
        print_text(f"{NO_ROOM}\n")
    print_text(f"{contact_texts.card(card.token, card.name).text}\n\n{own_address(str(node))}")
    return 0


def _show_records(records: dict[str, str], name: str, overlay: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": name or None, "records": records})
    else:
        print_text(name_texts.records(records, name, loopback=overlay == "loopback").rstrip())
