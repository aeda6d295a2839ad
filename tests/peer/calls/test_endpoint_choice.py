"""Which media endpoint a call gets, and which calls may use the camera."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from peer.calls.call_link import CallLink
from peer.calls.endpoint_choice import EndpointChoice
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from peer.calls.lines import Lines
from peer.calls.standing import LineStanding
from peer.media import ANSWERING_MACHINE, CallContext, Endpoint
from shared.call.events import Offered
from shared.call.table import incoming
from shared.contacts import Contact, Trust
from shared.errors import OnlyForTrusted
from shared.media import Media
from shared.node_id import NodeId
from shared.store import Store
from shared.store.secrets import NO_CHAIN

BEN = NodeId(b"ben".ljust(32))
KEY = b"k" * 32


class Configured:
    """The endpoint that the configuration names."""

    def __init__(self, name: str) -> None:
        self._name = name

    def usual(self) -> str:
        return self._name

    def make(self, name: str, context: CallContext) -> Endpoint:
        raise AssertionError("choosing makes nothing")


@contextlib.contextmanager
def choosing(folder: Path, configured: str) -> Iterator[tuple[Store, EndpointChoice]]:
    with Store(folder / "anna.db") as store:
        yield store, EndpointChoice(store, LineStanding(Lines(), store), Configured(configured))


def ben(**changes: object) -> Contact:
    return Contact(name="ben", node=BEN, created=0, **changes)  # type: ignore[arg-type]


def call(store: Store, contact: Contact | None, *, proven: bool) -> Line:
    """A call to Ben from that contact. `proven`: the link was encrypted with the key that both share."""
    chain = NO_CHAIN
    if contact is not None:
        store.save_contact(contact)
    if proven:
        store.propose_secret(BEN, KEY, 0)
        store.commit_secret(BEN, KEY)
        chain = store.chain_of(BEN, KEY)
    link = CallLink(BEN, Media.BOTH, 0, secret=KEY if proven else None, chain=chain, proven=proven, keyed=proven)
    ringing, _ = incoming(Offered(), paired=proven)
    return Line(1, ringing, link, chat="chat", expires=600, shown=Presented().of(contact))


@pytest.mark.parametrize(
    ("proven", "keyed", "expected"),
    [(True, True, "file"), (False, False, "file"), (False, True, "none")],
    ids=["proven", "no key yet", "without the key"],
)
def test_what_was_chosen_for_a_contact_is_not_for_somebody_without_their_key(
    tmp_path: Path, proven: bool, keyed: bool, expected: str
) -> None:
    with choosing(tmp_path, "none") as (_, choice):
        assert choice.usual_for(ben(endpoint="file"), proven=proven, keyed=keyed) == expected


@pytest.mark.parametrize(
    ("configured", "opens"),
    [("none", False), ("file+recorder", False), ("handset", True), ("devices", True), ("camera+recorder", True)],
)
def test_endpoints_that_show_the_room_are_known(tmp_path: Path, configured: str, opens: bool) -> None:
    with choosing(tmp_path, configured) as (_, choice):
        assert choice.opens(None, proven=False, keyed=False) is opens


def test_a_trusted_contact_who_proves_it_sees_the_camera(tmp_path: Path) -> None:
    with choosing(tmp_path, "camera") as (store, choice):
        assert choice.of(call(store, ben(trust=Trust.AUTO), proven=True)) == "camera"


@pytest.mark.parametrize(
    ("contact", "proven", "why"),
    [
        (None, False, "answered automatically"),
        (ben(trust=Trust.RING), True, "answered automatically"),
        (ben(trust=Trust.AUTO, trusted_in_clear=True), True, "others could write in your place"),
        (ben(trust=Trust.AUTO, confirmed_in_clear=True), True, "others could confirm the words"),
        (ben(trust=Trust.AUTO), False, "this call of ben doesn't"),
    ],
    ids=["a stranger", "not trusted", "trusted in clear", "confirmed in clear", "not proven"],
)
def test_nobody_else_sees_the_camera(tmp_path: Path, contact: Contact | None, proven: bool, why: str) -> None:
    with choosing(tmp_path, "camera") as (store, choice):
        line = call(store, contact, proven=proven)
        with pytest.raises(OnlyForTrusted, match=why):
            choice.of(line)


def test_the_answering_machine_takes_a_message_whatever_would_have_answered(tmp_path: Path) -> None:
    with choosing(tmp_path, "camera") as (store, choice):
        line = call(store, None, proven=False)
        line.take_message()
        assert choice.of(line) == ANSWERING_MACHINE


@pytest.mark.parametrize(
    ("configured", "in_clear", "asks"), [("camera", True, True), ("camera", False, False), ("handset", True, False)]
)
def test_the_owner_is_asked_before_somebody_whom_others_may_have_trusted_sees_the_camera(
    tmp_path: Path, configured: str, in_clear: bool, asks: bool
) -> None:
    with choosing(tmp_path, configured) as (_, choice):
        contact = ben(trust=Trust.AUTO, trusted_in_clear=in_clear)
        assert choice.asks_first(contact, proven=True, keyed=True) is asks
