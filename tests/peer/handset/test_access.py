"""Who may talk to the handset's server, tested without a server."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.handset.access import (
    PageSession,
    RequestRefused,
    check_fetch,
    check_host,
    check_socket_origin,
    response_headers,
)

SESSION = PageSession(8765, key="K" * 43)


def test_our_own_address_is_a_host() -> None:
    check_host(SESSION, "127.0.0.1:8765")


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:87650",
        "127.0.0.1.evil.example:8765",
        "evil.example:8765",
        "evil.example",
        "[::1]:8765",
        "0.0.0.0:8765",
        "127.1:8765",
        "2130706433:8765",
        "localhost:8765",  # resolves to ::1 first, where another user may listen
        "LOCALHOST:8765",
        "localhost:8765.",
        " 127.0.0.1:8765",
    ],
)
def test_a_name_that_was_made_to_lead_here_is_no_host(host: str | None) -> None:
    with pytest.raises(RequestRefused) as refused:
        check_host(SESSION, host)
    assert refused.value.status == 421


@given(st.text())
def test_no_other_text_is_a_host(host: str) -> None:
    if host != "127.0.0.1:8765":
        with pytest.raises(RequestRefused):
            check_host(SESSION, host)


@pytest.mark.parametrize("document", [True, False])
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}])
def test_what_the_owner_opens_and_what_the_page_loads_is_served(headers: dict[str, str], document: bool) -> None:
    check_fetch(SESSION, headers, document=document)


def test_a_link_on_another_page_opens_the_page_in_a_window() -> None:
    navigation = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    check_fetch(SESSION, navigation, document=True)
    with pytest.raises(RequestRefused):
        check_fetch(SESSION, navigation, document=False)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "document"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:8765"},
        {"Origin": "http://127.0.0.1:8766"},
        {"Origin": "http://127.0.0.1:8765.evil.example"},
    ],
)
def test_other_pages_and_other_ports_get_nothing(headers: dict[str, str]) -> None:
    with pytest.raises(RequestRefused) as refused:
        check_fetch(SESSION, headers, document=True)
    assert refused.value.status == 403


def test_the_page_itself_may_open_the_socket() -> None:
    check_socket_origin(SESSION, "127.0.0.1:8765", "http://127.0.0.1:8765")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8765", None),
        ("127.0.0.1:8765", "null"),
        ("127.0.0.1:8765", ""),
        ("127.0.0.1:8765", "http://evil.example"),
        ("127.0.0.1:8765", "http://127.0.0.1:3000"),
        ("127.0.0.1:8765", "http://localhost:8765"),
        ("localhost:8765", "http://localhost:8765"),
        ("evil.example:8765", "http://evil.example:8765"),
    ],
)
def test_nobody_else_may_open_the_socket(host: str, origin: str | None) -> None:
    with pytest.raises(RequestRefused):
        check_socket_origin(SESSION, host, origin)


def test_each_run_has_its_own_key_and_it_is_not_shown() -> None:
    first, second = PageSession(1), PageSession(1)
    assert first.key != second.key
    assert len(first.key) == 43
    assert first.key not in repr(first)


def test_what_lets_a_page_in_stands_where_browsers_send_it_to_nobody() -> None:
    assert urlsplit(SESSION.address).fragment == f"key={'K' * 43}"
    assert urlsplit(SESSION.address_with("T")).fragment == "ticket=T"
    assert {urlsplit(address).query for address in (SESSION.address, SESSION.address_with("T"))} == {""}


def test_the_page_may_load_from_here_only_and_nobody_may_frame_it() -> None:
    headers = response_headers(SESSION)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8765"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
