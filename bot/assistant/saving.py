"""Changes the contact book while the program runs, and updates what is shown of running calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bot.assistant import contacts as book
from bot.assistant import moving
from bot.assistant.learning import Learning
from bot.assistant.origins import Origins
from bot.assistant.turn import Turn
from bot.conversation import Act, Post
from bot.kinds import Sentence
from bot.texts import contacts as contact_texts
from peer.calls.line import Line
from peer.calls.switchboard import Switchboard
from shared.contacts import Contact
from shared.node_id import NodeId
from shared.store import Store, StoreThread
from shared.store.store import Agreed

_Result = TypeVar("_Result")


class Saving:
    """Changes the contact book for the chats, the buttons and the page."""

    def __init__(
        self, own: NodeId, *, writes: StoreThread, switchboard: Switchboard, origins: Origins, learning: Learning
    ) -> None:
        self._own = own
        self._writes = writes
        self._store = writes.store
        self._switchboard = switchboard
        self._origins = origins
        self._learning = learning

    async def write(self, work: Callable[[Store], _Result]) -> _Result:
        """Change the book in one transaction, and show running calls accordingly.

        `work` runs in the store's thread. Raises what `work` raises, and StoreError.
        """
        result = await self._writes.write(work)
        self._switchboard.look_at_book()
        return result

    async def add(
        self, name: str, who: book.Whom, *, met: Line | None = None, sure: bool = True, after: bytes = b""
    ) -> Contact:
        """Save somebody under a name. Raises InputError, StoreError.

        `met` is the call from which the owner saves them. `sure`: the owner has named that call; otherwise it is only
        the latest with that node, and another one may be meant. `after` is the reference (8 bytes) of a call that is
        over; its key counts if the owner has compared its words.
        """
        whole = who if who.card else self._origins.whom(who.node)
        # While the owner talks to them it is clear who is saved, unless another call with that node has left a key.
        alone = met is not None and self._only_call(met)
        sure = sure or (met is not None and alone and met.engaged and not met.on_hold)
        with self._switchboard.saving_in(met if sure or alone else None):
            contact = await self.write(
                lambda store: book.add(
                    store, name, whole, own=self._own, agreed=_compared(store, who, after) or _agreed(met, sure=sure)
                )
            )
        await self._named(contact)
        return contact

    async def of_node(self, node: NodeId, met: Line | None) -> Contact:
        """The contact with that node. If there is none, save one under the name that the messenger gives.

        `met` is that of `add`.
        """
        shown, whom = self._origins.name_of(node), self._origins.whom(node)

        def find_or_add(store: Store) -> Contact:
            known = store.contact_of(node)
            if known is not None:
                return known
            name = book.free_name(store, shown, node)
            return book.add(store, name, whom, own=self._own, agreed=_agreed(met, sure=True))

        with self._switchboard.saving_in(met if self._store.contact_of(node) is None else None):
            return await self.write(find_or_add)

    async def rename(self, old: str, new: str, *, in_clear: bool = False) -> Contact:
        """Rename a contact, see book.rename. Raises NameNotFound, InputError."""
        return await self.write(lambda store: book.rename(store, old, new, in_clear=in_clear))

    async def remove(self, name: str, *, in_clear: bool = False) -> Contact:
        """Delete a contact, see book.remove. Raises NameNotFound, InputError."""
        return await self.write(lambda store: book.remove(store, name, in_clear=in_clear))

    async def tell_move(self, turn: Turn, name: str) -> None:
        """Post the notice of our new node id for a contact. Raises NameNotFound, InputError."""
        contact, token = await self.write(lambda store: moving.notice(store, name, self._own))
        bot = self._origins.bot_of(contact.node, contact)
        post = Post("chat", contact_texts.moved_in_chat(token), token, turn.chat, contact=contact, their_bot=bot)
        turn.chats.post(post)

    async def confirm(self, name: str, words: str, *, in_clear: bool = False) -> tuple[Contact, str]:
        """Accept the key of the call with these words, see book.confirm, and learn which account wrote its links."""
        contact, said = await self.write(lambda store: book.confirm(store, name, words, in_clear=in_clear))
        lines = self._switchboard.lines
        for line in {*lines, *filter(None, [lines.latest])}:
            if line.peer == contact.node:
                await self._learning.now(line)
        return contact, said

    async def words_match(self, line: Line, *, in_clear: bool) -> None:
        """Note that the owner has compared the words of that call, with a contact or a stranger. Raises StoreError.

        See Store.words_match. `in_clear` is that of book.set_trust.
        """
        peer, reference, agreed, proven = line.peer, line.link.reference, line.connection.agreed_secret, line.proven

        def match(store: Store) -> None:
            if agreed is not None:
                store.words_match(peer, reference, agreed, in_clear=in_clear)
            if proven and not in_clear:
                book.compared(store, peer)

        await self.write(match)

    async def words_differ(self, line: Line) -> None:
        """The words of that call differ: end it. From now on, its keys prove nothing.

        Raises StoreError.
        """
        self._switchboard.words_differ(line)
        await self.write(lambda store: store.words_differ(line.peer, line.secrets))

    async def move(self, name: str, node: str = "", *, in_clear: bool = False) -> Contact:
        """Accept a contact's new node id, see moving.accept. Raises NameNotFound, InputError."""
        return await self.write(lambda store: moving.accept(store, name, node, in_clear=in_clear))

    def tell(self, turn: Turn, contact: Contact) -> None:
        """Tell the owner that somebody was saved."""
        turn.say(self.saved(contact), actions=(Act.TRUST,), contact=contact)

    def saved(self, contact: Contact) -> Sentence:
        """What the owner reads about a contact who was just saved."""
        words = book.unconfirmed(self._store, contact)
        return contact_texts.contact_saved(contact, book.is_paired(self._store, contact), words)

    def tell_trust(self, turn: Turn, contact: Contact) -> None:
        """Tell the owner what happens to a contact's calls from now on."""
        turn.say(contact_texts.trust_set(contact, book.is_paired(self._store, contact)))

    async def save(self, turn: Turn, node: NodeId, met: Line | None) -> Contact:
        """Save the person of a call, and tell the owner. `met` is that call, if this program still knows it."""
        contact = await self.of_node(node, met)
        await self._named(contact)
        self.tell(turn, contact)
        return contact

    def _only_call(self, line: Line) -> bool:
        """Whether no other call with that node is known, in which somebody else may have been."""
        others = [each for each in self._switchboard.lines if each.peer == line.peer and each is not line]
        return not others and set(self._store.secrets_of(line.peer)) <= set(line.secrets)

    async def _named(self, contact: Contact) -> None:
        quarantined = self._store.quarantined_secrets(contact.node)
        latest = self._switchboard.lines.latest
        connected = [line for line in self._switchboard.lines if line.connection.connected is not None]
        theirs = [line for line in (*connected, *filter(None, [latest])) if line.peer == contact.node]
        for line in theirs:
            if line.connection.agreed_secret not in quarantined:
                await self._learning.now(line)


def _compared(store: Store, who: book.Whom, after: bytes) -> Agreed | None:
    """The pair secrets of the call with that reference, if the owner has compared its words. Otherwise None."""
    secrets = store.compared_secrets(who.node, after)
    return Agreed(secrets) if secrets else None


def _agreed(met: Line | None, *, sure: bool) -> Agreed:
    """The pair secrets of that call. Called during the write, because one may have been agreed while it waited."""
    return Agreed(met.secrets if met is not None else None, sure)
