"""A read of an ink! contract: the bytes of `ContractsApi_call` and of its answer (pallet-contracts, ink! 4).

The answer comes in two forms: newer runtimes put the events of the dry run behind the result. Nothing before them
differs, so both are read alike, whatever version the chain says it has.
"""

from __future__ import annotations

from shared.errors import BadAnswer, ContractGone
from shared.names.scale import ScaleReader, sequence

METHOD = "ContractsApi_call"
"The runtime function, for the JSON-RPC method `state_call`."

NOBODY = bytes(32)
"The account in whose name the read is done; reads need no account that exists."

_MODULE = 3
"DispatchError::Module."

_CONTRACT_NOT_FOUND = 6
"pallet-contracts, Error::ContractNotFound."


def request(contract: bytes, message: bytes, *, origin: bytes = NOBODY) -> bytes:
    """What to send: call `message` (selector and arguments) of a contract, with no value and no limits."""
    value = bytes(16)
    no_gas_limit = no_deposit_limit = b"\0"
    return origin + contract + value + no_gas_limit + no_deposit_limit + sequence(message)


def answer(raw: bytes) -> bytes:
    """What the message returned: the bytes of its outer `Result<_, LangError>`.

    Raises ContractGone if there is no such contract, BadAnswer for bytes that are no answer, or a call that the
    chain refused for another reason.
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
    reader.take(4)  # flags: the value also says whether a message failed
    return reader.sequence()


def returned(value: bytes) -> ScaleReader:
    """The message's own return value. Raises BadAnswer if the contract couldn't read the call (LangError)."""
    reader = ScaleReader(value)
    if reader.choice("ok", "error") == "error":
        raise BadAnswer("The contract doesn't know what it was asked.")
    return reader


def _refusal(reader: ScaleReader) -> BadAnswer | ContractGone:
    if reader.number(1) == _MODULE:
        reader.take(1)  # the number of the pallet differs from chain to chain; only pallet-contracts answers here
        if reader.number(1) == _CONTRACT_NOT_FOUND:
            return ContractGone()
    return BadAnswer("The chain refused to run the contract.")
