"""Voice messages for a contact who didn't answer: kept here, and brought by the next call that proves it is them.

They are files like others, marked in their offer; call_files.py takes them up when a call with their node begins.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described
from shared.contacts import Contact
from shared.errors import FileRefused
from shared.files.names import safe_name
from shared.files.offers import VOICE_BYTES
from shared.files.records import KeptFile

MAX_BYTES = VOICE_BYTES

MOST_WAITING = 8
"For one contact."


async def leave(
    shelf: FileShelf, contact: Contact, path: Path, described: Described, suffix: str, *, keyed: bool, spooled: bool
) -> KeptFile:
    """Keep a sound file for a contact. `keyed`: we share a key with them. `spooled`: it is a copy of our own.

    `suffix` is of the file's kind, such as `.webm`. Raises FileRefused, StoreError.
    """
    check(shelf, contact, described.size, keyed=keyed)
    kept = KeptFile(
        peer=contact.node,
        ours=True,
        digest=described.digest,
        size=described.size,
        # In UTC: the local time would show them in which time zone the owner is.
        name=safe_name(f"voice message {datetime.now(UTC):%Y-%m-%d %H.%M.%S} UTC{suffix}"),
        source=str(path),
        spooled=spooled,
        modified_ns=described.modified_ns,
        owner=described.owner,
        proven=True,
        to_contact=True,
        voice=True,
        at=shelf.now(),
    )
    await shelf.keep(kept)
    return kept


def check(shelf: FileShelf, contact: Contact, size: int, *, keyed: bool) -> None:
    """Whether a voice message of `size` bytes can be left for a contact. Raises FileRefused if not, StoreError."""
    if not keyed:
        raise FileRefused(
            f"You share no key with {contact.name} yet, so nothing would prove that it is them.",
            "Talk to them once; after that you can leave messages.",
        )
    if not 0 < size <= MAX_BYTES:
        raise FileRefused(f"A voice message has at most {MAX_BYTES // 1_000_000} MB.", "Say it in fewer words.")
    if sum(kept.ours and kept.voice for kept in shelf.kept(contact.node)) >= MOST_WAITING:
        raise FileRefused(f"{MOST_WAITING} voice messages wait for {contact.name} already.", "Call them again.")
