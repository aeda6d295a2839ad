"""`copybara link explain LINK`: what a link is. The link isn't used, nor marked as used."""

from __future__ import annotations

import datetime
import time

from bot.home import Home
from bot.settings import own_node, settings
from bot.terminal.streams import print_json, print_text
from bot.texts import chat as texts
from peer.calls.call_link import CallLink
from peer.calls.link_reader import LinkReader, Opened, OwnLink, SaidLink
from peer.calls.moves import MovedLink
from shared.errors import InputError, OverlayError
from shared.links.classic import find_classic
from shared.links.finding import SHORTEST
from shared.links.kinds import (
    BadLink,
    Card,
    Found,
    Link,
    MovedToken,
    PairedToken,
    Request,
    Response,
    SealedRequest,
    Status,
    decode,
    find,
)
from shared.links.pasted import looks_pasted
from shared.printable import visible
from shared.store import Store


def explain(home: Home, text: str, *, as_json: bool) -> int:
    """Print what is known of the link, as lines of field and value. Raises InputError if the text has no link."""
    fields = None
    if find_classic(text) or looks_pasted(text):
        # This imports the media libraries.
        from bot.cli.explain_foreign import explain_foreign

        fields = explain_foreign(text)
    if fields is None:
        found = [each for each in find(text) if each.prefixed or len(each.token) >= SHORTEST]
        if not found:
            raise InputError("There is no link in that.", "Copy it as a whole: a link has 64 characters or more.")
        fields = _explain(home, found[0])
    if as_json:
        print_json(fields)
    else:
        width = max(map(len, fields))
        for name, value in fields.items():
            print_text(f"{name.replace('_', ' '):{width}}  {'-' if value is None else visible(str(value))}")
    return 0


def _explain(home: Home, link: Found) -> dict[str, object]:
    try:
        decoded = decode(link.token)
        opened = _opened(home, link.token)
    except BadLink as bad:
        return {"link": "unreadable", "reason": str(bad.reason), "meaning": texts.refusal(bad.reason, link.token).text}
    size = {"characters": len(link.token), "bytes": len(decoded.encode())}
    return _meaning(decoded, opened) | size


def _opened(home: Home, token: str) -> Opened | None:
    """Open the link with this home's keys. None if it is for somebody else, or this home has no node yet."""
    if not home.database.exists():
        return None
    try:
        own = own_node(home, settings(home))
        with Store(home.database) as store:
            return LinkReader(own, store, home.load_sealing_key()).open(token)
    except (BadLink, OverlayError):
        return None


def _meaning(link: Link, opened: Opened | None) -> dict[str, object]:
    match opened:
        case OwnLink():
            return {"link": f"{_kind(link)}, written by this home"}
        case CallLink():
            return {
                "link": _kind(link),
                "from": str(opened.peer),
                "wants": opened.media.words,
                "port": opened.port,
                **_age(opened.created),
            }
        case MovedLink():
            return {"link": _kind(link), "from": str(opened.before), "new_node": str(opened.node)} | _age(
                opened.created
            )
        case SaidLink():
            said = opened.said
            return {"link": _kind(link), "from": str(opened.source), "says": said.operation.name.lower()} | _age(
                said.created
            )
    match link:
        case Request():
            return {
                "link": f"{_kind(link)}, to another node",
                "from": str(link.source),
                "wants": link.media.words,
                **_age(link.created),
            }
        case Response():
            answer = {Status.ACCEPT: "accepts", Status.DECLINE: "declines", Status.BUSY: "is busy"}[link.status]
            return {
                "link": _kind(link),
                "says": answer,
                "agrees_to": link.media.words,
                "answers": link.request_hint.hex(),
            }
        case Card():
            return {
                "link": _kind(link),
                "node": str(link.node),
                "name": link.name or None,
                "found_as": link.resolves_as or None,
                "telegram_bot": link.telegram_bot or None,
            }
    return {"link": _kind(link), "from": None, "note": "no key of this home opens it"}


def _kind(link: Link) -> str:
    match link:
        case Request():
            return "request to call"
        case SealedRequest():
            return "request to call, sealed to a contact card"
        case Response():
            return "response to a request"
        case PairedToken():
            return "between paired contacts"
        case Card():
            return "contact card"
        case MovedToken():
            return "notice of a new node id"


def _age(created: int) -> dict[str, object]:
    moment = datetime.datetime.fromtimestamp(created).isoformat(sep=" ")
    return {"created": moment, "age_seconds": int(time.time()) - created}
