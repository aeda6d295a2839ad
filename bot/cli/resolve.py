"""`copybara resolve NAME`: looks up a name's node id, and shows the source and the time of every step."""

from __future__ import annotations

import asyncio
import time

from bot.assistant import contact_names as name_book
from bot.home import Home
from bot.name_systems import azero_networks, networks, systems
from bot.settings import settings
from bot.terminal.slow_steps import said_if_slow
from bot.terminal.streams import print_json, print_text
from bot.texts import names as name_texts
from bot.texts import refusals
from bot.texts.chat import shown
from shared.config.schema import Config
from shared.errors import CopybaraError, InputError, NameHeld, NameNotFound, NamesDisagree, NameSystemError
from shared.names import NamedNode, endings, ss58
from shared.names.azero import AzeroId
from shared.names.book import ContactBook
from shared.names.chain import ResolverChain
from shared.names.lookup import SystemNames, normal
from shared.names.records import node_records
from shared.names.second_opinion import CLIENT, second_opinion
from shared.names.trace import Trace
from shared.store import Store


def resolve(home: Home, name: str, *, fresh: bool, decision: str | None, as_json: bool, check: bool = False) -> int:
    """Print the target of a name, or carry out the owner's decision `follow` or `keep`.

    `fresh`: a name system is asked even if its answer is stored, and the stored answer isn't used if nobody replies.
    `check`: the same, and a second client reads the name too; both must agree. Raises NameNotFound, NameSystemError,
    and InputError for a name that can't be checked.
    """
    home.prepare()
    config = settings(home)
    trace = Trace()
    with Store(home.database) as store:
        if decision is not None:
            print_text(_decide(store, name, decision))
            return 0
        if ss58.is_account(name):
            with said_if_slow("Looking up the name of that account"):
                name = asyncio.run(_primary_name(config, name, trace))
        try:
            with said_if_slow(f"Looking up {shown(name, 60)}"):
                answer = asyncio.run(_look_up(config, store, name, fresh=fresh or check, check=check, trace=trace))
        except CopybaraError as error:
            if as_json:
                print_json({"name": name, "error": error.sentence, "held": _held(error), "steps": _steps(trace)})
            elif steps := name_texts.steps(trace).rstrip():
                print_text(steps)
            if isinstance(error, NameHeld):
                error.hint = name_texts.decide_on_the_command_line(error)
            raise
    if as_json:
        print_json(_as_dict(answer) | {"steps": _steps(trace)})
    else:
        print_text((name_texts.resolved(answer, int(time.time())) + name_texts.steps(trace)).rstrip())
    return 0


async def _look_up(config: Config, store: Store, name: str, *, fresh: bool, check: bool, trace: Trace) -> NamedNode:
    named = SystemNames(
        systems(config.names),
        store,
        records=node_records(config.overlay),
        reuse=0 if fresh else config.names.reuse,
        from_memory=not fresh,
        trace=trace,
    )
    if check:
        return await _checked(config, named, name, trace)
    answer = await ResolverChain([ContactBook(store, but=endings.has_known_ending), named]).resolve(name)
    if answer is None:
        raise NameNotFound(*refusals.nobody_known(name, [each.name for each in store.contacts()]))
    return answer


async def _checked(config: Config, named: SystemNames, name: str, trace: Trace) -> NamedNode:
    """The target of an AZERO.ID name, if a second client reads the same. Raises NamesDisagree, InputError."""
    known = networks(config.names)
    network = next((network for network in known if endings.ending(name) in network.registries), None)
    if network is None:
        raise InputError(
            f"{shown(name, 60)} can't be checked: a second client reads AZERO.ID only.",
            f"Names that can be checked end in {endings.in_words((*endings.AZERO, *endings.TZERO))}.",
        )
    records = node_records(config.overlay)
    name = await normal(name)
    first = await AzeroId(network, seconds=config.names.server_seconds).look_up(name, records, trace)
    with trace.step(f"read {name} with {CLIENT}") as step:
        server, node = await second_opinion(network, name, records)
        step.outcome = f"{server}: node {node}"
    if node != first.node:
        second = (f"{server}, read with {CLIENT}", f"node {node}")
        raise NamesDisagree(name, first=(first.server, f"node {first.node}"), second=second)
    answer = await named.resolve(name)  # also stores it, or holds a changed answer until the owner decides
    assert answer is not None
    return answer


async def _primary_name(config: Config, account: str, trace: Trace) -> str:
    """The primary name of an account, on the first network that has one. Raises NameNotFound."""
    failures: list[NameSystemError] = []
    known = azero_networks(config.names)
    for network in known:
        try:
            name = await network.primary_name(account, trace)
        except NameSystemError as error:
            failures.append(error)
            continue
        if name is not None:
            return name
    if len(failures) == len(known):
        raise failures[0]
    raise NameNotFound("That account goes by no name.", "Its owner can choose one of theirs as primary at AZERO.ID.")


def _decide(store: Store, name: str, decision: str) -> str:
    if decision == "follow":
        return name_texts.followed(*name_book.follow(store, name)).text
    return name_texts.stays(name_book.stay(store, name)).text


def _held(error: CopybaraError) -> dict[str, str] | None:
    if not isinstance(error, NameHeld):
        return None
    return {"before": error.before, "now": error.now}


def _steps(trace: Trace) -> list[dict[str, object]]:
    return [{"what": step.what, "outcome": step.outcome, "ms": round(step.milliseconds, 1)} for step in trace.steps]


def _as_dict(answer: NamedNode) -> dict[str, object]:
    return {
        "name": answer.name,
        "node": str(answer.node),
        "source": answer.source,
        "server": answer.server or None,
        "at": answer.at,
        "age": max(0, int(time.time()) - answer.at),
        "from_memory": answer.from_memory,
        "why": answer.why or None,
        "silent": list(answer.silent),
        "record": answer.record or None,
        "card": answer.card or None,
        "owner": answer.owner or None,
        "account": answer.account or None,
        "looks_like": answer.looks_like or None,
        "refused": str(answer.refused) if answer.refused else None,
        "new_card": answer.new_card or None,
    }
