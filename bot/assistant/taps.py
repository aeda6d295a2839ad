"""What a tap on a button does."""

from __future__ import annotations

from bot.assistant import contacts as book
from bot.assistant.calling import Calling, over
from bot.assistant.saving import Saving
from bot.assistant.turn import Turn
from bot.conversation import Act, Action
from bot.kinds import Sentence
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from bot.texts import refusals
from peer.calls.line import Line
from peer.calls.switchboard import Switchboard
from shared.contacts import Trust
from shared.errors import NothingToConfirm
from shared.media import Media
from shared.store import Store


class Taps:
    """Carries out an Action."""

    def __init__(self, store: Store, switchboard: Switchboard, calling: Calling, saving: Saving) -> None:
        self._store = store
        self._switchboard = switchboard
        self._calling = calling
        self._saving = saving

    async def act(self, turn: Turn, action: Action) -> str:
        """Carry out an action. Returns a short answer.

        Raises CallOver if its call is over, and other CopybaraErrors.
        """
        calling, saving = self._calling, self._saving
        match action.act:
            case Act.ANSWER:
                await calling.answer(turn, calling.of_id(action.call), None)
            case Act.ANSWER_AUDIO:
                await calling.answer(turn, calling.of_id(action.call), Media.AUDIO)
            case Act.HOLD_AND_ANSWER:
                await calling.answer(turn, calling.of_id(action.call), None, "hold")
            case Act.END_AND_ANSWER:
                await calling.answer(turn, calling.of_id(action.call), None, "hang-up")
            case Act.HOLD:
                await calling.hold(calling.of_id(action.call))
            case Act.RESUME:
                await calling.resume(turn, calling.of_id(action.call), swap=True)
            case Act.DECLINE:
                await calling.decline(calling.of_id(action.call))
            case Act.BLOCK:
                line = calling.of_id(action.call)
                turn.say(await self.block(line))
                await over(line)
            case Act.HANG_UP:
                await calling.hang_up(calling.of_id(action.call))
            case Act.SAVE:
                node = calling.node_of(action.call)
                if (known := self._store.contact_of(node)) is not None:
                    return contact_texts.known_as(known).text
                await saving.save(turn, node, calling.met(node, action.call))
            case Act.TRUST:
                shown, in_clear = action.contact, turn.in_clear
                saving.tell_trust(turn, await saving.write(lambda s: book.trust_shown(s, shown, in_clear=in_clear)))
            case Act.CONFIRM:
                # Only the words of this call: a later call in the same name may wait as well.
                phrases = {line.id: line.shown.phrase for line in self._switchboard.lines}
                words = action.words or phrases.get(action.call, "")
                node = calling.node_of(action.call)
                contact = self._store.contact_of(node)
                if not words or contact is None:
                    raise NothingToConfirm(*refusals.words_not_known(contact.name if contact else node.short))
                name = contact.name
                turn.say(contact_texts.confirmed(*await saving.confirm(name, words, in_clear=turn.in_clear)))
            case Act.DIFFER:
                await self.differ(turn, calling.comparable_of(action.call))
        return texts.TAPPED[action.act]

    async def differ(self, turn: Turn, line: Line) -> None:
        """The owner says that the words of that call differ, see Saving.words_differ. Raises StoreError."""
        await self._saving.words_differ(line)
        await over(line)
        turn.say(texts.words_differ(line))

    async def block(self, line: Line) -> Sentence:
        """Silence a ringing call and later calls of that node. The caller gets no reply.

        Anybody can write a node id. So a contact with a key isn't blocked because of a call without it. A stranger is
        silenced for a while, so that someone who didn't make that call isn't shut out for longer. Raises CallRefused if
        the call doesn't ring any more, StoreError.
        """
        self._calling.ignore(line)
        if line.link.keyed and not line.proven:
            return texts.impostor_dropped(line)
        contact = self._store.contact_of(line.peer)
        if contact is None:
            self._switchboard.silence(line.peer)
            return texts.stranger_silenced(line)
        name = contact.name
        blocked = await self._saving.write(lambda store: book.set_trust(store, name, Trust.BLOCK, None))
        return contact_texts.trust_set(blocked, True) if line.proven else contact_texts.blocked_unproven(blocked)
