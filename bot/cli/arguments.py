"""What `copybara` takes on the command line: every command with its arguments, for argparse."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bot.cli import dispatch
from bot.streams import as_wide_as
from shared.printable import visible, without_invisible_edges

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Run = Callable[[argparse.Namespace], int]

SETUP = ("overlay", "name", "telegram", "deltachat", "matrix", "sound")
"The parts of `copybara setup`, as in bot/cli/setup/parts.py."


MAX_SHOWN = 60
"Characters of a mistyped word that are repeated."

_REQUIRED = "the following arguments are required: "

_UNKNOWN = "unrecognized arguments: "

_LONG_DASH = re.compile(r"[ ]([\u2010-\u2015\u2212])[a-z]")


GROUPS = (
    ("to begin with", ("setup", "start", "invite", "demo")),
    (
        "calls, while it runs",
        (
            *("call", "answer", "decline", "hangup", "hold", "resume", "swap", "record", "send", "files"),
            *("merge", "agree", "refuse", "status", "log"),
        ),
    ),
    ("people and links", ("contacts", "card", "resolve", "link", "sdp")),
    ("where it runs", ("run", "service", "desktop", "devices")),
    (
        "if something doesn't work, and for later",
        ("doctor", "manual", "backup", "restore", "export", "bugreport", "uninstall"),
    ),
)
"The commands as `copybara --help` lists them. `init`, the old name of `setup`, isn't listed."


class _Version(argparse.Action):
    """argparse's own, but the version is looked up only when it is asked for: that takes as long as --help itself."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        sys.stdout.write(f"copybara {version('copybara-relay')}\n")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """argparse, but all that is wrong ends in a sentence and what to do next, and a mistyped word is asked back.

    It hides that its help couldn't be written; here stdout that is full or closed is an error as elsewhere.
    """

    groups: Sequence[tuple[str, Sequence[str]]] = ()
    "Headings, and the commands below each."

    def set_defaults(self, **values: Any) -> None:
        """As argparse; what carries a command out also names the parser that knows it."""
        super().set_defaults(**values, **({"parser": self} if "run" in values else {}))

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse, but the command that takes no such word says so, and not the program."""
        options, more = self.parse_known_args(args, namespace)
        if more:
            getattr(options, "parser", self).error(f"{_UNKNOWN}{' '.join(more)}")
        return options

    def format_help(self) -> str:
        """As argparse, but with the commands in their groups."""
        listed = next((each for each in self._actions if isinstance(each, argparse._SubParsersAction)), None)
        if listed is None or not self.groups:
            return super().format_help()
        about = {each.dest: each for each in listed._get_subactions()}
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        sections = [(heading, [about[name] for name in names]) for heading, names in self.groups]
        for heading, actions in (*sections, ("options", [each for each in self._actions if each is not listed])):
            formatter.start_section(heading)
            formatter.add_arguments(actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is not None and file is sys.stdout:
            sys.stdout.write(message)
        else:
            super()._print_message(as_wide_as(sys.stderr, message, hanging=len("error: ")), file)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Ends with the usage and two lines for a word that isn't one of those that can stand there."""
        if action.choices is None or value in action.choices:
            return
        from shared.nearest import did_you_mean

        known, word = list(action.choices), visible(str(value)[:MAX_SHOWN])
        if isinstance(action, argparse._SubParsersAction):
            wrong = f"There is no command: {self.prog} {word}."
            if word in _TO_STOP:
                self._wrong(wrong, _HOW_TO_STOP)
            meant = did_you_mean(_OTHER_WORDS.get(word, word), [*known, *_OTHER_WORDS.values()], before=f"{self.prog} ")
        else:
            wrong = f"{word} isn't one of: {', '.join(known)}."
            meant = did_you_mean(word, known)
        self._wrong(wrong, f"{meant} {self._more}".strip())

    @property
    def _more(self) -> str:
        return f"See: {self.prog} --help"

    def _wrong(self, sentence: str, hint: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"error: {sentence}\nhint:  {hint}\n")

    def error(self, message: str) -> NoReturn:
        """What argparse says is wrong, in our words where it is said often."""
        if message.startswith(_REQUIRED):
            self._wrong(f"Something is missing: {message.removeprefix(_REQUIRED)}.", self._more)
        if message.startswith(_UNKNOWN):
            words = visible(message.removeprefix(_UNKNOWN)[:MAX_SHOWN])
            # Word processors and phones make it of two hyphens.
            dash = _LONG_DASH.search(f" {words}")
            hint = f"Begin it with two hyphens instead of {dash[1]}. " if dash else ""
            self._wrong(f"`{self.prog}` doesn't take: {words}.", f"{hint}{self._more}")
        what = message.removeprefix("argument ")
        self._wrong(f"{what[:1].upper()}{what[1:]}.", self._more)


def _path(text: str) -> Path:
    if not text:  # Path would take it for the current folder, and a script's unset variable would fill that
        raise argparse.ArgumentTypeError("the name of the file or folder is empty")
    return Path(text)


def _name(text: str) -> str:
    """Whom a person means, without the marks of direction that keyboards and pages put around a name."""
    if not (bare := without_invisible_edges(text)):
        raise argparse.ArgumentTypeError("the name is empty")
    return bare


def _count(text: str) -> int:
    """A number of things, for argparse."""
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0 and len(text) < 9):
        raise argparse.ArgumentTypeError("a whole number from 1 is needed")
    return int(text)


_ABOUT_CARDS = """\
A card is a line that begins with copybara: and that the
other person sends you, through your chat for example. They
find it on their page under "My card", or with the command
copybara card. It is no secret. Yours is for them.

With the name that is on the card:
  copybara contacts add copybara:FQEg...
With a name of your own:
  copybara contacts add anna copybara:FQEg...
The stranger of your last call:
  copybara contacts add anna"""

_TO_STOP = ("stop", "quit", "exit")

_HOW_TO_STOP = "Ctrl-C ends Copybara, in the window where it runs. To end a call: copybara hangup"

_OTHER_WORDS = {
    "accept": "answer",
    "address": "card",
    "config": "manual settings",
    "configure": "setup",
    "end": "hangup",
    "friend": "invite",
    "install": "setup",
    "message": "send",
    "name": "setup name",
    "open": "start",
    "phone": "devices",
    "reject": "decline",
    "settings": "manual settings",
    "telegram": "setup telegram",
    "test": "call echo",
    "update": "manual living-with-it",
    "upgrade": "manual living-with-it",
    "version": "--version",
}
"What somebody means who tries one of these as a command."


def _alone(parser: argparse.ArgumentParser) -> Run:
    """What a group of commands does that can't do anything alone: it shows them."""

    def show(_: argparse.Namespace) -> int:
        sys.stderr.write(
            f"{parser.format_help()}\nerror: Which command?\nhint:  One of those above: {parser.prog} COMMAND\n"
        )
        return 2

    return show


def _takes_words(parser: argparse.ArgumentParser, help_: str) -> None:
    """A command that takes a name and words of its own in one go, as in the chat, and the name alone by an option."""
    parser.add_argument("words", nargs="*", type=_name, metavar="NAME", help=help_)
    parser.add_argument("--name", type=_name, metavar="NAME", help="the same")


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Its `run` is the function that carries the command out."""
    everywhere = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    everywhere.add_argument("--home", type=_path, metavar="DIR", help="where everything is kept (else COPYBARA_HOME)")
    everywhere.add_argument("-v", "--verbose", action="store_true", help="log to stderr")
    data = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    data.add_argument("--json", action="store_true", help="print JSON")

    parser = _Parser(
        prog="copybara",
        description="Private calls between two people who already share a chat.",
        parents=[everywhere],
        epilog="More about a command: copybara COMMAND --help",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    parser.groups = GROUPS

    def command(name: str, help_: str, run: Run, *, json: bool = False) -> argparse.ArgumentParser:
        parents = [everywhere, data] if json else [everywhere]
        sub = commands.add_parser(name, help=help_, description=help_, parents=parents)
        sub.set_defaults(run=run)
        return sub

    def which(sub: argparse.ArgumentParser) -> None:
        overlays = ["auto", "staex", "yggdrasil", "loopback"]
        about = "the network for calls instead of the configured one: auto, staex, yggdrasil or loopback"
        sub.add_argument("--overlay", choices=overlays, metavar="NETWORK", help=about)

    demo = command(
        "demo",
        "try it on this computer: two made-up people call each other, in half a minute",
        dispatch.do_demo,
        json=True,
    )
    demo.add_argument(
        "--handset", action="store_true", help="instead: call two built-in contacts from the page in your browser"
    )
    demo.add_argument("--no-open", action="store_true", help="with --handset: print the page's address only")

    for name, about in (
        ("setup", "once: the network for your calls, your name, a messenger if you want one"),
        ("init", "the old name of setup"),
    ):
        set_up = command(name, about, dispatch.do_setup)
        parts = f"only this: {', '.join(SETUP)}; without it, everything"
        set_up.add_argument("part", nargs="?", choices=SETUP, metavar="PART", help=parts)
        set_up.add_argument("answer", nargs="?", help="what that part asks for first, unless it is a secret")
        set_up.epilog = (
            "Without a terminal, as in a script, it needs --overlay and --name (or COPYBARA_OVERLAY and "
            "COPYBARA_NAME), or --yes."
        )
        set_up.add_argument("--name", help="the name on your contact card")
        set_up.add_argument(
            "--peers", help="Yggdrasil peers for the node, with blanks between them; ask: a friend's line is asked for"
        )
        set_up.add_argument("--yes", action="store_true", help="ask nothing: what isn't given here gets its default")
        prints = "do nothing: print what root would do, as a script"
        set_up.add_argument("--print", action="store_true", dest="only_prints", help=prints)
        which(set_up)

    start = command(
        "start", "every day: opens the page where you talk; runs until Ctrl-C", dispatch.do_start, json=True
    )
    start.add_argument("link", nargs="?", default="", metavar="LINK", help="a link for the page to explain")
    start.add_argument("--no-open", action="store_true", help="print the page's address only")
    run = command("run", "as start, for services and scripts: opens no page in a browser", dispatch.do_run, json=True)
    run.add_argument("--console", action="store_true", help="the chat is stdin and stdout")
    for runs in (start, run):
        runs.add_argument(
            "--new-node", action="store_true", help="this home's overlay or node id has changed, as intended"
        )
        which(runs)

    service = commands.add_parser(
        "service",
        help="run in the background; alone: whether it does",
        description="run in the background; alone: whether it does",
        parents=[everywhere],
    )
    service.set_defaults(run=dispatch.do_service, action="status")
    does = service.add_subparsers(metavar="COMMAND")
    for name, about in (
        ("install", "start it now and at each log-in, as a systemd user service"),
        ("status", "whether it runs"),
        ("remove", "stop it, and take the service away; your home stays"),
    ):
        sub = does.add_parser(name, help=about, description=about, parents=[everywhere])
        sub.set_defaults(run=dispatch.do_service, action=name)

    desktop = commands.add_parser(
        "desktop",
        help="links that open with a click, and a start at each log-in; alone: how it stands",
        description="links that open with a click, and a start at each log-in; alone: how it stands",
        parents=[everywhere],
    )
    desktop.set_defaults(run=dispatch.do_desktop, action="status")
    knows = desktop.add_subparsers(metavar="COMMAND")

    def on_desktop(name: str, help_: str) -> argparse.ArgumentParser:
        sub = knows.add_parser(name, help=help_, description=help_, parents=[everywhere])
        sub.set_defaults(run=dispatch.do_desktop, action=name)
        return sub

    on_desktop("status", "whether the desktop knows Copybara")
    known = on_desktop("install", "be among the applications, open links copybara:…, start at each log-in")
    known.add_argument("--no-autostart", action="store_true", help="don't start when you log in")
    on_desktop("remove", "take that away again; your home stays")

    gone = command(
        "uninstall", "remove service and desktop entry and, if you say so, keys and contacts", dispatch.do_uninstall
    )
    keys = gone.add_mutually_exclusive_group()
    keys.add_argument("--keep-keys", action="store_const", const="no", dest="shred", help="keep them, without asking")
    keys.add_argument(
        "--shred-keys", action="store_const", const="yes", dest="shred", help="destroy them, without asking"
    )
    which(
        command(
            "doctor",
            "what is missing, if something doesn't work: everything is checked, a line each",
            dispatch.do_doctor,
            json=True,
        )
    )
    log = command("log", "the calls that ended last, as /log in the chat", dispatch.do_log, json=True)
    log.add_argument("--calls", type=_count, default=15, metavar="NUMBER", help="how many at most (15)")
    bug = command(
        "bugreport", "a file for a maintainer, with everything private removed; shown first", dispatch.do_bugreport
    )
    bug.add_argument("--log", type=_path, metavar="FILE", help="a log whose last lines go along; else the service's")
    bug.add_argument("--output", type=_path, metavar="FILE", help="where to write it; else a new file here")
    bug.add_argument("--yes", action="store_true", help="write it without asking")
    to_file = command(
        "backup", "the home in one file, encrypted with a passphrase; also while it runs", dispatch.do_backup
    )
    to_file.add_argument("file", type=Path, metavar="FILE", help="a new file")
    from_file = command("restore", "a new home from such a file", dispatch.do_restore)
    from_file.add_argument("file", type=Path, metavar="FILE", help="what `copybara backup` has made")
    pages = command("manual", "the pages that explain everything, in the terminal", dispatch.do_manual)
    pages.add_argument("page", nargs="?", metavar="PAGE", help="such as overlays; without it, the list of pages")
    command("export", "contacts and calls as JSON, without keys", dispatch.do_export)
    command("status", "what the running copybara is doing", dispatch.do_status, json=True)

    call = command("call", "call somebody, as /call in the chat", dispatch.do_call, json=True)
    call.add_argument("name", type=_name, help="a contact, a node id or a contact card")
    call.add_argument("media", nargs="?", choices=["audio", "video"], default="video", help="video if you don't say")
    answer = command("answer", "answer the ringing call", dispatch.do_answer, json=True)
    answer.usage = "copybara answer [--hold] [NAME] [audio|video]"
    _takes_words(answer, "whose call, if several ring; audio or video, if not what the caller asks for")
    answer.add_argument("--hold", action="store_true", help="put the call that you are in on hold")
    decline = command("decline", "decline the ringing call", dispatch.do_decline, json=True)
    decline.add_argument("why", nargs="*", help="whose call, if several ring, and a few words for the caller")
    hang_up = command("hangup", "end the call", dispatch.do_hang_up, json=True)
    hang_up.add_argument("name", nargs="?", type=_name, help="with whom, if there are several calls")
    for word, help_ in (
        ("hold", "put the call on hold"),
        ("resume", "take the call off hold"),
        ("swap", "put the call on hold, and take the other one off"),
    ):
        holding = command(word, help_, dispatch.do_hold, json=True)
        holding.set_defaults(word=word)
        holding.add_argument("name", nargs="?", type=_name, help="with whom, if there are several calls")

    record = command("record", "record the call, which the other side sees", dispatch.do_record, json=True)
    record.usage = "copybara record [stop|refuse] [NAME]"
    _takes_words(
        record,
        "with whom, if there are several calls; before it stop, to end that, or refuse, to refuse to be recorded",
    )
    command("merge", "make one conversation of your calls", dispatch.do_merge, json=True)
    for word, help_ in (
        ("agree", "join the conversation that you are asked to join"),
        ("refuse", "don't join it, or take back what you have asked yourself"),
    ):
        asked = command(word, help_, dispatch.do_hold, json=True)
        asked.set_defaults(word=word)
        asked.add_argument("name", nargs="?", type=_name, help="who asked, if several have")

    sends = command("send", "offer a file to the other side of the call", dispatch.do_send, json=True)
    sends.add_argument("file", type=_path, metavar="FILE", help="which file")
    sends.add_argument("--to", type=_name, metavar="NAME", help="to whom, if there are several calls")
    files = command("files", "files on their way in calls, and what to do with them", dispatch.do_files, json=True)
    files.add_argument("action", nargs="?", choices=["accept", "decline", "cancel"])
    files.add_argument("number", nargs="?", type=_count, help="which one, as `copybara files` lists them")

    contacts = commands.add_parser(
        "contacts",
        help="the contact book; alone: all contacts",
        description="the contact book; alone: all contacts",
        parents=[everywhere, data],
    )
    contacts.set_defaults(run=dispatch.do_contacts, action="list")
    book = contacts.add_subparsers(metavar="COMMAND")

    def entry(name: str, help_: str, *arguments: str, json: bool = False) -> argparse.ArgumentParser:
        parents = [everywhere, data] if json else [everywhere]
        sub = book.add_parser(name, help=help_, description=help_, parents=parents)
        sub.set_defaults(run=dispatch.do_contacts, action=name)
        for argument in arguments:
            sub.add_argument(argument, type=_name)
        return sub

    entry("list", "all contacts", json=True)
    add = entry("add", "save somebody by the card that they sent you")
    add.usage = "copybara contacts add [NAME] CARD"
    add.epilog = _ABOUT_CARDS
    add.formatter_class = argparse.RawDescriptionHelpFormatter
    add.add_argument(
        "words",
        metavar="CARD",
        nargs="+",
        type=_name,
        help="their card or node id; before it what you call them, if it isn't the name on the card",
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
    entry("tell", "your node id has changed: print the link that tells a contact", "name")
    move = entry("move", "accept the new node id that a contact has told you", "name")
    move.add_argument("node", nargs="?", default="", help="the node id as it was shown, or its beginning")
    entry("ring", "ask before answering (the default)", "name")
    entry("block", "ignore a contact's calls", "name")
    entry("endpoint", "choose what a contact sees and hears; `default` is what is configured", "name", "endpoint")
    accepted = entry("files", "accept a contact's files without asking, or ask (the default)", "name")
    accepted.add_argument("files", choices=["always", "ask"])
    entry("rename", "give a contact another name", "old", "new")
    entry("remove", "forget a contact", "name")

    devices = commands.add_parser(
        "devices",
        help="talk on your phone: the devices that may use your page",
        description="talk on your phone: the devices that may use your page",
        parents=[everywhere, data],
    )
    devices.set_defaults(run=dispatch.do_devices, action="list")
    does = devices.add_subparsers(metavar="COMMAND")

    def for_devices(name: str, help_: str) -> argparse.ArgumentParser:
        sub = does.add_parser(name, help=help_, description=help_, parents=[everywhere, data])
        sub.set_defaults(run=dispatch.do_devices, action=name)
        return sub

    for_devices("list", "all devices")
    added = for_devices("add", "let a device open your page: shows a QR code, then asks you to compare a code")
    added.add_argument("name", type=_name, help="what you call it, such as phone")
    added.add_argument(
        "address",
        nargs="?",
        type=_name,
        help="its overlay address: then nobody else sees that there is a server; or lan: over your home's network",
    )
    confirmed = for_devices("confirm", "the device shows the same code")
    confirmed.add_argument("code")
    for_devices("cancel", "add no device after all")
    locked_out = for_devices("remove", "lock a device out at once")
    locked_out.add_argument("name", type=_name)

    card = command("card", "your contact card, as text and as a QR code", dispatch.do_card, json=True)
    card.add_argument("--qr", type=_path, metavar="FILE", help="write the QR code into a .png, .svg or .pdf file")
    card.add_argument("--records", action="store_true", help="what to write into the records of your name")
    which(card)

    invite = command("invite", "a text for a friend who doesn't have the program yet", dispatch.do_invite, json=True)
    invite.add_argument(
        "--from", dest="source", metavar="URL", help="where they get it: the address of a git repository or a package"
    )
    invite.add_argument(
        "--peer", action="store_true", help="with the line of your private peer, which shows its internet address"
    )
    which(invite)

    resolve = command(
        "resolve", "whom a name such as anna.eth leads to, and who says so", dispatch.do_resolve, json=True
    )
    resolve.add_argument(
        "name", type=_name, help="a contact, a name such as copybara.azero or anna.eth, or an account of Aleph Zero"
    )
    resolve.add_argument("--fresh", action="store_true", help="ask again, and use nothing that is kept")
    resolve.add_argument("--check", action="store_true", help="ask again, and a second time with substrate-interface")
    decision = resolve.add_mutually_exclusive_group()
    decision.add_argument("--follow", action="store_true", help="use the node that the name leads to now")
    decision.add_argument("--keep", action="store_true", help="keep the node that the name led to before")

    link = commands.add_parser("link", help="what a link is", description="what a link is")
    sdp = commands.add_parser("sdp", help="calls with programs that speak SDP", description="calls with other programs")
    sdp.set_defaults(run=_alone(sdp))
    described = sdp.add_subparsers(metavar="COMMAND")

    def exchange(name: str, help_: str) -> argparse.ArgumentParser:
        sub = described.add_parser(name, help=help_, description=help_, parents=[everywhere, data])
        sub.set_defaults(run=dispatch.do_sdp, action=name)
        return sub

    offered = exchange("offer", "write an offer for somebody's program, and wait for its answer")
    offered.add_argument("name", type=_name, help="a contact, a node id or a contact card")
    offered.add_argument("media", nargs="?", choices=["audio", "video"], default="video")
    answered = exchange("answer", "answer the offer on standard input, and take the call")
    answered.add_argument(
        "name", nargs="?", type=_name, help="whose offer it is, if none of its addresses is a contact's"
    )
    exchange("take", "take the answer on standard input to an offer of yours")

    link.set_defaults(run=_alone(link))
    links = link.add_subparsers(metavar="COMMAND")
    explain = links.add_parser(
        "explain", help="what a link is, without acting on it", parents=[everywhere, data], description="what a link is"
    )
    explain.add_argument("link")
    explain.set_defaults(run=dispatch.do_explain)
    return parser
