"""The arguments of every `copybara` command. parser.py parses them."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.cli import dispatch
from bot.cli.parser import CommandParser, Commands, ShowVersion, a_count, a_name, a_path
from shared.overlay_names import OVERLAY_NAMES

SETUP = ("overlay", "name", "telegram", "deltachat", "matrix", "sound")
"The parts of `copybara setup`, as in bot/cli/setup/parts.py."

GROUPS = (
    ("to begin with", ("setup", "start", "invite", "demo")),
    (
        "calls, while it runs",
        (
            *("call", "answer", "decline", "hangup", "differ", "hold", "resume", "swap", "record", "send", "files"),
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


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line. Its `run` value is the function that carries the command out."""
    everywhere = CommandParser(add_help=False, argument_default=argparse.SUPPRESS)
    everywhere.add_argument("--home", type=a_path, metavar="DIR", help="where everything is kept (else COPYBARA_HOME)")
    everywhere.add_argument("-v", "--verbose", action="store_true", help="log to stderr")
    parser = CommandParser(
        prog="copybara",
        description="Private calls between two people who already share a chat.",
        parents=[everywhere],
        epilog="More about a command: copybara COMMAND --help",
    )
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show program's version number and exit")
    parser.groups = GROUPS
    commands = Commands(parser, everywhere)
    _add_beginnings(commands)
    _add_ways_to_run(commands)
    _add_upkeep(commands)
    _add_calls(commands)
    _add_files(commands)
    _add_contacts(commands)
    _add_devices(commands)
    _add_card_and_names(commands)
    _add_links(commands)
    return parser


def _takes_words(parser: argparse.ArgumentParser, help_: str) -> None:
    """Let a command take a name and words as in the chat, or the name alone as an option."""
    parser.add_argument("words", nargs="*", type=a_name, metavar="NAME", help=help_)
    parser.add_argument("--name", type=a_name, metavar="NAME", help="the same")


def _takes_overlay(parser: argparse.ArgumentParser) -> None:
    *others, last = OVERLAY_NAMES
    about = f"the network for calls instead of the configured one: {', '.join(others)} or {last}"
    parser.add_argument("--overlay", choices=OVERLAY_NAMES, metavar="NETWORK", help=about)


def _add_beginnings(commands: Commands) -> None:
    demo = commands.add(
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
        set_up = commands.add(name, about, dispatch.do_setup)
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
        _takes_overlay(set_up)


def _add_ways_to_run(commands: Commands) -> None:
    start = commands.add(
        "start", "every day: opens the page where you talk; runs until Ctrl-C", dispatch.do_start, json=True
    )
    start.add_argument("link", nargs="?", default="", metavar="LINK", help="a link for the page to explain")
    start.add_argument("--no-open", action="store_true", help="print the page's address only")
    run = commands.add(
        "run", "as start, for services and scripts: opens no page in a browser", dispatch.do_run, json=True
    )
    run.add_argument("--console", action="store_true", help="the chat is stdin and stdout")
    for runs in (start, run):
        runs.add_argument(
            "--new-node", action="store_true", help="this home's overlay or node id has changed, as intended"
        )
        _takes_overlay(runs)

    service = commands.add_group(
        "service", "run in the background; alone: whether it does", dispatch.do_service, alone="status"
    )
    service("install", "start it now and at each log-in, as a systemd user service")
    service("status", "whether it runs")
    service("remove", "stop it, and take the service away; your home stays")

    desktop = commands.add_group(
        "desktop",
        "links that open with a click, and a start at each log-in; alone: how it stands",
        dispatch.do_desktop,
        alone="status",
    )
    desktop("status", "whether the desktop knows Copybara")
    known = desktop("install", "be among the applications, open links copybara:…, start at each log-in")
    known.add_argument("--no-autostart", action="store_true", help="don't start when you log in")
    desktop("remove", "take that away again; your home stays")

    gone = commands.add(
        "uninstall", "remove service and desktop entry and, if you say so, keys and contacts", dispatch.do_uninstall
    )
    keys = gone.add_mutually_exclusive_group()
    keys.add_argument("--keep-keys", action="store_const", const="no", dest="shred", help="keep them, without asking")
    keys.add_argument(
        "--shred-keys", action="store_const", const="yes", dest="shred", help="destroy them, without asking"
    )


def _add_upkeep(commands: Commands) -> None:
    _takes_overlay(
        commands.add(
            "doctor",
            "what is missing, if something doesn't work: everything is checked, a line each",
            dispatch.do_doctor,
            json=True,
        )
    )
    log = commands.add("log", "the calls that ended last, as /log in the chat", dispatch.do_log, json=True)
    log.add_argument("--calls", type=a_count, default=15, metavar="NUMBER", help="how many at most (15)")
    bug = commands.add(
        "bugreport", "a file for a maintainer, with everything private removed; shown first", dispatch.do_bugreport
    )
    bug.add_argument("--log", type=a_path, metavar="FILE", help="a log whose last lines go along; else the service's")
    bug.add_argument("--output", type=a_path, metavar="FILE", help="where to write it; else a new file here")
    bug.add_argument("--yes", action="store_true", help="write it without asking")
    to_file = commands.add(
        "backup", "the home in one file, encrypted with a passphrase; also while it runs", dispatch.do_backup
    )
    to_file.add_argument("file", type=Path, metavar="FILE", help="a new file")
    from_file = commands.add("restore", "a new home from such a file", dispatch.do_restore)
    from_file.add_argument("file", type=Path, metavar="FILE", help="what `copybara backup` has made")
    pages = commands.add("manual", "the pages that explain everything, in the terminal", dispatch.do_manual)
    pages.add_argument("page", nargs="?", metavar="PAGE", help="such as overlays; without it, the list of pages")
    commands.add("export", "contacts and calls as JSON, without keys", dispatch.do_export)
    commands.add("status", "what the running copybara is doing", dispatch.do_status, json=True)


def _add_calls(commands: Commands) -> None:
    call = commands.add("call", "call somebody, as /call in the chat", dispatch.do_call, json=True)
    call.add_argument("name", type=a_name, help="a contact, a node id or a contact card")
    call.add_argument("media", nargs="?", choices=["audio", "video"], default="video", help="video if you don't say")
    answer = commands.add("answer", "answer the ringing call", dispatch.do_answer, json=True)
    answer.usage = "copybara answer [--hold] [NAME] [audio|video]"
    _takes_words(answer, "whose call, if several ring; audio or video, if not what the caller asks for")
    answer.add_argument("--hold", action="store_true", help="put the call that you are in on hold")
    decline = commands.add("decline", "decline the ringing call", dispatch.do_decline, json=True)
    decline.add_argument("why", nargs="*", help="whose call, if several ring, and a few words for the caller")
    hang_up = commands.add("hangup", "end the call", dispatch.do_hang_up, json=True)
    hang_up.add_argument("name", nargs="?", type=a_name, help="with whom, if there are several calls")
    for word, help_ in (
        ("differ", "the four words differ: end the call, and trust nothing from it"),
        ("hold", "put the call on hold"),
        ("resume", "take the call off hold"),
        ("swap", "put the call on hold, and take the other one off"),
    ):
        holding = commands.add(word, help_, dispatch.do_hold, json=True)
        holding.set_defaults(word=word)
        holding.add_argument("name", nargs="?", type=a_name, help="with whom, if there are several calls")

    record = commands.add("record", "record the call, which the other side sees", dispatch.do_record, json=True)
    record.usage = "copybara record [stop|refuse] [NAME]"
    _takes_words(
        record,
        "with whom, if there are several calls; before it stop, to end that, or refuse, to refuse to be recorded",
    )
    commands.add("merge", "make one conversation of your calls", dispatch.do_merge, json=True)
    for word, help_ in (
        ("agree", "join the conversation that you are asked to join"),
        ("refuse", "don't join it, or take back what you have asked yourself"),
    ):
        asked = commands.add(word, help_, dispatch.do_hold, json=True)
        asked.set_defaults(word=word)
        asked.add_argument("name", nargs="?", type=a_name, help="who asked, if several have")


def _add_files(commands: Commands) -> None:
    sends = commands.add("send", "offer a file to the other side of the call", dispatch.do_send, json=True)
    sends.add_argument("file", type=a_path, metavar="FILE", help="which file")
    sends.add_argument("--to", type=a_name, metavar="NAME", help="to whom, if there are several calls")
    files = commands.add("files", "files on their way in calls, and what to do with them", dispatch.do_files, json=True)
    files.add_argument("action", nargs="?", choices=["accept", "decline", "cancel"])
    files.add_argument("number", nargs="?", type=a_count, help="which one, as `copybara files` lists them")


def _add_contacts(commands: Commands) -> None:
    entry = commands.add_group(
        "contacts", "the contact book; alone: all contacts", dispatch.do_contacts, alone="list", json=True
    )
    entry("list", "all contacts", json=True)
    add = entry("add", "save somebody by the card that they sent you")
    add.usage = "copybara contacts add [NAME] CARD"
    add.epilog = _ABOUT_CARDS
    add.formatter_class = argparse.RawDescriptionHelpFormatter
    add.add_argument(
        "words",
        metavar="CARD",
        nargs="+",
        type=a_name,
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


def _add_devices(commands: Commands) -> None:
    for_devices = commands.add_group(
        "devices",
        "talk on your phone: the devices that may use your page",
        dispatch.do_devices,
        alone="list",
        json=True,
    )
    for_devices("list", "all devices", json=True)
    added = for_devices(
        "add", "let a device open your page: shows a QR code, then asks you to compare a code", json=True
    )
    added.add_argument("name", type=a_name, help="what you call it, such as phone")
    added.add_argument(
        "address",
        nargs="?",
        type=a_name,
        help="its overlay address: then nobody else sees that there is a server; or lan: over your home's network",
    )
    confirmed = for_devices("confirm", "the device shows the same code", json=True)
    confirmed.add_argument("code")
    for_devices("cancel", "add no device after all", json=True)
    locked_out = for_devices("remove", "lock a device out at once", json=True)
    locked_out.add_argument("name", type=a_name)


def _add_card_and_names(commands: Commands) -> None:
    card = commands.add("card", "your contact card, as text and as a QR code", dispatch.do_card, json=True)
    card.add_argument("--qr", type=a_path, metavar="FILE", help="write the QR code into a .png, .svg or .pdf file")
    card.add_argument("--records", action="store_true", help="what to write into the records of your name")
    _takes_overlay(card)

    invite = commands.add(
        "invite", "a text for a friend who doesn't have the program yet", dispatch.do_invite, json=True
    )
    invite.add_argument(
        "--from", dest="source", metavar="URL", help="where they get it: the address of a git repository or a package"
    )
    invite.add_argument(
        "--peer", action="store_true", help="with the line of your private peer, which shows its internet address"
    )
    _takes_overlay(invite)

    resolve = commands.add(
        "resolve", "whom a name such as anna.eth leads to, and who says so", dispatch.do_resolve, json=True
    )
    resolve.add_argument(
        "name", type=a_name, help="a contact, a name such as copybara.azero or anna.eth, or an account of Aleph Zero"
    )
    resolve.add_argument("--fresh", action="store_true", help="ask again, and use nothing that is kept")
    resolve.add_argument("--check", action="store_true", help="ask again, and a second time with substrate-interface")
    decision = resolve.add_mutually_exclusive_group()
    decision.add_argument("--follow", action="store_true", help="use the node that the name leads to now")
    decision.add_argument("--keep", action="store_true", help="keep the node that the name led to before")


def _add_links(commands: Commands) -> None:
    links = commands.add_only_group("link", "what a link is", dispatch.do_explain, description="what a link is")
    explain = links("explain", "what a link is, without acting on it", json=True)
    explain.description = "what a link is"
    explain.add_argument("link")

    exchange = commands.add_only_group(
        "sdp", "calls with programs that speak SDP", dispatch.do_sdp, description="calls with other programs"
    )
    offered = exchange("offer", "write an offer for somebody's program, and wait for its answer", json=True)
    offered.add_argument("name", type=a_name, help="a contact, a node id or a contact card")
    offered.add_argument("media", nargs="?", choices=["audio", "video"], default="video")
    answered = exchange("answer", "answer the offer on standard input, and take the call", json=True)
    answered.add_argument(
        "name", nargs="?", type=a_name, help="whose offer it is, if none of its addresses is a contact's"
    )
    exchange("take", "take the answer on standard input to an offer of yours", json=True)
