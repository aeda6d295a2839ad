"""The pure pieces: what posts look like, what buttons and faults mean, and where the token comes from."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import BusinessConnection
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut

from bot.conversation import Act, Action, Post
from bot.home import Home
from bot.kinds import Kind as SentenceKind
from bot.kinds import Sentence
from bot.messengers.clock import Clock
from bot.messengers.outbox import NotNow
from bot.messengers.owner_code import claim, code_of, owner_of
from bot.messengers.rate_limit import LINKS_PER_MINUTE, RateLimit
from bot.messengers.telegram import limits, render
from bot.messengers.telegram.api import Api, checked_updates
from bot.messengers.telegram.buttons import action_for, data_for, rows_for
from bot.messengers.telegram.compose import compose
from bot.messengers.telegram.conversations import TelegramChat, Way, conversation_of
from bot.messengers.telegram.faults import FaultKind, judge
from bot.messengers.telegram.http import Http, NotTelegram, is_telegram
from bot.messengers.telegram.requests import Requests
from bot.messengers.telegram.token import VARIABLE, BotToken, read_token, silence
from bot.shown_contact import ShownContact
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from shared.call.table import Call, State
from shared.config.schema import Telegram as Settings
from shared.contacts import MAX_NAME, Contact
from shared.errors import InputError
from shared.links.card import Card
from shared.links.kinds import as_copybara
from shared.links.tokens import LinkKind, to_text
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.store import Store
from shared.store.journal import Journal
from tests.bot.telegram import tdlib

SHORT = to_text(bytes([LinkKind.PAIRED.first_byte]) + bytes(47))
LONG = to_text(bytes([LinkKind.REQUEST.first_byte]) + bytes(95))
SEALED = to_text(bytes([LinkKind.SEALED.first_byte]) + bytes(144))
SECRET_TOKEN = "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"


def said(text: str) -> Sentence:
    return Sentence(SentenceKind.LINK_REQUEST, text)


def contact(**values: object) -> Contact:
    return Contact(name="bob", node=NodeId(bytes(32)), created=1, **values)  # type: ignore[arg-type]


@given(st.text(max_size=6000))
def test_whatever_is_said_telegram_can_read_it(text: str) -> None:
    html = render.as_html(text)
    if html.strip():
        plain, marked = tdlib.parse_html(html)
        assert marked == []
        assert len(plain) <= limits.MESSAGE_CHARACTERS


def test_names_with_markup_and_hidden_characters_are_shown_safely() -> None:
    name = "<b>evil</b>\N{RIGHT-TO-LEFT OVERRIDE}moc.elpmaxe\N{ZERO WIDTH SPACE}&amp;"
    plain, marked = tdlib.parse_html(render.as_html(f"{name} is calling"))
    assert marked == []
    assert plain == "<b>evil</b>moc.elpmaxe&amp; is calling"


@pytest.mark.parametrize("token", [SHORT, LONG, SEALED])
@pytest.mark.parametrize("bot", [None, "bob_bot"])
@pytest.mark.parametrize("user", [None, "bob_example"])
def test_each_link_for_the_owner_can_be_tapped_and_copied(token: str, bot: str | None, user: str | None) -> None:
    who = contact(telegram_user=8)
    text, rows, draft = render.for_the_owner(
        Post("chat", said(f"Call: {as_copybara(token)}"), token, contact=who, their_bot=bot)
    )
    assert draft.user == 8
    text, rows = render.with_draft(text, rows, draft, user or "")
    plain, marked = tdlib.parse_html(text)
    (address,) = tdlib.tappable(plain, marked)
    assert token in address
    assert address.startswith("https://t.me/")
    if bot and len(token) == 64:
        assert address == f"https://t.me/bob_bot?start={token}"
    (buttons,) = rows
    assert buttons[0].copy == render.link_for(token, bot)
    assert buttons[1].url.startswith("https://t.me/bob_example?text=" if user else "https://t.me/share/url?url=")


def test_every_link_fits_the_copy_button() -> None:
    card = Card(node=NodeId(bytes(32)), sealing_key=bytes(32), name="n" * 40, telegram_bot="b" * 32).token
    for token in (SHORT, LONG, SEALED, card):
        assert len(as_copybara(token)) <= limits.COPY_CHARACTERS


@pytest.mark.parametrize(
    ("chat", "expected"),
    [
        ("telegram:owner", ("@bob_bot", "copybara:")),
        ("telegram:bot:bob_bot", ("@bob_bot", "copybara:")),
        ("telegram:person:8", (8, "https://t.me/bob_bot?start=")),
        ("telegram:business:c1:8:bob", (8, "https://t.me/bob_bot?start=")),
        ("telegram:group:-5:1:8", (-5, "/answer@bob_bot https://t.me/bob_bot?start=")),
        ("telegram:guest:g:", (0, "https://t.me/bob_bot?start=")),
    ],
)
def test_each_way_has_its_form_and_the_owners_chat_is_the_last_resort(
    chat: str, expected: tuple[int | str, str]
) -> None:
    letter = compose(Post("chat", said(as_copybara(SHORT)), SHORT, chat, their_bot="bob_bot"))
    assert letter is not None
    plain, _ = tdlib.parse_html(letter.text)
    assert (letter.chat, plain.startswith(expected[1])) == (expected[0], True)
    assert letter.instead[0].chat == 0


def test_the_sender_of_a_request_is_answered_though_nobody_knows_them() -> None:
    post = Post("chat", said(as_copybara(SHORT)), SHORT, "telegram:group:-5:1:@bob_bot", their_bot="bob_bot")
    letter = compose(post)
    assert letter is not None
    assert letter.text.startswith("/answer@bob_bot")


@pytest.mark.parametrize("chat", ["telegram:bot:bob_bot", "telegram:person:8", "telegram:business:c1:8:bob"])
@pytest.mark.parametrize("proven", [True, False])
def test_what_a_link_doesnt_prove_is_answered_by_the_owner_if_the_contacts_account_isnt_known(
    chat: str, proven: bool
) -> None:
    line = Line(
        1,
        Call(Role.CALLEE, paired=True, state=State.CONNECTING),
        CallLink(NodeId(bytes(32)), Media.BOTH, created=1, proven=proven),
        chat=chat,
        expires=2,
        shown=Presented("bob"),
    )
    letter = compose(Post("chat", said(as_copybara(SHORT)), SHORT, chat, line=line, contact=contact()))
    assert letter is not None
    assert (letter.chat != 0) is proven


@pytest.mark.parametrize("chat", ["telegram:group:-5:1", "telegram:guest:g"])
@pytest.mark.parametrize(
    ("known", "brought", "there"),
    [
        ({}, ("8", "@bob_bot", "?", ""), True),
        ({"telegram_user": 8}, ("8", "@bob_bot", ""), True),
        ({"telegram_user": 8}, ("9", "?"), False),
        ({"telegram_bot": "bob_bot"}, ("@bob_bot", "@Bob_Bot", ""), True),
        ({"telegram_bot": "bob_bot"}, ("@eves_bot", "9", "?"), False),
        ({"telegram_user": 8, "telegram_bot": "bob_bot"}, ("8", "@bob_bot", ""), True),
        ({"telegram_user": 8, "telegram_bot": "bob_bot"}, ("@eves_bot", "9", "?"), False),
    ],
)
def test_among_others_a_contacts_link_is_answered_where_the_contact_or_the_owner_has_put_it(
    chat: str, known: dict[str, Any], brought: tuple[str, ...], there: bool
) -> None:
    who, bot = contact(**known), known.get("telegram_bot")
    for account in brought:
        post = Post("chat", said(as_copybara(SHORT)), SHORT, f"{chat}:{account}", contact=who, their_bot=bot)
        letter = compose(post)
        assert letter is not None
        assert (letter.chat == -5 or bool(letter.guest)) is there
        if not there:
            assert letter.chat == (f"@{bot}" if bot else 0)


def test_conversations_come_back_as_they_were() -> None:
    for route in (
        TelegramChat(Way.OWNER),
        TelegramChat(Way.BUSINESS, ("c1", "8", "")),
        TelegramChat(Way.GROUP, ("-5", "1", "8")),
    ):
        assert conversation_of(route.chat) == route
    for other in ("chat", "telegram:pigeon:7", "telegram:group:-5:1"):  # another messenger's, or another version's
        assert conversation_of(other) == TelegramChat(Way.OWNER)


def test_buttons_carry_ids_and_never_tokens() -> None:
    for act in set(Act) - {Act.TRUST}:
        data = data_for(Action(act, "0123456789abcdef"))
        assert len(data.encode()) <= limits.CALLBACK_DATA_BYTES
        assert action_for(data) == Action(act, "0123456789abcdef")
    assert action_for("format-disk:1") is None
    assert action_for("") is None
    assert rows_for((Act.ANSWER,), "") == ()


@pytest.mark.parametrize("name", ["dora", "d" * MAX_NAME, "\N{SNOWMAN}" * MAX_NAME])
def test_a_trust_button_names_its_contact_and_no_call(name: str) -> None:
    contact = Contact(name=name, node=NodeId(bytes(range(32))), created=1)
    action = Action(Act.TRUST, "", contact=ShownContact.of(contact))
    assert len(data_for(action).encode()) <= limits.CALLBACK_DATA_BYTES
    assert action_for(data_for(action)) == action
    assert rows_for((Act.TRUST,), "0123456789abcdef") == ()
    ((button,),) = rows_for((Act.TRUST,), "", contact=ShownContact.of(contact))
    assert button.data == data_for(action)
    for other in ("trust:0123456789abcdef", "trust:", f"{data_for(action)}0", f"{data_for(action)[:-1]}"):
        assert action_for(other) is None, other


def test_each_fault_has_its_consequence() -> None:
    assert judge(RetryAfter(7), 0).again_after == 7
    assert judge(TimedOut(), 0).again_after == limits.FIRST_RETRY_SECONDS
    assert judge(NetworkError("Bad Gateway"), 3).again_after == limits.FIRST_RETRY_SECONDS * 8
    assert judge(NetworkError("x"), 60).again_after == limits.LAST_RETRY_SECONDS
    assert judge(BadRequest("x"), 0).fault is FaultKind.REFUSED
    assert judge(Forbidden("x"), 0).fault is FaultKind.REFUSED
    assert judge(Conflict("x"), 0).fault is FaultKind.CONFLICT
    assert judge(InvalidToken("x"), 0).fault is FaultKind.TOKEN


def test_one_sender_doesnt_use_up_what_others_have() -> None:
    guard = RateLimit(LINKS_PER_MINUTE, seconds=60.0)
    taken = sum(guard.allows("bob", 1.0) for _ in range(100))
    assert taken == LINKS_PER_MINUTE
    assert guard.allows("carol", 1.0)
    assert not guard.allows("bob", 30.0)
    assert guard.allows("bob", 61.5)


def test_the_code_makes_one_owner_once(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        journal = Journal(store, "telegram")
        code = code_of(journal)
        assert code_of(journal) == code
        assert not claim(journal, "", 1)
        assert not claim(journal, "A" * 16, 1)
        assert claim(journal, f" {code}", 7)
        assert not claim(journal, code, 8)
        assert owner_of(journal) == 7


def test_the_token_comes_from_where_it_is_kept_and_only_if_it_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    file = tmp_path / "telegram.token"
    with pytest.raises(InputError, match="can't be read"):
        read_token(home, Settings(token="file"))
    file.write_text(f"{SECRET_TOKEN}\n")
    file.chmod(0o640)
    with pytest.raises(InputError, match="Other users can read"):
        read_token(home, Settings(token="file"))
    file.chmod(0o600)
    assert read_token(home, Settings(token="file")).reveal() == SECRET_TOKEN
    file.write_text("hello")
    with pytest.raises(InputError, match="isn't a Telegram token") as caught:
        read_token(home, Settings(token="file"))
    assert "hello" not in str(caught.value)
    monkeypatch.setenv(VARIABLE, SECRET_TOKEN)
    assert read_token(home, Settings(token="environment")).reveal() == SECRET_TOKEN
    with pytest.raises(InputError, match="isn't set"):  # it was taken out
        read_token(home, Settings(token="environment"))
    with pytest.raises(InputError):
        read_token(home, Settings(token="keyring"))


def test_the_token_shows_itself_to_no_log(caplog: pytest.LogCaptureFixture) -> None:
    token = BotToken(SECRET_TOKEN)
    assert SECRET_TOKEN not in f"{token} {token!r}"
    root = logging.getLogger()
    handlers, before = (
        list(root.handlers),
        {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "telegram")},
    )
    try:
        silence(token)
        with caplog.at_level(logging.DEBUG):
            logging.getLogger("httpx").info("HTTP Request: POST https://api.telegram.org/bot%s/getMe", SECRET_TOKEN)
            logging.getLogger("other").warning("https://api.telegram.org/bot%s/getMe", SECRET_TOKEN)
            try:
                raise ValueError(SECRET_TOKEN)
            except ValueError:
                logging.getLogger("other").exception("broken")
        assert SECRET_TOKEN not in caplog.text
        assert "broken" in caplog.text
    finally:
        for handler in handlers:
            handler.filters = [each for each in handler.filters if type(each).__name__ != "_Hide"]
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize("verbose", [False, True])
def test_the_token_is_in_no_warning_that_a_program_writes(verbose: bool) -> None:
    program = f"""
import logging
from bot.cli.log_lines import set_up_logging
from bot.messengers.telegram.http import Http, NotTelegram, is_telegram
from bot.messengers.telegram.token import BotToken, silence
set_up_logging(verbose={verbose})
silence(BotToken({SECRET_TOKEN!r}))
logging.getLogger("other").warning("it was https://api.telegram.org/bot%s/getMe", {SECRET_TOKEN!r})
"""
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert "it was https://api.telegram.org/bot" in ran.stderr
    assert SECRET_TOKEN not in ran.stderr


def test_without_a_configured_bot_no_library_that_speaks_to_servers_is_loaded() -> None:
    """Neither Telegram's, nor httpx, which imports rich and click."""
    code = (
        "import sys, bot.app, bot.cli.setup, bot.cli.doctor; "
        "print(*{'telegram', 'httpx', 'rich', 'click'}.intersection(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.split() == []


def test_an_answer_of_any_depth_is_read_or_is_somebody_elses() -> None:
    # Both parsers have their own limits, so at some depth only the first one accepts a reply.
    for depth in range(900, 1100):
        body = b'{"ok":true,"result":' + b"[" * depth + b"]" * depth + b"}"
        if is_telegram(200, body):
            try:
                Http.parse_json_payload(body)
            except NotTelegram:
                continue


@pytest.mark.parametrize(
    "parameters",
    [{"retry_after": 10**30}, {"retry_after": 1e300}, {"retry_after": "5"}, {"retry_after": -5}, {"retry_after": []}],
)
def test_a_refusal_that_names_a_pause_which_is_none_is_somebody_elses(parameters: dict[str, object]) -> None:
    refusal = {"ok": False, "error_code": 429, "description": "Too Many Requests"}
    assert is_telegram(429, json.dumps({**refusal, "parameters": {"retry_after": 5}}).encode())
    assert not is_telegram(429, json.dumps({**refusal, "parameters": parameters}).encode())


async def test_what_the_library_cant_read_of_a_reply_is_asked_for_again() -> None:
    api = Api(BotToken(SECRET_TOKEN), "http://127.0.0.1:1", Clock())
    requests = Requests(api, lambda said: None, lambda: None)
    for date in (10**30, 1e300, "yesterday"):

        async def replied(date: object = date) -> BusinessConnection | None:
            user = {"id": 1, "is_bot": False, "first_name": "Anna"}
            return BusinessConnection.de_json(
                {"id": "c", "user": user, "user_chat_id": 1, "is_enabled": True, "date": date}, None
            )

        with pytest.raises(NotNow):
            await requests.once(replied)


@pytest.mark.parametrize("number", [True, -1, 1 << 63, 10**30, 1.0, "1", None])
def test_an_update_whose_number_the_journal_cant_keep_is_none(number: object) -> None:
    assert checked_updates([{"update_id": (1 << 63) - 1}])
    with pytest.raises(NotTelegram):
        checked_updates([{"update_id": 1}, {"update_id": number}])
