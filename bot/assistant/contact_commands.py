"""The owner's commands about contacts and their names, in the chat, in the console and on the command line."""

from __future__ import annotations

import functools

from bot.assistant import contact_names as name_book
from bot.assistant import contacts as book
from bot.assistant.calling import Calling, meant
from bot.assistant.commands import (
    AcceptMove,
    AddContact,
    ChooseApp,
    ConfirmContact,
    ContactCommand,
    FollowName,
    KeepName,
    ListContacts,
    RemoveContact,
    RenameContact,
    RenewContact,
    SetEndpoint,
    SetFiles,
    SetProgram,
    SetTrust,
    ShowContact,
    TellMove,
)
from bot.assistant.lookups import Lookups
from bot.assistant.origins import Origins
from bot.assistant.saving import Saving
from bot.assistant.turn import Turn
from bot.texts import contacts as contact_texts
from bot.texts import files as file_texts
from bot.texts import names as name_texts
from bot.texts import refusals
from peer.calls.switchboard import Switchboard
from peer.media.endpoint_kinds import RoomShown, room_shown
from shared.contacts import Contact, check_name
from shared.errors import InputError
from shared.names import NamedNode
from shared.store import Store


class ContactCommands:
    """Carries out commands about contacts."""

    def __init__(
        self,
        store: Store,
        *,
        switchboard: Switchboard,
        calling: Calling,
        saving: Saving,
        lookups: Lookups,
        origins: Origins,
    ) -> None:
        self._store = store
        self._switchboard = switchboard
        self._calling = calling
        self._saving = saving
        self._lookups = lookups
        self._origins = origins

    async def obey(self, turn: Turn, command: ContactCommand) -> None:
        """Carry out a command, and say what has changed. Raises CopybaraError."""
        saving, write = self._saving, self._saving.write
        match command:
            case ListContacts():
                turn.say(contact_texts.contacts(book.listed(self._store), command.page))
            case AddContact():
                await self._add(turn, command.name, command.whom)
            case ShowContact():
                contact = book.named(self._store, command.name)
                turn.say(contact_texts.contact_details(contact, book.is_paired(self._store, contact)))
            case SetTrust():
                saving.tell_trust(turn, await write(functools.partial(_set_trust, command, turn.in_clear)))
            case ConfirmContact():
                name, words = command.name, command.words
                turn.say(contact_texts.confirmed(*await saving.confirm(name, words, in_clear=turn.in_clear)))
            case RenewContact():
                renewed = command.name
                turn.say(contact_texts.renewing(await write(lambda store: book.renew(store, renewed))))
            case TellMove():
                await saving.tell_move(turn, command.name)
            case AcceptMove():
                moved = await saving.move(command.name, command.node, in_clear=turn.in_clear)
                turn.say(contact_texts.moved(moved))
            case SetProgram():
                name, program = command.name, command.program
                turn.say(contact_texts.program_set(await write(lambda store: book.set_program(store, name, program))))
            case SetFiles():
                name, always = command.name, command.always
                in_clear = turn.in_clear
                contact = await write(lambda store: book.set_files(store, name, always=always, in_clear=in_clear))
                turn.say(file_texts.set_for(contact))
            case ChooseApp():
                raise InputError(*refusals.only_in_deltachat(book.named(self._store, command.name)))
            case SetEndpoint():
                await self._set_endpoint(turn, command.name, command.endpoint)
            case RenameContact():
                renamed_to = await saving.rename(command.old, command.new, in_clear=turn.in_clear)
                turn.say(contact_texts.renamed(command.old, renamed_to))
            case RemoveContact():
                turn.say(contact_texts.removed(await saving.remove(command.name, in_clear=turn.in_clear)))
            case FollowName():
                name, in_clear = command.name, turn.in_clear
                followed = await write(lambda store: name_book.follow(store, name, in_clear=in_clear))
                turn.say(name_texts.followed(*followed))
            case KeepName():
                name = command.name
                turn.say(name_texts.stays(await write(lambda store: name_book.stay(store, name))))

    async def _add(self, turn: Turn, name: str, text: str | None) -> None:
        """Save the person whom the text means: by node id, card or name of a name system.

        None: the last call's stranger.
        """
        met = None
        if text is None:
            who = self._origins.whom(self._calling.unsaved())
            met = self._calling.met(who.node)
        elif (read := book.whom(text)) is not None:
            who = read
        elif self._lookups.knows(text):
            self._calling.look_up(turn, text, functools.partial(self._save_named, name=check_name(name)))
            return
        else:
            raise InputError(*refusals.NEITHER_NODE_NOR_CARD)
        name = name or book.name_on_card(self._store, who)
        contact = await self._saving.add(name, who, met=met, sure=text is not None)
        self._saving.tell(turn, contact)

    async def _save_named(self, turn: Turn, answer: NamedNode, *, name: str) -> None:
        self._saving.tell(turn, await self._saving.add(name, meant(answer)))

    async def _set_endpoint(self, turn: Turn, name: str, endpoint: str) -> None:
        means = self._switchboard.usual_endpoint if endpoint == book.DEFAULT_ENDPOINT else endpoint
        if turn.in_clear and room_shown(means) & {RoomShown.AT_ONCE, RoomShown.FOR_TRUSTED}:
            raise InputError(*refusals.room_in_clear(name, means))
        contact = await self._saving.write(lambda store: book.set_endpoint(store, name, endpoint))
        turn.say(contact_texts.endpoint_set(contact))


def _set_trust(command: SetTrust, in_clear: bool, store: Store) -> Contact:
    return book.set_trust(
        store,
        command.name,
        command.trust,
        command.media,
        command.hours,
        unproven=command.unproven,
        classic=command.classic,
        in_clear=in_clear,
    )
