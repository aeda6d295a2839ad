"""Reads of an ink! contract: the bytes of `ContractsApi_call` and its reply (pallet-contracts, ink! 4).

The reply has two forms: newer runtimes add the events of the dry run after the result. The part before them is the
same, so both forms are read alike, whatever version the chain claims.
"""

from __future__ import annotations

from shared.errors import BadAnswer, ContractGone
from shared.names.scale import ScaleReader, sequence

METHOD = "ContractsApi_call"
"The runtime function, a parameter of the JSON-RPC method `state_call`."

NOBODY = bytes(32)
"The account that makes the call. A read needs no account that exists."

_MODULE = 3
"The index of DispatchError::Module."

_CONTRACT_NOT_FOUND = 6
"The index of Error::ContractNotFound in pallet-contracts."


def request(contract: bytes, message: bytes, *, origin: bytes = NOBODY) -> bytes:
    """The request: call `message` (selector and arguments) of a contract, with no value and no limits."""
    value = bytes(16)
    no_gas_limit = no_deposit_limit = b"\0"
    return origin + contract + value + no_gas_limit + no_deposit_limit + sequence(message)


def answer(raw: bytes) -> bytes:
    """The message's return value: the bytes of its outer `Result<_, LangError>`.

    Raises ContractGone if there is no such contract, and BadAnswer for invalid bytes or a call that the chain refused
    for another reason.
    """
    reader = ScaleReader(raw)
    for _ in ("consumed", "required"):
        reader.compact()
        reader.compact()
    reader.choice("refund", "charge")
    reader.take(16)
    reader.sequence()  # the debug message
    if reader.choice("ok", "error") == "error":
        raise _refusal(reader)
    reader.take(4)  # the flags; the value also says whether the message failed
    return reader.sequence()


def returned(value: bytes) -> ScaleReader:
    """The message's own return value. Raises BadAnswer if the contract couldn't read the call (LangError)."""
    reader = ScaleReader(value)
    if reader.choice("ok", "error") == "error":
        raise BadAnswer("The contract doesn't know what it was asked.")
    return reader


def _refusal(reader: ScaleReader) -> BadAnswer | ContractGone:
    if reader.number(1) == _MODULE:
        reader.take(1)  # the pallet's number varies between chains, but only pallet-contracts replies here
        if reader.number(1) == _CONTRACT_NOT_FOUND:
            return ContractGone()
    return BadAnswer("The chain refused to run the contract.")
