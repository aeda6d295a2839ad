"""Turns news of calls into sentences for the owner and links for the other side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakSet

from bot.assistant.file_news import FileNews
from bot.assistant.learning import Learning
from bot.assistant.news_words import AboutSeveral, FromCall, said_of
from bot.assistant.origins import Origins
from bot.chats import Chats
from bot.conversation import RINGING, RINGING_BESIDE, Act, Post
from bot.kinds import Sentence
from bot.texts import chat as texts
from bot.texts import overlay as overlay_texts
from peer.calls.files.transfer import FileChanged
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.news import (
    AnsweredAlone,
    Changed,
    HoldChanged,
    LinkNoted,
    News,
    NotKept,
    Paired,
    PhraseKnown,
    Posted,
    Recorded,
    Rings,
    TakesMessage,
)
from peer.calls.recording.changed import RecordingChanged
from peer.calls.repeats import Repeated, Telling
from peer.calls.session_events import FirstMedia, MediaAgreed, RemoteAnsweredAlone
from peer.calls.together_news import CircleChanged, PartOf, QuestionOver
from shared.call.table import EndReason, State
from shared.messages import Text
from shared.secrets.handshake import Role
from shared.store import Store

_NOT_REACHED = (EndReason.UNREACHABLE, EndReason.NO_ANSWER, EndReason.LOST)
"Reasons for an end that may mean that our node has no connection."

_SHOWN = HoldChanged | PartOf | QuestionOver | AboutSeveral
_SHOWN_WHILE_IT_LASTS = RecordingChanged | MediaAgreed | FirstMedia | Paired
"News that changes what is shown of a call."


class CallNews:
    """Takes news of calls, and posts it: sentences for the owner, links for the other side."""

    def __init__(
        self,
        *,
        store: Store,
        lines: Lines,
        chats: Chats,
        origins: Origins,
        learning: Learning,
        send_recordings: bool,
        wrong: Callable[[], Sentence | None],
        rings_at: Callable[[], str] = str,
    ) -> None:
        """`rings_at` gives the names of the owner's other devices at which a call rings. `wrong` gives the problem that
        prevents calls in the overlay now, or None.
        """
        self._rings_at = rings_at
        self._wrong = wrong
        self._store = store
        self._lines = lines
        self._chats = chats
        self._origins = origins
        self._learning = learning
        self._files = FileNews(chats)
        self._send_recordings = send_recordings
        self._why: WeakKeyDictionary[Line, str] = WeakKeyDictionary()
        "Words that go into the chat beside the link that declines a call."

        self._to_carry: WeakSet[Line] = WeakSet()
        "Ended calls with a link that says so, which the owner has to copy to the other person."

        self._not_kept: WeakSet[Line] = WeakSet()
        "Calls whose owner has already read that something couldn't be written to the disk."

    def because(self, line: Line, why: str) -> None:
        """Set the words that go into the chat beside the link that declines a call."""
        self._why[line] = why

    def told(self, line: Line, news: News) -> None:
        """Take news of a call, and post it."""
        match news:
            case Posted() if line.foreign is None or line.foreign.envelope.in_chat:
                self._chats.post(self._link(line, news.token))
            case Rings():
                said = said_of(line, news)
                said = dataclasses.replace(said, hint=said.hint + self._rings_at())
                beside = any(other.engaged and not other.on_hold for other in self._lines)
                self._chats.post(Post.about(line, said, actions=RINGING_BESIDE if beside else RINGING, live=True))
            case AnsweredAlone() | TakesMessage():
                self._chats.post(Post.about(line, said_of(line, news), actions=(Act.HANG_UP,), live=True))
            case RemoteAnsweredAlone() | LinkNoted():
                self._chats.post(Post.about(line, said_of(line, news)))
            case (
                HoldChanged(telling=Telling.NONE)
                | RecordingChanged(telling=Telling.NONE)
                | CircleChanged(telling=Telling.NONE)
            ):
                pass
            case HoldChanged():
                self._chats.post(Post.about(line, said_of(line, news), actions=_while_up(line), live=True))
            case NotKept() if line not in self._not_kept:  # once per call, because writing is tried again
                self._not_kept.add(line)
                self._chats.post(Post.about(line, said_of(line, news)))
            case PhraseKnown() if not line.proven:
                first = (Act.CONFIRM,) if line.shown.quarantined else () if line.shown.contact else (Act.SAVE,)
                self._chats.post(Post.about(line, texts.phrase(line), actions=(*first, Act.DIFFER)))
            case Text():
                for said, in_clear in texts.wrote(line, news.text):
                    self._chats.post(Post.about(line, said, in_clear=in_clear))
            case FileChanged():
                self._files.told(line, news)
            case Changed():
                self.changed(line, news.telling)
            case Paired():
                self._learning.later(line)  # this may be the first call with a key
            case MediaAgreed() if line.call.role is Role.CALLER and not line.call.ended:
                up = line.call.state is State.ACTIVE
                actions = _while_up(line) if up else ()
                self._chats.post(Post.about(line, texts.media_agreed(line), actions=actions, live=up))
            case _ if isinstance(news, FromCall):
                file = news.path if isinstance(news, Recorded) and self._send_recordings else None
                in_clear = said_of(line, news, clear=True)
                self._chats.post(Post.about(line, said_of(line, news), in_clear=in_clear, file=file))
        # An ended call is reported later, with everything that belongs to it.
        if isinstance(news, _SHOWN) or (isinstance(news, _SHOWN_WHILE_IT_LASTS) and not line.call.ended):
            self._chats.call_changed(line)

    def changed(self, line: Line, telling: Telling = Telling.EACH) -> None:
        """Post and show a call's new state. `telling` says what the owner hears of it."""
        match line.call.state:
            case State.ACTIVE:
                self._learning.later(line)
                self._post_state(line, texts.connected(line), telling)
            case State.RECONNECTING:
                self._post_state(line, texts.reconnecting(line), telling)
            case State.ENDED:
                by_hand = line in self._to_carry
                self._to_carry.discard(line)
                if not (line.shown.provisional and line.connection.connected is None):
                    wrong = self._wrong() if line.call.reason in _NOT_REACHED else None
                    said = overlay_texts.beside(texts.ended(line, by_hand=by_hand), wrong)
                    in_clear = overlay_texts.beside(texts.ended(line, by_hand=by_hand, clear=True), wrong)
                    self._chats.post(Post.about(line, said, live=True, in_clear=in_clear))
        self._chats.call_changed(line)

    def _post_state(self, line: Line, said: Sentence, telling: Telling) -> None:
        if telling is Telling.NONE:
            return
        said = said if telling is Telling.EACH else texts.goes_on(line, Repeated.PATH)
        self._chats.post(Post.about(line, said, actions=_while_up(line), live=True))

    def _link(self, line: Line, token: str) -> Post:
        """A link for the other side, in the chat of its call."""
        said = texts.link_in_chat(line, token, self._why.pop(line, ""))
        if line.call.ended and self._chats.is_by_hand(line.chat):
            self._to_carry.add(line)
        contact = self._store.contact_of(line.peer)
        bot = self._origins.bot_of(line.peer, contact)
        link = None if line.foreign is not None else token
        return Post("chat", said, link, line.chat, line=line, contact=contact, their_bot=bot)


def _while_up(line: Line) -> tuple[Act, ...]:
    """The buttons of a connected call."""
    if line.on_hold:
        return (Act.RESUME, Act.HANG_UP)
    return (Act.ANSWER, Act.HANG_UP) if line.connection.waits_for_owner else (Act.HANG_UP,)
