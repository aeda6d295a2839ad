"""A core that says what nobody expects, such as one of another version: it costs its message, never the program."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.messengers.deltachat.account import Account
from bot.messengers.deltachat.calls.app_calls import AppCalls
from bot.messengers.deltachat.rpc import Rpc, RpcDown, RpcError
from bot.messengers.deltachat.wire import DeltaChatWire
from bot.messengers.plain.values import Heard
from shared.store import Store, StoreThread

PATIENCE = 60.0


class Core(Rpc):
    """What it answers, by the method and its last parameter."""

    def __init__(self, said: dict[tuple[str, object], Any]) -> None:
        super().__init__(Path("nowhere"))
        self._said = said

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield

    async def call(self, method: str, *parameters: object, seconds: float | None = None) -> Any:
        answer = self._said[method, parameters[-1] if parameters else None]
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextlib.asynccontextmanager
async def wire(folder: Path, said: dict[tuple[str, object], Any]) -> AsyncIterator[DeltaChatWire]:
    """One whose account is open, with such a core."""
    core = Core(said)
    with Store(folder / "db") as store:
        async with StoreThread(store) as thread:
            made = DeltaChatWire(core, "deltachat", AppCalls("deltachat", thread))
            made._account, made._owner = Account(core, 1), 12
            yield made


def message(number: int, chat: int) -> dict[str, object]:
    said = {"id": number, "chatId": chat, "fromId": 12, "text": "/contacts", "showPadlock": True, "timestamp": 7}
    return {**said, "sender": {"id": 12}}


async def test_a_message_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    said: dict[tuple[str, object], Any] = {
        ("get_next_msgs", 1): [1, 2, 3],
        ("get_message", 1): message(1, 66),
        ("get_message", 2): {"id": "?", "text": []},
        ("get_message", 3): message(3, 20),
        ("get_basic_chat_info", 66): RpcError("there is no such chat"),
        ("get_basic_chat_info", 20): {"chatType": "Single", "isEncrypted": True},
    }
    async with asyncio.timeout(PATIENCE), wire(tmp_path, said) as made:
        made._news.set()
        [(number, entry)] = await made.fetch()
    assert isinstance(entry, Heard)
    assert (number, entry.text) == (3, "/contacts")


@pytest.mark.parametrize("events", [[{}], [{"contextId": "x", "event": 1}], [{"contextId": 1, "event": {}}], 7])
async def test_an_event_that_nobody_expects_is_the_end_of_the_core_and_of_nothing_else(
    tmp_path: Path, events: object
) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        wire(tmp_path, {("get_next_event_batch", None): events}) as made,
        made.running(),
    ):
        made._wanted.set()
        await made._up.wait()
        await made._news.wait()
        with pytest.raises(RpcDown):
            await made.fetch()
