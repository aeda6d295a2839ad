"""JSON-RPC 2.0: questions and replies as text. Pure; rpc_websocket.py and rpc_http.py carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from shared.errors import BadAnswer
from shared.not_json import NOT_JSON

MOST_BYTES = 512 * 1024
"The longest reply in bytes. The longest valid one, a contract's return value with all events, has some kilobytes."


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
    """The server's error instead of a result."""

    code: int
    data: str
    "The error's data, if it is text. For an Ethereum call, the data with which the contract reverted."


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
    "The server's host, for people. It never has a path, which may contain a key."

    async def ask(self, questions: Sequence[Question]) -> list[object]:
        """Ask all questions at once. The answers are in the same order, each a result or a JsonRpcError.

        Raises ServerFault if the server disconnects, or its reply is invalid.
        """
        ...


def decode(raw: str | bytes) -> tuple[object, object]:
    """The id of a reply, and its result or JsonRpcError. Raises BadAnswer."""
    try:
        answer = msgspec.json.decode(raw, type=_Reply)
    except NOT_JSON as error:
        raise BadAnswer("The server answered with something that isn't JSON-RPC.") from error
    if answer.error is not None:
        data = answer.error.data
        return answer.id, JsonRpcError(answer.error.code, data if isinstance(data, str) else "")
    if answer.result is msgspec.UNSET:
        # This isn't a reply, but a notification or another object.
        return None, None
    return answer.id, answer.result


def from_hex(result: object) -> bytes:
    """The bytes of a result in hexadecimal after 0x. Raises BadAnswer."""
    if isinstance(result, JsonRpcError):
        raise BadAnswer(f"The server refused the question (code {result.code}).")
    try:
        if not isinstance(result, str) or not result.startswith("0x"):
            raise ValueError
        return bytes.fromhex(result[2:])
    except ValueError:
        raise BadAnswer("The server answered with something that isn't hexadecimal.") from None
