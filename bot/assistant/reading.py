"""Reads a message that isn't a command: links, cards, and descriptions of other programs.

Anybody may have written it. `Admission` decides what a link may do. This file tells the owner the result, in more
detail where nobody else reads.
"""

from __future__ import annotations

import asyncio
import time

from bot.assistant import commands
from bot.assistant import contacts as book
from bot.assistant.calling import Calling
from bot.assistant.origins import Origins
from bot.assistant.turn import Turn
from bot.conversation import IncomingMessage, Post
from bot.known_node import has_moved
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from peer.calls.line import Line
from peer.calls.reading import OtherClock, Reading
from peer.calls.switchboard import Switchboard
from shared.call.table import State
from shared.errors import BadDescription, OverlayError
from shared.links.card import Card
from shared.links.classic import find_classic
from shared.links.kinds import MAX_CLOCK_AHEAD, BadLink, Found, LinkKind, Response, Status, decode, find
from shared.links.pasted import DescriptionType, looks_pasted
from shared.links.tokens import to_bytes
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store

ANSWER_SECONDS = 10.0
"How long writing the answer to another program's offer may take. The overlay is asked for an address."

DOUBT_SECONDS = 600.0
"How often the owner hears that no key of a restored home opens a link."

DOUBTED_NAMED = 5
"How many contacts that notice names."

ANSWERS_READ = 8
"""How many answers to first calls are read in one message. Anyone who has seen a call can write answers; an honest
message has one."""

MOST_UNOPENED = 4
"""How many links without a matching key are read in one message, because each is tried with every key of every contact.
The owner's own messages are read to the end: they may paste a long history."""


class MessageReader:
    """Reads the messages of one node's owner, and of everybody who writes in the same chats."""

    def __init__(
        self, own: NodeId, *, store: Store, switchboard: Switchboard, calling: Calling, origins: Origins
    ) -> None:
        self._own = own
        self._store = store
        self._switchboard = switchboard
        self._calling = calling
        self._origins = origins
        self._doubted = float("-inf")
        "When the owner last heard that a restored home's keys don't open a link, in monotonic seconds."

    async def read(self, turn: Turn, text: str, message: IncomingMessage) -> None:
        """Read everything in a message that isn't a command. Raises CopybaraError."""
        if message.from_owner and looks_pasted(text):
            await self._take(turn, text)
            return
        classic = find_classic(text)
        for address in classic:
            await self._read_classic(turn, address, message)
            text = text.replace(address, "")
        found = _few_answers(find(text))
        if not (found or classic) and message.from_owner and message.alone:
            turn.say(texts.not_understood(self._as_command(text)))
        cards: list[Card] = []
        unopened = 0
        for link in found:
            reading = await self._switchboard.admission.read(link.token, chat=turn.chat, again=message.again)
            if reading.line is not None and message.identity is not None and not _refuses(link.token):
                self._origins.came_from(reading.line, message.identity)
            if _is_unopened(reading):
                # Every key of every contact was tried. Let calls go on before the next link.
                await asyncio.sleep(0)
                unopened += 1
                if unopened >= MOST_UNOPENED and not message.from_owner:
                    break
            if (card := await self._tell(turn, link, reading, message)) is not None:
                cards.append(card)
        if cards:
            # At most one post per message, however many cards are in it.
            self._explain_card(turn, cards[0], others=len(cards) - 1)

    async def _tell(self, turn: Turn, link: Found, reading: Reading, message: IncomingMessage) -> Card | None:
        """Tell the owner the result of a link.

        Returns a card that must still be explained, together with its message.
        """
        if reading.dropped is not None:
            turn.say(texts.dropped(reading.dropped))
        if _is_unopened(reading):
            self._doubt(turn)
        if reading.moved is not None and reading.moved_to is not None:
            moved, node = reading.moved, reading.moved_to
            turn.say(contact_texts.announced(moved, node), in_clear=contact_texts.announced(moved, node, clear=True))
            return None
        clock = reading.other_clock
        if clock is not None and _clocks_differ(clock, message):
            ahead = clock.ahead + (message.age or 0)
            turn.say(texts.clocks_differ(clock.contact, ahead, sure=message.age is not None or ahead > 0))
            await self._tell_of_time(turn, clock)
        elif reading.missed is not None and message.tell_missed:
            turn.chats.post(Post("owner", texts.missed(reading.missed), chat=turn.chat, missed=reading.missed))
            if clock is not None and message.age is None:
                # The link came late, or the clocks differ. Only the caller's own clock can tell.
                await self._tell_of_time(turn, clock)
        elif message.from_owner and message.alone:
            self._explain(turn, reading, surely_a_link=link.prefixed, token=link.token)
        elif reading.card is not None and message.identity is not None and reading.card.node != self._own:
            return reading.card
        return None

    async def _tell_of_time(self, turn: Turn, clock: OtherClock) -> None:
        """Tell the caller at what time, by our clock, we read their link."""
        token = await self._switchboard.admission.reply_to(clock)
        contact = self._store.contact_of(clock.link.peer)
        bot = self._origins.bot_of(clock.link.peer, contact)
        said = texts.reply_out_of_time(token)
        turn.chats.post(Post("chat", said, token, turn.chat, contact=contact, their_bot=bot, answers=True))

    def _as_command(self, text: str) -> str:
        """The text if it would be a command with a slash. Otherwise empty."""
        return text if commands.without_slash(text, self._calling.names) is not None else ""

    def _doubt(self, turn: Turn) -> None:
        """Tell the owner, at most once in DOUBT_SECONDS, that a link without a matching key may be a contact's.

        In a home that was restored from a backup, keys may be older than the contacts' own.
        """
        now = time.monotonic()
        if now < self._doubted + DOUBT_SECONDS:
            return
        known = [self._store.contact_of(node) for node in self._store.doubted()]
        names = [contact.name for contact in known if contact is not None]
        if names:
            self._doubted = now
            why = contact_texts.key_unknown_since_move if has_moved(self._store) else contact_texts.key_unknown
            turn.say(why(names[:DOUBTED_NAMED], more=len(names) > DOUBTED_NAMED))

    async def answer(self, turn: Turn, kind: DescriptionType, text: str, whom: str | None) -> None:
        """Read a description of another program. If it is an offer, answer it at once.

        `whom` is the person who has sent it, if the owner has said so. Raises CopybaraError.
        """
        node = (await self._calling.whom(whom)).node if whom is not None else None
        line = await self._take(turn, text, node, kind)
        if line is not None and line.foreign is not None and line.call.state is State.RINGING:
            await self._calling.answer(turn, line, None)
            await _first_of(line.foreign.posted, line.over)

    async def _take(
        self, turn: Turn, text: str, node: NodeId | None = None, kind: DescriptionType | None = None
    ) -> Line | None:
        """Read a description that the owner has pasted: an offer rings, an answer connects our call."""
        reading = await self._switchboard.foreign.read_pasted(text, chat=turn.chat, node=node, meant=kind)
        self._explain(turn, reading, surely_a_link=True)
        return reading.line

    async def _read_classic(self, turn: Turn, link: str, message: IncomingMessage) -> None:
        """Read a link of the original web app. Only an owner who sent one hears what is wrong with it."""
        told = message.from_owner and message.alone
        try:
            reading = await self._switchboard.foreign.read_link(link, chat=turn.chat)
        except (BadDescription, OverlayError):
            if told:
                raise
            return
        if told:
            self._explain(turn, reading, surely_a_link=True)

    def _explain(self, turn: Turn, reading: Reading, *, surely_a_link: bool, token: str = "") -> None:
        """Say what a link is, in a chat that only the owner reads. There, every link gets a reply."""
        if (card := reading.card) is not None:
            if card.node == self._own:
                turn.say(contact_texts.own_card_seen())
                return
            self._explain_card(turn, card)
        elif reading.line is None and reading.reason is not None:
            if reading.reason in (Reason.MALFORMED, Reason.WRONG_VERSION) and not surely_a_link:
                turn.say(texts.not_understood(self._as_command(token)))
            else:
                turn.say(texts.refusal(reading.reason, token))

    def _explain_card(self, turn: Turn, card: Card, *, others: int = 0) -> None:
        name = book.free_name(self._store, card.name, card.node)
        turn.say(contact_texts.card_seen(card, self._store.contact_of(card.node), name, others=others))


def _is_unopened(reading: Reading) -> bool:
    return reading.line is None and reading.reason is Reason.UNKNOWN_CALLER


def _refuses(token: str) -> bool:
    """Whether a link refuses our request. Anybody can write that, so it doesn't show which account the callee has."""
    try:
        link = decode(token)
    except BadLink:
        return False
    return isinstance(link, Response) and link.status is not Status.ACCEPT


def _few_answers(found: list[Found]) -> list[Found]:
    """All links, but only the first ANSWERS_READ answers to first calls."""
    answers = [link for link in found if _is_answer(link)]
    return [link for link in found if link not in answers[ANSWERS_READ:]]


def _is_answer(link: Found) -> bool:
    try:
        return to_bytes(link.token)[:1] == bytes([LinkKind.RESPONSE.first_byte])
    except BadLink:
        return False


def _clocks_differ(clock: OtherClock, message: IncomingMessage) -> bool:
    """Whether the link was written at another time than its message, as far as that is known.

    If so, the two clocks differ. Otherwise the message came late.
    """
    if message.age is None:
        return clock.ahead > 0 or not message.tell_missed
    return abs(clock.ahead + message.age) > MAX_CLOCK_AHEAD


async def _first_of(*events: asyncio.Event) -> None:
    """Wait for one of these events, at most ANSWER_SECONDS."""
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(event.wait()) for event in events]
        await asyncio.wait(waiting, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
