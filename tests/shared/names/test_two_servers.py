"""Two servers of a chain are asked at once and must agree, so neither of them can redirect a name alone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from shared.errors import NameNotFound, NamesDisagree, NamesUnreachable
from shared.links.card import Card
from shared.names.azero import AzeroId, Network
from shared.names.ens import Chain as EnsChain
from shared.names.ens import Ens
from shared.names.lookup import SystemNames
from shared.names.system import Record
from shared.names.trace import Trace
from shared.node_id import NodeId
from shared.store import Store
from tests.shared.names.chain import REGISTRY, ROUTER, Chain, Name
from tests.shared.names.ethereum import Ethereum
from tests.shared.names.tcp import tcp

NODE, OTHER = NodeId(bytes(range(32))), NodeId(bytes(range(1, 33)))
SECONDS = 2.0


@contextlib.asynccontextmanager
async def chains(*names: dict[str, Name]) -> AsyncIterator[list[Chain]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Chain(each).running()) for each in names]


def azero(*urls: str, seconds: float = SECONDS) -> AzeroId:
    return AzeroId(Network(urls, Chain().genesis, ROUTER, {"azero": REGISTRY}), seconds=seconds)


async def look_up(*urls: str, seconds: float = SECONDS) -> Record:
    return await azero(*urls, seconds=seconds).look_up("anna.azero", ("staex-id",), Trace())


def anna(node: NodeId = NODE, /, **records: str) -> dict[str, Name]:
    return {"anna": Name({"staex-id": str(node), **records})}


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_two_that_agree_are_believed_and_both_were_asked() -> None:
    async with chains(anna(), anna()) as (one, two):
        record = await look_up(one.url, two.url)
        assert (record.node, record.silent) == (NODE, ())
        assert one.reads
        assert two.reads


@pytest.mark.parametrize("lying", [0, 1])
async def test_one_that_lies_stops_the_call_and_both_values_are_shown(lying: int) -> None:
    nodes = [OTHER, NODE] if lying == 0 else [NODE, OTHER]
    async with chains(anna(nodes[0]), anna(nodes[1])) as (one, two):
        with pytest.raises(NamesDisagree) as caught:
            await look_up(one.url, two.url)
        for said in (f"127.0.0.1:{one.port}: node {nodes[0]}", f"127.0.0.1:{two.port}: node {nodes[1]}"):
            assert said in caught.value.sentence


async def test_one_that_says_the_name_isnt_there_disagrees_too() -> None:
    async with chains(anna(), {}) as (one, two):
        with pytest.raises(NamesDisagree, match="isn't registered"):
            await look_up(one.url, two.url)
    async with chains({}, {}) as (one, two):
        with pytest.raises(NameNotFound):
            await look_up(one.url, two.url)


async def test_a_card_that_only_one_has_is_a_disagreement() -> None:
    card = Card(node=NODE, sealing_key=bytes(range(32))).token
    async with chains(anna(), anna(**{"copybara-card": card})) as (one, two):
        with pytest.raises(NamesDisagree):
            await look_up(one.url, two.url)


async def test_one_that_is_silent_is_said_and_costs_no_more_than_its_time() -> None:
    async with chains(anna()) as (one,), tcp(_hang) as port:
        for urls in ((one.url, f"ws://127.0.0.1:{port}"), (f"ws://127.0.0.1:{port}", one.url)):
            begun = time.monotonic()
            record = await look_up(*urls, seconds=0.5)
            assert time.monotonic() - begun < 15
            assert (record.node, record.silent) == (NODE, (f"127.0.0.1:{port}",))


async def test_a_third_server_takes_the_place_of_one_that_is_silent() -> None:
    async with chains(anna(), anna(OTHER)) as (one, three), tcp(_hang) as port:
        with pytest.raises(NamesDisagree):
            await look_up(one.url, f"ws://127.0.0.1:{port}", three.url, seconds=0.5)


async def test_all_that_are_silent_are_named() -> None:
    async with tcp(_hang) as one, tcp(_hang) as two:
        with pytest.raises(NamesUnreachable) as caught:
            await look_up(f"ws://127.0.0.1:{one}", f"ws://127.0.0.1:{two}", seconds=0.5)
        assert f"127.0.0.1:{one}:" in caught.value.sentence
        assert f"127.0.0.1:{two}:" in caught.value.sentence


async def test_two_servers_of_ethereum_must_agree_as_well() -> None:
    one, two = Ethereum(), Ethereum()
    for chain, node in ((one, NODE), (two, OTHER)):
        chain.give("anna.eth", chain.resolver)
        chain.write("anna.eth", "staex-id", str(node))
    async with one.running(), two.running():
        ens = Ens(EnsChain((one.url, two.url), 1, one.registry), seconds=20)
        with pytest.raises(NamesDisagree, match=str(OTHER)):
            await ens.look_up("anna.eth", ("staex-id",), Trace())


async def test_where_they_disagree_nothing_is_kept_and_memory_isnt_used(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Store(tmp_path_factory.mktemp("home") / "copybara.db") as store:
        async with chains(anna(), anna()) as (one, two):
            names = SystemNames([azero(one.url, two.url)], store)
            assert (await names.resolve("anna.azero")) is not None
            two.names = anna(OTHER)
            before = store.kept_names()
            with pytest.raises(NamesDisagree):
                await names.resolve("anna.azero")
            assert store.kept_names() == before
