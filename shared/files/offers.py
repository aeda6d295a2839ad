"""What becomes of a file that the other side offers. Pure: values in, one value out."""

from __future__ import annotations

import enum
from pathlib import PurePosixPath

import msgspec

from shared.files.records import KeptFile
from shared.files.table import FileState
from shared.rate import Limit

MAX_WAITING = 8
"Offers of one call that may wait for the owner at the same time."

MAX_RUNNING = 16
"Transfers of one call in one direction that aren't over."


VOICE_BYTES = 5_000_000
"Of a voice message. Three minutes of Opus, as browsers record it, are below 3 MB."

VOICE_FORMS = frozenset((".flac", ".m4a", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav", ".webm"))
"What browsers record sound in, and what sound files are called. Films have some of these names as well."

VOICE_TAKEN = Limit(at_once=8, per_second=8 / 86_400)
"Voice messages of one contact that are accepted without asking."


def is_voice_message(name: str, size: int, *, marked: bool, proven: bool, contact: bool) -> bool:
    """Whether an offer is a voice message: that its sender says so isn't enough, for people see no name of one.

    `name` is a safe one. `proven`, `contact`: what is known of the sender.
    """
    form = PurePosixPath(name).suffix.lower()
    return marked and proven and contact and form in VOICE_FORMS and 0 < size <= VOICE_BYTES


class Become(enum.Enum):
    """What becomes of it."""

    ASK = enum.auto()
    "The owner is asked."

    TAKE = enum.auto()
    "It is accepted without asking."

    WAIT = enum.auto()
    "The owner is being asked already."

    ALREADY_DONE = enum.auto()
    "It is here, and the sender hasn't heard that."

    TOO_LARGE = enum.auto()
    TOO_MANY = enum.auto()


class OfferedFile(msgspec.Struct, frozen=True):
    """An offer, and what is known when it comes."""

    size: int
    "Bytes."

    again: bool
    "The sender says that it has offered it before."

    state: FileState | None
    "Of the same transfer in this call, if there is one."

    kept: KeptFile | None
    "What is kept of it from before."

    proven: bool
    "The call proves who the sender is."

    always: bool
    "The owner has said that this contact's files are always accepted."

    waiting: int
    "Other offers that wait for the owner."

    running: int
    "Other transfers from them that aren't over, those that wait among them."


def offered_again(kept: KeptFile, *, proven: bool, keyed: bool) -> bool:
    """Whether our own file of an earlier call is offered in this one, without a word from the owner.

    Only to somebody who is as surely the one whom the owner offered it to. `proven`: the call proves who the other side
    is. `keyed`: we share a key with their node, which would have proven it.
    """
    return proven or not (kept.proven or keyed)


def continued(offer: OfferedFile) -> KeptFile | None:
    """What is kept of the same transfer, unless only a call without proof says that it is the same sender."""
    kept = offer.kept if offer.kept is not None and offer.kept.size == offer.size else None
    return None if kept is not None and kept.proven and not offer.proven else kept


def decide(offer: OfferedFile, *, largest: int) -> Become:
    """What becomes of an offer. `largest`: how many bytes a file may have.

    What was accepted once isn't asked about again, unless only a call without proof says that it is the same sender, or
    it was accepted without asking, which wouldn't be done now.
    """
    if offer.size > largest:
        return Become.TOO_LARGE
    if offer.state is FileState.OFFERED:
        return Become.WAIT
    if offer.state is FileState.RUNNING:
        return Become.TAKE
    kept = continued(offer)
    if kept is not None and kept.automatic and not kept.done and not (offer.always and offer.proven):
        kept = None
    if kept is not None and kept.done and offer.again:
        return Become.ALREADY_DONE
    if offer.running >= MAX_RUNNING:
        return Become.TOO_MANY
    if kept is not None and not kept.done:
        return Become.TAKE
    if offer.always and offer.proven:
        return Become.TAKE
    return Become.TOO_MANY if offer.waiting >= MAX_WAITING else Become.ASK
