from __future__ import annotations

from pathlib import Path

import pytest

from peer.media import NAMES, make
from shared.config import MediaSettings
from shared.errors import ConfigError

RECORDINGS = Path("recordings")


@pytest.mark.parametrize("name", [*NAMES, "file+recorder", "pattern+recorder", "echo+recorder"])
def test_an_endpoint_is_made_by_its_name(name: str) -> None:
    assert make(name, MediaSettings(file="/some/file.mkv"), recordings=RECORDINGS).name == name


@pytest.mark.parametrize("name", ["", "camera", "Pattern", "+", "file+", "file+camera"])
def test_a_name_that_does_not_exist_is_an_error_that_lists_those_that_do(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make(name, MediaSettings(file="/some/file.mkv"), recordings=RECORDINGS)
    assert "pattern, echo, file, recorder, none" in raised.value.hint


def test_a_file_endpoint_needs_a_file() -> None:
    with pytest.raises(ConfigError, match="No file to play is configured") as raised:
        make("file", MediaSettings(), recordings=RECORDINGS)
    assert raised.value.key == "media.file"
