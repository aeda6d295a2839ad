"""Looking up a name of AZERO.ID, beside the JavaScript resolver of its makers, on the same stand-in of the chain.

Each round starts both as programs of their own. The JavaScript resolver keeps its connection open, so that its second
question needs none; ours opens one each time and leaves nothing open between calls.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable

from benchmarks.measuring import Figure, Row, Samples, interleaved, interleaved_tasks
from benchmarks.processes import memory
from benchmarks.programs import ENVIRONMENT, NOTHING, idle
from tests.shared.names.chain import METADATA, NODE_PACKAGES, REGISTRY, ROUTER, Chain, Name

NAME = "name-lookup"
ROUNDS = 7

NODE = "h8syf1xcv3rveegh00p89ew8sqbzkr4ckpjz3zs4xxr5tvf4hs4g"

OURS = """
import asyncio, json, sys, time
from shared.names.azero import AzeroId, Network
from shared.names.trace import Trace

async def main(url, genesis, router, registry):
    azero = AzeroId(Network((url,), genesis, router, {"azero": registry}), seconds=10.0)
    for _ in range(2):
        begun = time.perf_counter()
        record = await azero.look_up("copybara.azero", ("staex-id",), Trace())
        print(json.dumps({"address": record.account, "milliseconds": (time.perf_counter() - begun) * 1000}))

asyncio.run(main(*sys.argv[1:]))
"""

CLIENT = "import shared.names.azero, shared.names.rpc_websocket, websockets.asyncio.client"
"What a look-up imports."

THEIRS = "@azns/resolver-core"
SUBSTRATE_INTERFACE = "substrate-interface"


def why_not() -> str:
    """What is missing; empty if nothing is."""
    if shutil.which("node") is None or not METADATA.exists():
        return "node or the packages of tests/shared/names/node aren't there."
    return ""


def measure(rounds: int = ROUNDS) -> Figure:
    """Two look-ups each, and what importing a client adds to a program's memory."""
    ours, theirs = asyncio.run(_times(rounds))
    bare, client, substrate = interleaved(
        rounds, lambda: _resident(NOTHING), lambda: _resident(CLIENT), lambda: _resident("import substrateinterface")
    )
    first = Row("first look-up, with connecting", _column(ours, 0), THEIRS, _column(theirs, 0), "ms")
    again = Row("again, with connecting", _column(ours, 1), f"{THEIRS}, connected", _column(theirs, 1), "ms")
    added = Row("memory that the client adds", _over(client, bare), SUBSTRATE_INTERFACE, _over(substrate, bare), "MB")
    return Figure(NAME, "Looking up a name", (first, again, added))


async def _times(rounds: int) -> tuple[list[list[float]], list[list[float]]]:
    async with Chain({"copybara": Name({"staex-id": NODE})}).running() as chain:
        ours = (sys.executable, "-c", OURS, chain.url, chain.genesis, ROUTER, REGISTRY)
        theirs = ("node", str(NODE_PACKAGES / "resolve.mjs"), chain.url, ROUTER)
        first, second = await interleaved_tasks(rounds, _program(*ours), _program(*theirs))
        return first, second


def _program(*command: str) -> Callable[[], Awaitable[list[float]]]:
    """A run that starts a program, and returns the milliseconds of each of its two look-ups."""

    async def run() -> list[float]:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=ENVIRONMENT
        )
        out, _ = await process.communicate(b"copybara.azero\ncopybara.azero\n")
        answers = [json.loads(line) for line in out.splitlines()]
        if len(answers) != 2 or not all(answer["address"] for answer in answers):
            raise RuntimeError("A name wasn't found.")
        return [answer["milliseconds"] for answer in answers]

    return run


def _resident(code: str) -> float:
    with idle(code) as process_id:
        return memory(process_id).resident


def _column(times: list[list[float]], place: int) -> Samples:
    return Samples.of(each[place] for each in times)


def _over(sizes: list[float], bare: list[float]) -> Samples:
    return Samples.of(size - nothing for size, nothing in zip(sizes, bare, strict=True))
