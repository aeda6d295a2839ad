"""What a value must be beyond its type: each takes one and says whether it is good. Pure."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from pathlib import Path
from urllib.parse import urlsplit

from shared.names import ss58
from shared.names.server import Server, is_near
from shared.printable import is_blank, is_printable

MOST_ADDRESS = 512
"Characters of an address."

_PROGRAM = re.compile(
    r"(?:https://|ssh://(?:[A-Za-z0-9._-]+@)?)(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?/"
    r"[A-Za-z0-9._~/%+=-]*"
)
"""An address without characters that mean something to a shell, because people paste it there. With `http:` and `git:`,
anybody between could replace the program.
"""


def plain(text: str) -> bool:
    """A line in which nothing is hidden, or nothing."""
    return is_printable(text) and not (text and is_blank(text))


def path(text: str) -> bool:
    """The path of a file. Its name may have every character that files' names have."""
    try:
        Path(text).expanduser()
    except RuntimeError:  # ~name of nobody
        return False
    return not any(unicodedata.category(character) == "Cc" for character in text)  # a file's name may have all others


def web_address(text: str) -> bool:
    """An address of HTTP without anything behind the path."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.query or parts.fragment or parts.username or parts.password)
            and text.isascii()
            and text.isprintable()
            and " " not in text
        )
    except ValueError:
        return False


def address_for_secrets(text: str) -> bool:
    """Whether a secret may be sent to this HTTP address: it uses TLS, or is on this machine or in a private network."""
    return web_address(text) and (text.startswith("https:") or is_near(urlsplit(text).hostname or ""))


def program_address(text: str) -> bool:
    """Whether people can safely get a program from this address: a git repository or a package, or empty for none.

    Nobody between can replace the program, and the address contains no password.
    """
    return not text or bool(len(text) <= MOST_ADDRESS and _PROGRAM.fullmatch(text))


def camera_device(text: str) -> bool:
    """A device, or one of the two words that stand for none and any."""
    return text in ("auto", "none") or (text.startswith("/") and plain(text))


def camera_address(text: str) -> bool:
    """An address of RTSP or HTTP, or nothing."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("rtsp", "rtsps", "http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return not text or (known and text.isprintable() and " " not in text)


def networks(texts: tuple[str, ...]) -> bool:
    """Ranges of IP addresses."""
    try:
        return all(ipaddress.ip_network(text) for text in texts)
    except ValueError:
        return False


def local_address(text: str) -> bool:
    """One address, or nothing. Whether this machine has it is another question."""
    try:
        address = ipaddress.ip_address(text) if text else None
    except ValueError:
        return False
    return not text or (address is not None and str(address) == text and not address.is_loopback)


def words(texts: tuple[str, ...]) -> bool:
    """Words of a command line."""
    return all(text and "\0" not in text for text in texts)


def rpc_addresses(texts: tuple[str, ...]) -> bool:
    """Addresses of servers that may be asked for names."""
    try:
        return all(Server.parse(text) for text in texts)
    except ValueError:
        return False


def account(text: str) -> bool:
    """An account of Aleph Zero, or nothing."""
    return not text or ss58.is_account(text)
