"""The owner's card for the page, with the invitation that friends get with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.friends_peers import FriendsPeers
from bot.texts.invitation import NO_PEERS, NO_SOURCE_SHORT, how_to_pack, invitation, peers_note, to_include
from peer.handset import protocol as page_protocol
from peer.handset.shown_link import shown_link
from shared.links.card import Card


class ShownCard:
    """One owner's card and invitation."""

    def __init__(
        self,
        overlay: str,
        *,
        own_card: Callable[[], Card],
        program_source: str,
        program_folder: Path | None,
        friends_peers: Callable[[], Awaitable[FriendsPeers]],
    ) -> None:
        """`program_source` is where friends get the program, empty if that isn't known.

        `program_folder` is the folder from which it was installed. `friends_peers` says which of our node's peers a
        friend needs too.
        """
        self._overlay = overlay
        self._own_card = own_card
        self._program_source = program_source
        self._program_folder = program_folder
        self._friends_peers = friends_peers
        self._peers = NO_PEERS
        "The peers that a friend needs, as of the last new page."

    async def look_at_peers(self) -> None:
        """Find out again which peers a friend needs, because the owner may have changed them."""
        self._peers = await self._friends_peers()

    def shown(self) -> page_protocol.Own:
        """What the owner gives to others now."""
        card = self._own_card()
        return page_protocol.Own(
            name=card.name,
            card=shown_link(card.token),
            invitation=self._invitation(card),
            invitation_notes=self._notes(),
            invitation_with_peers=self._with_peers(card),
        )

    def _invitation(self, card: Card, *, names_peers: bool = False) -> str:
        return invitation(card, self._overlay, self._program_source, self._peers, names_peers=names_peers).text

    def _with_peers(self, card: Card) -> page_protocol.InvitationWithPeers | None:
        if not (agreed := to_include(self._peers)):
            return None
        return page_protocol.InvitationWithPeers(agreed=agreed, text=self._invitation(card, names_peers=True))

    def _notes(self) -> list[page_protocol.InvitationNote]:
        notes = []
        if not self._program_source:
            what_for, command = how_to_pack(self._program_folder)
            notes.append(page_protocol.InvitationNote(f"{NO_SOURCE_SHORT.sentence} {what_for}", command))
        if (about_peers := peers_note(self._peers)) is not None:
            # If there are peer lines, the page shows the hint's text in a box.
            text = about_peers.sentence if self._peers.lines else about_peers.text
            notes.append(page_protocol.InvitationNote(text))
        return notes
