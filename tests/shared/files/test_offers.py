"""What happens to an offer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from shared.files.offers import (
    MAX_RUNNING,
    MAX_WAITING,
    VOICE_BYTES,
    Become,
    OfferedFile,
    decide,
    is_voice_message,
    offered_again,
)
from shared.files.records import KeptFile
from shared.files.table import FileState
from shared.node_id import NodeId

LARGEST = 1000
NEW = OfferedFile(size=10, again=False, state=None, kept=None, proven=True, always=False, waiting=0, running=0)
KEPT = KeptFile(peer=NodeId(b"a" * 32), ours=False, digest=b"d" * 32, size=10, name="a", proven=True, at=0)


@pytest.mark.parametrize(
    ("changes", "become"),
    [
        ({}, Become.ASK),
        ({"size": LARGEST + 1}, Become.TOO_LARGE),
        ({"size": LARGEST + 1, "always": True}, Become.TOO_LARGE),
        ({"always": True}, Become.TAKE),
        ({"always": True, "proven": False}, Become.ASK),
        ({"waiting": MAX_WAITING}, Become.TOO_MANY),
        ({"running": MAX_RUNNING, "always": True}, Become.TOO_MANY),
        ({"state": FileState.OFFERED, "waiting": MAX_WAITING}, Become.WAIT),
        ({"state": FileState.RUNNING, "running": MAX_RUNNING}, Become.TAKE),
        ({"kept": KEPT}, Become.TAKE),
        ({"kept": KEPT, "proven": False}, Become.ASK),
        ({"kept": KEPT, "size": 11}, Become.ASK),
        ({"kept": KEPT, "running": MAX_RUNNING}, Become.TOO_MANY),
    ],
)
def test_an_offer(changes: dict[str, object], become: Become) -> None:
    assert decide(msgspec.structs.replace(NEW, **changes), largest=LARGEST) is become


def test_what_is_here_already_is_only_said_so_to_a_sender_that_has_offered_it_before() -> None:

    done = msgspec.structs.replace(KEPT, done=True)
    assert decide(msgspec.structs.replace(NEW, kept=done, again=True), largest=LARGEST) is Become.ALREADY_DONE
    assert decide(msgspec.structs.replace(NEW, kept=done), largest=LARGEST) is Become.ASK


@pytest.mark.parametrize(
    ("offered_in_proven", "proven", "keyed", "again"),
    [
        (True, True, True, True),
        (False, True, True, True),
        (False, False, False, True),
        (True, False, False, False),
        (True, False, True, False),
        (False, False, True, False),  # meant for the caller before the two shared a key; now the key could prove it
    ],
)
def test_a_file_of_ours_is_only_offered_again_to_somebody_who_is_as_surely_the_one(
    offered_in_proven: bool, proven: bool, keyed: bool, again: bool
) -> None:
    kept = msgspec.structs.replace(KEPT, ours=True, proven=offered_in_proven)
    assert offered_again(kept, proven=proven, keyed=keyed) is again


@pytest.mark.parametrize(
    ("changed", "is_one"),
    [
        ({}, True),
        ({"marked": False}, False),
        ({"name": "free-game.desktop"}, False),
        ({"name": "voice message.webm.sh"}, False),
        ({"name": "voice message"}, False),
        ({"size": VOICE_BYTES + 1}, False),
        ({"size": 0}, False),
        ({"proven": False}, False),
        ({"contact": False}, False),
    ],
)
def test_a_voice_message_is_a_sound_of_a_proven_contact_whatever_its_sender_says(
    changed: dict[str, Any], is_one: bool
) -> None:
    offer: dict[str, Any] = {
        "name": "voice message.webm",
        "size": 1000,
        "marked": True,
        "proven": True,
        "contact": True,
    }
    assert is_voice_message(**offer | changed) is is_one
