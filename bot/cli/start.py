"""`copybara start`: runs the program for daily use, with the page open in the browser.

If it already runs, this only opens the page.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bot.browser import has_browser, logged_in_as, open_page, with_link
from bot.cli.group_membership import missing_group, start_within
from bot.command_socket import AskPage, AskStatus, ask
from bot.home import Home
from bot.process.uncollected import uncollected
from bot.terminal import texts
from bot.terminal.streams import only_the_user_reads, print_json, print_text
from shared.errors import CopybaraError, HomeInUse, InputError, NotRunning
from shared.links.finding import SHORTEST, find

SHOWN = 60
"How many characters of an invalid link the error repeats."

SCHEME = "copybara:"
"The beginning of a link that a desktop passes on."


def start(home: Home, *, opens: bool, as_json: bool, overlay: str | None, new_node: bool, link: str) -> int:
    """Run until Ctrl-C, or open the page of the program that runs with this home. Raises CopybaraError.

    The page explains `link`, which may be empty, and uses it only after a click.
    """
    with uncollected():
        from bot.app import run

    # A click in another program brought it, so the page explains it, whatever it is.
    found = any(each.prefixed or len(each.token) >= SHORTEST for each in find(link))
    if link and not link.lower().startswith(SCHEME) and not found:
        raise InputError(f"There is no link in {link[:SHOWN]!r}.", "To call somebody: copybara call NAME")

    try:
        return run(
            home,
            starts=True,
            opens=opens,
            link=link,
            as_json=as_json,
            overlay=overlay,
            new_node=new_node,
            looks_again=_join_within_open_page,
        )
    except HomeInUse:
        return _open_again(home, opens=opens and has_browser(), as_json=as_json, link=link)


def _join_within_open_page() -> None:
    """Restart within the overlay's group if the set-up in another terminal has added this user.

    The page is open already.
    """
    if (group := missing_group()) is not None:
        start_within(group, without_opening(sys.argv[1:]))


def without_opening(arguments: Sequence[str]) -> list[str]:
    """The same command, but it opens no page. Words after `--` are a link, not options."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:end], "--no-open", *arguments[end:]]


def _open_again(home: Home, *, opens: bool, as_json: bool, link: str) -> int:
    try:
        status = ask(home.command_socket, AskStatus()).status or {}
    except NotRunning:
        raise
    except CopybaraError:
        # The running program waits for the overlay, as its page says. The page then becomes the real one.
        if opens and not as_json:
            open_page(with_link(ask(home.command_socket, AskPage()).page, link))
        raise
    address = str(status.get("handset") or "")
    if as_json:
        kind = texts.RUNS_ALREADY.kind
        print_json({"type": "ready", "kind": kind, "node": status["node"], "handset": address or None})
    elif address:
        print_text(texts.RUNS_ALREADY.text)
        page = texts.page_at(address) if only_the_user_reads() else texts.WHERE_THE_PAGE_IS
        how = texts.OPENING if opens else texts.OPEN_IT if has_browser() else texts.NO_DESKTOP
        if not opens and only_the_user_reads() and (login := logged_in_as()):
            how = texts.from_elsewhere(address, login)
        print_text(f"{page.text}\n{how}")
    else:
        print_text(f"{texts.RUNS_ALREADY.text}\n{texts.NO_PAGE}")
    if opens and (once := ask(home.command_socket, AskPage()).page):
        open_page(with_link(once, link))
    return 0
