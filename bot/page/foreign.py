"""What the page shows of links of the original web app and other programs' descriptions, before a click."""

from __future__ import annotations

from typing import Literal

from bot.texts import foreign as texts
from peer.calls.foreign_reader import Looked
from peer.handset.protocol import Explained
from shared.store import Store


def explained(looked: Looked, store: Store) -> Explained:
    """What the text is, and whether it can be used."""
    contact = store.contact_of(looked.source) if looked.source is not None else None
    sentence = texts.looked(looked, contact)
    usable = looked.answers_ours if looked.kind == "response" else looked.for_us and not looked.used
    if looked.kind == "own" or not usable:
        kind: Literal["own", "unusable"] = "own" if looked.kind == "own" else "unusable"
        return Explained(token="", kind=kind, sentence=sentence, can_act=False, button="")
    button = "Connect" if looked.kind == "response" else "Answer"
    return Explained(token=looked.text, kind=looked.kind, sentence=sentence, can_act=True, button=button)
