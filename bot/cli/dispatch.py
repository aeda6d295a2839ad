"""Maps each command's arguments to the function that carries it out.

Each function imports what its command needs when it runs, so that `copybara --help` stays instant.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bot.cli.utf8 import is_undecoded
from bot.process.uncollected import uncollected
from shared.errors import StoreError

if TYPE_CHECKING:
    from bot.home import Home


def _home(options: argparse.Namespace) -> Home:
    from bot.home import VARIABLE, Home

    home = Home.find(options.home)
    if is_undecoded(str(home.folder)):
        raise StoreError(f"The path in {VARIABLE} isn't UTF-8 text.", "Give another home with --home.")
    return home


def do_demo(options: argparse.Namespace) -> int:
    if options.handset:
        from bot.demo.handset import demo_handset

        return demo_handset(as_json=options.json, opens=not options.no_open)
    from bot.demo.run import demo

    return demo(as_json=options.json)


def do_setup(options: argparse.Namespace) -> int:
    from bot.cli.setup import setup
    from bot.terminal.asking import Answers

    given = {name: value for name in ("name", "overlay", "peers") if (value := getattr(options, name)) is not None}
    answers = Answers(given, yes=options.yes, only_prints=options.only_prints)
    return setup(_home(options), answers, part=options.part, answer=options.answer)


def do_backup(options: argparse.Namespace) -> int:
    from bot.cli.backup import backup

    return backup(_home(options), options.file)


def do_restore(options: argparse.Namespace) -> int:
    from bot.cli.backup import restore

    return restore(_home(options), options.file)


def do_export(options: argparse.Namespace) -> int:
    from bot.cli.backup import export

    return export(_home(options))


def do_start(options: argparse.Namespace) -> int:
    from bot.cli.start import start

    return start(
        _home(options),
        opens=not options.no_open,
        as_json=options.json,
        overlay=options.overlay,
        new_node=options.new_node,
        link=options.link,
    )


def do_run(options: argparse.Namespace) -> int:
    with uncollected():
        from bot.app import run

    return run(
        _home(options),
        console=options.console,
        as_json=options.json,
        overlay=options.overlay,
        new_node=options.new_node,
    )


def do_service(options: argparse.Namespace) -> int:
    from bot.cli import service

    if options.action == "install":
        return service.install(_home(options))
    return service.status(_home(options)) if options.action == "status" else service.remove()


def do_desktop(options: argparse.Namespace) -> int:
    from bot.cli import desktop

    if options.action == "install":
        return desktop.install(_home(options), starts_at_login=not options.no_autostart)
    return desktop.status() if options.action == "status" else desktop.remove()


def do_uninstall(options: argparse.Namespace) -> int:
    from bot.cli.uninstall import uninstall
    from bot.terminal.asking import Answers, Asking

    answers = Answers({} if options.shred is None else {"shred": options.shred})
    return uninstall(_home(options), Asking(answers, "copybara uninstall"))


def do_doctor(options: argparse.Namespace) -> int:
    from bot.terminal.slow_steps import said_if_slow

    with said_if_slow("Starting"):
        from bot.cli.doctor import doctor

    return doctor(_home(options), overlay=options.overlay, as_json=options.json)


def do_log(options: argparse.Namespace) -> int:
    from bot.cli.call_log import log

    return log(_home(options), calls=options.calls, as_json=options.json)


def do_bugreport(options: argparse.Namespace) -> int:
    from bot.cli.bugreport import bugreport

    return bugreport(_home(options), log=options.log, output=options.output, yes=options.yes)


def do_manual(options: argparse.Namespace) -> int:
    from bot.cli.manual import manual

    return manual(options.page)


def do_status(options: argparse.Namespace) -> int:
    from bot.cli.remote import status

    return status(_home(options), as_json=options.json)


def _say(options: argparse.Namespace, text: str) -> int:
    from bot.cli.remote import say

    return say(_home(options), text, as_json=options.json)


def do_call(options: argparse.Namespace) -> int:
    return _say(options, f"/call {options.name} {options.media}")


def do_answer(options: argparse.Namespace) -> int:
    return _say(options, f"/answer {options.name or ''} {'hold' if options.hold else ''} {' '.join(options.words)}")


def do_decline(options: argparse.Namespace) -> int:
    return _say(options, f"/decline {' '.join(options.why)}")


def do_hang_up(options: argparse.Namespace) -> int:
    return _say(options, f"/hangup {options.name or ''}")


def do_hold(options: argparse.Namespace) -> int:
    return _say(options, f"/{options.word} {options.name or ''}")


def do_record(options: argparse.Namespace) -> int:
    return _say(options, f"/record {' '.join(options.words)} {options.name or ''}")


def do_merge(options: argparse.Namespace) -> int:
    return _say(options, "/merge")


def do_send(options: argparse.Namespace) -> int:
    # The running program may have another working directory.
    whom = f"{options.to}: " if options.to else ""
    return _say(options, f"/send {whom}{options.file.expanduser().absolute()}")


def do_files(options: argparse.Namespace) -> int:
    return _say(options, f"/files {options.action or ''} {options.number or ''}")


def do_contacts(options: argparse.Namespace) -> int:
    from bot.cli.contacts import contacts

    return contacts(_home(options), options)


def do_devices(options: argparse.Namespace) -> int:
    from bot.cli.devices import devices

    return devices(_home(options), options)


def do_card(options: argparse.Namespace) -> int:
    from bot.cli.card import show_card

    return show_card(
        _home(options), overlay=options.overlay, records=options.records, qr=options.qr, as_json=options.json
    )


def do_invite(options: argparse.Namespace) -> int:
    from bot.cli.invite import invite

    return invite(
        _home(options), source=options.source, peer=options.peer, overlay=options.overlay, as_json=options.json
    )


def do_resolve(options: argparse.Namespace) -> int:
    from bot.cli.resolve import resolve

    decision = "follow" if options.follow else "keep" if options.keep else None
    return resolve(
        _home(options),
        options.name,
        fresh=options.fresh,
        check=options.check,
        decision=decision,
        as_json=options.json,
    )


def do_sdp(options: argparse.Namespace) -> int:
    from bot.cli.sdp import exchange

    words = [options.action, *filter(None, (getattr(options, "name", None), getattr(options, "media", None)))]
    return exchange(_home(options), words, as_json=options.json)


def do_explain(options: argparse.Namespace) -> int:
    from bot.cli.explain import explain

    return explain(_home(options), options.link, as_json=options.json)


ASK_THE_NODE = (do_start, do_run, do_doctor, do_bugreport, do_card, do_invite, do_setup)
"Commands that ask the overlay's node. Only members of the node's group may do that."
