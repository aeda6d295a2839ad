"""The command socket, with real sockets in one process."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from bot.command_socket import MAX_QUESTION, AskStatus, Question, Reply, Say, ask, listening
from shared.errors import CopybaraError, InputError, NotRunning
from tests.endless import Endless


async def answer(question: Question) -> Reply:
    match question:
        case Say(text="/bad"):
            raise InputError("That is bad.", "Do better.")
        case Say():
            return Reply(posts=[{"text": question.text}])
        case AskStatus():
            return Reply(status={"calls": []})
        case _:
            raise AssertionError(question)


async def test_a_question_gets_its_answer(tmp_path: Path) -> None:
    async with listening(tmp_path / "control.sock", answer):
        reply = await asyncio.to_thread(ask, tmp_path / "control.sock", Say("/status"))
    assert reply.posts == [{"text": "/status"}]


async def test_a_refusal_comes_back_with_its_hint(tmp_path: Path) -> None:
    async with listening(tmp_path / "control.sock", answer):
        with pytest.raises(CopybaraError) as refused:
            await asyncio.to_thread(ask, tmp_path / "control.sock", Say("/bad"))
    assert (refused.value.sentence, refused.value.hint) == ("That is bad.", "Do better.")


async def test_the_socket_is_the_owners_and_goes_with_the_program(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with listening(path, answer):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_a_home_may_lie_deeper_than_a_socket_address_is_long(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    async with listening(folder / "control.sock", answer):
        reply = await asyncio.to_thread(ask, folder / "control.sock", AskStatus())
    assert reply.status == {"calls": []}


async def test_what_a_killed_program_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    with pytest.raises(NotRunning):
        ask(path, AskStatus())
    async with listening(path, answer):
        assert await asyncio.to_thread(ask, path, AskStatus()) == Reply(status={"calls": []})


@pytest.mark.parametrize("line", [b"\n", b"nonsense\n", b"\xff\xfe\n", b'{"type": "say"}\n', b"[" * 5000 + b"\n"])
async def test_what_is_no_question_gets_a_sentence(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "control.sock"
    async with listening(path, answer):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        said = await reader.read()
        writer.close()
    assert b"isn't a question" in said


async def test_an_endless_line_gets_a_sentence_and_ends_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    async with listening(path, answer):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"x" * (MAX_QUESTION + 1))
        assert b"longer than the 64 KiB" in await reader.read()
        writer.close()
        assert await asyncio.to_thread(ask, path, AskStatus()) == Reply(status={"calls": []})


@pytest.mark.parametrize("drips", [b" ", b" " * 65536])
async def test_a_program_that_comes_to_no_end_is_given_up(tmp_path: Path, drips: bytes) -> None:
    path = tmp_path / "control.sock"
    answer = Endless(b'{"posts":[', drips, waits=True)
    async with await asyncio.start_unix_server(answer, path), asyncio.timeout(30):
        with pytest.raises(NotRunning, match="doesn't answer"):
            await asyncio.to_thread(ask, path, AskStatus(), patience=1.0)
        await answer.over.wait()


def test_a_home_where_nothing_runs_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        ask(tmp_path / "nowhere" / "control.sock", AskStatus())
