"""The table of endpoints."""

from __future__ import annotations

import importlib
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from peer.media import AUTO, HANDSET, CallContext, make
from peer.media.endpoint_kinds import ENDPOINTS, EndpointKind, RoomShown, room_shown
from peer.media.endpoints.none import NoMedia
from shared.config.schema import Config
from shared.config.schema import Endpoint as EndpointName
from shared.errors import ConfigError

RECORDINGS = Path("recordings")


class Page(NoMedia):
    name = "handset"


def configured() -> Config:
    """A configuration that names everything an endpoint may need. None of it has to exist yet."""
    config = Config()
    return msgspec.structs.replace(
        config,
        media=msgspec.structs.replace(config.media, file="/some/file.mkv"),
        camera=msgspec.structs.replace(config.camera, address="rtsp://127.0.0.1/camera"),
    )


@pytest.mark.parametrize("name", [*ENDPOINTS, "file+recorder", "pattern+recorder", "echo+recorder"])
def test_an_endpoint_is_made_by_its_name(name: str) -> None:
    assert make(name, configured(), recordings=RECORDINGS, context=CallContext(handset=Page)).name == name


@pytest.mark.parametrize("name", ["", "video", "Pattern", "+", "file+", "file+video"])
def test_a_name_that_does_not_exist_is_an_error_that_lists_those_that_do(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make(name, configured(), recordings=RECORDINGS)
    assert "pattern, echo, file, recorder, none" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "sentence", "key"),
    [
        ("file", "No file to play is configured", "media.file"),
        ("camera", "No IP camera is configured", "camera.address"),
        ("handset", "Your page is switched off", "handset.enabled"),
    ],
)
def test_an_endpoint_that_lacks_its_setting_names_it(name: str, sentence: str, key: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as raised:
        make(name, Config(), recordings=RECORDINGS)
    assert raised.value.key == key


def test_the_configuration_the_table_and_the_documents_know_the_same_endpoints() -> None:
    assert {AUTO, *ENDPOINTS} == set(get_args(EndpointName))
    table = Path("docs/endpoints.md").read_text().partition("\n\n## ")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {name for cell in first for name in re.findall(r"`([a-z-]+)`", cell)} == {AUTO, *ENDPOINTS}


@pytest.mark.parametrize("name", [name for name in ENDPOINTS if name != HANDSET])
def test_every_endpoint_of_the_table_has_a_module_that_makes_it(name: str) -> None:
    module = importlib.import_module(f"peer.media.endpoints.{ENDPOINTS[name].module}")
    assert callable(module.make)


def test_nobody_can_add_an_endpoint_without_saying_who_may_see_the_room_through_it() -> None:
    assert all(field.default is MISSING and field.default_factory is MISSING for field in fields(EndpointKind))


def test_what_each_endpoint_does_with_the_room() -> None:
    """A row that says NEVER is for an endpoint that opens neither a microphone nor a camera."""
    opening = {"handset": RoomShown.FROM_THE_PAGE, "devices": RoomShown.AT_ONCE, "camera": RoomShown.FOR_TRUSTED}
    assert {name: kind.room for name, kind in ENDPOINTS.items() if kind.room is not RoomShown.NEVER} == opening
    assert room_shown("camera+recorder") == {RoomShown.FOR_TRUSTED, RoomShown.NEVER}
