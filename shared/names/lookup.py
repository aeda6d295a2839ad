"""Looks up names such as `copybara.azero` in their systems, and compares the answer with what is known.

Known are the contact with the name, and the answer that was kept at the last look-up. kept.py says what follows from an
answer.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from shared.contacts import name_key
from shared.errors import ContractGone, CopybaraError, InputError, NameNotFound, NamesUnreachable
from shared.in_thread import in_thread
from shared.names import NamedNode, normal_form
from shared.names.kept import KeptName, moved, weigh
from shared.names.memory import Memory, contact_for
from shared.names.records import ANY_NODE
from shared.names.system import LONGEST_NAME, NameSystem
from shared.names.trace import Trace


class SystemNames:
    """Resolves the names of name systems, and no others."""

    def __init__(
        self,
        systems: Sequence[NameSystem],
        memory: Memory,
        *,
        records: Sequence[str] = ANY_NODE,
        reuse: int = 0,
        from_memory: bool = True,
        keep: Callable[[KeptName], Awaitable[None]] | None = None,
        trace: Trace | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`records` are those that can name a node of our overlay.

        A kept answer younger than `reuse` seconds is used without asking. An older one is used if no server replies,
        unless `from_memory` is False. `keep` stores an answer if `memory` must not be written to directly.
        """
        self._systems = systems
        self._memory = memory
        self._records = records
        self._reuse = reuse
        self._from_memory = from_memory
        self._keep = keep
        self._trace = trace or Trace()
        self._clock = clock

    async def resolve(self, name: str) -> NamedNode | None:
        """The node of the name. None if the name belongs to no name system.

        Raises NameHeld if it is another node than before; nothing has changed then. Raises NameNotFound, NameExpired,
        NoNodeRecord, BadRecord, OffChainName, ConfusingName or InputError if the name leads to no node, and
        NamesUnreachable or ContractGone if nobody replies and no answer is kept.
        """
        system = self._system(name)
        if system is None:
            return None
        name = await normal(name)
        kept = self._memory.kept_name(name)
        now = int(self._clock())
        if kept is not None and kept.held is None and 0 <= now - kept.answer.at < self._reuse:
            with self._trace.step("use what is kept"):
                return self._ready(kept, why=f"It was looked up {now - kept.answer.at} s ago.", from_memory=True)
        try:
            record = await system.look_up(name, self._records, self._trace)
        except (NamesUnreachable, ContractGone) as failure:
            return self._remembered(name, failure)
        except NameNotFound as gone:
            raise self._with_memory(name, gone) from None
        answer = NamedNode(
            node=record.node,
            source=system.source,
            name=name,
            at=int(self._clock()),
            from_memory=False,
            server=record.server,
            record=record.record,
            card=record.card,
            owner=record.owner,
            account=record.account,
            silent=record.silent,
        )
        contact = contact_for(self._memory, name)
        kept = weigh(answer, self._memory.kept_name(name), contact.node if contact else None)
        if self._keep is None:
            self._memory.keep_name(kept)
        else:
            await self._keep(kept)
        if kept.held is not None:
            raise moved(kept)
        return self._ready(kept)

    def _system(self, name: str) -> NameSystem | None:
        label, dot, tld = name.strip().rpartition(".")
        if not (label and dot):
            return None
        return next((system for system in self._systems if tld.lower() in system.tlds), None)

    def _ready(self, kept: KeptName, *, why: str = "", from_memory: bool = False) -> NamedNode:
        known = {each.answer.name for each in self._memory.kept_names()} - {kept.answer.name}
        known.update(alias for contact in self._memory.contacts() for alias in contact.resolves_as)
        return replace(
            kept.answer,
            from_memory=from_memory,
            why=why,
            looks_like=normal_form.alike(kept.answer.name, sorted(known)) or "",
            refused=kept.refused,
            new_card=kept.new_card,
        )

    def _remembered(self, name: str, failure: CopybaraError) -> NamedNode:
        """The kept answer of a name that can't be looked up now. Raises NameHeld, or `failure` if there is none."""
        kept, contact = self._memory.kept_name(name), contact_for(self._memory, name)
        if kept is not None and kept.held is not None:
            raise moved(kept) from failure
        known = kept is not None and (contact is None or contact.node == kept.answer.node)
        if self._from_memory and kept is not None and known:
            return self._ready(kept, why=failure.sentence, from_memory=True)
        if self._from_memory and contact is not None and name_key(contact.name) == name_key(name):
            # This is the owner's own word. A contact's card isn't enough for that.
            return NamedNode(contact.node, "contacts", name, contact.created, from_memory=True, why=failure.sentence)
        raise self._with_memory(name, failure)

    def _with_memory(self, name: str, error: CopybaraError) -> CopybaraError:
        """The error with what is known of the name as its hint."""
        kept, contact = self._memory.kept_name(name), contact_for(self._memory, name)
        if contact is not None and name_key(contact.name) != name_key(name):
            error.hint = f"{name} is {contact.name} in your contacts: /call {contact.name} calls them there."
        elif (node := contact.node if contact else kept.answer.node if kept else None) is not None:
            error.hint = f"Before, {name} led to node {node}; /call with that id calls it."
        return error


async def normal(name: str) -> str:
    """The normal form of a name. Raises InputError, ConfusingName."""
    name = name.strip()
    if len(name) > LONGEST_NAME:
        raise InputError(f"That name is too long: {len(name)} characters.", f"Names have at most {LONGEST_NAME}.")
    lowered = name.lower()
    if normal_form.is_plain(lowered):
        return lowered
    return await in_thread(lambda: normal_form.normalise(name))
