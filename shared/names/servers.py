"""Asks two servers of a name system at once. They must agree, so that no single server is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from shared.errors import ContractGone, CopybaraError, NamesDisagree, NamesUnreachable, ServerFault, first_error
from shared.in_thread import in_thread
from shared.names import rpc_http, rpc_websocket
from shared.names.json_rpc import JsonRpc
from shared.names.server import Server
from shared.names.trace import Trace

LOOKUP_SECONDS = 15.0
"How long all servers together may take."

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class ServersReply(Generic[_Result]):
    """The result, and the servers that didn't confirm it."""

    value: _Result

    silent: tuple[str, ...]
    "The hosts that should have confirmed the result and didn't reply."


class Servers:
    """The servers of a name system."""

    def __init__(
        self, system: str, urls: Sequence[str], *, seconds: float, lookup_seconds: float = LOOKUP_SECONDS
    ) -> None:
        """`system` is its name for people. `seconds` is how long one server may take for everything, and
        `lookup_seconds` how long all of them together may.

        Raises ValueError for a bad URL, see Server.parse.
        """
        self._system = system
        self._servers = [Server.parse(url) for url in urls]
        self._seconds = seconds
        self._lookup_seconds = lookup_seconds

    async def ask(
        self,
        name: str,
        trace: Trace,
        ask: Callable[[JsonRpc], Awaitable[_Result]],
        show: Callable[[_Result], str] = str,
    ) -> ServersReply[_Result]:
        """The result of `ask` for two of the servers. Both are asked at once, and must agree.

        A server with a ServerFault is replaced by the next one. If there is only one server, or only one replies, its
        answer is used, and the result lists the silent ones. Two results agree if `show` makes the same text of them.
        `name` is for people.

        Raises NamesUnreachable if no server replies, ContractGone if every server says so, NamesDisagree if two servers
        differ, and everything else that `ask` raises.
        """
        if not self._servers:
            raise NamesUnreachable(
                f"No server of {self._system} is configured.", "Name one under [names] of copybara.toml."
            )
        await load(self._servers)
        faults: dict[Server, ServerFault] = {}
        waiting = iter(self._servers)
        end = asyncio.get_running_loop().time() + self._lookup_seconds

        async def from_one() -> tuple[Server, _Result | CopybaraError] | None:
            for server in waiting:
                limit = min(self._seconds, end - asyncio.get_running_loop().time())
                if limit <= 0:
                    return None
                try:
                    with trace.step(f"ask {server.shown}"):
                        return server, await ask_one(server, limit, ask)
                except ServerFault as fault:
                    faults[server] = fault
                except CopybaraError as said:
                    return server, said
            return None

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(from_one()) for _ in self._servers[:2]]
        answers = [answer for task in tasks if (answer := task.result()) is not None]
        if not answers:
            raise self._unreachable(faults)
        said = [(server.shown, _shown(answer, show)) for server, answer in answers]
        if len({what for _, what in said}) > 1:
            raise NamesDisagree(name, first=said[0], second=said[1])
        agreed = answers[0][1]
        if isinstance(agreed, CopybaraError):
            raise agreed
        silent = [server.shown for server in faults] if len(answers) < len(tasks) else []
        return ServersReply(agreed, tuple(silent))

    def _unreachable(self, faults: dict[Server, ServerFault]) -> CopybaraError:
        found = list(faults.values())
        if found and all(isinstance(fault, ContractGone) for fault in found):
            return found[0]
        said = " ".join(f"{server.shown}: {fault.sentence}" for server, fault in faults.items())
        return NamesUnreachable(f"No server of {self._system} could be asked. {said}")


async def load(servers: Iterable[Server]) -> None:
    """Import the clients. That takes longer than asking, and must not count as the servers' time."""
    for way in {_way(server) for server in servers}:
        await in_thread(way.load)


async def ask_one(server: Server, limit: float, ask: Callable[[JsonRpc], Awaitable[_Result]]) -> _Result:
    """What `ask` returns for a server, which has `limit` seconds for everything. Raises what it raises, ServerFault."""
    try:
        async with asyncio.timeout(limit), _way(server).connect(server) as rpc:
            return await ask(rpc)
    except TimeoutError:
        raise ServerFault(f"No answer within {limit:.3g} seconds.") from None
    except BaseExceptionGroup as group:  # one server had several questions; the first fault says enough
        if faults := group.subgroup(ServerFault):
            raise first_error(faults) from None
        raise


class _Way(Protocol):
    """A module for connections to servers. There are two."""

    def load(self) -> None: ...

    def connect(self, server: Server, /) -> AbstractAsyncContextManager[JsonRpc]: ...


def _way(server: Server) -> _Way:
    return rpc_websocket if server.parts.scheme in ("ws", "wss") else rpc_http


def _shown(answer: _Result | CopybaraError, show: Callable[[_Result], str]) -> str:
    return answer.sentence if isinstance(answer, CopybaraError) else show(answer)
