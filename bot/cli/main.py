"""`copybara`: the command line.

Exit codes: 0 done, 1 it didn't work (`error:` and `hint:` on stderr), 2 wrong usage. Every command imports what
it needs when it runs, so that `copybara --help` stays instant.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bot import streams
from bot.cli.log_lines import set_up_logging
from shared.errors import CopybaraError, Fault, StoreError, WrongUse, first_error
from shared.printable import visible, without_invisible_edges

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from bot.home import Home

Run = Callable[[argparse.Namespace], int]

SETUP = ("overlay", "name", "telegram", "deltachat", "matrix", "sound")
"The parts of `copybara setup`, as in bot/cli/setup/parts.py."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    streams.prepare()
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # and not nohup's
        # A terminal that is closed ends us as Ctrl-C does: politely.
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        code = _main(arguments)
        # Here, and not when the interpreter exits: then nobody could act on it.
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of our output has gone; say nothing more.
        streams.give_up_stdout()
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # stdout is full or closed
        streams.give_up_stdout()
        print_error(_from_system(error))
        return 1


def _main(arguments: Sequence[str] | None) -> int:
    # Neither has a default in the parsers: they may come before or after the command, and the other place must
    # not undo that.
    given = argparse.Namespace(home=None, verbose=False)
    try:
        options = _parser().parse_args(_as_utf8(sys.argv[1:] if arguments is None else arguments), given)
    except WrongUse as error:
        print_error(error)
        return 2
    except SystemExit as usage:  # argparse has said what is wrong, or shown the help that was asked for
        return usage.code if isinstance(usage.code, int) else 0
    set_up_logging(verbose=options.verbose)
    run: Run = options.run
    if arguments is None and run in ASK_THE_NODE:
        from bot.cli.group_membership import join

        join()
    try:
        return run(options)
    except BrokenPipeError:
        raise
    except CopybaraError as error:
        known = error
    except BaseExceptionGroup as group:
        known = _known(first_error(group))
    except Exception as error:
        known = _known(error)
    print_error(known)
    return 1


def _as_utf8(arguments: Sequence[str]) -> list[str]:
    """The arguments as text, whatever the locale. Raises WrongUse for one that isn't UTF-8."""
    try:
        return [os.fsencode(argument).decode() if _undecoded(argument) else argument for argument in arguments]
    except UnicodeError:
        wrong = next(filter(_undecoded, arguments))
        shown = wrong.encode("ascii", "backslashreplace").decode()
        raise WrongUse(f"An argument isn't UTF-8 text: {shown}", "Type it instead of copying it.") from None


def _undecoded(argument: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in argument)


def _known(error: BaseException) -> CopybaraError:
    """The error that a person sees for one that may be our own fault."""
    match error:
        case CopybaraError():
            return error
        case OSError():
            return _from_system(error)
        case Exception():
            logging.getLogger(__name__).info("a fault of the program", exc_info=error)
            return Fault(f"The program ran into a bug: {type(error).__name__}: {error}")
    raise error


def _from_system(error: OSError) -> StoreError:
    where = f" ({error.filename})" if error.filename else ""
    return StoreError(
        f"The system refuses something that is needed: {error.strerror or error}{where}.",
        "Check that the disk has free space, and that you may write there.",
    )


def print_error(error: CopybaraError) -> None:
    """The two lines that every failure ends in."""
    with contextlib.suppress(OSError):
        for name, said in (("error: ", error.sentence), ("hint:  ", error.hint)):
            if said:
                sys.stderr.write(f"{name}{visible(said, lines=True)}\n")
        sys.stderr.flush()


class _Parser(argparse.ArgumentParser):
    """argparse hides that its help couldn't be written; here stdout that is full or closed is an error as elsewhere."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is not None and file is sys.stdout:
            sys.stdout.write(message)
        else:
            super()._print_message(message, file)


def _path(text: str) -> Path:
    if not text:  # Path would take it for the current folder, and a script's unset variable would fill that
        raise argparse.ArgumentTypeError("the name of the file or folder is empty")
    return Path(text)


def _name(text: str) -> str:
    """Whom a person means, without the marks of direction that keyboards and pages put around a name."""
    if not (bare := without_invisible_edges(text)):
        raise argparse.ArgumentTypeError("the name is empty")
    return bare


def _parser() -> argparse.ArgumentParser:
    everywhere = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    everywhere.add_argument("--home", type=_path, metavar="DIR", help="where everything is kept (else COPYBARA_HOME)")
    everywhere.add_argument("-v", "--verbose", action="store_true", help="log to stderr")
    data = _Parser(add_help=False)
    data.add_argument("--json", action="store_true", help="print JSON")

    parser = _Parser(
        prog="copybara",
        description="Private calls between overlay nodes, set up by links in a chat you already have.",
        parents=[everywhere],
        epilog="New here? `copybara demo` shows everything on this machine in 20 seconds; `copybara setup` is next.",
    )
    parser.add_argument("--version", action="version", version=f"copybara {version('copybara-relay')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, help_: str, run: Run, *, json: bool = False) -> argparse.ArgumentParser:
        parents = [everywhere, data] if json else [everywhere]
        sub = commands.add_parser(name, help=help_, description=help_, parents=parents)
        sub.set_defaults(run=run)
        return sub

    def which(sub: argparse.ArgumentParser) -> None:
        overlays = ["auto", "staex", "yggdrasil", "loopback"]
        sub.add_argument("--overlay", choices=overlays, help="instead of the configured one")

    demo = command(
        "demo", "two nodes on this machine call each other; shows the chat and what was measured", _demo, json=True
    )
    demo.add_argument(
        "--handset", action="store_true", help="instead: call two built-in contacts from the page in your browser"
    )
    demo.add_argument("--no-open", action="store_true", help="with --handset: print the page's address only")

    for name in ("setup", "init"):
        set_up = command(name, "from nothing to a first call: ask what is needed, and write the configuration", _setup)
        set_up.add_argument("part", nargs="?", choices=SETUP, help="only this; without it, everything")
        set_up.add_argument("answer", nargs="?", help="what that part asks for first, unless it is a secret")
        set_up.add_argument("--name", help="the name on your contact card")
        set_up.add_argument("--peers", help="Yggdrasil peers for the node, separated by blanks")
        set_up.add_argument("--yes", action="store_true", help="ask nothing: what isn't given here gets its default")
        set_up.add_argument("--print", action="store_true", dest="only_prints", help="only print what would be done")
        which(set_up)

    start = command("start", "start, and open the page where you talk; runs until Ctrl-C", _start, json=True)
    start.add_argument("link", nargs="?", default="", metavar="LINK", help="a link for the page to explain")
    start.add_argument("--no-open", action="store_true", help="print the page's address only")
    run = command("run", "the same for services and scripts: opens nothing", _run, json=True)
    run.add_argument("--console", action="store_true", help="the chat is stdin and stdout")
    for runs in (start, run):
        runs.add_argument(
            "--new-node", action="store_true", help="this home's overlay or node id has changed, as intended"
        )
        which(runs)

    service = commands.add_parser("service", help="run in the background", description="run in the background")
    does = service.add_subparsers(metavar="COMMAND", required=True)
    for name, about in (
        ("install", "start it now and at each log-in, as a systemd user service"),
        ("status", "whether it runs"),
        ("remove", "stop it, and take the service away; your home stays"),
    ):
        sub = does.add_parser(name, help=about, description=about, parents=[everywhere])
        sub.set_defaults(run=_service, action=name)

    desktop = commands.add_parser("desktop", help="links, and a start at each log-in", description="on the desktop")
    knows = desktop.add_subparsers(metavar="COMMAND", required=True)

    def on_desktop(name: str, help_: str) -> argparse.ArgumentParser:
        sub = knows.add_parser(name, help=help_, description=help_, parents=[everywhere])
        sub.set_defaults(run=_desktop, action=name)
        return sub

    known = on_desktop("install", "be among the applications, open links copybara:…, start at each log-in")
    known.add_argument("--no-autostart", action="store_true", help="don't start when you log in")
    on_desktop("remove", "take that away again; your home stays")

    gone = command("uninstall", "remove service and desktop entry and, if you say so, keys and contacts", _uninstall)
    keys = gone.add_mutually_exclusive_group()
    keys.add_argument("--keep-keys", action="store_const", const="no", dest="shred", help="without asking")
    keys.add_argument("--shred-keys", action="store_const", const="yes", dest="shred", help="without asking")
    which(command("doctor", "check everything that can be wrong, a line each", _doctor, json=True))
    log = command("log", "the calls that ended last, as /log in the chat", _log, json=True)
    log.add_argument("--calls", type=_count, default=15, metavar="NUMBER", help="how many at most (15)")
    bug = command("bugreport", "a file for a maintainer, with everything private removed; shown first", _bugreport)
    bug.add_argument("--log", type=_path, metavar="FILE", help="a log whose last lines go along; else the service's")
    bug.add_argument("--output", type=_path, metavar="FILE", help="where to write it; else a new file here")
    bug.add_argument("--yes", action="store_true", help="write it without asking")
    to_file = command("backup", "the home in one file, encrypted with a passphrase; also while it runs", _backup)
    to_file.add_argument("file", type=Path, metavar="FILE", help="a new file")
    from_file = command("restore", "a new home from such a file", _restore)
    from_file.add_argument("file", type=Path, metavar="FILE")
    command("export", "contacts and calls as JSON, without keys", _export)
    command("status", "what the running copybara is doing", _status, json=True)

    call = command("call", "call somebody, as /call in the chat", _call, json=True)
    call.add_argument("name", type=_name, help="a contact, a node id or a contact card")
    call.add_argument("media", nargs="?", choices=["audio", "video"], default="video")
    answer = command("answer", "answer the ringing call", _answer, json=True)
    answer.add_argument("media", nargs="?", choices=["audio", "video"])
    answer.add_argument("--name", type=_name, metavar="NAME", help="whose call, if several ring")
    decline = command("decline", "decline the ringing call", _decline, json=True)
    decline.add_argument("why", nargs="*", help="whose call, if several ring, and a few words for the caller")
    hang_up = command("hangup", "end the call", _hangup, json=True)
    hang_up.add_argument("name", nargs="?", type=_name, help="with whom, if there are several calls")

    contacts = commands.add_parser("contacts", help="the contact book", description="the contact book")
    book = contacts.add_subparsers(metavar="COMMAND", required=True)

    def entry(name: str, help_: str, *arguments: str, json: bool = False) -> argparse.ArgumentParser:
        parents = [everywhere, data] if json else [everywhere]
        sub = book.add_parser(name, help=help_, description=help_, parents=parents)
        sub.set_defaults(run=_contacts, action=name)
        for argument in arguments:
            sub.add_argument(argument, type=_name)
        return sub

    entry("list", "all contacts", json=True)
    add = entry("add", "save somebody; without a name, under the one on their card", "name")
    add.add_argument(
        "whom", nargs="?", type=_name, help="node id or contact card; without it, the only stranger who was in a call"
    )
    entry("show", "all that is known of a contact", "name", json=True)
    trust = entry("trust", "answer a contact's calls without asking", "name")
    trust.add_argument("media", nargs="?", choices=["audio", "video"], help="what is answered automatically")
    trust.add_argument(
        "--unproven", action="store_true", help="even before you share a key, when only the node id says who is calling"
    )
    confirm = entry("confirm", "the four words of a call are the same on both sides: accept the new key", "name")
    confirm.add_argument("words", nargs="*", help="the four words; without them it says which words wait")
    entry("renew", "agree on a new key in the next call, because theirs may be newer than yours", "name")
    entry("ring", "ask before answering (the default)", "name")
    entry("block", "ignore a contact's calls", "name")
    entry("endpoint", "choose what a contact sees and hears; `default` is what is configured", "name", "endpoint")
    entry("rename", "give a contact another name", "old", "new")
    entry("remove", "forget a contact", "name")

    card = command("card", "your contact card, as text and as a QR code", _card, json=True)
    card.add_argument("--qr", type=_path, metavar="FILE", help="write the QR code into a .png, .svg or .pdf file")
    card.add_argument("--records", action="store_true", help="what to write into the records of your name")
    which(card)

    invite = command("invite", "a text for a friend who doesn't have the program yet", _invite, json=True)
    invite.add_argument("--from", dest="source", metavar="URL", help="where they can get it: a git address")
    which(invite)

    resolve = command("resolve", "name to node id, and where the answer came from", _resolve, json=True)
    resolve.add_argument(
        "name", type=_name, help="a contact, a name such as copybara.azero or anna.eth, or an account of Aleph Zero"
    )
    resolve.add_argument("--fresh", action="store_true", help="ask again, and use nothing that is kept")
    resolve.add_argument("--check", action="store_true", help="ask again, and a second time with substrate-interface")
    decision = resolve.add_mutually_exclusive_group()
    decision.add_argument("--follow", action="store_true", help="use the node that the name leads to now")
    decision.add_argument("--keep", action="store_true", help="keep the node that the name led to before")

    link = commands.add_parser("link", help="about links", description="about links")
    sdp = commands.add_parser("sdp", help="calls with programs that speak SDP", description="calls with other programs")
    described = sdp.add_subparsers(metavar="COMMAND", required=True)

    def exchange(name: str, help_: str) -> argparse.ArgumentParser:
        sub = described.add_parser(name, help=help_, description=help_, parents=[everywhere, data])
        sub.set_defaults(run=_sdp, action=name)
        return sub

    offered = exchange("offer", "write an offer for somebody's program, and wait for its answer")
    offered.add_argument("name", type=_name, help="a contact, a node id or a contact card")
    offered.add_argument("media", nargs="?", choices=["audio", "video"], default="video")
    answered = exchange("answer", "answer the offer on standard input, and take the call")
    answered.add_argument(
        "name", nargs="?", type=_name, help="whose offer it is, if none of its addresses is a contact's"
    )
    exchange("take", "take the answer on standard input to an offer of yours")

    links = link.add_subparsers(metavar="COMMAND", required=True)
    explain = links.add_parser(
        "explain", help="what a link is, without acting on it", parents=[everywhere, data], description="what a link is"
    )
    explain.add_argument("link")
    explain.set_defaults(run=_explain)
    return parser


def _count(text: str) -> int:
    """A number of things, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0 and len(text) < 9):
        raise argparse.ArgumentTypeError("a whole number from 1 is needed")
    return int(text)


def _home(options: argparse.Namespace) -> Home:
    from bot.home import VARIABLE, Home

    home = Home.find(options.home)
    if _undecoded(str(home.folder)):
        raise StoreError(f"The path in {VARIABLE} isn't UTF-8 text.", "Give another home with --home.")
    return home


def _demo(options: argparse.Namespace) -> int:
    if options.handset:
        from bot.demo.handset import demo_handset

        return demo_handset(as_json=options.json, opens=not options.no_open)
    from bot.demo.run import demo

    return demo(as_json=options.json)


def _setup(options: argparse.Namespace) -> int:
    from bot.asking import Answers
    from bot.cli.setup import setup

    given = {name: value for name in ("name", "overlay", "peers") if (value := getattr(options, name)) is not None}
    if options.answer is not None:
        given[options.part] = options.answer
    answers = Answers(given, yes=options.yes, only_prints=options.only_prints)
    return setup(_home(options), answers, part=options.part)


def _backup(options: argparse.Namespace) -> int:
    from bot.cli.backup import backup

    return backup(_home(options), options.file)


def _restore(options: argparse.Namespace) -> int:
    from bot.cli.backup import restore

    return restore(_home(options), options.file)


def _export(options: argparse.Namespace) -> int:
    from bot.cli.backup import export

    return export(_home(options))


def _start(options: argparse.Namespace) -> int:
    from bot.cli.start import start

    return start(
        _home(options),
        opens=not options.no_open,
        as_json=options.json,
        overlay=options.overlay,
        new_node=options.new_node,
        link=options.link,
    )


def _run(options: argparse.Namespace) -> int:
    from bot.app import run

    return run(
        _home(options),
        console=options.console,
        as_json=options.json,
        overlay=options.overlay,
        new_node=options.new_node,
    )


def _service(options: argparse.Namespace) -> int:
    from bot.cli import service

    if options.action == "install":
        return service.install(_home(options))
    return service.status() if options.action == "status" else service.remove()


def _desktop(options: argparse.Namespace) -> int:
    from bot.cli import desktop

    if options.action == "install":
        return desktop.install(_home(options), starts_at_login=not options.no_autostart)
    return desktop.remove()


def _uninstall(options: argparse.Namespace) -> int:
    from bot.asking import Answers, Asking
    from bot.cli.uninstall import uninstall

    answers = Answers({} if options.shred is None else {"shred": options.shred})
    return uninstall(_home(options), Asking(answers, "copybara uninstall"))


def _doctor(options: argparse.Namespace) -> int:
    from bot.cli.doctor import doctor

    return doctor(_home(options), overlay=options.overlay, as_json=options.json)


def _log(options: argparse.Namespace) -> int:
    from bot.cli.call_log import log

    return log(_home(options), calls=options.calls, as_json=options.json)


def _bugreport(options: argparse.Namespace) -> int:
    from bot.cli.bugreport import bugreport

    return bugreport(_home(options), log=options.log, output=options.output, yes=options.yes)


def _status(options: argparse.Namespace) -> int:
    from bot.cli.remote import status

    return status(_home(options), as_json=options.json)


def _say(options: argparse.Namespace, text: str) -> int:
    from bot.cli.remote import say

    return say(_home(options), text, as_json=options.json)


def _call(options: argparse.Namespace) -> int:
    return _say(options, f"/call {options.name} {options.media}")


def _answer(options: argparse.Namespace) -> int:
    return _say(options, f"/answer {options.name or ''} {options.media or ''}")


def _decline(options: argparse.Namespace) -> int:
    return _say(options, f"/decline {' '.join(options.why)}")


def _hangup(options: argparse.Namespace) -> int:
    return _say(options, f"/hangup {options.name or ''}")


def _contacts(options: argparse.Namespace) -> int:
    from bot.cli.contacts import contacts

    return contacts(_home(options), options)


def _card(options: argparse.Namespace) -> int:
    from bot.cli.card import show_card

    return show_card(
        _home(options), overlay=options.overlay, records=options.records, qr=options.qr, as_json=options.json
    )


def _invite(options: argparse.Namespace) -> int:
    from bot.cli.invite import invite

    return invite(_home(options), source=options.source, overlay=options.overlay, as_json=options.json)


def _resolve(options: argparse.Namespace) -> int:
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


def _sdp(options: argparse.Namespace) -> int:
    from bot.cli.sdp import exchange

    words = [options.action, *filter(None, (getattr(options, "name", None), getattr(options, "media", None)))]
    return exchange(_home(options), words, as_json=options.json)


def _explain(options: argparse.Namespace) -> int:
    from bot.cli.explain import explain

    return explain(_home(options), options.link, as_json=options.json)


ASK_THE_NODE = (_start, _run, _doctor, _bugreport, _card, _invite, _setup)
"Commands that ask the overlay's node, which only members of its group may."
