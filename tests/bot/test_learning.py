"""From which calls the program learns where a contact writes from."""

from __future__ import annotations

import pytest

from bot.assistant.learning import teaches
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from shared.call.table import Call, State
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role


@pytest.mark.parametrize(
    ("keyed", "proven", "learns"), [(True, True, True), (True, False, False), (False, False, True)]
)
def test_a_call_without_the_contacts_key_teaches_nothing_about_them(keyed: bool, proven: bool, learns: bool) -> None:
    link = CallLink(NodeId(bytes(32)), Media.BOTH, created=0, reference=bytes(8), keyed=keyed, proven=proven)
    call = Call(Role.CALLEE, paired=proven, state=State.ACTIVE, reason=None)
    assert teaches(Line(1, call, link, chat="chat", expires=600)) is learns
