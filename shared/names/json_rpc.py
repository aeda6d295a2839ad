"""JSON-RPC 2.0: questions and answers as text. Pure; rpc_websocket.py and rpc_http.py carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from shared.errors import BadAnswer
from shared.not_json import NOT_JSON

MOST_BYTES = 512 * 1024
"Of one answer. The longest good one, a contract read with all its events, has some kilobytes."


class Question(msgspec.Struct, frozen=True):
    """A method and its parameters."""

    method: str
    parameters: Sequence[object] = ()

    def encode(self, number: int) -> bytes:
        """The request with that id."""
        return msgspec.json.encode(
            {"jsonrpc": "2.0", "id": number, "method": self.method, "params": list(self.parameters)}
        )


class JsonRpcError(msgspec.Struct, frozen=True):
    """The server's own error in place of a result."""

    code: int
    data: str
    "What came with it, if it was text: of an Ethereum call, what the contract reverted with."


class _Error(msgspec.Struct, frozen=True):
    code: int
    data: Any = None


class _Reply(msgspec.Struct, frozen=True):
    id: Any = None
    result: Any = msgspec.UNSET
    error: _Error | None = None


class JsonRpc(Protocol):
    """A server that answers questions."""

    server: str
    "Its host, for people; never with a path, which may hold a key."

    async def ask(self, questions: Sequence[Question]) -> list[object]:
        """Put all questions at once. The answers are in their order, each a result or an RpcError.

        Raises ServerFault when the server breaks off, or answers with what is no answer.
        """
        ...


def decode(raw: str | bytes) -> tuple[object, object]:
    """The id of an answer, and its result or RpcError. Raises BadAnswer."""
    try:
        answer = msgspec.json.decode(raw, type=_Reply)
    except NOT_JSON as error:
        raise BadAnswer("The server answered with something that isn't JSON-RPC.") from error
    if answer.error is not None:
        data = answer.error.data
        return answer.id, JsonRpcError(answer.error.code, data if isinstance(data, str) else "")
    if answer.result is msgspec.UNSET:
        # Not an answer: a notification, or an object of another kind.
        return None, None
    return answer.id, answer.result


def from_hex(result: object) -> bytes:
    """The bytes of a result that is hexadecimal text after 0x. Raises BadAnswer."""
    if isinstance(result, JsonRpcError):
        raise BadAnswer(f"The server refused the question (code {result.code}).")
    try:
        if not isinstance(result, str) or not result.startswith("0x"):
            raise ValueError
        return bytes.fromhex(result[2:])
    except ValueError:
        raise BadAnswer("The server answered with something that isn't hexadecimal.") from None
