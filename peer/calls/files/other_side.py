"""Who is at the other side of a call, as far as files are concerned.

That decides which files are for them, what is kept of earlier transfers with them, and what is accepted without asking.
It may change during a call: the owner saves, blocks or removes somebody, or the call gains or loses its proof. So all
of it is asked again each time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from peer.calls.files.shelf import FileShelf
from shared.errors import StoreError
from shared.files.offers import offered_again
from shared.files.records import KeptFile
from shared.messages import FileOffer
from shared.node_id import NodeId

logger = logging.getLogger(__name__)


class Meant(msgspec.Struct, frozen=True):
    """Whom a file is for: who the call was with when the owner wanted to send it."""

    proven: bool
    contact: bool


class OtherSide:
    """The other side of one call."""

    def __init__(
        self,
        node: NodeId,
        shelf: FileShelf,
        *,
        proven: Callable[[], bool],
        keyed: Callable[[], bool],
        always: Callable[[], bool],
        is_contact: Callable[[], bool],
        blocked: Callable[[], bool],
    ) -> None:
        """`proven`: whether the call proves who they are. `keyed`: whether we share a key with their node.

        `always`: whether their files are accepted without asking. `is_contact`, `blocked`: whether their node is a
        contact's, or a blocked contact's.
        """
        self.node = node
        self._shelf = shelf
        self._proven = proven
        self._keyed = keyed
        self._always = always
        self._is_contact = is_contact
        self._blocked = blocked

    @property
    def proven(self) -> bool:
        """Whether the call proves who they are."""
        return self._proven()

    @property
    def is_contact(self) -> bool:
        """Whether their node is a contact's."""
        return self._is_contact()

    @property
    def always(self) -> bool:
        """Whether their files are accepted without asking."""
        return self._always()

    def meant(self) -> Meant:
        """Whom a file is for that the owner wants to send now."""
        return Meant(self.proven, self.is_contact)

    def is_still(self, meant: Meant) -> bool:
        """Whether a file may still go to the other side: proof wasn't lost, and the contact entry is the same."""
        now = self.meant()
        return not (meant.proven and not now.proven) and meant.contact is now.contact

    def is_for_them(self, kept: KeptFile) -> bool:
        """Whether our file, which the owner wanted to send earlier, is for them."""
        meant = self.is_contact or not kept.to_contact
        return meant and offered_again(kept, proven=self.proven, keyed=self._keyed())

    def accepts_message(self, message: FileOffer, kept: KeptFile | None) -> bool:
        """Whether a voice message is accepted without asking. A new one is counted then.

        `kept` is what is kept of it from an earlier call.
        """
        if self._blocked() or message.size > self._shelf.limits.voice:
            return False
        return self._shelf.takes_message(self.node) if kept is None else kept.automatic and not kept.done

    def may_go_on(self, kept: KeptFile) -> bool:
        """Whether a file of theirs that is arriving may go on. One that was accepted without asking needs the proof."""
        voice = kept.voice and not self._blocked()
        return not kept.automatic or (self.proven and (self.always or voice))

    def transfers(self) -> list[KeptFile]:
        """What is kept of earlier transfers with them. Raises StoreError."""
        is_contact = self.is_contact
        return [kept for kept in self._shelf.kept(self.node) if is_contact or not kept.to_contact]

    def arrived_before(self, digest: bytes) -> KeptFile | None:
        """What is kept of a file that they sent in an earlier call, by its SHA-256 (32 bytes).

        None if there is nothing, or it can't be read.
        """
        try:
            kept_files = self.transfers()
        except StoreError as error:
            logger.warning("what is kept of files can't be read: %s", error.sentence)
            return None
        return next((each for each in kept_files if not each.ours and each.digest == digest), None)

    def is_beside_a_proven_one(self, kept: KeptFile) -> bool:
        """Whether a call that has proven who they are has left a transfer of the same file, see FileEntry.aside."""
        if kept.proven:
            return False
        try:
            all_kept = self._shelf.kept(self.node)
        except StoreError as error:
            logger.warning("what is kept of files can't be read: %s", error.sentence)
            return True
        return any((each.ours, each.digest, each.proven) == (kept.ours, kept.digest, True) for each in all_kept)
