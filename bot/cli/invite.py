"""`copybara invite`: one text to send to a friend who doesn't have the program yet."""

from __future__ import annotations

import sys

from bot.home import Home
from bot.program_source import program_source
from bot.settings import own_card, own_overlay, settings
from bot.streams import print_json, print_text
from bot.texts.invitation import NO_SOURCE, invitation
from shared.config.checks import program_address
from shared.errors import InputError
from shared.store import Store


def invite(home: Home, *, source: str | None, overlay: str | None, as_json: bool) -> int:
    """Print it. `source` is where the friend gets the program.

    Raises OverlayError if the node can't be asked, InputError for a source that can't be one.
    """
    if source is not None and not (source and program_address(source)):
        raise InputError(
            "A friend can't get the program from there.",
            "Give an address that begins with https://, ssh:// or git://, and that has no password in it.",
        )
    home.prepare()
    config = settings(home, overlay)
    network, node = own_overlay(home, config)
    with Store(home.database) as store:
        card = own_card(home, config, node, store)
    source = source or program_source(config)
    said = invitation(card, network, source)
    if as_json:
        print_json({"kind": said.kind, "text": said.text, "token": card.token, "source": source or None})
    else:
        print_text(said.text, to_copy=True)
        if not source:
            sys.stdout.flush()
            sys.stderr.write(f"\nnote:  {NO_SOURCE.sentence}\nhint:  {NO_SOURCE.hint}\n")
    return 0
