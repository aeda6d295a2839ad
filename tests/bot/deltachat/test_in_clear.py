"""What the owner hears of unencrypted mails: anybody can send them, under as many names as they like."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bot.kinds import Sentence
from bot.messengers.deltachat.account import Account, Message, Sender
from bot.messengers.deltachat.wire import CLEAR_REMEMBERED, CLEAR_STRANGERS, DeltaChatWire
from shared.links.kinds import Request, as_copybara
from shared.media import Media
from shared.node_id import NodeId

OWNER, FRIEND = 10, 11
LINK = as_copybara(
    Request.to(
        NodeId(b"bob".ljust(32)),
        media=Media.BOTH,
        created=1_700_000_000,
        seed=bytes(16),
        source=NodeId(b"eve".ljust(32)),
        fingerprint=bytes(32),
        port=4000,
    ).token
)


class Desk:
    """Records what the wire says and stores."""

    def __init__(self) -> None:
        self.told: list[Sentence] = []
        self.kept: dict[str, bytes] = {}

    def tell(self, said: Sentence, **choices: object) -> None:
        self.told.append(said)

    def writers(self) -> set[str]:
        return {str(FRIEND)}

    async def keep(self, facts: dict[str, bytes]) -> None:
        self.kept.update(facts)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def wire(desk: Desk) -> DeltaChatWire:
    made = DeltaChatWire(cast(Any, None), "deltachat", cast(Any, None))
    made._desk, made._owner = cast(Any, desk), OWNER
    return made


async def comes(wire: DeltaChatWire, sender: int) -> None:
    name = Sender(display_name=f"Bank {sender}")
    mail = Message(
        id=sender, chat_id=1, from_id=sender, text=LINK, received_timestamp=1, show_padlock=False, sender=name
    )
    assert await wire._read(cast(Account, None), mail) is None


async def test_the_owner_hears_once_of_each_of_a_few_senders_and_then_of_none_for_a_day(
    wire: DeltaChatWire, desk: Desk
) -> None:
    for sender in range(100, 1300):
        await comes(wire, sender)
        await comes(wire, 100)
    assert len(desk.told) == CLEAR_STRANGERS
    assert len(wire._clear_told) <= CLEAR_REMEMBERED


async def test_such_a_flood_silences_nothing_about_somebody_who_writes_a_contacts_links(
    wire: DeltaChatWire, desk: Desk
) -> None:
    for sender in range(100, 200):
        await comes(wire, sender)
    await comes(wire, FRIEND)
    assert len(desk.told) == CLEAR_STRANGERS + 1
