"""Foreign bytes that aren't the expected JSON end in the one error of their reader, for every reader."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from bot.cli.setup.yggdrasil.public_peers import by_country
from bot.messengers.telegram.http import is_telegram
from peer.handset.protocol import decode
from shared.errors import BadAnswer, HandsetError, OverlayError
from shared.names import json_rpc

FOREIGN = {
    "nothing": b"",
    "a page": b"<html>502 Bad Gateway</html>",
    "cut off": b'{"ok": tr',
    "not UTF-8": b'{"\xff": 1}',
    "not UTF-8 in a value": b'{"ok": true, "result": "\xff"}',
    "half a character": b'{"a": {"tls://\xe2\x80": {}}}',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"result":' * 100_000,
    "deep objects of any name": b'{"a":' * 100_000,
    "a number": b"1",
}


@pytest.mark.parametrize("raw", FOREIGN.values(), ids=FOREIGN)
def test_what_isnt_json_is_one_error(raw: bytes) -> None:
    with pytest.raises(OverlayError):
        by_country(raw, minor=5)
    # Other readers skip fields that they don't need, so they may accept some of it.
    with contextlib.suppress(BadAnswer):
        json_rpc.decode(raw)
    with contextlib.suppress(HandsetError):
        decode(raw)
    assert is_telegram(200, raw) in (True, False)


def test_every_reader_of_json_knows_all_that_can_be_wrong_with_it() -> None:
    root = Path(__file__).parents[2]
    partial = re.compile(r"except .*msgspec\.(?:MsgspecError|DecodeError)")
    for folder in ("bot", "peer", "shared"):
        for path in (root / folder).rglob("*.py"):
            assert not partial.search(path.read_text()), f"{path}: catch NOT_JSON of shared/not_json.py"
