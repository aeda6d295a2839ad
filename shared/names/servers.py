"""Several servers of one name system, asked in their order until one can answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from shared.errors import ContractGone, NamesUnreachable, ServerFault, first_error
from shared.names.json_rpc import Rpc
from shared.names.server import Server
from shared.names.trace import Trace

LOOKUP_SECONDS = 15.0
"What all servers together may take."

_Result = TypeVar("_Result")


class Servers:
    """The servers that know a name system."""

    def __init__(self, system: str, urls: Sequence[str], *, seconds: float) -> None:
        """`system` is its name for people; `seconds` is what one server may take for everything.

        Raises ValueError for a URL that isn't one, see Server.parse.
        """
        self._system = system
        self._servers = [Server.parse(url) for url in urls]
        self._seconds = seconds

    async def ask(self, trace: Trace, ask: Callable[[Rpc], Awaitable[_Result]]) -> _Result:
        """What `ask` returns for the first server for which it raises no ServerFault.

        Raises NamesUnreachable when none is left, ContractGone if that is what each of them said, and everything
        else that `ask` raises.
        """
        if not self._servers:
            raise NamesUnreachable(f"No server of {self._system} is configured.", "Name one under [names].")
        faults: list[ServerFault] = []
        end = asyncio.get_running_loop().time() + LOOKUP_SECONDS
        for server in self._servers:
            limit = min(self._seconds, end - asyncio.get_running_loop().time())
            if limit <= 0:
                break
            try:
                with trace.step(f"ask {server.shown}"):
                    return await self._one(server, limit, ask)
            except ServerFault as fault:
                faults.append(fault)
        if all(isinstance(fault, ContractGone) for fault in faults):
            raise faults[0]
        said = " ".join(
            f"{server.shown}: {fault.sentence}" for server, fault in zip(self._servers, faults, strict=False)
        )
        raise NamesUnreachable(f"No server of {self._system} could be asked. {said}")

    async def _one(self, server: Server, limit: float, ask: Callable[[Rpc], Awaitable[_Result]]) -> _Result:
        try:
            async with asyncio.timeout(limit), _connected(server) as rpc:
                return await ask(rpc)
        except TimeoutError:
            raise ServerFault(f"No answer within {limit:.3g} seconds.") from None
        except BaseExceptionGroup as group:  # of the questions to one server; the first fault tells enough
            if faults := group.subgroup(ServerFault):
                raise first_error(faults) from None
            raise


@contextlib.asynccontextmanager
async def _connected(server: Server) -> AsyncIterator[Rpc]:
    if server.parts.scheme in ("ws", "wss"):
        from shared.names.rpc_websocket import connect

        async with connect(server) as rpc:
            yield rpc
    else:
        from shared.names.rpc_http import connect as connect_http

        async with connect_http(server) as rpc:
            yield rpc
