"""With `unencrypted = true`, a link in an unencrypted mail counts, and is answered there. Commands never count."""

from __future__ import annotations

import asyncio
from pathlib import Path

from deltachat_rpc_client import Rpc

from tests.bot.console import Chat, people
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import SECTION, App, owners


async def test_a_stranger_without_encryption_calls_and_is_answered_in_clear(
    tmp_path: Path, server: MailServer, rpc: Rpc
) -> None:
    app = await asyncio.to_thread(App, rpc, server, "Eve")
    rpc.set_config(app.number, "force_encryption", "0")
    chat = int(rpc.create_chat_by_contact_id(app.number, rpc.create_contact(app.number, "dora-bot@mail.test", None)))
    section = f"{SECTION}unencrypted = true\n"
    async with (
        owners(tmp_path, server, rpc, "Dora", section=section) as (dora,),
        people(tmp_path, "eve", chat=Chat()) as (eve,),
    ):
        eve.write(f"/call {dora.bot.node}")
        await asyncio.to_thread(app.delivers, chat, str((await eve.posted("chat"))["text"]))
        await asyncio.to_thread(dora.reads, "Reply 1: Answer")
        dora.says("1")
        answer = (await asyncio.to_thread(app.reads, chat, "copybara:"))["text"]
        parts = [part for mail in server.messages() for part in mail.walk() if not part.is_multipart()]
        assert any(answer.encode() in part.get_payload(decode=True) for part in parts)
        eve.write(answer, sender="dora")
        for person in (eve, dora.bot):
            await person.call("active")
        await asyncio.to_thread(app.delivers, chat, "/hangup")
        assert "wasn't encrypted" in await asyncio.to_thread(dora.reads, "Eve")
        assert ": active," in await dora.asks("/status", "Node ")
        eve.write("/hangup")
        await dora.bot.call("ended")
