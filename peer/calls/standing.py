"""Gives each call the name and the proof that the contact book has for it now, because the book changes during calls.

The owner saves, renames, moves or removes somebody, or confirms the words of another call, perhaps by a command in
another process.
"""

from __future__ import annotations

import logging

from peer.calls.line import Line
from peer.calls.lines import Lines
from shared.contacts import Trust
from shared.errors import StoreError
from shared.store import Store

logger = logging.getLogger(__name__)


class LineStanding:
    """Keeps the lines of one node as its contact book says."""

    def __init__(self, lines: Lines, store: Store) -> None:
        self._lines = lines
        self._store = store
        self._revision: tuple[int, int] | None = None
        "The revision of the store when all lines were looked at last."

    def look(self) -> None:
        """Look at every call again if the store has changed; costs nearly nothing if it hasn't.

        A call whose contact can't be read keeps its name and loses its proof.
        """
        try:
            if self._revision == (revision := self._store.revision()):
                return
        except StoreError as error:
            logger.warning("the contact book can't be read: %s", error.sentence)
            return
        for line in self._lines:
            try:
                self.look_at(line)
            except StoreError as error:
                logger.warning("the contact of line %d can't be read: %s", line.number, error.sentence)
                if line.proven:
                    line.loses_proof(keyed=True)
        self._revision = revision

    def look_at(self, line: Line) -> None:
        """Give one call its contact's name.

        Take its proof away if that is gone; give it one if its words were confirmed.

        Raises StoreError.
        """
        if line.shown.echo:
            return
        contact = self._store.contact_of(line.peer)
        line.is_with(contact)
        if line.proven and not self.proves(line):
            line.loses_proof(keyed=self._store.keyed(line.peer))
        agreed = line.connection.agreed_secret
        if agreed is None:
            return
        if agreed in self._store.quarantined_secrets(line.peer):
            line.quarantines()
        elif contact is not None and not line.proven and self._words_matched(line):
            line.gains_proof(self._store.chain_of(line.peer, agreed))

    def _words_matched(self, line: Line) -> bool:
        return self._store.words_matched(line.peer, line.link.reference, line.connection.agreed_secret)

    def may_leave_a_message(self, line: Line) -> bool:
        """Whether the call is a contact's who has proven who they are, and isn't blocked by now."""
        try:
            self.look_at(line)
            contact = self._store.contact_of(line.peer)
        except StoreError as error:
            logger.warning("the contact of line %d can't be read: %s", line.number, error.sentence)
            return False
        return line.proven and contact is not None and contact.trust is not Trust.BLOCK

    def may_be_answered(self, line: Line) -> bool:
        """Whether a call that was answered without asking, or is to be, would be so now. Raises StoreError."""
        contact = self._store.contact_of(line.peer)
        if contact is None or contact.trust is not Trust.AUTO:
            return False
        return self.proves(line) if line.proven else contact.unproven or contact.classic

    def proves(self, line: Line) -> bool:
        """Whether the call is proven at this moment: only the owner of the node can be at the other side.

        Raises StoreError.

        A call of another program has no secret. What proves it is the way that it came, and only for the contact that
        it began with.
        """
        if not line.proven:
            return False
        if line.foreign is not None:
            contact = self._store.contact_of(line.peer)
            return contact is not None and not line.is_stranger_to(contact)
        return self._store.chain_proves(line.peer, line.link.chain)
