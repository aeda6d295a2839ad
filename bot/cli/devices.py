"""`copybara devices …`: the owner's other devices, such as a phone."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from bot.cli.remote import say
from bot.command_socket import AskPairing, AskStatus, Say, ask
from bot.home import Home
from bot.terminal import qr_code
from bot.terminal.asking import Answers, Asking
from bot.terminal.slow_steps import said_if_slow
from bot.terminal.streams import print_json, print_text
from bot.texts import devices as texts
from bot.texts.as_typed import as_typed
from shared.errors import NoPairing, NotRunning
from shared.store import Store

LOOK_SECONDS = 0.5
"How often to ask whether the device shows its code."


def devices(home: Home, options: argparse.Namespace) -> int:
    """Carry out one of the devices commands. Raises NotRunning, NoDevice, InputError, StoreError."""
    match options.action:
        case "add":
            return _add(home, options.name, options.address, as_json=options.json)
        case "confirm":
            return say(home, f"/devices confirm {options.code}", as_json=options.json)
        case "cancel":
            return say(home, "/devices cancel", as_json=options.json)
        case "remove":
            return _remove(home, options.name, as_json=options.json)
        case _:
            return _list(home, as_json=options.json)


def _list(home: Home, *, as_json: bool) -> int:
    home.prepare()
    try:
        connected = {each["name"] for each in _status(home) if each["connected"]}
    except NotRunning:
        connected = set()
    with Store(home.database) as store:
        known = store.devices()
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "address": each.address,
                    "way": each.way.value,
                    "added": each.added,
                    "seen": each.seen,
                    "connected": each.name in connected,
                }
                for each in known
            ]
        )
    else:
        print_text(as_typed(texts.devices(known, [each.name in connected for each in known]).text))
    return 0


def _status(home: Home) -> list[dict[str, Any]]:
    status: dict[str, Any] = ask(home.command_socket, AskStatus()).status or {}
    return list(status.get("devices", []))


def _remove(home: Home, name: str, *, as_json: bool) -> int:
    """Remove a device. This also works while no copybara runs, because then the device has no connection."""
    try:
        return say(home, f"/devices remove {name}", as_json=as_json)
    except NotRunning:
        home.prepare()
        with Store(home.database) as store:
            removed = store.remove_device(name)
    said = texts.removed(removed)
    if as_json:
        print_json({"posts": [{"kind": said.kind, "to": "owner", "text": said.text, "token": None}]})
    else:
        print_text(said.text)
    return 0


def _add(home: Home, name: str, address: str | None, *, as_json: bool) -> int:
    """Show how the device gets in. At a terminal, wait for its code and ask whether the codes are the same."""
    with said_if_slow("Waiting for copybara to serve devices"):
        posts = ask(home.command_socket, Say(f"/devices add {name} {address or ''}")).posts
    pairing = _pairing(home)
    if as_json:
        print_json(pairing)
        return 0
    sys.stdout.write(f"{qr_code.or_why_not(qr_code.made(str(pairing['address'])))}\n")
    for post in posts:
        print_text(as_typed(str(post["text"])))
    asking = Asking(Answers(), "copybara devices add NAME")
    if not asking.at_terminal:
        print_text("When it shows the code: copybara devices confirm CODE")
        return 0
    print_text("Waiting for the device. Ctrl-C stops waiting; the address stays good for its time.")
    sys.stdout.flush()
    while pairing["code"] is None:
        time.sleep(LOOK_SECONDS)
        pairing = _pairing(home)
    print_text(f"\nThe device at {pairing['visitor']} must show the code {pairing['code']}.")
    same = asking.yes("Does yours show the same?", default=False)
    return say(home, f"/devices confirm {pairing['code']}" if same else "/devices cancel", as_json=False)


def _pairing(home: Home) -> dict[str, Any]:
    pairing = ask(home.command_socket, AskPairing()).pairing
    if pairing is None:
        raise NoPairing("The device wasn't added in time.", "Begin again: copybara devices add NAME")
    return pairing
