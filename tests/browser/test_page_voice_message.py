"""Voice messages at the page, by a script: recorded after a call that nobody answered, and played when they come."""

from __future__ import annotations

import msgspec

from bot.kinds import Kind
from peer.handset.protocol import File, LeaveVoice, Said
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import REPORT, call, greeting, theatre

pytestmark = ONE_CHROMIUM

UNHEARD = {
    "role": "caller",
    "connected_at": None,
    "report": msgspec.structs.replace(REPORT, state="ended", reason="no-answer", role="caller"),
}


async def test_after_a_call_that_nobody_answered_a_message_is_recorded_and_left() -> None:
    async with theatre(greeting(calls=[call(1, "calling", **UNHEARD)])) as play:
        play.tell(call(1, "ended", **UNHEARD))
        await play.view.shows("Leave a voice message")
        await play.can_be_used()
        record = play.page.locator("#voice-record")
        await play.until("document.getElementById('voice-record').hasAttribute('data-settled')")
        await record.click()
        # The browser's fake microphone beeps; a second of that is more than a name.
        await play.until("/0:0[1-9]/.test(document.getElementById('voice-time').textContent)")
        await play.can_be_used()
        await play.view.press("Leave it")
        wanted = await play.wants(LeaveVoice, call=1, name="anna", form="webm")
        assert isinstance(wanted, LeaveVoice)
        await play.until("document.getElementById('voice').hidden")
        sent = b"".join(piece[4:] for piece in play.script.pieces)
        assert (len(sent), sent[:4]) == (wanted.size, bytes.fromhex("1a45dfa3")), "the beginning of WebM"
        play.tell(Said(call=1, kind=Kind.MESSAGE_KEPT, sentence="Your voice message for anna waits here."))
        await play.view.shows("Your voice message for anna waits here.")


async def test_a_message_that_has_come_has_a_button_to_play_it() -> None:
    file = File(
        call=1,
        file=1,
        ours=False,
        name="voice message.webm",
        size=1000,
        state="done",
        done=1000,
        kind=Kind.MESSAGE_RECEIVED,
        sentence="anna left you a voice message: /home/files/voice message.webm",
        save="/received/nothing-there",
        voice=True,
    )
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.tell(file)
        await play.view.shows("anna left you a voice message")
        await play.can_be_used()
        await play.page.get_by_role("button", name="Play").click()
        await play.view.shows("can't be played here")
