"""Parts that all sessions have."""

from __future__ import annotations

from peer.calls.repeats import HEARD, Repeated
from peer.calls.session_events import SessionEvent
from peer.calls.session_parts import BACK, PAUSED, PAUSED_AGAIN, PauseNews
from peer.media.trouble import MediaTrouble


def test_of_a_picture_that_is_paused_again_and_again_the_owner_hears_a_few_times() -> None:
    told: list[SessionEvent] = []
    news, most = PauseNews(told.append), HEARD[Repeated.PICTURE].at_once
    for _ in range(most + 3):
        news.paused(True)
        news.paused(False)
    assert told == [*map(MediaTrouble, [PAUSED, BACK] * most), MediaTrouble(PAUSED_AGAIN)]
