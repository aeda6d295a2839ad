"""The configuration of the tests' mail server, which must fit dovecot's version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bot.deltachat.dovecot import Places, configuration, parsed_version

PLACES = Places(Path("/a folder"), Path("/a folder/run"), "mail", "post", 1143)

OLD_NAMES = ("disable_plaintext_auth", "mail_location", "driver = static", "args =", "service_count", "%u")
"Settings of 2.3 that 2.4 refuses (Upgrading Dovecot CE from 2.3 to 2.4), of those that we used."

NEW_NAMES = ("dovecot_config_version", "dovecot_storage_version", "auth_allow_cleartext", "mail_driver", "mail_path")


@pytest.mark.parametrize(
    ("said", "version"),
    [("2.3.19.1 (9b53102964)\n", (2, 3)), ("2.4.1-4 (7d8c0e5759)\n", (2, 4)), ("2.3.21.1\n", (2, 3))],
    ids=["Debian 12", "Debian 13", "without a revision"],
)
def test_a_version_is_read(said: str, version: tuple[int, int]) -> None:
    assert parsed_version(said) == version


@pytest.mark.parametrize("version", [(2, 3), (2, 4), (2, 5)])
def test_each_version_gets_its_own_names_and_none_of_the_others(version: tuple[int, int]) -> None:
    text = configuration(version, PLACES)
    new = version >= (2, 4)
    assert [name for name in OLD_NAMES if name in text] == ([] if new else list(OLD_NAMES))
    assert [name for name in NEW_NAMES if name in text] == (list(NEW_NAMES) if new else [])


def test_the_first_setting_of_2_4_is_its_version_and_each_database_has_a_name() -> None:
    text = configuration((2, 4), PLACES)
    assert text.startswith("dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n")
    assert re.findall(r"^(?:passdb|userdb).*", text, re.MULTILINE) == ["passdb static {", "userdb static {"]
    assert "home = /a folder/home/%{user}\n" in text


@pytest.mark.parametrize("version", [(2, 3), (2, 4)])
def test_every_line_is_a_setting_or_a_section_that_is_closed(version: tuple[int, int]) -> None:
    depth = 0
    for line in configuration(version, PLACES).splitlines():
        assert re.fullmatch(r" *(?:[a-z_]+ = ?.*|[a-z_]+ ?[A-Za-z_-]* \{|\})", line), line
        depth += line.endswith("{") - (line.strip() == "}")
        assert depth >= 0
    assert depth == 0
