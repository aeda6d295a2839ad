"""What the bot does with a message. It knows no messenger: messages come in and posts go out as values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.assistant import call_commands, commands, conversation_commands, device_commands, file_commands, record_command
from bot.assistant import contacts as book
from bot.assistant.call_news import CallNews
from bot.assistant.calling import Calling
from bot.assistant.contact_commands import ContactCommands
from bot.assistant.learning import Learning
from bot.assistant.lookups import Lookups
from bot.assistant.origins import Origins
from bot.assistant.reading import MessageReader
from bot.assistant.saving import Saving
from bot.assistant.taps import Taps
from bot.assistant.turn import Turn, Turns
from bot.chats import Chats
from bot.conversation import Action, Effects, IncomingMessage, Post, readable, whole
from bot.devices.book import DeviceBook
from bot.friends_peers import FriendsPeers
from bot.kinds import Sentence
from bot.texts import call_log, refusals
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from bot.texts import devices as device_texts
from bot.texts import names as name_texts
from bot.texts import overlay as overlay_texts
from bot.texts.invitation import NO_SOURCE_SHORT, invitation, peers_note
from peer.calls.echo_calls import EchoCalls
from peer.calls.line import Line
from peer.calls.switchboard import Switchboard
from peer.overlay.watch import OverlayState
from shared.contacts import Contact
from shared.errors import CopybaraError, InputError, LookingUp, NameHeld
from shared.links.card import Card
from shared.media import Media
from shared.names import NamedNode
from shared.node_id import NodeId
from shared.store import Store, StoreThread

_Result = TypeVar("_Result")


class Assistant:
    """One owner's assistant. It does one thing at a time, each in a turn (turn.py)."""

    def __init__(
        self,
        *,
        own: NodeId,
        overlay: str,
        wrong: Callable[[], Sentence | None],
        writes: StoreThread,
        switchboard: Switchboard,
        echo: EchoCalls,
        lookups: Lookups,
        own_card: Callable[[], Card],
        program_source: str,
        friends_peers: Callable[[], Awaitable[FriendsPeers]],
        chats: Chats,
        origins: Origins,
        news: CallNews,
        learning: Learning,
        devices: DeviceBook | None = None,
    ) -> None:
        """`wrong` gives the problem that prevents calls in the overlay now, or None.

        `program_source` is where friends get the program, empty if that isn't known. `friends_peers` says which of our
        node's peers a friend needs too. `devices` is None if there is no handset page.
        """
        self.switchboard = switchboard
        self.lookups = lookups
        self._own = own
        self._overlay = overlay
        self._wrong = wrong
        self._store = writes.store
        self._own_card = own_card
        self._program_source = program_source
        self._friends_peers = friends_peers
        self._devices = devices
        self._has_page = devices is not None
        self._overlay_before: OverlayState | None = None
        self._chats = chats
        self._turns = Turns(chats)
        self._calling = calling = Calling(
            store=self._store,
            switchboard=switchboard,
            echo=echo,
            lookups=lookups,
            chats=chats,
            turns=self._turns,
            origins=origins,
            news=news,
            wrong=wrong,
        )
        self._saving = Saving(own, writes=writes, switchboard=switchboard, origins=origins, learning=learning)
        self._contact_commands = ContactCommands(
            self._store, switchboard=switchboard, calling=calling, saving=self._saving, lookups=lookups, origins=origins
        )
        self._taps = Taps(self._store, switchboard, calling, self._saving)
        self._reader = MessageReader(own, store=self._store, switchboard=switchboard, calling=calling, origins=origins)

    async def hear(self, message: IncomingMessage) -> Effects:
        """Act on one message.

        Links are read for anyone, commands are obeyed only for the owner. A bad message raises no error; the error is
        posted as a sentence.
        """
        text, is_whole = whole(readable(message.text))
        async with self._turns.taken(message.chat) as turn:
            try:
                if message.from_owner and commands.is_command(text):
                    if not is_whole:
                        raise InputError(*refusals.COMMAND_TOO_LONG)
                    await self._obey(turn, commands.parse(text, self._calling.names))
                elif (
                    message.from_owner
                    and message.alone
                    and isinstance(command := commands.without_slash(text), commands.ONLY_SHOW)
                ):
                    await self._obey(turn, command)
                else:
                    await self._reader.read(turn, text, message)
                    if not is_whole and message.from_owner and message.alone:
                        turn.say(texts.MESSAGE_TOO_LONG)
            except CopybaraError as error:
                turn.tell(error)
        return Effects(turn.posts, turn.lookups)

    async def obey(self, text: str, chat: str) -> list[Post]:
        """Carry out a command that the owner gave outside any chat. Returns all posts that it causes.

        If a name must be looked up, this waits for the result. Raises CopybaraError if the command can't be carried
        out.
        """
        async with self._turns.taken(chat, awaited=True) as turn:
            await self._obey(turn, commands.parse(text, self._calling.names))
        posts = list(turn.posts)
        for task in turn.lookups:
            await asyncio.wait([task])
            if task.cancelled():
                raise LookingUp(*refusals.LOOK_UP_ENDED)
            more, error = task.result()
            if isinstance(error, NameHeld):
                error.hint = name_texts.decide_on_the_command_line(error)
            if error is not None:
                raise error
            posts += more
        return posts

    async def act(self, action: Action, chat: str) -> str:
        """Do what a tapped button means. Returns a short answer for the messenger to show.

        Raises CallRefused if the call is over or in another state, and other CopybaraErrors.
        """
        async with self._turns.taken(chat) as turn:
            self.switchboard.look_at_book()
            return await self._taps.act(turn, action)

    async def prepare(self, whom: str, media: Media, chat: str, before: Line | None) -> Line:
        """Place a call whose link may never be posted, see Calling.prepare. Raises CallRefused, InputError."""
        return await self._calling.prepare(whom, media, chat, before)

    def confirm(self, line: Line) -> None:
        """Note that the link of a prepared call was posted."""
        self._calling.confirm(line)

    def discard(self, line: Line) -> None:
        """End a prepared call that isn't wanted any more."""
        self._calling.discard(line)

    async def place(
        self, whom: str, media: Media, *, chat: str, endpoint: str | None = None, begins: Callable[[], None]
    ) -> Line:
        """Call somebody from the page, see Calling.place_from_page. Raises CopybaraError."""
        return await self._calling.place_from_page(whom, media, chat=chat, endpoint=endpoint, begins=begins)

    async def save(self, name: str, who: book.Whom, met: Line | None = None, after: bytes = b"") -> Contact:
        """Save somebody as a contact. A call with them shows the new name at once.

        `met` is the call from which the owner saves them. `after` is the reference (8 bytes) of a call that is over,
        see Saving.add. Raises InputError, StoreError.
        """
        return await self._saving.add(name, who, met=met, after=after)

    async def write(self, work: Callable[[Store], _Result]) -> _Result:
        """Change the contact book, see Saving.write. Raises what `work` raises, and StoreError."""
        return await self._saving.write(work)

    async def move(self, name: str, node: str, *, in_clear: bool) -> Contact:
        """Accept a contact's new node id, see Saving.move. Raises NameNotFound, InputError."""
        return await self._saving.move(name, node, in_clear=in_clear)

    async def confirm_words(self, name: str, words: str, *, in_clear: bool) -> tuple[Contact, str]:
        """Accept the key of the call that showed these four words, see Saving.confirm.

        Raises NameNotFound, NothingToConfirm.
        """
        return await self._saving.confirm(name, words, in_clear=in_clear)

    def tell_done_at(self, device: str, sentence: Sentence) -> None:
        """Tell the owner about a change to the contact book by another device, which may be stolen."""
        self._chats.post(Post.everywhere(device_texts.done_at(device, sentence), in_clear=device_texts.done_at(device)))

    async def words_match(self, line: Line, *, in_clear: bool) -> None:
        """Note that the owner has compared the words of that call, see Saving.words_match. Raises StoreError."""
        await self._saving.words_match(line, in_clear=in_clear)

    async def words_differ(self, line: Line) -> None:
        """Note that the words of that call differ, see Saving.words_differ. Raises StoreError."""
        await self._saving.words_differ(line)

    async def block(self, line: Line) -> Sentence:
        """Silence a caller, now and later, see Taps.block. Raises CallRefused."""
        return await self._taps.block(line)

    async def greet(self) -> None:
        """At the start, tell the owner which calls a kill has ended, and continue the others."""
        for call in self.switchboard.last_run.interrupted:
            said = texts.interrupted(call.name or call.peer.short)
            self._chats.post(Post.everywhere(said, call=call.reference.hex(), live=True))
        await self.switchboard.last_run.rejoin()

    @property
    def is_ending(self) -> bool:
        """See Listener."""
        return self.lookups.is_ending

    async def overlay_changed(self, state: OverlayState) -> None:
        """Tell the owner in every chat when calls become impossible, and when they are possible again."""
        self.switchboard.overlay_changed()
        said = overlay_texts.changed(self._overlay, self._overlay_before, state)
        self._overlay_before = state
        if said is not None:
            self._chats.post(Post.everywhere(said))

    # Commands.

    async def _obey(self, turn: Turn, command: commands.Command) -> None:
        switchboard, calling = self.switchboard, self._calling
        switchboard.look_at_book()
        match command:
            case commands.Record():
                await record_command.obey(turn, command, switchboard, calling)
            case commands.TakeSdp():
                await self._reader.answer(turn, command.kind, command.text, command.whom)
            case commands.LookUp():
                calling.look_up(turn, command.name, self._show_name)
            case _ if isinstance(command, commands.CallCommand):
                await call_commands.obey(turn, command, switchboard, calling, self._taps, self.lookups)
            case _ if isinstance(command, commands.ConversationCommand):
                await conversation_commands.obey(turn, command, switchboard)
            case _ if isinstance(command, commands.FileCommand):
                await file_commands.obey(turn, command, switchboard, calling)
            case _ if isinstance(command, commands.ContactCommand):
                await self._contact_commands.obey(turn, command)
            case _ if isinstance(command, commands.DeviceCommand):
                if self._devices is None:
                    raise InputError(*device_texts.NO_PAGE)
                await device_commands.obey(turn, command, self._devices)
            case _:
                await self._show(turn, command)

    async def _show(self, turn: Turn, command: commands.ShowCommand) -> None:
        match command:
            case commands.ShowLog():
                turn.say(call_log.calls(self._store.call_log(call_log.SHOWN + 1)))
            case commands.ShowCard():
                card = self._own_card()
                turn.say(contact_texts.card(card.token, card.name), card.token)
            case commands.Invite():
                peers = await self._friends_peers()
                turn.say(invitation(self._own_card(), self._overlay, self._program_source, peers))
                if not self._program_source:
                    turn.say(NO_SOURCE_SHORT)
                if (about_peers := peers_note(peers)) is not None:
                    turn.say(about_peers)
            case commands.OpenHandset():
                if not self._has_page:
                    raise InputError(*refusals.NO_PAGE)
                turn.say(texts.HANDSET_PAGE, handset=True)
            case commands.Status():
                turn.say(texts.status(str(self._own), self._overlay, self._wrong(), self.switchboard.lines))
                for line in self.switchboard.lines:
                    self._chats.call_changed(line)
            case commands.Help():
                turn.say(texts.help_with(page=self._has_page))

    async def _show_name(self, turn: Turn, answer: NamedNode) -> None:
        turn.say(name_texts.details(answer, int(time.time())))
