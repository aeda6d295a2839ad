"""With `unverified = true`, a link in an unencrypted room counts, and is answered there. Commands never count."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bot.console import Chat, people
from tests.bot.matrix.homeserver import Homeserver
from tests.bot.matrix.members import bot, joined, member


async def test_a_stranger_in_a_room_without_encryption_is_answered_there(tmp_path: Path, friends: Path) -> None:
    async with (
        Homeserver().running() as server,
        member(server, tmp_path, "anna") as anna,
        bot(server, tmp_path, anna, "anna", friends, more="unverified = true\n") as annas,
        member(server, tmp_path, "dave", identity=False) as dave,
        people(tmp_path, "dave", chat=Chat()) as (program,),
    ):
        room = str((await dave.client.api.post("/createRoom", {"invite": [annas.user]}))["room_id"])
        await joined(server, room, annas.user)
        program.write(f"/call {annas.program.node}")
        link = str((await program.posted("chat"))["text"])
        seen = len(anna.seen)

        async def says(text: str) -> None:
            await server.put(room, server.event(dave.user, "m.room.message", {"msgtype": "m.text", "body": text}))

        await says(link)
        rings = str((await anna.reads("Answer", room=annas.room, after=seen)).content["body"])
        await anna.says(annas.room, rings.partition(": Answer,")[0].split()[-1])
        (answer,) = await server.until(
            lambda: [each for each in server.said(room, "m.room.message") if each["sender"] == annas.user]
        )
        program.write(answer["content"]["body"], sender="anna")
        await asyncio.gather(*(each.call("active") for each in (program, annas.program)))
        await says("/hangup")
        # As always, the bot writes all else in the encrypted room with its owner.
        await annas.asks("/status", ": active,")
        assert not server.said(annas.room, "m.room.message")
        await anna.says(annas.room, "/hangup")
        await program.call("ended")
