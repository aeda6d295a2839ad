"""Which acceptances of a first contact are kept, and that each is read back unchanged."""

from __future__ import annotations

import secrets

import pytest

from peer.calls.acceptances import KEPT_FIRST, KEPT_LATEST, Acceptances
from peer.calls.attempts import Attempt, Ends, by_first_contact
from shared.links.kinds import Request, Response
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.secrets.identity import DtlsIdentity

ANNA, BOB = NodeId(b"anna".ljust(32)), NodeId(b"bob".ljust(32))
IDENTITY = DtlsIdentity.generate()
REQUEST = Request.to(
    BOB, media=Media.BOTH, created=1, seed=bytes(16), source=ANNA, fingerprint=IDENTITY.fingerprint, port=4000
)


def attempt(media: Media = Media.BOTH) -> Attempt:
    """The attempt that the caller makes for another acceptance."""
    response = Response.accepting(
        REQUEST, media=media, seed=secrets.token_bytes(8), fingerprint=secrets.token_bytes(32), port=5000
    )
    return by_first_contact(Ends(Role.CALLER, ANNA, BOB), REQUEST, response, IDENTITY, response.port, Media.BOTH)


@pytest.mark.parametrize("media", [Media.AUDIO, Media.BOTH])
def test_one_comes_back_as_it_was(media: Media) -> None:
    kept, added = Acceptances(), attempt(media)
    kept.add(added)
    assert kept.of(added.username) == added
    assert kept.of("nobody's") is None
    kept.remove(added)
    assert kept.of(added.username) is None


def test_the_first_never_give_way_and_of_the_others_the_latest_are_kept() -> None:
    kept = Acceptances(first=3, latest=2)
    added = [attempt() for _ in range(9)]
    for each in added:
        kept.add(each)
    assert [each for each in added if kept.of(each.username)] == [*added[:3], *added[-2:]]
    assert len(kept) == 5


def test_one_account_that_writes_as_much_as_is_read_of_it_crowds_out_nothing() -> None:
    """The program reads twenty messages a minute of a sender, with eight acceptances each, during a link's life."""
    assert min(KEPT_FIRST, KEPT_LATEST) > 20 * 10 * 8 * 10, "nor do ten accounts"
