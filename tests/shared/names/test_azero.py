"""AZERO.ID: names on the stand-in chain, faulty names, and the answers of other clients to the same questions."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import (
    BadRecord,
    ContractGone,
    CopybaraError,
    NameExpired,
    NameNotFound,
    NamesUnreachable,
    NoNodeRecord,
)
from shared.links.card import Card
from shared.names import ss58
from shared.names.azero import AzeroId, Network
from shared.names.trace import Trace
from shared.node_id import NodeId
from tests.shared.names.chain import METADATA, NODE_PACKAGES, OWNER, REGISTRY, ROUTER, Chain, Name, text

NODE = NodeId(bytes(range(32)))
OTHER = ss58.encode(bytes(range(1, 33)))


@pytest.fixture
async def chain() -> AsyncIterator[Chain]:
    async with Chain({"anna": Name({"staex-id": str(NODE)})}, primary={OWNER: "anna.azero"}).running() as chain:
        yield chain


def azero(chain: Chain, **changes: Any) -> AzeroId:
    network = Network((chain.url,), chain.genesis, ROUTER, {"azero": REGISTRY, "a0": ""})
    return AzeroId(replace(network, **changes), seconds=2.0)


async def fails(lookup: Awaitable[object]) -> CopybaraError:
    with pytest.raises(CopybaraError) as caught:
        await lookup
    return caught.value


async def look_up(chain: Chain, name: str = "anna.azero", **changes: Any) -> Any:
    return await azero(chain, **changes).look_up(name, ("staex-id", "yggdrasil-key"), Trace())


@pytest.mark.parametrize("events", [True, False])
@pytest.mark.parametrize("version", [9, 15])
async def test_a_name_leads_to_its_node_in_both_forms_whatever_version_the_chain_says(
    chain: Chain, events: bool, version: int
) -> None:
    chain.events, chain.pallet_version = events, version
    chain.names["anna"].account = OTHER
    record = await look_up(chain)
    assert (record.node, record.record, record.owner, record.account) == (NODE, "staex-id", OWNER, OTHER)
    assert record.server == f"127.0.0.1:{chain.port}"


async def test_everything_is_asked_in_one_round(chain: Chain) -> None:
    trace = Trace()
    await azero(chain).look_up("anna.azero", ("staex-id",), trace)
    assert [step.what for step in trace.steps] == [f"ask 127.0.0.1:{chain.port}", "read anna.azero"]
    assert trace.steps[1].outcome == f"registry {REGISTRY}"
    assert len(chain.reads) == 6
    assert trace.steps[0].milliseconds >= trace.steps[1].milliseconds > 0


async def test_the_yggdrasil_key_is_read_where_there_is_no_staex_id(chain: Chain) -> None:
    chain.names["anna"].records = {"yggdrasil-key": NODE.key.hex()}
    assert (await look_up(chain)).record == "yggdrasil-key"


async def test_a_card_comes_along_if_it_is_of_that_node(chain: Chain) -> None:
    card = Card(node=NODE, sealing_key=bytes(range(32)))
    chain.names["anna"].records["copybara-card"] = card.token
    assert (await look_up(chain)).card == card.token
    chain.names["anna"].records["copybara-card"] = Card(node=NodeId(bytes(32)), sealing_key=bytes(range(32))).token
    assert (await look_up(chain)).card == ""
    chain.names["anna"].records["copybara-card"] = "x" * 100_000
    assert (await look_up(chain)).card == ""


async def test_a_name_that_nobody_has_is_not_registered(chain: Chain) -> None:
    error = await fails(look_up(chain, "bob.azero"))
    assert type(error) is NameNotFound
    assert "bob.azero isn't registered with AZERO.ID." in error.sentence


async def test_an_expired_name_leads_nowhere(chain: Chain) -> None:
    chain.names["anna"].expires = 1_000_000_000
    assert type(await fails(look_up(chain))) is NameExpired


async def test_a_name_without_a_node_says_which_record_is_missing(chain: Chain) -> None:
    chain.names["anna"].records = {"twitter": "anna"}
    error = await fails(look_up(chain))
    assert type(error) is NoNodeRecord
    assert "no record staex-id or yggdrasil-key" in error.sentence
    assert "copybara card --records" in error.hint


@pytest.mark.parametrize("value", ["", "hello", "\u202e" + str(NODE), str(NODE)[:-1], str(NODE).upper(), "x" * 5000])
async def test_a_record_that_is_no_node_id_is_refused_without_being_repeated(chain: Chain, value: str) -> None:
    chain.names["anna"].records["staex-id"] = value
    error = await fails(look_up(chain))
    assert type(error) is BadRecord
    assert error.sentence in (
        "The record staex-id under that name isn't a node id.",
        "A record under that name is far too long.",
    )


async def test_a_registry_that_is_gone_is_said_so(chain: Chain) -> None:
    chain.gone = {REGISTRY, ROUTER}
    error = await fails(look_up(chain))
    assert type(error) is ContractGone
    assert "copybara manual names" in error.hint


async def test_without_the_router_the_configured_registry_is_asked(chain: Chain) -> None:
    chain.gone = {ROUTER}
    assert (await look_up(chain)).node == NODE
    assert (await look_up(chain, router="")).node == NODE


async def test_the_router_goes_before_the_configured_registry(chain: Chain) -> None:
    trace = Trace()
    record = await azero(chain, registries={"azero": OTHER}).look_up("anna.azero", ("staex-id",), trace)
    assert record.node == NODE
    assert [step.what for step in trace.steps][1:] == ["read anna.azero", "read anna.azero there"]
    assert REGISTRY in trace.steps[1].outcome


async def test_a_top_level_name_without_a_registry_is_said_so(chain: Chain) -> None:
    assert "no registry for names that end in .a0" in (await fails(look_up(chain, "anna.a0"))).sentence


async def test_a_name_with_two_dots_is_not_asked_for(chain: Chain) -> None:
    assert type(await fails(look_up(chain, "a.anna.azero"))) is NameNotFound
    assert chain.reads == []


async def test_an_account_has_a_primary_name(chain: Chain) -> None:
    assert await azero(chain).primary_name(OWNER, Trace()) == "anna.azero"
    assert await azero(chain).primary_name(OTHER, Trace()) is None


async def test_without_the_router_the_registry_knows_the_primary_name(chain: Chain) -> None:
    chain.gone = {ROUTER}
    assert await azero(chain).primary_name(OWNER, Trace()) == "anna.azero"


async def test_without_servers_it_says_what_to_configure(chain: Chain) -> None:
    error = await fails(look_up(chain, rpc=()))
    assert type(error) is NamesUnreachable
    assert error.hint == "Name one under [names] of copybara.toml."


# Second opinions: clients of other authors, on the same chain.


def needs(present: bool, what: str) -> None:
    if not present:
        pytest.skip(f"needs {what}: run tests/node-packages")


async def javascript(chain: Chain, *questions: str) -> list[dict[str, Any]]:
    """The answers of @azns/resolver-core."""
    needs(shutil.which("node") is not None and METADATA.exists(), "node and the packages of tests/shared/names/node")
    process = await asyncio.create_subprocess_exec(
        *("node", "resolve.mjs", chain.url, ROUTER),
        cwd=NODE_PACKAGES,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate("".join(f"{question}\n" for question in questions).encode())
    return [json.loads(line) for line in out.splitlines()]


async def ours(lookup: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await lookup()
    except NameNotFound:
        return None


@pytest.mark.parametrize("events", [True, False])
async def test_the_javascript_resolver_agrees(chain: Chain, events: bool) -> None:
    chain.events = events
    chain.names |= {
        "bob": Name({"staex-id": str(NODE)}, account=OTHER),
        "carol": Name(expires=1_000_000_000),
        "müller": Name({"staex-id": str(NODE)}, account=OTHER),
    }
    names = ["anna.azero", "bob.azero", "carol.azero", "nobody.azero", "müller.azero"]
    accounts = [OWNER, OTHER]
    theirs = await javascript(chain, *names, *accounts)
    for name, answer in zip(names, theirs, strict=False):
        record = await ours(lambda name=name: look_up(chain, name))  # type: ignore[misc]
        assert answer.get("error") is None
        assert answer["address"] == (record.account if record else None), name
    for account, answer in zip(accounts, theirs[len(names) :], strict=True):
        assert answer["primaryDomain"] == await azero(chain).primary_name(account, Trace())


async def test_substrate_interface_reads_the_same_value(chain: Chain) -> None:
    """In the plain form. With events it needs the correct version of the pallet, so that form isn't used."""
    needs(METADATA.exists(), "the packages of tests/shared/names/node")
    chain.events = False

    def read() -> Any:
        from substrateinterface import SubstrateInterface

        with SubstrateInterface(url=chain.url) as client:
            return client.runtime_call(
                "ContractsApi",
                "call",
                {
                    "origin": OWNER,
                    "dest": REGISTRY,
                    "value": 0,
                    "gas_limit": None,
                    "storage_deposit_limit": None,
                    "input_data": "0x7e6cb4ce" + (text("anna") + text("staex-id")).hex(),
                },
            ).value

    result = (await asyncio.to_thread(read))["result"]["Ok"]
    assert bytes.fromhex(result["data"][2:]) == b"\0\0" + text(str(NODE))
    assert (await look_up(chain)).node == NODE
