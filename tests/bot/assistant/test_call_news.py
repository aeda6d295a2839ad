"""What the owner reads of calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.assistant.call_news import CallNews
from bot.assistant.learning import Learning
from bot.assistant.origins import Origins
from bot.chats import Chats
from bot.conversation import Post
from bot.kinds import Kind
from bot.texts.chat import goes_on
from peer.calls.lines import Lines
from peer.calls.news import Changed, News
from peer.calls.repeats import GoesOn, Repeated, Telling
from peer.calls.together_news import CircleChanged
from shared.call.table import State
from shared.store import Store, StoreThread
from tests.bot.desktop.test_call_notices import line


@asynccontextmanager
async def news_of_calls(folder: Path) -> AsyncIterator[tuple[CallNews, list[Post]]]:
    """What tells the owner, and what was posted."""
    with Store(folder / "news.db") as store:
        async with StoreThread(store) as writes:
            chats, origins = Chats([]), Origins()
            news = CallNews(
                store=store,
                lines=Lines(),
                chats=chats,
                origins=origins,
                learning=Learning(writes, origins),
                send_recordings=False,
                wrong=lambda: None,
            )
            with chats.collecting() as posts:
                yield news, posts


@pytest.mark.parametrize(
    ("state", "telling", "kinds"),
    [
        (State.RECONNECTING, Telling.EACH, [Kind.RECONNECTING]),
        (State.ACTIVE, Telling.EACH, [Kind.CONNECTED]),
        (State.RECONNECTING, Telling.LAST, [Kind.AGAIN]),
        (State.RECONNECTING, Telling.NONE, []),
        (State.ACTIVE, Telling.NONE, []),
    ],
)
async def test_the_owner_reads_of_a_lost_path_what_they_are_to_hear_of_it(
    tmp_path: Path, state: State, telling: Telling, kinds: list[Kind]
) -> None:
    async with news_of_calls(tmp_path) as (news, posts):
        news.told(line(state), Changed(telling))
        assert [post.kind for post in posts] == kinds


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (CircleChanged((("ann", "ben"),), ()), [Kind.CONVERSATION_CIRCLE]),
        (CircleChanged((("ann", "ben"),), (), Telling.LAST), [Kind.AGAIN]),
        (CircleChanged((("ann", "ben"),), (), Telling.NONE), []),
        (GoesOn(Repeated.QUESTION), [Kind.AGAIN]),
    ],
)
async def test_what_happens_again_and_again_in_a_conversation_is_posted_a_few_times(
    tmp_path: Path, told: News, kinds: list[Kind]
) -> None:
    async with news_of_calls(tmp_path) as (news, posts):
        news.told(line(State.ACTIVE), told)
        assert [post.kind for post in posts] == kinds


def test_each_sentence_about_what_goes_on_names_the_other_side() -> None:
    said = [goes_on(line(State.ACTIVE), what).sentence for what in Repeated]
    assert all("anna" in each for each in said)
