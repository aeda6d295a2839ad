"""Voice messages at the page, by a script: recorded after a call that nobody answered, and played when they come."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.kinds import Kind
from peer.handset.protocol import File, LeaveVoice, Said
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.scripted import REPORT, call, everywhere, greeting, theatre
from tests.browser.test_page_hold import ON_HOLD
from tests.browser.test_page_told import BESIDE
from tests.peer.media.test_file import make_wave
from tests.peer.media.tone import SAMPLE_RATE, sine

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
        await everywhere(play, "voice-offered")
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


async def test_who_is_called_in_vain_beside_a_call_on_hold_can_be_left_a_message_before_one_goes_back() -> None:
    held = call(1, "active", **ON_HOLD)
    unheard = {**BESIDE, **UNHEARD}
    async with theatre(greeting(calls=[held, call(2, "calling", **unheard)])) as play:
        play.tell(call(2, "ended", **unheard, sentence="No answer from bob."))
        await play.view.shows("No answer from bob.")
        await play.view.shows("Leave a voice message")
        await play.can_be_used()
        await play.view.press("Done")
        await play.view.shows("anna is on hold")
        # One who was reached is spoken to no more: the call on hold is next.
        play.tell(call(3, "active", **BESIDE))
        await play.until("document.getElementById('stage-name').textContent === 'bob'")
        play.tell(call(3, "ended", **BESIDE))
        await play.view.shows("anna is on hold")


async def test_a_message_that_has_come_is_played(tmp_path: Path) -> None:
    sound = make_wave(tmp_path / "voice message.wav", sine(440, 3 * SAMPLE_RATE))
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.tell(
            File(
                call=1,
                file=1,
                ours=False,
                name=sound.name,
                size=sound.stat().st_size,
                state="done",
                done=sound.stat().st_size,
                kind=Kind.MESSAGE_RECEIVED,
                sentence=f"anna left you a voice message: {sound}",
                save=play.pages.downloads.offer(sound),
                voice=True,
            )
        )
        await play.view.shows("anna left you a voice message")
        await play.can_be_used()
        await play.page.get_by_role("button", name="Play").click()
        await play.until("(document.querySelector('#files audio')?.currentTime ?? 0) > 0")
        await play.can_be_used()
