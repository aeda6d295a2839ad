"""The real page, and a script in place of its program: what it shows and says, where the focus is, what it asks for.

axe-core checks every state. test_page_states.py and test_two_browsers.py test what passes between two programs. With
COPYBARA_WRITE_DOCS=1 (`make docs`) the pictures of these states are written again.
"""

from __future__ import annotations

import contextlib
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from bot.kinds import Kind
from bot.texts.devices import given_up
from bot.texts.overlay import alone
from peer.handset.protocol import (
    Act,
    AddContact,
    AddDevice,
    Answer,
    AnsweredAlone,
    Audible,
    Block,
    ChangedElsewhere,
    ConfirmDevice,
    Contacts,
    Decline,
    Device,
    Devices,
    Explain,
    Explained,
    HangUp,
    Log,
    Overlay,
    OverlayState,
    PairingCode,
    Place,
    Problem,
    RemoteMedia,
    RemoveContact,
    RemoveDevice,
    RenameContact,
    Ring,
    Said,
    SeenChanges,
    SetName,
    SetTrust,
    ShowLink,
    TakeHere,
    Text,
    Write,
)
from peer.handset.shown_link import shown_link
from peer.media.endpoints.answer_chime import CHIME
from shared.call.table import EndReason
from tests.browser.chromium import ONE_HEADLESS_SHELL, looked_at, until_seen
from tests.browser.pictures import NARROW, look_like, taken
from tests.browser.scripted import (
    ANNA,
    AXE,
    BOB,
    CARD,
    NODE,
    NOW,
    PATH,
    TOKEN,
    Theatre,
    adding,
    call,
    contact,
    everywhere,
    greeting,
    link,
    logged,
    quality,
    sends,
    theatre,
)

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

MIDDLE = "box => [box.x + box.width / 2, box.y + box.height / 2]"

TONES = """
(() => {
  window.tones = [];
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    const wave = make.call(this);
    const start = wave.start;
    wave.start = (...at) => { window.tones.push(wave.frequency.value); return start.apply(wave, at); };
    return wave;
  };
})()
"""

HASTE = "(every => { window.setInterval = (act, pause) => every(act, pause / 10); })(window.setInterval)"
"Makes repeated actions run ten times as fast."

NOTIFICATIONS = """
(() => {
  window.notified = [];
  window.asked = 0;
  window.Notification = class extends Notification {
    constructor(title, options) { super(title, options); window.notified.push(this); this.taken = false; }
    close() { this.taken = true; super.close(); }
    static requestPermission() { window.asked += 1; return super.requestPermission(); }
  };
  window.focus = () => { window.came = true; };
  window.out = (hidden) => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
  };
})()
"""
"""Notes the notifications that are shown, and makes the page say that it is hidden. A browser without a screen hides no
page, and takes half a minute to say that a notification is gone."""

OWN_PICTURE = "document.getElementById('own-video').videoWidth > 0"

STRANGER = {
    "name": "Somebody you haven't saved",
    "contact": None,
    "node": BOB,
    "trust": "stranger",
    "trust_words": "If you don't know who this is, don't answer.",
}

SPOKEN = "document.getElementById('announce').textContent"
"What a screen reader says."

BESIDE = {"name": "bob", "contact": "bob", "node": BOB}
"Another person than the one in the active call."

LOG = [
    logged("anna", "hung-up", contact="anna", role="caller", seconds=754),
    logged("bob", "hung-up", contact="bob", node=BOB, seconds=62, automatic=True, media="audio", started=NOW - 3600),
    logged("Somebody you haven't saved", "missed", started=NOW - 7200, media="audio"),
    logged("anna", "no-answer", contact="anna", role="caller", started=NOW - 86_400),
]


EXPLAINED = Explained(
    token=TOKEN, kind="call", sentence="anna is calling you (video), just now.", can_act=True, button="Let it ring"
)

LAPTOP = {"width": 1280, "height": 720}

SEALED_REQUEST = urlsafe_b64encode(b"\x11" + bytes(range(145))).decode().rstrip("=")
"A link with the length of a first link that is encrypted with a contact card."

REACHABLE = """
"IDS".split(" ").every((id) => {
  const button = document.getElementById(id), at = button.getBoundingClientRect();
  return button.contains(document.elementFromPoint(at.x + at.width / 2, at.y + at.height - 4));
})
"""
"Whether these buttons are in the window, with their lower edges, and nothing covers them."


async def test_axe_is_there_to_look_at_every_state() -> None:
    if not AXE.exists():
        pytest.skip("axe-core isn't installed (tests/node-packages)")


# No call.


async def test_the_start_page_shows_the_book_and_the_log() -> None:
    async with theatre(greeting(log=LOG)) as play:
        said = ("answered automatically (video), 08:00-22:00", "Missed", "No answer", "12 min 34 s", "1 min 2 s")
        for text in ("anna", *said):
            await play.view.shows(text)
        # The times have the same form as in the program's sentences. This browser alone would write 2:20 AM.
        times = [each.split(" · ")[0] for each in await play.page.locator("#log small").all_text_contents()]
        assert all(re.fullmatch(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d", each) for each in times), times
        # After any click the page may play sound.
        await play.page.mouse.click(2, 2)
        await play.page.locator("#sound-notice").wait_for(state="hidden")
        await everywhere(play, "start")
        await play.view.press("Audio call to anna")
        await play.wants(Place, whom="anna", node=ANNA, media="audio")
        await play.view.press("Audio call to somebody you haven't saved again")
        await play.wants(Place, whom=ANNA, media="audio")
        await play.view.press(re.compile("^Save them in your contacts, from the call of "))
        await play.view.shows("After your first call, one link is enough.")
        await play.can_be_used()
        await play.page.locator("#add-name").fill("nora")
        await play.view.click(play.page.locator("#add-form").get_by_role("button", name="Save"))
        await play.wants(AddContact, whom=ANNA, name="nora", reference="")


async def test_who_isnt_saved_is_told_from_others_and_saved_with_the_call_that_they_were_in() -> None:
    met = {"node": BOB, "seconds": 60}
    calls = [
        logged("Somebody you haven't saved", "hung-up", **met, reference="aa" * 8, compared=True, started=NOW - 60),
        logged("Somebody you haven't saved", "hung-up", **met, reference="bb" * 8, started=NOW - 3600),
    ]
    async with theatre(greeting(log=calls)) as play:
        rows = play.page.locator("#log small")
        times = [each.split(" · ")[0] for each in await rows.all_text_contents()]
        assert f"same caller as at {times[1]}" in await rows.nth(0).inner_text()
        assert "same caller" not in await rows.nth(1).inner_text()
        for row, said, reference in ((0, "You confirmed the four words", "aa"), (1, "weren't confirmed", "bb")):
            save = play.page.get_by_role("button", name="Save them in your contacts").nth(row)
            await play.view.click(save)
            await play.view.shows(said)
            assert not await play.page.locator("#add-whom").is_visible()
            await play.page.locator("#add-name").fill("nora")
            await play.view.click(play.page.locator("#add-form").get_by_role("button", name="Save"))
            await play.wants(AddContact, whom=BOB, name="nora", reference=reference * 8)
        play.tell(call(1, "ringing", **STRANGER))
        await play.view.shows(f"Same caller as at {times[0]}, not saved.")
        await play.can_be_used()
        play.tell(call(1, "ringing", **(STRANGER | {"node": ANNA})))
        await play.page.locator("#incoming-before").wait_for(state="hidden")


async def test_what_waits_for_a_contact_stands_in_their_row() -> None:
    book = [contact("anna", ANNA, waits="1 voice message waits"), contact("bob", BOB, paired=False)]
    async with theatre(
        greeting(contacts=book, log=[logged("bob", "hung-up", node=BOB, contact="bob", seconds=9)])
    ) as play:
        await play.view.shows("1 voice message waits · rings when they call")
        await play.view.shows("rings when they call, compare the words in your next call")
        play.tell(call(1, "active", trust="unproven", paired=False))
        await play.view.shows("This call doesn't have the key that you share with anna, so 1 voice message waits.")


async def test_what_a_phone_has_changed_stands_at_home_until_it_was_seen() -> None:
    async with theatre(greeting(changes=["On phone: bob's calls will ring."])) as play:
        await play.view.shows("On phone: bob's calls will ring.")
        await play.can_be_used()
        play.tell(ChangedElsewhere(changes=["On phone: bob's calls will ring.", "On phone: bob is now called anne."]))
        await play.view.shows("On phone: bob is now called anne.")
        await play.view.press("OK")
        shown = ["On phone: bob's calls will ring.", "On phone: bob is now called anne."]
        await play.wants(SeenChanges, changes=shown)
        play.tell(ChangedElsewhere(changes=[]))
        await play.page.locator("#changed-notice").wait_for(state="hidden")


async def test_what_only_a_command_sets_for_a_contact_stands_beside_what_the_page_sets() -> None:
    beyond = "Also answered, as you set it in the chat: calls of other programs. “It rings” ends that."
    async with theatre(greeting(contacts=[contact("anna", ANNA, trust="auto", beyond=beyond)])) as play:
        await play.page.locator("#contacts .row-main").click()
        await play.view.shows(beyond)
        await play.can_be_used()
        await play.view.click(play.page.locator('#trust-form label:has([value="ring"])'))
        await play.wants(SetTrust, trust="ring")
        await play.page.locator("#contact-beyond").wait_for(state="hidden")


async def test_the_keyboard_reaches_everything_in_the_order_of_the_page() -> None:
    async with theatre() as play:
        order = []
        for _ in range(10):
            await play.page.keyboard.press("Tab")
            order.append(await play.focused())
        assert order[:3] == ["open-card", "open-settings", "whom"]
        assert order[3:6] == ["Video call", "Audio call", "open-add"]
        assert order[7:9] == ["Audio call to anna", "Video call to anna"]


async def test_on_a_phone_many_contacts_push_no_call_out_of_sight() -> None:
    book = [contact(f"friend {number:02}", ANNA[:-2] + f"{number:02}") for number in range(50)]
    async with theatre(greeting(contacts=book, log=LOG)) as play:
        rows, show_all = play.page.locator("#contacts li"), play.page.get_by_role("button", name="Show all 50 contacts")
        assert await rows.last.is_visible()
        assert not await show_all.is_visible()
        await look_like(play.page, "narrow")
        assert [await rows.nth(at).is_visible() for at in (7, 8)] == [True, False]
        await play.can_be_used()
        await show_all.click()
        assert await rows.last.is_visible()
        assert await play.page.evaluate("document.activeElement.dataset.hold") == "who friend 08"
        assert not await show_all.is_visible()


async def test_a_change_of_the_book_leaves_the_focus_where_it_was() -> None:
    async with theatre() as play:
        button = play.page.get_by_role("button", name="Video call to anna")
        await button.focus()
        play.tell(Contacts(contacts=[contact("aaron", NODE), contact("anna", ANNA)]))
        await play.view.shows("aaron")
        assert await play.focused() == "Video call to anna"


async def test_an_overlay_that_is_down_is_said_all_the_time() -> None:
    async with theatre() as play:
        notice = "Yggdrasil can't be used: Its node doesn't answer. New calls fail until it is back."
        play.tell(OverlayState(overlay=Overlay("Yggdrasil", None, notice)))
        await play.view.shows(notice)
        await everywhere(play, "overlay-down")


async def test_a_node_that_is_connected_to_nobody_is_no_green_dot_and_is_said_at_a_call() -> None:
    address, said = "200:b1c4:80a1:77d2::1", alone("yggdrasil")
    nobody = Overlay("Yggdrasil", address, said.text, said.kind, connected=False)
    connected = Overlay("Yggdrasil", address, connected=True)
    async with theatre() as play:
        dot, label, at_call = (play.page.locator(each) for each in ("#overlay", "#overlay-text", "#outgoing-network"))
        assert await label.inner_text() == "Connected to Yggdrasil"
        green = await dot.locator(".dot").evaluate("dot => getComputedStyle(dot).backgroundColor")
        play.tell(OverlayState(overlay=nobody))
        await play.view.says(Kind.OVERLAY_ALONE)
        assert await label.inner_text() == "Yggdrasil is connected to nobody"
        assert await dot.locator(".dot").evaluate("dot => getComputedStyle(dot).backgroundColor") != green
        await look_like(play.page, "narrow")
        await play.can_be_used()

        play.tell(call(1, "calling", role="caller"))
        await at_call.get_by_text(said.sentence).wait_for()
        await play.can_be_used()
        play.tell(OverlayState(overlay=connected))
        await at_call.wait_for(state="hidden")
        play.tell(OverlayState(overlay=nobody))
        await at_call.wait_for()
        play.tell(call(1, "calling", role="caller", echo=True))
        await at_call.wait_for(state="hidden")
        # The page of a call that has ended offers the next one.
        play.tell(call(1, "ended"))
        after = play.page.locator("#ended-network")
        await after.get_by_text(said.sentence).wait_for()
        play.tell(OverlayState(overlay=connected))
        await after.wait_for(state="hidden")


async def test_a_node_that_does_not_say_whether_it_is_connected_is_not_said_to_be() -> None:
    async with theatre(greeting(overlay=Overlay("Staex", "10.83.0.1"))) as play:
        assert await play.page.locator("#overlay-text").inner_text() == "Your Staex node is running"
        assert await play.page.locator("#overlay").get_attribute("data-up") == "true"


async def test_what_cannot_be_done_is_said_beside_the_field() -> None:
    async with theatre() as play:
        play.script.problems[Place] = ("Nobody is called zoe.", "Paste their node id.")
        await play.view.place("zoe")
        await play.view.shows("Nobody is called zoe.")
        text = await play.page.locator("#new-problem").text_content()
        assert text == "Nobody is called zoe. Paste their node id."
        assert await play.page.locator("#whom").input_value() == "zoe"


async def test_what_is_too_long_is_refused_and_never_cut() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        page = play.page
        await page.click("#c-chat")
        await page.fill("#write", "a" * 4001)
        await page.press("#write", "Enter")
        await play.view.shows("That is too long: 4001 characters, of at most 4000.")
        await page.fill("#write", "\N{EARTH GLOBE EUROPE-AFRICA}" * 4000)
        await page.press("#write", "Enter")
        await play.wants(Write, text="\N{EARTH GLOBE EUROPE-AFRICA}" * 4000)
    async with theatre() as play:
        await play.view.place("who " * 400)
        await play.view.shows("That is too long to be a name, a node id or a card.")
        await play.view.place("anna")
        await play.wants(Place, whom="anna")


async def test_a_pasted_link_is_explained_before_anything_happens() -> None:
    async with theatre(
        explained=Explained(token=TOKEN, kind="own", sentence="Yours.", can_act=False, button="")
    ) as play:
        await play.view.place(f"copybara:{TOKEN}")
        await play.wants(Explain, text=f"copybara:{TOKEN}")
        await play.view.shows("Your own link")


async def test_where_there_is_no_link_the_title_says_so() -> None:
    async with theatre(
        explained=Explained(token="", kind="nothing", sentence="A link has 64 characters.", can_act=False, button="")
    ) as play:
        await play.view.place("copybara:hello")
        await play.page.get_by_role("heading", name="No link in that").wait_for()
        await play.can_be_used()


async def test_no_call_of_the_log_names_its_person_twice_however_it_ended() -> None:
    log = [
        logged("anna", reason, contact="anna", role="caller", started=NOW - 60 * at)
        for at, reason in enumerate(EndReason)
    ]
    async with theatre(greeting(log=log)) as play:
        rows = play.page.locator("#log small")
        await rows.get_by_text("Failed").wait_for()
        words = await rows.all_inner_texts()
        assert len(words) == len(EndReason)
        assert [each for each in words if "anna" in each] == []


BOBS_CARD = Explained(token=CARD, kind="card", sentence="This is Bob's contact card.", can_act=False, button="")


async def paste(play: Theatre, text: str, field: str = "whom") -> None:
    """Paste into this field, or on the page if no field has that name."""
    await play.view.pastes(text, field)


async def test_a_call_that_is_pasted_rings_and_one_that_would_be_answered_at_once_is_explained() -> None:
    async with theatre(explained=msgspec.structs.replace(EXPLAINED, rings=True)) as play:
        await paste(play, f"copybara:{TOKEN}")
        await play.wants(Act, text=TOKEN)
        assert not await play.page.locator("#explain").is_visible()
        play.script.explained = msgspec.structs.replace(EXPLAINED, button="Answer")
        await paste(play, f"copybara:{TOKEN}")
        await play.view.shows(EXPLAINED.sentence)
        assert not [each for each in play.script.heard_messages if isinstance(each, Act)]


async def test_an_answer_that_is_pasted_connects_and_what_is_none_is_said() -> None:
    answer = Explained(token=TOKEN, kind="response", sentence="Connect now?", can_act=True, button="Connect")
    calling = call(1, "calling", role="caller", paired=False)
    waits = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to anna.")
    async with theatre(greeting(calls=[calling], links=[waits]), explained=answer) as play:
        await play.view.shows("Paste their answer here")
        for field in ("answer-text", "nowhere"):
            await paste(play, f"copybara:{TOKEN}", field)
            await play.wants(Act, text=TOKEN)
        play.script.explained = msgspec.structs.replace(answer, kind="own", can_act=False, sentence="Your own link.")
        await paste(play, f"copybara:{TOKEN}", "answer-text")
        await play.view.shows("Your own link.")
        assert not [each for each in play.script.heard_messages if isinstance(each, Act)]


async def test_an_answer_that_is_to_be_sent_back_says_so_above_and_where() -> None:
    async with theatre(greeting(calls=[call(1, "connecting", **STRANGER, paired=False)])) as play:
        play.tell(
            ShowLink(
                call=1,
                link=link(),
                kind=Kind.LINK_TO_SEND,
                sentence="The call connects as soon as they have pasted it.",
            )
        )
        heading = play.page.get_by_role("heading", name="Now send this answer back in the chat the link came from")
        await heading.wait_for()
        assert not await play.page.locator("#outgoing").get_by_text("Connecting").is_visible()
        assert not await play.page.locator("#answer-form").is_visible()
        await play.page.locator("#outgoing-title").focus()
        await play.page.keyboard.press("Tab")
        assert await play.focused() == "outgoing-copy"
        await everywhere(play, "send-back")


async def test_a_pasted_card_says_whose_it_is() -> None:
    theirs = Explained(token=CARD, kind="card", sentence="…", can_act=False, button="", card_name="Nora", card_node=BOB)
    ours = Explained(token=CARD, kind="own", sentence="…", can_act=False, button="", card_name="me", card_node=NODE)
    async with theatre(explained=theirs) as play:
        await paste(play, f"copybara:{CARD}")
        await play.view.shows("This is Nora's card")
        assert await play.page.locator("#explain .primary").all_inner_texts() == ["Save contact"]
        assert not await play.page.get_by_text(BOB).is_visible()
        await play.page.locator("#explain").get_by_text("Details").click()
        await play.view.shows(BOB)
        await play.can_be_used()
        await play.page.keyboard.press("Escape")
        play.script.explained = ours
        await paste(play, f"copybara:{CARD}")
        await play.view.shows("This is your own card")
        assert not await play.page.locator("#explain-save").is_visible()


async def test_pasting_a_link_or_the_message_it_came_in_explains_it_at_once() -> None:
    async with theatre(explained=BOBS_CARD) as play:
        for text in (f" copybara:{CARD}\n", f"Paste my card:\n\ncopybara:{CARD}\n\nBob"):
            for field in ("whom", "nowhere"):
                await paste(play, text, field)
                await play.wants(Explain, text=text.strip())
                await play.view.shows("This is Bob's contact card.")
                await play.page.keyboard.press("Escape")
        # A name, or the rest of a text that is being typed, is only inserted.
        await paste(play, "anna")
        await play.page.locator("#whom").fill("x")
        await paste(play, f"copybara:{CARD}")
        assert [each for each in play.script.heard_messages if isinstance(each, Explain)] == []
        await play.page.locator("#whom").select_text()
        await paste(play, f"copybara:{CARD}")
        await play.wants(Explain, text=f"copybara:{CARD}")
        await play.view.shows("This is Bob's contact card.")
        assert await play.page.locator("#whom").input_value() == ""


async def test_calling_again_shows_what_kind_of_call_it_is() -> None:
    for media, symbol in (("audio", "#i-phone"), ("video", "#i-camera")):
        async with theatre(greeting(calls=[call(1, "active", media=media)])) as play:
            play.tell(call(1, "ended", media=media))
            await play.page.locator("#ended").wait_for()
            assert await play.page.locator("#ended-again use").get_attribute("href") == symbol


async def test_after_a_call_the_next_link_can_be_pasted_and_done_leaves_no_older_page() -> None:
    async with theatre(greeting(calls=[call(1, "active")]), explained=BOBS_CARD) as play:
        play.tell(call(1, "ended", contact=None))
        await play.page.locator("#ended").wait_for()
        for field in ("nowhere", "ended-name", "ended-pasted"):
            await paste(play, f"copybara:{CARD}", field)
            await play.wants(Explain, text=f"copybara:{CARD}")
            await play.view.shows("This is Bob's contact card.")
            await play.page.keyboard.press("Escape")
        await play.page.locator("#ended-pasted").fill(f"copybara:{CARD}")
        await play.page.keyboard.press("Enter")
        await play.wants(Explain, text=f"copybara:{CARD}")
        await play.view.shows("This is Bob's contact card.")
        await play.page.keyboard.press("Escape")
        play.tell(call(2, "active"))
        await play.page.locator("#stage-name").wait_for()
        play.tell(call(2, "ended"))
        await play.view.press("Done")
        await play.until("document.getElementById('home').checkVisibility()")


async def test_a_dialog_keeps_the_focus_and_escape_gives_it_back() -> None:
    async with theatre() as play:
        opener = play.page.get_by_role("button", name="anna rings")
        await opener.click()
        await everywhere(play, "contact")
        inside = "document.activeElement.closest('dialog')?.id ?? document.activeElement.tagName"
        for _ in range(12):
            await play.page.keyboard.press("Tab")
            # After the last element the focus is in the browser's own bar for a moment, and never in the page behind.
            where = await play.page.evaluate(inside)
            assert where in ("contact", "BODY"), await play.page.evaluate("document.activeElement.outerHTML")
        await play.page.keyboard.press("Escape")
        assert await play.page.evaluate("document.activeElement.dataset.hold") == "who anna"


async def test_what_is_said_beside_an_open_dialog_is_heard() -> None:
    async with theatre() as play:
        await play.view.press("My card")
        play.tell(Problem(kind="error.leg-failed", sentence="The disk is full.", hint=""))
        await play.view.shows("The disk is full.")
        await play.until(f"{SPOKEN} === 'The disk is full.'")
        session = await play.page.context.new_cdp_session(play.page)
        heard = (await session.send("Accessibility.getFullAXTree"))["nodes"]
        said = [each for each in heard if each.get("name", {}).get("value") == "The disk is full."]
        assert any(not each["ignored"] for each in said), said
        await play.can_be_used()
        await play.page.keyboard.press("Escape")
        play.tell(Problem(kind="error.leg-failed", sentence="It is full.", hint=""))
        await play.view.shows("It is full.")


async def test_a_contact_may_be_given_a_name_with_spaces() -> None:
    async with theatre() as play:
        await play.page.get_by_role("button", name="anna rings").click()
        await play.page.locator("#contact-name").fill(" Ann   Lee ")
        await play.view.click(play.page.locator("#rename-form").get_by_role("button", name="Rename"))
        await play.wants(RenameContact, name="anna", node=ANNA, new_name="Ann   Lee")
        await play.until("document.getElementById('contact-title').textContent === 'Ann Lee'")


async def test_who_is_removed_is_asked_about_aloud() -> None:
    async with theatre() as play:
        await play.page.get_by_role("button", name="anna rings").click()
        await play.view.press("Remove")
        await play.until(f"{SPOKEN} === 'Remove them and all shared keys?'")
        await play.view.press("Remove them and all shared keys?")
        await play.wants(RemoveContact, name="anna", node=ANNA)


async def test_trust_is_set_with_one_click() -> None:
    async with theatre() as play:
        await play.page.get_by_role("button", name="anna rings").click()
        await play.view.click(play.page.locator("#contact label", has_text="Answer automatically"))
        await play.wants(SetTrust, name="anna", node=ANNA, trust="auto", media=None, files=None)


async def test_a_dialog_that_stands_open_gives_nothing_back_that_was_taken_elsewhere() -> None:
    async with theatre() as play:
        chosen = "new FormData(document.getElementById('trust-form')).get('trust')"
        await play.page.locator("[data-hold='who bob']").click()
        await play.until(f"{chosen} === 'auto'")
        play.tell(Contacts(contacts=[contact("anna", ANNA), contact("bob", BOB, trust="ring", trust_words="rings")]))
        await play.until(f"{chosen} === 'ring'")
        await play.page.locator("#contact-media").select_option("audio")
        await play.wants(SetTrust, name="bob", node=BOB, trust=None, media="audio")
        play.tell(Contacts(contacts=[contact("anna", ANNA), contact("bob", NODE, trust="ring", trust_words="rings")]))
        await play.view.shows("bob was removed, or has another node now.")
        assert not await play.page.evaluate("document.getElementById('contact').open")


async def test_the_own_card_can_be_copied_and_scanned() -> None:
    async with theatre() as play:
        await play.view.press("My card")
        await play.view.shows("Your card: send it to a friend")
        assert await play.page.locator("#own-name").input_value() == "me"
        assert not await play.page.locator("#card-node").is_visible()
        assert await play.page.locator("#card-qr").evaluate("each => each.complete && each.naturalWidth > 0")
        await everywhere(play, "card")
        await play.page.locator("#card").get_by_text("Details").click()
        await play.view.shows(NODE)
        await play.can_be_used()
        await play.page.locator("#own-name").fill("Myself")
        await play.view.click(play.page.locator("#own-name-form button"))
        await play.wants(SetName, name="Myself")


async def test_the_devices_are_seen_and_heard_before_a_call() -> None:
    async with theatre() as play:
        await play.page.keyboard.press("d")
        await play.until("document.getElementById('settings-video').videoWidth > 0")
        assert await play.page.locator("#pick-camera option").count() > 1
        await everywhere(play, "devices")
        await play.page.keyboard.press("Escape")
        await play.until("document.getElementById('settings-video').srcObject === null")


async def notifies(play: Theatre) -> None:
    """Switch notifications on with the page's own switch."""
    await play.page.evaluate(NOTIFICATIONS)
    await play.browser.context.grant_permissions(["camera", "microphone", "notifications"])
    await play.page.keyboard.press("d")
    await play.page.locator("#notify-on").check()
    await play.until("document.getElementById('notify-on').checked && asked === 1")
    await play.page.keyboard.press("Escape")


async def test_out_of_sight_it_is_notified_who_calls_or_has_written_and_no_more() -> None:
    async with theatre(greeting(calls=[call(1, "active")]), whole=True) as play:
        await notifies(play)
        play.tell(Text(call=1, ours=False, text="in sight", at=NOW))
        await play.view.shows("in sight")
        await play.page.evaluate("out(true)")
        play.tell(
            Text(call=1, ours=True, text="our own", at=NOW),
            Text(call=1, ours=False, text="a secret", at=NOW),
            call(2, "ringing", **BESIDE),
            Ring(call=2, kind=Kind.RINGS, sentence="bob is calling (video)."),
        )
        await play.until("notified.length === 2")
        said = await play.page.evaluate("notified.map((each) => [each.title, each.body])")
        assert said == [["anna wrote", ""], ["bob is calling", ""]]
        assert await play.page.title() == "bob is calling · Copybara Relay"
        play.tell(call(2, "ended", **BESIDE))
        await play.until("document.title === '(2) anna · Copybara Relay'")
        # The notification of the call disappears with the call. The other one disappears once it is clicked, and a
        # click shows the page.
        await play.page.evaluate(
            "window.away = []; for (const each of notified) each.onclose = () => away.push(each.title)"
        )
        await play.page.evaluate("notified[0].dispatchEvent(new Event('click'))")
        await play.until("window.came && away.includes('anna wrote')")


async def test_in_sight_nothing_is_notified_and_what_was_goes() -> None:
    async with theatre(whole=True) as play:
        await notifies(play)
        await play.page.evaluate("out(true)")
        play.tell(call(1, "ringing"), Ring(call=1, kind=Kind.RINGS, sentence="anna is calling (video)."))
        await play.until("notified.length === 1")
        await play.page.evaluate("out(false)")
        await play.until("notified[0].taken")
        play.tell(call(2, "ringing", **BESIDE), Ring(call=2, kind=Kind.RINGS, sentence="bob is calling (video)."))
        await play.view.shows("bob is also calling")
        assert await play.page.evaluate("notified.length") == 1


async def test_nothing_is_notified_or_asked_for_unless_the_switch_is_on() -> None:
    async with theatre(whole=True) as play:
        await play.page.evaluate(NOTIFICATIONS)
        await play.browser.context.grant_permissions(["camera", "microphone", "notifications"])
        await play.page.evaluate("out(true)")
        play.tell(call(1, "ringing"), Ring(call=1, kind=Kind.RINGS, sentence="anna is calling (video)."))
        await play.view.shows("is calling you with video")
        assert await play.page.evaluate("[asked, notified.length]") == [0, 0]


async def test_a_browser_that_lets_nothing_be_notified_is_explained() -> None:
    async with theatre(whole=True) as play:
        # A browser without a screen has nobody to ask, and sometimes never answers.
        await play.page.evaluate("Notification.requestPermission = async () => 'denied'")
        await play.page.keyboard.press("d")
        await play.page.locator("#notify-on").click()
        said = play.page.locator("#notify-problem")
        await said.get_by_text("The browser doesn't let this page show notifications. Allow it beside").wait_for()
        # Messages about the camera have a place of their own, so that they don't replace those about notifications.
        await play.until("document.getElementById('settings-video').videoWidth > 0")
        assert await said.is_visible()
        assert not await play.page.locator("#notify-on").is_checked()
        await play.can_be_used()


# Incoming call.


async def test_a_contact_rings_with_sound_and_title_until_it_is_answered() -> None:
    async with theatre() as play:
        await play.page.evaluate(TONES)
        play.tell(call(1, "ringing"), Ring(call=1, kind=Kind.RINGS, sentence="anna is calling (video)."))
        await play.view.shows("is calling you with video")
        await play.view.shows("In your contacts.")
        assert await play.page.title() == "anna is calling · Copybara Relay"
        assert await play.page.locator("#favicon").get_attribute("href") == "icon-rings.svg"
        await play.until("tones.length >= 4")
        await everywhere(play, "rings")
        await play.view.answer("audio")
        await play.wants(Answer, call=1, media="audio")
        play.tell(call(1, "connecting", media="audio"))
        await play.until("!document.getElementById('incoming').open")
        assert await play.page.locator("#favicon").get_attribute("href") == "icon.svg"


async def test_escape_silences_and_nothing_else() -> None:
    async with theatre() as play:
        play.tell(call(1, "ringing"))
        await play.view.shows("is calling you with video")
        await play.page.keyboard.press("Escape")
        await play.page.keyboard.press("Escape")
        await play.page.evaluate(TONES)
        play.tell(call(1, "ringing", trust_words="Still ringing."))
        await play.view.shows("Still ringing.")
        assert await play.page.evaluate("tones") == []
        await play.view.press("Decline")
        await play.wants(Decline, call=1)


async def test_typing_when_it_rings_answers_nothing() -> None:
    async with theatre() as play:
        await play.page.locator("#whom").focus()
        await play.page.keyboard.type("c")
        play.tell(call(1, "ringing"))
        await play.view.shows("is calling you with video")
        await play.view.can_be_pressed("answer-audio", "answer-video")
        await play.page.keyboard.press("Shift+A")
        await play.page.keyboard.press("Shift+V")
        await play.page.wait_for_timeout(1600)
        await play.page.keyboard.press("Shift+D")
        await play.wants(Decline, call=1)
        assert not [message for message in play.script.heard_messages if isinstance(message, Answer)]


async def test_a_call_beside_another_is_a_banner_and_a_quiet_double_beep() -> None:
    async with theatre(greeting(calls=[call(1, "active", remote=sends(video=False))])) as play:
        await play.until(OWN_PICTURE)
        await play.page.evaluate(TONES)
        await play.page.keyboard.press("c")
        play.tell(
            call(2, "ringing", **BESIDE), Ring(call=2, kind=Kind.RINGS, sentence="bob is calling (video)."), quality(1)
        )
        await play.view.shows("is also calling (video)")
        await play.view.shows("In your contacts")
        await play.until("tones.length >= 2")
        assert (await play.page.evaluate("tones"))[:2] == [523, 523]
        # Talking and writing continue.
        assert await play.focused() == "write"
        assert not await play.page.locator("#incoming").is_visible()
        assert await play.page.title() == "bob is calling · Copybara Relay"
        assert await play.page.locator("#favicon").get_attribute("href") == "icon-rings.svg"
        await play.until("document.getElementById('announce').textContent.includes('bob is calling')")
        await play.page.keyboard.press("Escape")  # silences the ringing
        await play.page.keyboard.press("Escape")  # closes the panel
        assert await play.focused() == "c-chat"
        await play.page.evaluate("tones.length = 0; document.activeElement.blur()")
        await everywhere(play, "beside")
        play.tell(call(2, "ringing", **BESIDE, sentence="Still ringing."))
        await play.page.keyboard.press("m")
        await play.view.shows("Unmute")
        assert await play.page.evaluate("tones") == []
        await play.view.press("Decline")
        await play.wants(Decline, call=2)
        play.tell(call(2, "ended", **BESIDE))
        await play.until("document.getElementById('beside').hidden")
        assert await play.page.title() == "anna · Copybara Relay"


@pytest.mark.parametrize(
    ("button", "media"), [("Hang up and answer", "video"), ("Hang up and answer with audio only", "audio")]
)
async def test_answering_beside_a_call_ends_that_one_first(button: str, media: str) -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.tell(call(2, "ringing", **BESIDE))
        await play.view.press(button)
        await play.wants(HangUp, call=1)
        assert not [message for message in play.script.heard_messages if isinstance(message, Answer)]
        await play.page.evaluate(TONES)
        play.script.problems[Answer] = ("anna cancelled the call.", "")
        play.tell(call(1, "ended", sentence="You ended the call with anna."))
        await play.wants(Answer, call=2, media=media)
        # The call rings again only if answering it fails.
        await play.view.shows("anna cancelled the call.")
        await play.view.shows("is calling you with video")
        await play.until("tones.length >= 4")


async def test_who_it_is_that_calls_beside_a_call_can_be_seen_in_full_and_left_again() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.tell(call(2, "ringing", **STRANGER))
        await play.view.shows("You haven't saved them")
        await play.view.press("Who is it?")
        await play.page.get_by_text("Who could it be?").click()
        await play.view.shows(BOB)
        await play.view.shows("You are in a call with anna. Answering ends it.")
        await play.can_be_used()
        await play.view.press("Back to the call")
        assert await play.focused() == "beside-more"
        # Once the other call has ended, no call is left that it could be beside.
        play.tell(call(1, "ended", sentence="anna hung up."))
        await play.view.shows("is calling you with video")
        assert not await play.page.locator("#beside").is_visible()


async def test_a_call_that_comes_while_we_call_says_what_answering_does() -> None:
    async with theatre(greeting(calls=[call(1, "calling", role="caller")])) as play:
        play.tell(call(2, "ringing", **BESIDE))
        await play.view.shows("You are calling anna. Answering cancels that call.")
        play.tell(call(1, "active", role="caller"))
        await play.view.shows("is also calling (video)")
        assert not await play.page.locator("#incoming").is_visible()


async def test_a_stranger_is_blocked_after_a_second_thought() -> None:
    async with theatre() as play:
        play.tell(call(1, "ringing", **STRANGER))
        await play.view.press("Block")
        await play.view.shows("Ignore every call from them for a day?")
        await everywhere(play, "block")
        await play.page.locator("#block-form").get_by_role("button", name="Block").click()
        await play.wants(Block, call=1)
        assert play.script.heard_messages == []


async def test_a_link_in_the_address_is_explained_and_rings_after_one_click() -> None:
    async with theatre(fragment=f"#{TOKEN}", explained=EXPLAINED) as play:
        await play.wants(Explain, text=TOKEN)
        await play.view.shows(EXPLAINED.sentence)
        address = await play.page.evaluate("location.href")
        assert address == f"http://127.0.0.1:{play.server.session.port}/"
        await play.can_be_used()
        assert not [message for message in play.script.heard_messages if isinstance(message, Act)]
        await play.view.press("Let it ring")
        await play.wants(Act, text=TOKEN)


@contextlib.asynccontextmanager
async def foreign_page(lure: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """Another site's page. Yields its address."""
    app = web.Application()
    app.router.add_get("/", lure)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        yield f"http://localhost:{site._server.sockets[0].getsockname()[1]}/"  # type: ignore[attr-defined]
    finally:
        await runner.cleanup()


LURE = """<!doctype html><title>A game</title><button style="position: fixed; inset: 0" id="game">Double-click!</button>
<script>game.onmousedown = () => { location.href = "%s"; };</script>"""


AT_ONCE = """
(() => {
  window.pressed = [];
  const pressed = new WeakSet();
  const press = () => {
    for (const button of document.querySelectorAll("button[data-settles]")) {
      if (pressed.has(button) || !button.checkVisibility()) continue;
      pressed.add(button);
      window.pressed.push(button.textContent.trim());
      button.click();
    }
  };
  new MutationObserver(press).observe(document, {subtree: true, childList: true, attributes: true});
})()
"""
"The quickest possible click: it presses each button in the moment in which the button appears."


async def test_the_second_click_of_a_double_click_on_another_page_presses_nothing() -> None:
    """The first click opens this page, and the second one hits what has just appeared under the pointer."""
    async with theatre(explained=EXPLAINED, errors=True) as play:
        here = f"http://127.0.0.1:{play.server.session.port}/"

        async def lure(request: web.Request) -> web.Response:
            return web.Response(text=LURE % f"{here}#{TOKEN}", content_type="text/html")

        async with foreign_page(lure) as foreign:
            await play.page.add_init_script(AT_ONCE)
            await play.page.goto(foreign)
            await play.page.mouse.move(300, 300)
            await play.page.mouse.down()
            await play.page.wait_for_url(f"{here}*")
            await play.until("window.pressed?.includes('Let it ring')")
            await play.page.mouse.up()
            play.tell(call(1, "ringing"))
            await play.until("window.pressed.includes('Video')")
            await play.page.evaluate("document.getElementById('explain').close()")
            await play.view.can_be_pressed("answer-video")
            assert not [message for message in play.script.heard_messages if isinstance(message, Act | Answer | Place)]
            await play.view.answer()
            await play.wants(Answer, call=1, media="video")


async def test_a_foreign_page_that_leads_here_in_a_call_takes_nothing_before_a_click() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        play.pages.calls.add(1)
        has = play.pages.current
        here = f"http://127.0.0.1:{play.server.session.port}/"

        async def lure(request: web.Request) -> web.Response:
            return web.Response(text=f"<script>location = '{here}#{TOKEN}'</script>", content_type="text/html")

        async with foreign_page(lure) as foreign:
            other = await play.browser.open(foreign)
            await other.shows("Open in another tab")
        assert play.pages.current is has
        await play.view.shows("Hang up")
        # The tab with the call may reload. Only a click moves the call to the other tab.
        await play.page.reload()
        await play.view.shows("Hang up")
        await other.press("Use this tab instead")
        await other.shows("Hang up")
        await stands_at(play, "taken")


async def test_a_window_that_comes_to_the_front_is_deaf_for_a_moment() -> None:
    async with theatre() as play:
        play.tell(call(1, "ringing"))
        await play.view.can_be_pressed("answer-video")
        await play.page.evaluate("dispatchEvent(new Event('blur'))")
        assert not await play.page.locator("#answer-video[data-settled]").count()
        await play.page.evaluate("dispatchEvent(new Event('focus'))")
        assert await play.page.locator("#answer-video[aria-disabled]").count()
        await play.page.locator("#answer-video").click(force=True)
        await play.view.answer("audio")
        await play.wants(Answer, call=1)
        assert not await play.page.locator("#answer-video[aria-disabled]").count()
        assert [message for message in play.script.heard_messages if isinstance(message, Answer)] == []


# We call.


async def test_a_call_to_a_contact_is_one_link() -> None:
    async with theatre() as play:
        play.tell(
            call(1, "calling", role="caller"),
            ShowLink(
                call=1,
                link=link(),
                kind=Kind.LINK_TO_SEND,
                sentence="Send this to anna. One link is enough; the call waits until 10:42.",
            ),
            Said(call=1, kind=Kind.REMOTE_RINGS, sentence="It is ringing at anna's."),
        )
        await play.view.shows("One link is enough")
        await play.view.shows("It is ringing at anna's.")
        # Nothing has to come back, but declining makes a link that says so.
        await play.view.shows("Did they send a link back? Paste it here")
        await play.until("document.getElementById('outgoing-own').videoWidth > 0")
        await play.page.get_by_text("Show as QR code").click()
        await everywhere(play, "calling")
        await play.page.keyboard.press("Shift+H")
        await play.wants(HangUp, call=1)


async def test_a_small_laptop_shows_every_button_of_a_first_call_without_scrolling() -> None:
    async with theatre() as play:
        await play.page.set_viewport_size(LAPTOP)
        play.tell(
            call(1, "calling", role="caller", paired=False),
            ShowLink(
                call=1,
                link=shown_link(SEALED_REQUEST),
                kind=Kind.LINK_TO_SEND,
                sentence="Send this to anna, and paste what they send back: an answer, or that they decline. The call "
                "waits until 10:42.",
            ),
            Said(call=1, kind=Kind.REMOTE_RINGS, sentence="It is ringing at anna's. " * 3),
        )
        await play.until("document.getElementById('outgoing-own').videoWidth > 0")
        await play.until(REACHABLE.replace("IDS", "outgoing-copy answer-text answer-connect outgoing-cancel"))
        assert await play.page.evaluate("scrollY") == 0
        # In a lower window, the bars at the window's edge don't cover the element that has the focus.
        await play.page.set_viewport_size({"width": 1280, "height": 560})
        await play.page.locator("#outgoing-copy").focus()
        for _ in range(3):
            await play.page.keyboard.press("Tab")
        assert await play.focused() == "answer-connect"
        await play.until(REACHABLE.replace("IDS", "answer-connect outgoing-cancel"))


async def test_that_it_rings_there_is_heard_until_it_is_silenced() -> None:
    async with theatre() as play:
        await play.page.evaluate(TONES)
        await play.page.evaluate(HASTE)
        play.tell(call(1, "calling", role="caller"))
        await play.view.shows("waiting for an answer")
        assert await play.page.evaluate("tones") == []
        said = Said(call=1, kind=Kind.REMOTE_RINGS, sentence="It is ringing at anna's.")
        play.tell(call(1, "calling", role="caller", rings_there=True), said)
        await play.view.shows("It is ringing at anna's.")
        await play.until("tones.length >= 3")
        assert await play.page.evaluate("tones.slice(0, 3)") == [425] * 3
        await play.view.shows("Silence")
        await play.can_be_used()
        await play.page.keyboard.press("Escape")
        await play.until("document.getElementById('outgoing-silence').hidden")
        await play.page.evaluate("tones.length = 0")
        play.tell(call(1, "calling", role="caller", rings_there=True, sentence="Still."))
        await play.page.wait_for_timeout(1_200)  # it would be repeated by then
        assert await play.page.evaluate("tones") == []
        # Another call sounds again, until it is answered.
        play.tell(call(1, "ended", role="caller"), call(2, "calling", role="caller", rings_there=True))
        await play.until("tones.length > 0")
        play.tell(call(2, "active", role="caller"))
        await play.view.shows("Hang up")
        await play.page.evaluate("tones.length = 0")
        await play.page.wait_for_timeout(1_200)
        assert await play.page.evaluate("tones") == []


async def test_a_call_that_connects_for_long_says_that_there_is_no_answer() -> None:
    async with theatre() as play:
        play.tell(call(1, "connecting", sentence="Connecting with anna …"))
        await play.view.shows("Connecting with anna …")
        await play.view.shows("No answer yet. Are they still there?")
        await play.can_be_used()
        # Another call has only just begun.
        play.tell(call(1, "ended"), call(2, "connecting", sentence="Connecting with anna …"))
        await play.view.shows("Connecting with anna …")
        assert not await play.page.get_by_text("No answer yet.").is_visible()


async def test_a_camera_that_nobody_looks_through_is_off() -> None:
    async with theatre() as play:
        play.tell(call(1, "calling", role="caller"))
        await play.until("document.getElementById('outgoing-own').videoWidth > 0")
        await play.page.evaluate("window.lens = document.getElementById('outgoing-own').srcObject.getTracks()[0]")
        play.tell(call(1, "active", role="caller", media="audio"))
        await play.until("lens.readyState === 'ended'")


# In a call.


@pytest.mark.parametrize("by", ["us", "them"])
async def test_an_automatic_answer_is_heard_and_seen(by: str) -> None:
    async with theatre() as play:
        await play.page.mouse.click(1, 1)
        await play.wants(Audible, on=True)  # the program has no other page sound it
        await play.page.evaluate(TONES)
        mine = {"automatic": by == "us", "remote_automatic": by == "them"}
        sentence = "Answered anna's call automatically (video)."
        play.tell(call(1, "active", remote=sends(video=False), **mine), quality(1))
        play.tell(AnsweredAlone(call=1, by=by, kind=Kind.ANSWERED_AUTOMATICALLY, sentence=sentence, chime=False))  # type: ignore[arg-type]
        await play.view.shows("Answered anna's call automatically (video).")
        assert await play.page.locator("#stage-tag").is_visible() == (by == "us"), "the notice says it already"
        assert await play.page.evaluate("tones.length") == 0
        play.tell(AnsweredAlone(call=1, by=by, kind=Kind.ANSWERED_AUTOMATICALLY, sentence=sentence, chime=True))  # type: ignore[arg-type]
        await play.until(f"tones.length >= {len(CHIME)}")
        assert await play.page.evaluate("tones") == [hertz for hertz, _ in CHIME]
        if by == "us":
            await play.until(OWN_PICTURE)
            await everywhere(play, "answered-alone")


async def test_the_notice_stays_for_as_long_as_the_call() -> None:
    async with theatre(greeting(calls=[call(1, "active", automatic=True)])) as play:
        play.tell(
            AnsweredAlone(
                call=1,
                by="us",
                kind=Kind.ANSWERED_AUTOMATICALLY,
                sentence="Answered anna's call automatically.",
                chime=False,
            )
        )
        await play.view.shows("Answered anna's call automatically.")
        play.tell(call(1, "active", automatic=True, phrase="one two three four"))
        assert await play.page.locator("#stage-notice").is_visible()


async def test_the_program_is_told_whether_the_page_can_be_heard() -> None:
    async with theatre() as play:
        await play.page.mouse.click(1, 1)
        await play.wants(Audible, on=True)


async def test_the_first_press_on_a_page_that_could_not_be_heard_is_not_lost() -> None:
    async with theatre(untouched=["window.nothing = true"]) as play:
        await until_seen(play.page, "!document.getElementById('sound-notice').hidden")
        await until_seen(play.page, "document.getElementById('home').checkVisibility()")
        middle = f"({MIDDLE})(document.getElementById('open-add').getBoundingClientRect())"
        x, y = await looked_at(play.page, middle)
        await play.page.mouse.move(x, y)
        await play.page.mouse.down()
        await play.wants(Audible, on=True)
        assert await looked_at(play.page, middle) == [x, y], "nothing moves under the pointer"
        await play.page.mouse.up()
        await until_seen(play.page, "document.getElementById('add').open")
        await until_seen(play.page, "document.getElementById('sound-notice').hidden")


async def test_a_lost_path_is_said_over_the_last_picture() -> None:
    async with theatre() as play:
        play.tell(call(1, "active"), quality(1))
        await play.view.shows("Good connection")
        # Addresses and figures are shown after one tap.
        assert not await play.page.get_by_text("200:b1c4").first.is_visible()
        await play.view.press("Good connection")
        await play.view.shows("38 ms")
        await play.view.shows(PATH)
        await play.page.keyboard.press("Escape")
        play.tell(call(1, "reconnecting", sentence="Lost contact with anna. Trying to reconnect for a minute …"))
        await play.view.shows("Lost contact with anna.")
        await play.view.shows("No connection")
        await play.until(OWN_PICTURE)
        await everywhere(play, "reconnecting")
        play.tell(call(1, "active"))
        await play.until("document.getElementById('announce').textContent.includes('again')")
        assert not await play.page.locator("#reconnecting").is_visible()


async def test_a_call_for_sound_shows_who_it_is() -> None:
    async with theatre() as play:
        # A single way to answer, beside the one to decline, needs no word about what it lacks.
        play.tell(call(1, "ringing", media="audio"))
        await play.page.get_by_role("dialog").get_by_role("button", name="Answer", exact=True).wait_for()
        assert await play.page.locator("#answer-audio.yes").is_visible()
        assert not await play.page.locator("#answer-video").is_visible()
        play.tell(call(1, "active", media="audio", remote=sends(audio=False, video=False)), quality(1))
        await play.view.shows("anna is muted")
        await play.view.shows("Direct and private")
        assert await play.page.locator("#c-camera").is_disabled()
        await everywhere(play, "audio")
        play.tell(RemoteMedia(call=1, remote=sends(video=False)))
        await play.until("document.getElementById('remote-muted').hidden")


async def test_loopback_is_said_to_give_no_privacy() -> None:
    hello = greeting(
        overlay=Overlay("Loopback", "127.1.2.3", "This loopback network gives no privacy."),
        calls=[call(1, "active", path="Over Loopback, from 127.1.2.3:1 to 127.4.5.6:2. No other address is used.")],
    )
    async with theatre(hello) as play:
        await play.view.shows("On this machine only, no privacy")


async def test_the_bar_of_a_phones_browser_is_as_dark_as_a_call() -> None:
    bars = "[...document.querySelectorAll('meta[name=theme-color]')].map((each) => each.content)"
    async with theatre() as play:
        before = await play.page.evaluate(bars)
        play.tell(call(1, "active"))
        await play.page.locator("#stage-name").wait_for()
        stage = await play.page.evaluate(
            "getComputedStyle(document.getElementById('stage')).getPropertyValue('--stage')"
        )
        assert await play.page.evaluate(bars) == [stage.strip()] * 2
        play.tell(call(1, "ended"))
        await play.page.locator("#ended").wait_for()
        assert await play.page.evaluate(bars) == before


async def test_another_endpoint_has_the_sound_and_the_picture() -> None:
    async with theatre() as play:
        play.tell(call(1, "active", handset=False, endpoint="pattern"))
        await play.view.shows("This call's sound and picture go to pattern.")
        assert await play.page.locator("#c-mic").is_disabled()
        await play.can_be_used()


async def test_lines_are_written_and_read_as_text() -> None:
    async with theatre() as play:
        hostile = '<img src=x onerror="window.hurt = 1"><b>hello</b>'
        play.tell(
            call(1, "active", name="<script>hurt=1</script>", trust_words=hostile),
            Text(call=1, ours=False, text=hostile, at=NOW),
        )
        await play.view.shows(hostile)
        await play.page.keyboard.press("c")
        assert await play.focused() == "write"
        await play.page.keyboard.type("see you")
        await play.page.keyboard.press("Enter")
        await play.wants(Write, call=1, text="see you")
        play.tell(Text(call=1, ours=True, text="see you", at=NOW))
        await play.view.shows("see you")
        assert await play.page.evaluate("window.hurt") is None
        made = "each => each.querySelectorAll('img, script, #texts span *, #about-trust *, h1 *').length"
        assert await play.page.locator("#stage").evaluate(made) == 0
        await play.can_be_used()
        await play.page.keyboard.press("Escape")
        assert await play.focused() == "c-chat"


async def test_the_own_picture_is_moved_with_the_arrows_and_the_pointer() -> None:
    async with theatre() as play:
        play.tell(call(1, "active"))
        own = play.page.locator("#own")
        await own.focus()
        await play.page.keyboard.press("ArrowUp")
        await play.page.keyboard.press("ArrowLeft")
        assert await own.get_attribute("data-corner") == "nw"
        box = await own.bounding_box()
        assert box is not None
        await play.page.mouse.move(box["x"] + 20, box["y"] + 20)
        await play.page.mouse.down()
        await play.page.mouse.move(1100, 600, steps=4)
        await play.page.mouse.up()
        assert await own.get_attribute("data-corner") == "se"


async def test_no_key_is_taken_once_they_are_switched_off() -> None:
    async with theatre() as play:
        await play.page.keyboard.press("d")
        await play.page.get_by_label("Keyboard shortcuts").uncheck()
        await play.page.keyboard.press("Escape")
        play.tell(call(1, "active"))
        await play.view.shows("Hang up")
        await play.page.keyboard.press("Shift+H")
        await play.view.press("Hang up")
        assert (await play.wants(HangUp)).id is None
        assert play.script.heard_messages == []


async def test_a_problem_of_the_program_is_a_sentence_and_a_hint() -> None:
    async with theatre() as play:
        play.tell(
            Problem(
                kind="error.leg-failed",
                sentence="The browser's sound and picture don't reach this program.",
                hint="Reload the page.",
            )
        )
        await play.view.shows("don't reach this program. Reload the page.")
        await play.can_be_used()
        play.tell(Said(call=1, kind=Kind.NOT_KEPT, sentence="The call with anna can't be saved: the disk is full."))
        await play.view.shows("The call with anna can't be saved: the disk is full.")


# A call is over.


async def test_a_declined_call_says_so_and_can_be_tried_again() -> None:
    async with theatre() as play:
        play.tell(call(1, "calling", role="caller"))
        await play.view.shows("waiting for an answer")
        play.tell(call(1, "ended", role="caller", sentence="anna declined."), Log(log=LOG))
        await play.view.shows("anna declined.")
        await everywhere(play, "declined")
        await play.view.press("Call again")
        await play.wants(Place, whom="anna", node=ANNA, media="video")
        await play.view.shows("Recent calls")


async def test_why_an_own_call_failed_before_it_began_is_said_and_it_can_be_tried_again() -> None:
    async with theatre() as play:
        await play.view.shows("Recent calls")
        why = "The call with anna failed: No Yggdrasil node at /run/yggdrasil.sock."
        play.tell(call(1, "ended", role="caller", sentence=why), Log(log=LOG))
        await play.page.locator("#ended-title").get_by_text(why).wait_for()
        await play.view.press("Call again")
        await play.wants(Place, whom="anna", node=ANNA, media="video")
        await play.view.shows("Recent calls")


async def test_a_missed_call_leaves_the_start_page_and_a_line_in_the_log() -> None:
    async with theatre() as play:
        play.tell(call(1, "ringing"))
        await play.view.shows("is calling you with video")
        play.tell(call(1, "ended", sentence="You missed a call from anna."), Log(log=LOG))
        await play.view.shows("Recent calls")
        assert not await play.page.locator("#incoming").is_visible()


# Nothing can be done here.


FORGET = """new Promise((done, failed) => {
  const request = indexedDB.deleteDatabase("copybara");
  request.onsuccess = done;
  request.onerror = failed;
})"""


async def stands_at(play: Theatre, gate: str) -> None:
    """Wait until the page says why it can do nothing."""
    await play.until(f"document.body.dataset.gate === {gate!r}")


async def test_a_newer_page_takes_the_calls_and_the_older_can_take_them_back() -> None:
    async with theatre() as play:
        newer = await play.browser.open(play.server.session.address)
        await newer.heard("hello")
        await stands_at(play, "taken")
        await everywhere(play, "taken")
        await play.view.press("Use this tab instead")
        await play.view.shows("Recent calls")
        await newer.shows("Open in another tab")


async def test_a_page_without_a_key_says_where_it_is() -> None:
    async with theatre(errors=True) as play:
        await play.page.evaluate(FORGET)
        await play.page.reload()
        await stands_at(play, "unknown")
        await everywhere(play, "no-key")
        assert await play.page.evaluate("watched.sockets.length") == 0, "nothing is said to anybody"
        # The user opens the address in another tab, and this browser has the key from then on.
        await play.page.evaluate("address => { location.href = address }", play.server.session.address)
        await play.view.shows("Recent calls")
        assert await play.page.evaluate("location.hash") == ""


async def test_a_page_is_known_again_after_a_reload_and_by_a_plain_address() -> None:
    async with theatre() as play:
        await play.page.reload()
        await play.view.shows("Recent calls")
        other = await play.browser.open(f"http://127.0.0.1:{play.server.session.port}/")
        await other.shows("Recent calls")
        await stands_at(play, "taken")


async def test_no_script_can_read_the_key_that_the_browser_keeps() -> None:
    async with theatre() as play:
        kept = await play.page.evaluate(
            """new Promise((done) => {
              const opening = indexedDB.open("copybara");
              opening.onsuccess = () => {
                const read = opening.result.transaction("keys").objectStore("keys").getAll();
                const tried = (key) => crypto.subtle.exportKey("raw", key).then(() => "read", (error) => error.name);
                read.onsuccess = async () =>
                  done(await Promise.all(read.result.map(async (key) => [key.extractable, await tried(key)])));
              };
            })"""
        )
        assert kept == [[False, "InvalidAccessError"]]


async def test_an_old_address_is_no_obstacle_to_a_browser_that_is_known() -> None:
    async with theatre(errors=True) as play:
        for old in ("key=" + "A" * 43, "ticket=" + "A" * 22):
            await play.page.goto("about:blank")
            await play.page.goto(f"http://127.0.0.1:{play.server.session.port}/#{old}")
            await play.view.shows("Recent calls")


@pytest.mark.parametrize("event", ["online", "visibilitychange"])
async def test_a_page_that_waits_tries_again_as_soon_as_there_is_a_network_or_somebody_looks(event: str) -> None:
    async with theatre(errors=True) as play:
        await play.page.evaluate("window.setTimeout = () => 1")  # its next attempt would never come
        await play.stop()
        await stands_at(play, "lost")
        sockets = await play.page.evaluate("watched.sockets.length")
        await play.page.evaluate("event => document.dispatchEvent(new Event(event, {bubbles: true}))", event)
        await play.until(f"watched.sockets.length === {sockets + 1}")


async def test_a_program_that_has_ended_is_said_to_be_gone_and_looked_for() -> None:
    async with theatre(greeting(calls=[call(1, "active")]), errors=True) as play:
        await play.view.shows("Hang up")
        await play.stop()
        await stands_at(play, "lost")
        await play.until("watched.sockets.length > 2")
        await stands_at(play, "lost")
        await play.until(f"{SPOKEN}.startsWith('It was stopped, or this computer slept.')")
        assert await play.page.locator("#gate-command").inner_text() == "copybara start"
        await everywhere(play, "gone")


async def test_a_demo_that_has_ended_leads_to_the_next_one() -> None:
    async with theatre(greeting(demo=True), errors=True) as play:
        await play.view.shows("Recent calls")
        await play.stop()
        await stands_at(play, "lost")
        await play.view.shows("The demo has ended")
        assert await play.page.locator("#gate-command").inner_text() == "copybara demo --handset"
        await play.can_be_used()


async def test_what_rings_when_the_program_ends_rings_no_more() -> None:
    async with theatre(errors=True, untouched=()) as play:
        await play.page.evaluate(TONES)
        await play.page.evaluate(HASTE)
        play.tell(call(1, "ringing"))
        await play.page.locator("#answer-video[data-settled]").wait_for()
        await play.page.mouse.click(5, 5)
        await play.until("window.tones.length > 8")
        await play.stop()
        await stands_at(play, "lost")
        assert not await play.page.evaluate("document.getElementById('incoming').open")
        before = await play.page.evaluate("window.tones.length")
        # Wait for the time of two rings.
        await play.page.evaluate("new Promise((done) => setTimeout(done, 600))")
        assert await play.page.evaluate("window.tones.length") == before


async def test_a_narrow_screen_has_what_a_wide_one_has() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await play.page.set_viewport_size({**NARROW, "width": 360})
        await play.view.press("More")
        for text in ("Share screen", "Camera, microphone, settings", "Full screen"):
            await play.page.get_by_role("dialog").get_by_role("button", name=text).wait_for()
        await play.can_be_used()
        await play.page.keyboard.press("Escape")
        await play.view.press("About")
        await play.view.shows("nobody is between you")
        await play.can_be_used()


async def test_a_call_at_another_of_the_owners_pages_is_said_and_taken_here_in_one_click() -> None:
    elsewhere = call(1, "active", handset=False, elsewhere="phone")
    async with theatre(greeting(calls=[elsewhere])) as play:
        await play.view.shows("This call is on your other device, phone.")
        assert (await play.view.stats())["state"] == "none"
        for width, height in ((360, 640), (640, 360)):
            await play.page.set_viewport_size({"width": width, "height": height})
            await play.can_be_used()
        await everywhere(play, "elsewhere")
        await play.view.press("Take it here")
        await play.wants(TakeHere, call=1)
        play.tell(call(1, "active"))
        await play.until("document.querySelector('#take-here').hidden")
        play.tell(elsewhere)
        await play.view.shows("This call is on your other device, phone.")


async def test_a_device_that_is_added_shows_its_code_and_how_to_trust_the_home() -> None:
    async with theatre() as play:
        play.tell(PairingCode(name="phone", code="042917"))
        await play.view.shows("Add this device as phone")
        await play.view.shows("042 917")
        await everywhere(play, "pairing")
        await play.page.get_by_text("End the browser's warning").click()
        await play.view.shows("This page can't prove what it gives you.")
        for width, height in ((360, 640), (640, 360)):
            await play.page.set_viewport_size({"width": width, "height": height})
            await play.can_be_used()


async def test_devices_are_added_and_removed_on_the_page() -> None:
    fields: dict[str, Any] = {"can_change": True, "lan": True}
    phone = Device(name="phone", words="201:7e10:94f2:5cc8::9, connected now", here=False)
    tablet = adding("tablet", gives_up=given_up(open_to_all=True, lan=False), visitor=None, code=None)
    async with theatre(greeting(devices=Devices(devices=[phone], adding=None, **fields))) as play:
        await play.page.locator("#open-settings").click()
        await play.view.press("My devices")
        await play.view.shows("201:7e10:94f2:5cc8::9, connected now")
        await play.page.locator("#add-device-name").fill("tablet")
        await play.page.locator("#add-device-lan").check()
        await play.view.press("Add device")
        await play.wants(AddDevice, name="tablet", where="lan")
        play.tell(Devices(devices=[phone], adding=tablet, **fields))
        await play.view.shows("Add tablet")
        await play.until("document.getElementById('adding-qr').naturalWidth > 0")
        await everywhere(play, "devices-adding")
        await play.page.locator("#adding-cancel").scroll_into_view_if_needed()
        await taken(play.page, "devices-adding-below-light")
        waits = adding("tablet", gives_up=tablet.gives_up)
        play.tell(Devices(devices=[phone], adding=waits, **fields))
        await play.view.shows("042 917")
        for width, height in ((360, 640), (640, 360)):
            await play.page.set_viewport_size({"width": width, "height": height})
            await play.can_be_used()
        await play.view.press("It shows the same code")
        await play.wants(ConfirmDevice, code="042917")
        play.tell(Devices(devices=[phone], adding=None, **fields))
        await play.view.press("Remove phone")
        await play.view.shows("Lock it out?")
        await play.view.press("Remove phone")
        await play.wants(RemoveDevice, name="phone")
        play.tell(Devices(devices=[phone], can_change=False, lan=False, adding=None))
        await play.view.shows("Devices are added and removed on your computer at home.")
        assert not await play.page.locator("#add-device-form").is_visible()


async def test_a_code_that_changes_under_the_pointer_has_to_be_read_again() -> None:
    """Another device that has the secret connects as soon as the phone's screen is locked."""
    phone = adding("phone")
    fields: dict[str, Any] = {"devices": [], "can_change": True, "lan": False}
    async with theatre(greeting(devices=Devices(adding=phone, **fields))) as play:
        await play.page.locator("#open-settings").click()
        await play.view.press("My devices")
        await play.until("document.querySelector('#adding-confirm[data-settled]')")
        await play.page.evaluate(
            """new MutationObserver(() => {
                window.pressable = document.getElementById("adding-confirm").hasAttribute("data-settled");
            }).observe(document.getElementById("adding-code"), {childList: true, characterData: true, subtree: true})"""
        )
        thief = msgspec.structs.replace(phone, visitor="201:7e10:94f2:5cc8::9", code="555555")
        play.tell(Devices(adding=thief, **fields))
        await play.view.shows("It is another device now: compare again.")
        await play.view.shows("555 555")
        assert await play.page.evaluate("window.pressable") is False
        await play.view.press("It shows the same code")
        await play.wants(ConfirmDevice, code="555555")


async def test_the_script_speaks_the_protocol() -> None:
    for message in (greeting(), call(1, "active"), LOG[0]):
        assert msgspec.json.decode(msgspec.json.encode(message))
