"""What the terminal shows of a program that doesn't read there: `copybara start`, and `run` as a service."""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import urlsplit

from bot.kinds import Kind, Sentence
from bot.terminal.wrapping import THEIRS

OPENING = "It opens in your browser."

OPEN_IT = "Open it in the browser of this computer."

NO_DESKTOP = "There is no desktop in this session. " + OPEN_IT

BOOKMARK = "Bookmark {place} there: it works whenever Copybara runs."

NO_BOOKMARK = "This address is only good for this run. Don't bookmark it: another program may get it later."

NO_PAGE = "There is no page: `enabled` under [handset] of copybara.toml is false."

STAYS = "Leave this window open. Ctrl-C ends Copybara."

ENDED = "Copybara has ended. Everything is saved."
"After Ctrl-C. What became of calls that were up was said before that."

AT_ONCE = "Copybara was stopped at once. The other side of a call may not have heard yet that it is over."

RUNS_ALREADY = Sentence(Kind.READY, "Copybara is running already.")

WHERE_THE_PAGE_IS = Sentence(Kind.HANDSET_PAGE, "The address of your page: copybara status")
"Where others may read along: the journal of a service."


SAYS_THAT_IT_IS_OVER = (Kind.LINK_REFUSAL, Kind.LINK_CANCEL)
"What a link is that comes after the end of a call."


def send_this(kind: str) -> str:
    """Above a link that the owner has to carry to the other side."""
    return f"send this to the other person{', so that they know' if kind in SAYS_THAT_IT_IS_OVER else ''}:"


def written(text: str) -> list[str]:
    """What the other side writes in a call, so that none of their lines looks like the program's."""
    first, *others = text.splitlines()
    return [first, *(f"{THEIRS}{each}" for each in others)]


def own_address(node: str) -> str:
    """What those see whom the owner calls, by both of its names: the page says address, commands take a node id."""
    return f"Your computer's address (node id): {node}"


def page_at(address: str) -> Sentence:
    """On a terminal, which only its user reads: the address holds the key."""
    return Sentence(Kind.HANDSET_PAGE, f"Your page: {address}")


def how_to_open(address: str, *, opens: bool, lasts: bool, desktop: bool = True) -> str:
    """What happens to the page now, and how to find it later; `lasts`: the next run is at the same address.

    `desktop`: whether there is a browser that the page could be opened in.
    """
    later = BOOKMARK.format(place=address.partition("#")[0]) if lasts else NO_BOOKMARK
    return f"{OPENING if opens else OPEN_IT if desktop else NO_DESKTOP}\n{later}"


def from_elsewhere(address: str, login: str) -> str:
    """For somebody who has logged in from another computer as `login`, such as anna@host: how they see the page."""
    port = urlsplit(address).port
    return (
        "You are logged in from another computer. To open that address in a browser there, first run there:\n"
        f"  ssh -N -L {port}:127.0.0.1:{port} {login}\n"
        # Every user there reaches the port, and only the key in the address keeps them out.
        "Do that only on a computer that you share with nobody, and close the page before you end ssh.\n"
        "It shows the page, without sound and picture. To talk from there: copybara devices add NAME"
    )


def where_to_talk(address: str) -> Sentence:
    """The first call that is answered by a test picture because no page is open."""
    return Sentence(
        Kind.HANDSET_PAGE,
        "The other side sees a test picture now, because your page isn't open. To talk, open it in the browser of this "
        f"computer, and call again:\n{address}",
    )


def left_out(lines: int) -> str:
    """Output that nobody has read in time, or that the disk had no room for."""
    were = "line was" if lines == 1 else "lines were"
    return f"{lines} {were} left out: nothing could be written in time."


def backed_up(file: Path, recordings: tuple[Path, int], files: tuple[Path, int]) -> str:
    """After `copybara backup`. `recordings`, and `files` that others sent: their folder, and how many are in it."""
    return (
        f"The home is in {file}, encrypted. Keep the passphrase apart from it: without it the file is of no use.\n"
        f"Not in it: recordings ({_counted(*recordings)}), files that others sent you ({_counted(*files)}), and the "
        "overlay's own key.\n"
        "To get the home back:\n"
        f"  copybara restore {shlex.quote(str(file))}"
    )


def _counted(folder: Path, files: int) -> str:
    return f"{folder}: {files or 'no'} file{'' if files == 1 else 's'} now"


def brought_back(folder: Path, contacts: int, recordings: Path, files: Path) -> str:
    """After `copybara restore`. `recordings` and `files` are the folders of recordings and of what others sent."""
    people = "1 contact" if contacts == 1 else f"{contacts or 'no'} contacts"
    return (
        f"The home is in {folder}, with {people}.\n"
        "Contacts who had calls with you since the backup have newer keys. Call each of them once, "
        "compare the four words, and confirm them on both sides: They match on the page, or in a chat "
        "/contact confirm NAME WORDS.\n"
        "All calls ring now: you may have allowed less since the backup, and whom you removed or blocked since is a "
        "contact again. To have calls answered automatically: copybara contacts trust NAME\n"
        "A bot in a messenger obeys nobody until you show that it is yours: somebody may have taken over your account "
        "there since the backup. copybara setup says how.\n"
        "Recordings, and files that others sent you, aren't in a backup. What you still have of them belongs in "
        f"{recordings} and {files}. The page lists only what has come since Copybara was last started."
    )
