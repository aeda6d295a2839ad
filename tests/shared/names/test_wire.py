"""The bytes of contract reads: those of two real runtimes, and any others."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadAnswer, ContractGone, InputError, ServerFault
from shared.names import azns, ink, scale, ss58
from shared.names.azns import ContractRefused
from shared.names.json_rpc import MOST_BYTES, decode, from_hex
from tests.shared.names import chain

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "azero-reads.json").read_text())
FORMS = ("plain", "events")
NODE = "h8syf1xcv3rveegh00p89ew8sqbzkr4ckpjz3zs4xxr5tvf4hs4g"

REQUESTS = {
    "get_record staex/staex-id": (chain.REGISTRY, azns.get_record("staex", "staex-id")),
    "get_record staex/nope": (chain.REGISTRY, azns.get_record("staex", "nope")),
    "get_address unknown": (chain.REGISTRY, azns.get_address("unknown")),
    "router get_address staex.azero": (
        chain.ROUTER,
        azns.get_address("staex.azero"),
    ),
}


def value(form: str, read: str) -> bytes:
    return ink.answer(from_hex(VECTORS[form][read]["response"]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read", REQUESTS)
def test_a_request_has_exactly_the_bytes_of_a_real_one(form: str, read: str) -> None:
    contract, message = REQUESTS[read]
    request = bytes.fromhex(VECTORS[form][read]["request"][2:])
    # The recorded requests have another account as the reader, in the first 32 bytes.
    assert ink.request(ss58.decode(contract), message, origin=request[:32]) == request


@pytest.mark.parametrize("form", FORMS)
class TestRealAnswers:
    def test_a_record_is_read(self, form: str) -> None:
        assert azns.text(value(form, "get_record staex/staex-id")) == NODE

    def test_a_missing_record_is_the_contracts_own_error(self, form: str) -> None:
        assert azns.text(value(form, "get_record staex/nope")) == ContractRefused(azns.RECORD_NOT_FOUND)

    def test_a_missing_name_is_another(self, form: str) -> None:
        assert azns.account(value(form, "get_address unknown")) == ContractRefused(azns.NAME_DOESNT_EXIST)

    def test_the_routers_account_is_read(self, form: str) -> None:
        read = VECTORS[form]["router get_address staex.azero"]
        assert azns.account(ink.answer(from_hex(read["response"]))) == from_hex(read["request"])[:32]  # the reader

    def test_a_contract_that_does_not_know_the_message_says_so(self, form: str) -> None:
        with pytest.raises(BadAnswer, match="doesn't know"):
            azns.text(value(form, "bad selector"))

    def test_a_contract_that_is_not_there_is_gone(self, form: str) -> None:
        with pytest.raises(ContractGone):
            value(form, "no contract")


def test_the_stand_in_answers_as_the_real_runtimes_do() -> None:
    """Byte for byte after the cost of the read. So what holds against the stand-in holds against a chain."""
    names = {"staex": chain.Name({"staex-id": NODE})}
    for form in FORMS:
        fake = chain.Chain(names, events=form == "events")
        for read in ("get_record staex/staex-id", "get_record staex/nope", "get_address unknown"):
            real = value(form, read)
            request = bytes.fromhex(VECTORS[form][read]["request"][2:])
            message = scale.ScaleReader(request[82:]).sequence()
            assert ink.answer(fake.call(ss58.decode(chain.REGISTRY), message)) == real


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_one_known_error(raw: bytes) -> None:
    for read in (azns.text, azns.account, azns.moment, azns.maybe_account, azns.domains):
        with contextlib.suppress(ServerFault):
            read(ink.answer(raw))


@given(st.sampled_from(FORMS), st.data())
def test_a_real_answer_that_was_changed_is_an_answer_or_one_known_error(form: str, data: st.DataObject) -> None:
    raw = bytearray(from_hex(VECTORS[form]["get_record staex/staex-id"]["response"]))
    raw[data.draw(st.integers(0, 80))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ServerFault):
        azns.text(ink.answer(bytes(raw)))


@given(st.integers(0, (1 << 30) - 1))
def test_a_compact_number_is_read_as_it_was_written(number: int) -> None:
    reader = scale.ScaleReader(scale.compact(number))
    assert (reader.compact(), reader.rest) == (number, b"")
    assert chain.read_compact(scale.compact(number)) == (number, b"")


@given(st.binary(min_size=32, max_size=32))
def test_an_account_is_read_as_it_was_written(account: bytes) -> None:
    assert ss58.decode(ss58.encode(account)) == account


@given(st.text(max_size=60))
def test_any_text_is_an_account_or_is_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert ss58.encode(ss58.decode(text)) == text


def test_an_account_with_a_typing_error_or_of_another_chain_is_refused() -> None:
    good = "5CTQBfBC9SfdrCDBJdfLiyW2pg9z5W6C6Es8sK313BLnFgDf"
    polkadot = "1FRMM8PEiWXYax7rpS6X4XZX1aAAxSWx1CrKTyrVYhV24fg"
    for text in (good[:-1] + "g", good[:-1], good + "1", polkadot, "", "0OIl"):
        assert not ss58.is_account(text)
    assert ss58.is_account(good)


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "null", "{}", '{"id":1}', '{"id":1,"error":7}', '{"id":1,"result":[[[[']
)
def test_text_that_is_no_answer_is_a_known_error_or_nothing(text: str) -> None:
    with contextlib.suppress(BadAnswer):
        assert decode(text) == (None, None)


@given(st.text(max_size=200))
def test_any_text_is_an_answer_or_one_known_error(text: str) -> None:
    with contextlib.suppress(BadAnswer):
        decode(text)


@pytest.mark.parametrize("text", ["[", '{"id":1,"result":[', '{"id":1,"more":['])
def test_brackets_without_end_are_a_known_error(text: str) -> None:
    with pytest.raises(BadAnswer):
        decode(text.ljust(MOST_BYTES, "["))
