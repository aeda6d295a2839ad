"""Who may talk to the handset's server, decided without a server."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.handset.access import (
    Refused,
    Session,
    check_cookie,
    check_fetch,
    check_host,
    check_key,
    check_socket_origin,
    response_headers,
    socket_owner,
)

SESSION = Session(8765, key="K" * 43, cookie="C" * 43)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765"])
def test_our_own_names_are_hosts(host: str) -> None:
    check_host(SESSION, host)


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
        "LOCALHOST:8765",
        "localhost:8765.",
        " 127.0.0.1:8765",
    ],
)
def test_a_name_that_was_made_to_lead_here_is_no_host(host: str | None) -> None:
    with pytest.raises(Refused) as refused:
        check_host(SESSION, host)
    assert refused.value.status == 421


@given(st.text())
def test_no_other_text_is_a_host(host: str) -> None:
    if host not in ("127.0.0.1:8765", "localhost:8765"):
        with pytest.raises(Refused):
            check_host(SESSION, host)


@pytest.mark.parametrize("document", [True, False])
@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}])
def test_what_the_owner_opens_and_what_the_page_loads_is_served(headers: dict[str, str], document: bool) -> None:
    check_fetch(SESSION, headers, document=document)


def test_a_link_on_another_page_opens_the_page_in_a_window() -> None:
    navigation = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    check_fetch(SESSION, navigation, document=True)
    with pytest.raises(Refused):
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
    with pytest.raises(Refused) as refused:
        check_fetch(SESSION, headers, document=True)
    assert refused.value.status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765"])
def test_the_page_itself_may_open_the_socket(host: str) -> None:
    check_socket_origin(SESSION, host, f"http://{host}")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8765", None),
        ("127.0.0.1:8765", "null"),
        ("127.0.0.1:8765", ""),
        ("127.0.0.1:8765", "http://evil.example"),
        ("127.0.0.1:8765", "http://127.0.0.1:3000"),
        ("127.0.0.1:8765", "http://localhost:8765"),
        ("evil.example:8765", "http://evil.example:8765"),
    ],
)
def test_nobody_else_may_open_the_socket(host: str, origin: str | None) -> None:
    with pytest.raises(Refused):
        check_socket_origin(SESSION, host, origin)


@pytest.mark.parametrize(
    "header",
    [
        f"copybara-8765={'C' * 43}",
        f"other=1; copybara-8765={'C' * 43}; more=2",
        f"copybara-8765=old; copybara-8765={'C' * 43}",
        f"copybara-8766=theirs; copybara-8765={'C' * 43}",
        f"bad cookie; copybara-8765={'C' * 43}",
    ],
)
def test_the_cookie_is_found_among_others(header: str) -> None:
    check_cookie(SESSION, header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "copybara-8765=",
        f"copybara-8765={'c' * 43}",
        f"copybara-8765={'C' * 42}",
        f"copybara-8766={'C' * 43}",
        f"xcopybara-8765={'C' * 43}",
        f"copybara-8765={'K' * 43}",
        "copybara-8765=\ud800",
        f"{'a=b; ' * 2000}copybara-8765={'C' * 43}",
    ],
)
def test_no_other_cookie_will_do(header: str | None) -> None:
    with pytest.raises(Refused):
        check_cookie(SESSION, header)


@given(st.text())
def test_no_text_that_is_not_the_cookie_passes(header: str) -> None:
    if "C" * 43 not in header:
        with pytest.raises(Refused):
            check_cookie(SESSION, header)


@pytest.mark.parametrize("key", [None, "", "K" * 42, "K" * 44, "k" * 43, "C" * 43, "ä", "\udc80"])
def test_no_other_key_will_do(key: str | None) -> None:
    with pytest.raises(Refused):
        check_key(SESSION, key)


def test_the_key_will_do() -> None:
    check_key(SESSION, "K" * 43)


def test_each_run_has_its_own_key_and_cookie_and_neither_is_shown() -> None:
    first, second = Session(1), Session(1)
    assert len({first.key, first.cookie, second.key, second.cookie}) == 4
    assert len(first.key) == len(first.cookie) == 43
    assert first.key not in repr(first)
    assert first.cookie not in repr(first)
    assert first.address == f"http://127.0.0.1:1/?key={first.key}"


def test_the_cookie_is_for_our_own_requests_and_not_for_scripts() -> None:
    assert SESSION.set_cookie() == f"copybara-8765={'C' * 43}; Path=/; HttpOnly; SameSite=Lax"


def test_the_page_may_load_from_here_only_and_nobody_may_frame_it() -> None:
    headers = response_headers(SESSION)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' ws://127.0.0.1:8765 ws://localhost:8765"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:223D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 100 0 0 10 0
   1: 0100007F:223D 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 20 4 30 10 -1
   2: 0100007F:C350 0100007F:223D 01 00000000:00000000 00:00000000 00000000  1001        0 13 1 0 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx rx tr tm->when retrnsmt uid
   0: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:223D 01 0:0 0:0 0 1002 0 14
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the table above is a little-endian machine's")
def test_the_owner_of_the_other_end_is_read_from_the_kernels_table() -> None:
    server = ("127.0.0.1", 0x223D)
    assert socket_owner([TCP, ""], ("127.0.0.1", 0xC350), server) == 1001
    assert socket_owner([TCP, TCP6], ("127.0.0.1", 0xC351), server) == 1002
    assert socket_owner([TCP, TCP6], ("127.0.0.1", 0xC352), server) is None
    assert socket_owner([], ("127.0.0.1", 0xC350), server) is None


@given(st.lists(st.text()))
def test_a_table_of_another_form_names_nobody(tables: list[str]) -> None:
    assert socket_owner(tables, ("127.0.0.1", 0xC350), ("127.0.0.1", 0x223D)) is None
