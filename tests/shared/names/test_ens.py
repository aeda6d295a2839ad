"""ENS: the published contracts in a local EVM, and resolvers with other behaviour."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    BadAnswer,
    BadRecord,
    ContractGone,
    CopybaraError,
    NameExpired,
    NameNotFound,
    NameSystemError,
    NoNodeRecord,
    OffChainName,
)
from shared.links.card import Card
from shared.names import ens_call
from shared.names.ens import Chain, Ens
from shared.names.trace import Trace
from shared.node_id import NodeId
from tests.shared.names.ethereum import Ethereum, answers, call_of, node_of, selector

NODE = NodeId(bytes(range(32)))
SUPPORTS = selector("supportsInterface(bytes4)")
RESOLVE = selector("resolve(bytes,bytes)")
OFFCHAIN = selector("OffchainLookup(address,string[],bytes,bytes4,bytes)")
YES = encode(["bool"], [True])


@pytest.fixture(scope="module")
def world() -> Ethereum:
    ethereum = Ethereum()
    ethereum.give("anna.eth", ethereum.resolver)
    ethereum.write("anna.eth", "staex-id", str(NODE))
    return ethereum


@pytest.fixture
async def ethereum(world: Ethereum) -> AsyncIterator[Ethereum]:
    async with world.running():
        yield world


def ens(ethereum: Ethereum, **changes: Any) -> Ens:
    values: dict[str, Any] = {"rpc": (ethereum.url,), "chain_id": 1, "registry": ethereum.registry} | changes
    return Ens(Chain(**values), seconds=10.0)


async def look_up(ethereum: Ethereum, name: str, trace: Trace | None = None, **changes: Any) -> Any:
    return await ens(ethereum, **changes).look_up(name, ("staex-id", "yggdrasil-key"), trace or Trace())


async def fails(ethereum: Ethereum, name: str, **changes: Any) -> CopybaraError:
    with pytest.raises(CopybaraError) as caught:
        await look_up(ethereum, name, **changes)
    return caught.value


async def test_a_name_leads_to_its_node(ethereum: Ethereum) -> None:
    trace = Trace()
    record = await look_up(ethereum, "anna.eth", trace)
    assert (record.node, record.record, record.card) == (NODE, "staex-id", "")
    assert record.owner.lower() == ethereum.account.lower()
    assert record.server == f"127.0.0.1:{ethereum.port}"
    assert [step.what for step in trace.steps][1:] == ["find the resolver of anna.eth", "read anna.eth"]


async def test_the_account_a_name_stands_for_is_read(ethereum: Ethereum) -> None:
    ethereum.give("paid.eth", ethereum.resolver)
    ethereum.write("paid.eth", "staex-id", str(NODE))
    account = "0x" + "12" * 20
    ethereum.send(ethereum.resolver, call_of("setAddr(bytes32,address)", node_of("paid.eth"), account))
    assert (await look_up(ethereum, "paid.eth")).account == account


async def test_the_yggdrasil_key_and_a_card_are_read(ethereum: Ethereum) -> None:
    card = Card(node=NODE, sealing_key=bytes(range(32)))
    ethereum.give("ygg.eth", ethereum.resolver)
    ethereum.write("ygg.eth", "yggdrasil-key", NODE.key.hex())
    ethereum.write("ygg.eth", "copybara-card", card.token)
    record = await look_up(ethereum, "ygg.eth")
    assert (record.node, record.record, record.card) == (NODE, "yggdrasil-key", card.token)


async def test_a_name_below_another_has_records_of_its_own(ethereum: Ethereum) -> None:
    ethereum.give("phone.anna.eth", ethereum.resolver)
    ethereum.write("phone.anna.eth", "staex-id", str(NodeId(bytes(32))))
    assert (await look_up(ethereum, "phone.anna.eth")).node == NodeId(bytes(32))


async def test_names_in_other_scripts_are_read(ethereum: Ethereum) -> None:
    ethereum.give("müller.eth", ethereum.resolver)
    ethereum.write("müller.eth", "staex-id", str(NODE))
    assert (await look_up(ethereum, "müller.eth")).node == NODE


async def test_what_is_missing_is_said(ethereum: Ethereum) -> None:
    ethereum.give("bare.eth")
    ethereum.give("empty.eth", ethereum.resolver)
    assert type(await fails(ethereum, "nobody.eth")) is NameNotFound
    assert "has no resolver" in (await fails(ethereum, "bare.eth")).sentence
    assert type(await fails(ethereum, "empty.eth")) is NoNodeRecord
    assert type(await fails(ethereum, "nobody.anna.eth")) is NameNotFound
    assert type(await fails(ethereum, ".".join("abcdefghijk") + ".eth")) is NameNotFound


@pytest.mark.parametrize("value", ["hello", str(NODE)[:-1], "x" * 5000, "\u202e"])
async def test_a_record_that_is_no_node_id_is_refused(ethereum: Ethereum, value: str) -> None:
    ethereum.give("bad.eth", ethereum.resolver)
    ethereum.write("bad.eth", "staex-id", value)
    assert type(await fails(ethereum, "bad.eth")) is BadRecord


async def test_a_chain_without_the_registry_is_said_so(ethereum: Ethereum) -> None:
    assert type(await fails(ethereum, "anna.eth", registry="0x" + "ab" * 20)) is ContractGone


async def test_any_chain_is_taken_where_none_is_demanded(ethereum: Ethereum) -> None:
    assert (await look_up(ethereum, "anna.eth", chain_id=0)).node == NODE


async def test_an_expired_registration_leads_nowhere_though_the_records_are_there() -> None:
    ethereum = Ethereum()
    ethereum.give("old.eth", ethereum.resolver)
    ethereum.write("old.eth", "staex-id", str(NODE))
    registrar = ethereum.deploy(answers({selector("nameExpires(uint256)"): encode(["uint256"], [1_500_000_000])}))
    # The reader asks the registry's owner of `eth` when its names expire.
    ethereum.send(ethereum.registry, call_of("setOwner(bytes32,address)", node_of("eth"), registrar))
    async with ethereum.running():
        assert type(await fails(ethereum, "old.eth")) is NameExpired


async def test_a_wildcard_resolver_answers_for_the_names_below_its_own(ethereum: Ethereum) -> None:
    text = encode(["bytes"], [encode(["string"], [str(NODE)])])
    ethereum.give("wild.eth", ethereum.deploy(answers({SUPPORTS: YES, RESOLVE: text})))
    for name in ("wild.eth", "a.wild.eth", "a.b.wild.eth"):
        assert (await look_up(ethereum, name)).node == NODE


async def test_an_ordinary_resolver_does_not_answer_for_names_below_its_own(ethereum: Ethereum) -> None:
    assert type(await fails(ethereum, "a.anna.eth")) is NameNotFound


@pytest.mark.parametrize("name", ["off.eth", "a.off.eth"])
async def test_a_resolver_that_sends_us_to_a_web_server_is_refused_and_nobody_is_asked(
    ethereum: Ethereum, name: str
) -> None:
    lookup = OFFCHAIN + encode(
        ["address", "string[]", "bytes", "bytes4", "bytes"],
        [ethereum.registry, [f"http://127.0.0.1:{ethereum.port}/{{sender}}/{{data}}"], b"", b"abcd", b""],
    )
    resolver = answers({SUPPORTS: YES, RESOLVE: lookup}, reverting=frozenset([RESOLVE]))
    ethereum.give("off.eth", ethereum.deploy(resolver))
    error = await fails(ethereum, name)
    assert type(error) is OffChainName
    assert "your address" in error.hint


@pytest.mark.parametrize("value", [b"", b"x", b"\xff" * 64, encode(["uint256"], [1 << 255]) + b"\xff" * 32])
async def test_a_resolver_that_returns_nonsense_is_a_known_error(ethereum: Ethereum, value: bytes) -> None:
    resolver = answers({selector("text(bytes32,string)"): value or b"\0"})
    ethereum.give("mad.eth", ethereum.deploy(resolver))
    assert isinstance(await fails(ethereum, "mad.eth"), NameSystemError | NoNodeRecord)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # ERC-137, "namehash algorithm".
        ("eth", "93cdeb708b7545dc668eb9280176169d1c33cfd8ed6f04690a0bcc88a93fc4ae"),
        ("foo.eth", "de9b09fd7c5f901e23a3f19fecc54828e9c848539801e86591bd9801b019f84f"),
    ],
)
def test_the_hash_of_a_name_is_the_standards(name: str, expected: str) -> None:
    assert ens_call.namehash(name).hex() == expected


@given(st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=9), st.text(max_size=30))
def test_calls_have_the_bytes_that_another_library_gives_them(name: str, key: str) -> None:
    node = node_of(f"{name}.eth")
    assert ens_call.namehash(f"{name}.eth") == node
    assert ens_call.text(node, key) == call_of("text(bytes32,string)", node, key)
    assert ens_call.resolver(node) == call_of("resolver(bytes32)", node)
    assert ens_call.owner(node) == call_of("owner(bytes32)", node)
    assert ens_call.address(node) == call_of("addr(bytes32)", node)
    assert ens_call.supports(ens_call.WILDCARD) == call_of("supportsInterface(bytes4)", RESOLVE)
    assert ens_call.resolve(b"a", b"b") == call_of("resolve(bytes,bytes)", b"a", b"b")
    number = ens_call.label_number(name)
    assert ens_call.name_expires(number) == call_of("nameExpires(uint256)", number)
    assert OFFCHAIN.hex() == ens_call.OFFCHAIN


def test_a_name_in_a_dns_message_has_lengths_before_its_labels() -> None:
    assert ens_call.dns_name("a.bc.eth") == b"\1a\2bc\3eth\0"
    assert ens_call.dns_name("x" * 256 + ".eth") is None


@given(st.binary(max_size=200))
def test_any_returned_bytes_are_a_value_or_one_known_error(value: bytes) -> None:
    for read in (ens_call.as_address, ens_call.as_text, ens_call.as_bytes, ens_call.as_number):
        with contextlib.suppress(BadAnswer, BadRecord):
            read(value)
    assert ens_call.as_truth(value) in (True, False)
