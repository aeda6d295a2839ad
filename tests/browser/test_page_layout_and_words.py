"""Long names, windows enlarged to 400 %, and the four words of a call: nothing is cut off or confirmed too early."""

from __future__ import annotations

from typing import Any

import pytest

from bot.kinds import Kind
from peer.handset.protocol import (
    AnsweredAlone,
    ConfirmWords,
    Contacts,
    File,
    HangUp,
    Log,
    Overlay,
    Problem,
    Received,
    Said,
    SaveContact,
    ShowLink,
    Text,
)
from tests.browser.chromium import ONE_HEADLESS_SHELL, PHONE, READABLE, until
from tests.browser.scripted import (
    ANNA,
    BOB,
    NOW,
    Theatre,
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
from tests.browser.test_page_files import FILES

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwe"[:40]

SIZES = [(360, 640), (1280, 720), (320, 256)]
"Sizes of windows in pixels. The last one is 1280x1024 at 400 %."

OUTSIDE = """(root) => [...document.querySelectorAll(`${root} button, ${root} p, ${root} h1, ${root} h2`)]
  .filter((each) => each.checkVisibility() && !each.closest(".unseen"))
  .filter((each) => {
    const {left, right, width} = each.getBoundingClientRect();
    return width > 0 && (left < -1 || right > innerWidth + 1);
  }).map((each) => each.id || each.textContent.trim().slice(0, 40))"""

CLIPPED = """(id) => {
  const each = document.getElementById(id);
  each.scrollIntoView();
  const {top, bottom, height} = each.getBoundingClientRect();
  return height > 0 && top >= -1 && bottom <= innerHeight + 1 && each.scrollHeight <= each.clientHeight + 1;
}"""

KINDS = ("Your camera", "Your microphone", "Your speaker")

UNCOVERED = """() => new Promise((told) => {
  const seen = ([{ isVisible }]) => requestAnimationFrame(() => told(isVisible));
  const looks = new IntersectionObserver(seen, { trackVisibility: true, delay: 100 });
  looks.observe(document.getElementById("answer-connect"));
})"""
"What the browser says of the button, as to settled.js."

COVERED = """() => {
  const notices = document.getElementById("toasts").getBoundingClientRect();
  return ["answer-connect", "outgoing-copy", "outgoing-cancel", "c-hangup"].map((id) => document.getElementById(id))
    .filter((each) => each.checkVisibility()).filter((each) => {
      const { left, right, top, bottom } = each.getBoundingClientRect();
      return left < notices.right && notices.left < right && top < notices.bottom && notices.top < bottom;
    }).map((each) => each.id);
}"""


async def fits(play: Theatre, root: str) -> None:
    """Check at each size that no part of a view is outside the window."""
    for width, height in SIZES:
        await play.page.set_viewport_size({"width": width, "height": height})
        assert await play.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (root, width)
        assert await play.page.evaluate(OUTSIDE, root) == [], (root, width)


async def test_a_long_name_without_blanks_pushes_nothing_off_any_view() -> None:
    who = {"name": LONG, "contact": LONG}
    book = [contact(LONG, ANNA)]
    async with theatre(greeting(contacts=book, log=[logged(LONG, "missed", contact=LONG)])) as play:
        await fits(play, "#home")
        play.tell(call(1, "calling", role="caller", paired=False, **who))
        play.tell(ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence=f"Send this to {LONG}."))
        await play.view.shows("Copy link")
        button, text = [await play.page.locator(f"#outgoing-{each}").bounding_box() for each in ("copy", "token")]
        assert button is not None
        assert text is not None
        assert button["height"] < text["height"]
        await fits(play, "#outgoing")
        play.tell(call(1, "active", **who))
        await play.view.shows("Hang up")
        await fits(play, "#stage")
        play.tell(call(2, "ringing", **who))
        await play.page.locator("#beside").wait_for()
        await fits(play, "#beside")
        play.tell(call(2, "ended", **who), call(1, "ended", sentence=f"{LONG} hung up.", **who))
        await play.page.locator("#ended").wait_for()
        await fits(play, "#ended")
        await play.view.press("Done")
        play.tell(call(3, "ringing", **who))
        await play.page.locator("#incoming-title").wait_for()
        await fits(play, "#incoming")


@pytest.mark.parametrize("size", SIZES)
async def test_notices_can_be_read_whole(size: tuple[int, int]) -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": size[0], "height": size[1]})
        play.tell(Contacts(contacts=[]), Log(log=[]), call(1, "active", paired=False))
        sentence = "anna's call was answered automatically. Your microphone and your camera are on, and anna hears you."
        play.tell(AnsweredAlone(call=1, by="us", kind=Kind.ANSWERED_AUTOMATICALLY, sentence=sentence, chime=False))
        await play.view.shows(sentence)
        await play.page.locator("#words").get_by_text("Compare these words").wait_for()
        for notice in ("stage-notice", "words"):
            assert await play.page.evaluate(CLIPPED, notice), notice
        play.tell(Problem(kind="error.leg-failed", sentence=sentence, hint="Do something about it."))
        toast = play.page.locator(".toast.urgent")
        await toast.wait_for()
        box = await toast.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1]


async def test_the_words_of_a_first_call_are_shown_until_they_were_compared() -> None:
    async with theatre() as play:
        play.tell(call(1, "active", paired=False))
        await play.page.locator("#words").wait_for()
        assert await play.page.locator("#words-list li").all_text_contents() == ["boil", "direct", "round", "noise"]
        await play.view.press("They match")
        await play.page.locator("#words").wait_for(state="hidden")
        play.tell(call(1, "active", paired=False, sentence="Still connected."))
        assert not await play.page.locator("#words").is_visible()
        # Contacts that share a key have nothing to compare.
        play.tell(call(1, "ended"), call(2, "active", paired=True))
        await play.until("document.getElementById('stage-name').checkVisibility()")
        assert not await play.page.locator("#words").is_visible()


async def test_whose_words_match_is_offered_to_be_saved_at_once() -> None:
    async with theatre(greeting(contacts=[])) as play:
        stranger = {"contact": None, "trust": "stranger", "paired": False}
        play.tell(call(1, "active", **stranger))
        await play.view.press("They match")
        await play.wants(ConfirmWords, call=1, words="boil direct round noise")
        play.tell(call(1, "active", **stranger, compared=True))
        await play.view.shows("Confirmed: nobody is between you. Save this person")
        await everywhere(play, "words-match")
        await play.view.press("About")
        await play.view.shows("The words match")
        await play.view.shows("You confirmed them.")
        assert not await play.page.get_by_text("Compare these words").is_visible()
        await play.page.keyboard.press("Escape")
        await play.view.click(play.page.locator("#keep-form").get_by_role("button", name="Save"))
        await play.view.shows("A contact needs a name.")
        await play.can_be_used()
        await play.page.locator("#keep-name").fill("dora")
        await play.page.keyboard.press("Enter")
        await play.wants(SaveContact, call=1, name="dora")
        play.tell(call(1, "active", contact="dora", name="dora", paired=False, compared=True))
        await play.page.locator("#keep").wait_for(state="hidden")
        play.tell(call(1, "ended"), call(2, "active", **stranger, compared=True))
        await play.view.press("Not now")
        await play.page.locator("#keep").wait_for(state="hidden")
        play.tell(call(2, "ended", **stranger, compared=True, connected_at=NOW))
        await play.view.shows("Save them, and next time one link is enough.")


async def test_words_that_differ_end_the_call_and_say_what_that_means() -> None:
    async with theatre() as play:
        stranger = {"contact": None, "trust": "stranger", "paired": False}
        play.tell(call(1, "active", **stranger))
        await play.view.shows("If they differ, someone is between you:")
        await play.view.press("About")
        await play.can_be_used()
        for button in ("words-differ", "about-differ"):
            await play.view.click(play.page.locator(f"#{button}"))
            await play.wants(HangUp, call=1, words_differ=True)
        play.tell(call(1, "ended", **(stranger | {"connected_at": NOW, "differed": True})))
        await play.view.shows("The words didn't match, so someone may have listened in.")
        await play.until("document.getElementById('announce').textContent.includes('listened in')")
        assert not await play.page.locator("#ended-save").is_visible()
        await play.can_be_used()


ROW = """new Set([...document.querySelectorAll(".controls .control")].filter((each) => each.checkVisibility())
  .map((each) => each.getBoundingClientRect().top)).size"""


@pytest.mark.parametrize("width", [320, 360, 800, 1024, 1280])
async def test_the_buttons_of_a_call_stand_in_one_row_also_beside_a_panel(width: int) -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": width, "height": 720})
        play.tell(call(1, "active", recording="on"))
        await play.page.locator("#stage-name").wait_for()
        assert await play.page.evaluate(ROW) == 1
        await play.page.keyboard.press("i")
        await play.view.shows("About this call")
        assert await play.page.evaluate(ROW) == 1
        await play.can_be_used()


CUT = """(root) => [...document.querySelectorAll(`${root} *`)].filter((each) => each.checkVisibility())
  .filter((each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX !== "visible")
  .map((each) => each.textContent)"""
"Elements that are longer than their place and are cut off."


async def test_at_1000_pixels_nothing_is_cut_and_what_copies_a_link_stands_beside_it() -> None:
    stranger = {"contact": None, "name": "Somebody you haven't saved", "trust": "stranger", "paired": False}
    log = [logged("Somebody you haven't saved", "no-answer"), logged("Somebody you haven't saved", "lost", seconds=70)]
    async with theatre(greeting(log=log)) as play:
        await play.page.set_viewport_size({"width": 1000, "height": 700})
        await play.page.locator("#log li").first.wait_for()
        assert await play.page.evaluate(CUT, ".columns") == []
        shown = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to them.")
        play.tell(call(1, "calling", role="caller", **stranger), shown)
        await play.page.locator("#outgoing-token").wait_for()
        # Both values come from one moment, because the card moves a little while it appears.
        copies, token = await play.page.evaluate(
            "['copy', 'token'].map(id => document.getElementById(`outgoing-${id}`).getBoundingClientRect().toJSON())"
        )
        middles = [box["y"] + box["height"] / 2 for box in (copies, token)]
        assert middles[0] == pytest.approx(middles[1])
        assert copies["x"] + copies["width"] <= token["x"]
        assert copies["height"] <= token["height"]
        play.tell(call(1, "active", **stranger))
        await play.view.press("About")
        panel = await play.page.locator("#panel").bounding_box()
        assert panel["width"] < 300
        assert await play.page.evaluate(CUT, "#panel") == []


async def test_the_lines_of_a_link_are_full_wherever_it_has_a_hyphen() -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": 390, "height": 844})
        shown = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to them.")
        play.tell(call(1, "calling", role="caller"), shown)
        await play.page.locator("#outgoing-token").wait_for()
        lengths = await play.page.evaluate(
            """(token) => {
              const text = document.getElementById("outgoing-token").firstChild;
              text.data = token;
              const lines = new Map();
              for (let at = 0; at < token.length; at += 1) {
                const each = document.createRange();
                each.setStart(text, at);
                each.setEnd(text, at + 1);
                const line = Math.round(each.getBoundingClientRect().bottom);
                lines.set(line, (lines.get(line) ?? 0) + 1);
              }
              return [...lines.values()];
            }""",
            "copybara:" + "QmZ4-x_9a-bcdefghijklmnopqrs-_" * 8,
        )
        assert len(lengths) > 3
        assert len(set(lengths[:-1])) == 1


LONG_PATH = (
    "Over Yggdrasil, from [200:f012:fe52:af09:5545:3d20:1323:5523]:40000 to "
    "[201:36cc:f0ed:b9c1:ae75:730c:ace2:2d6a]:40001. No other address is used."
)
"""A sentence with the longest possible addresses. An address has no place for a line break, and a node id has none
either."""

BESIDE = """(root) => [...document.querySelectorAll(`${root} *`)].flatMap((each) => [...each.childNodes])
  .filter((each) => each.nodeType === Node.TEXT_NODE && each.data.trim() && each.parentElement.checkVisibility())
  .filter((each) => !each.parentElement.closest(".unseen, option, #open-settings, #open-card"))
  .filter((each) => {
    const words = document.createRange();
    words.selectNodeContents(each);
    const { left, right, width } = words.getBoundingClientRect();
    const edges = [[0, innerWidth]];
    for (let at = each.parentElement; at; at = at.parentElement) {
      const { overflowX, textOverflow } = getComputedStyle(at);
      if (textOverflow === "ellipsis") return false;
      const box = at.getBoundingClientRect();
      if (overflowX !== "visible") edges.push([box.left, box.right]);
      if (at.matches(":popover-open")) break;  // it is above everything, so nothing cuts it off
    }
    return width > 2 && edges.some(([from, to]) => left < from - 1 || right > to + 1);
  }).map((each) => `${each.parentElement.id}: ${each.data.slice(0, 60)}`)"""
"Texts that are cut off at the side, or that need scrolling sideways."

WIDTHS = (1920, 1366, 1200, 1000, 700, 390, 320)


async def test_nothing_that_cannot_be_broken_is_cut_off_at_the_side() -> None:
    """This covers an address, a node id and the name of a file, each with its greatest length."""
    path = f"/home/{'a' * 32}/.local/share/copybara-relay/files/{'photo' * 40}.jpg"
    who = {"name": LONG, "contact": LONG}
    stranger = {"contact": None, "name": "Somebody you haven't saved", "trust": "stranger", "paired": False}
    received = Received(file=1, name=f"{'photo' * 40}.jpg", path=path)
    book = [contact(LONG, ANNA)]
    found: list[tuple[str, int, str]] = []

    async def look(root: str) -> None:
        await play.page.locator(root).wait_for()
        await play.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        for width in WIDTHS:
            await play.page.set_viewport_size({"width": width, "height": 700})
            found.extend((root, width, text) for text in await play.page.evaluate(BESIDE, root))

    def file(number: int, **changed: Any) -> File:
        values: dict[str, Any] = {"name": received.name, "size": 10**9, "done": 10**6, "kind": Kind.FILE_RECEIVED}
        return File(
            call=1, file=number, ours=False, sentence=f"Received {received.name} from {LONG}.", **(values | changed)
        )

    overlay = Overlay("Yggdrasil", None, notice=f"{path} doesn't answer.", kind=Kind.OVERLAY_DOWN)
    log = [logged(LONG, "hung-up", received=[received]), logged("Somebody you haven't saved", "lost", sentence=path)]
    async with theatre(greeting(contacts=book, log=log, overlay=overlay)) as play:
        await look("#home")
        play.tell(call(1, "calling", role="caller", paired=False, **who))
        play.tell(ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence=f"Send this to {LONG}."))
        await look("#outgoing")
        play.tell(call(1, "active", path=LONG_PATH, paired=False, **who), quality(1))
        play.tell(file(1, state="offered"), file(2, state="running", detail="954 MB of 1.2 GB, 12 MB/s"))
        play.tell(file(3, state="done", path=path))
        play.tell(Problem(kind="error.leg-failed", sentence=f"{path} is full.", hint=path))
        await look("#stage")
        await play.page.keyboard.press("i")
        await play.view.shows("About this call")
        await look("#panel")
        play.tell(call(1, "active", path=LONG_PATH, **stranger))
        await play.page.locator("#save-form").wait_for()
        await look("#panel")
        play.tell(Text(call=1, ours=False, text=path, at=NOW))
        await play.page.keyboard.press("c")
        await look("#panel")
        play.tell(call(2, "ringing", **who))
        await look("#beside")
        play.tell(call(2, "ended", **who))
        play.tell(Said(call=1, kind=Kind.RECORDING_STOPPED, sentence=f"The recording is in {path}.", path=path))
        play.tell(call(1, "ended", connected_at=NOW, sentence=f"{path} is full.", **stranger))
        await look("#ended")
        await play.view.press("Done")
        play.tell(call(3, "ringing", **stranger))
        await look("#incoming")
        play.tell(call(3, "ended", **stranger))
        await play.page.locator("#home").wait_for()
        await play.page.locator(f"[data-hold='who {LONG}']").click()
        await look("#contact")
        await play.page.keyboard.press("Escape")
        await play.page.locator("#open-card").click()
        await look("#card")
    assert not found, "\n".join(map(str, found))


async def test_a_call_that_lacks_the_shared_key_is_told_apart_and_confirmed_by_its_words() -> None:
    async with theatre() as play:
        doubt = (
            "It says it is anna, but doesn't have the key you share. Perhaps they restored a backup, perhaps it is "
            "somebody else. Compare the four words."
        )
        play.tell(call(1, "ringing", trust="unproven", trust_words=doubt, paired=False))
        await play.view.shows(doubt)
        assert await play.page.locator("#incoming-trust").get_attribute("data-trust") == "unproven"
        play.tell(call(1, "active", trust="unproven", trust_words=doubt, paired=False))
        await play.page.locator("#words").get_by_text("doesn't have the key that you share with anna").wait_for()
        await play.view.press("They match")
        # The request carries the words, because another call may be shown by the time of the press.
        await play.wants(ConfirmWords, call=1, words="boil direct round noise")


REACHABLE = """(root) => [...document.querySelectorAll(`${root} button, ${root} a, ${root} input`)]
.filter((each) => each.checkVisibility()).every((each) => {
  each.scrollIntoView({ block: "nearest" });
  const { x, y, width, height } = each.getBoundingClientRect();
  const there = document.elementFromPoint(x + width / 2, y + height / 2);
  return there && (each.contains(there) || there.contains(each) || there.closest("label")?.contains(each));
})"""
"Whether each button can be scrolled to, with nothing covering its middle."


async def test_at_400_percent_every_button_can_be_reached() -> None:
    """A window of 1280 pixels at 400 % is 320 wide (WCAG 2.2, 1.4.10)."""
    who = {"name": LONG, "contact": LONG}

    async def reach(root: str) -> None:
        await play.page.locator(root).wait_for()
        await until(lambda: play.page.evaluate(REACHABLE, root), f"every button of {root} to be reachable")

    async with theatre(greeting(contacts=[contact(LONG, ANNA)])) as play:
        await play.page.set_viewport_size({"width": 320, "height": 256})
        await reach("#home")
        play.tell(call(1, "ringing", **who))
        await reach("#incoming")
        play.tell(call(1, "active", paired=False, **who))
        await reach("#stage")
        play.tell(call(2, "ringing", **who))
        await reach("#beside")
        await reach("#stage")
        play.tell(call(2, "ended", **who), call(1, "ended", sentence=f"{LONG} hung up.", **who))
        await reach("#ended")


async def test_a_notice_covers_no_button_and_makes_none_deaf() -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": 1280, "height": 660})
        shown = ShowLink(call=1, link=link(), kind=Kind.LINK_TO_SEND, sentence="Send this to anna.")
        play.tell(call(1, "calling", role="caller", paired=False), shown)
        await play.until("document.getElementById('outgoing-own').videoWidth > 0")
        await play.page.locator("#answer-connect[data-settled]").wait_for()
        await play.page.evaluate("""() => {
          window.deaf = [];
          new MutationObserver((changes) => window.deaf.push(...changes.map(({ target }) => target.id)))
            .observe(document.getElementById("answer-form"), { subtree: true, attributeFilter: ["data-settled"] });
        }""")
        play.tell(*(Problem(kind="error.leg-failed", sentence=f"{what} was disconnected.", hint="") for what in KINDS))
        await play.until("document.querySelectorAll('.toast').length === 3")
        assert await play.page.evaluate(COVERED) == []
        assert await play.page.evaluate(UNCOVERED)
        assert await play.page.evaluate("window.deaf") == []
        # The page changes while the words are shown.
        play.tell(call(1, "active", role="caller"))
        await play.page.locator("#c-hangup").wait_for()
        await play.until(f"({COVERED})().length === 0")


TOGETHER = """(ids) => {
  const [a, b] = ids.map((id) => document.getElementById(id).getBoundingClientRect());
  return a.width > 0 && b.width > 0 && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}"""
"Whether these two overlap."


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_what_is_said_over_the_picture_stands_beside_the_own_one_in_any_corner(width: int) -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": width, "height": 720})
        play.tell(call(1, "active", name=LONG, contact=LONG, remote=sends(audio=False)))
        play.tell(Text(call=1, ours=False, text="A line that is longer than the place beside the picture.", at=NOW))
        await play.page.locator("#last-text").wait_for()
        own = play.page.locator("#own")
        await own.focus()
        for key, corner in (("ArrowDown", "se"), ("ArrowLeft", "sw"), ("ArrowUp", "nw"), ("ArrowRight", "ne")):
            await play.page.keyboard.press(key)
            assert await own.get_attribute("data-corner") == corner
            for each in ("remote-muted", "last-text"):
                assert not await play.page.evaluate(TOGETHER, ["own", each]), (corner, each)


async def test_a_line_runs_the_way_it_is_written() -> None:
    hebrew = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET}"
    async with theatre(greeting(calls=[call(1, "active", name=hebrew, contact=hebrew)])) as play:
        play.tell(
            Text(call=1, ours=False, text=f"{hebrew}?", at=NOW), Text(call=1, ours=False, text="Yes?", at=NOW + 1)
        )
        await play.page.keyboard.press("c")
        await play.page.locator("#write").fill(f"{hebrew}?")
        assert await play.page.evaluate(
            """[...document.querySelectorAll("#texts li"), document.getElementById("write")]
            .map((each) => getComputedStyle(each).direction)"""
        ) == ["rtl", "ltr", "rtl"]
        await play.can_be_used()


COLOURS = """() => {
  const parts = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return { r, g, b, a }; };
  const light = ({ r, g, b }) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [.2126, .7152, .0722][at], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.a > .5) return colour;
    }
    return parts("rgb(255, 255, 255)");
  };
  const seen = (...colours) => {
    const [low, high] = colours.map(light).sort((a, b) => a - b);
    return (high + .05) / (low + .05) >= 3;
  };
  const named = (each) => each.id || each.ariaLabel || each.textContent.trim();
  const root = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
"""
"Begins a function that compares colours. `ground`: the colour below an element; `seen`: whether two of them differ."

FAINT = (
    COLOURS
    + """
  return [...root.querySelectorAll("button, input, select, summary")].filter((each) => each.checkVisibility())
    .filter((each) => !each.disabled).filter((each) => {
      each.focus({ focusVisible: true });
      if (document.activeElement !== each) return false;
      const { outlineColor, outlineOffset, outlineStyle, outlineWidth } = getComputedStyle(each);
      if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) return true;
      // What is drawn outside stands on the ground of what is around it.
      const around = parseFloat(outlineOffset) + parseFloat(outlineWidth) > 0 ? each.parentElement : each;
      return !seen(parts(outlineColor), ground(around));
    }).map(named);
}"""
)
"What can have the focus and doesn't show it, with a contrast of at least 3 (WCAG 2.2, 1.4.11)."

UNBOUNDED = (
    COLOURS
    + """
  const controls = ".button:not(.plain, .danger-plain), input:not([type=checkbox], [type=radio], [type=file]), select";
  return [...root.querySelectorAll(controls)].filter((each) => each.checkVisibility())
    .filter((each) => !each.matches(":disabled, [aria-disabled=true]")).filter((each) => {
      const { backgroundColor, borderTopColor } = getComputedStyle(each);
      const around = ground(each.parentElement);
      return ![borderTopColor, backgroundColor].map(parts).some((own) => own.a > .5 && seen(own, around));
    }).map(named);
}"""
)
"Fields, and buttons that aren't only words or a picture, whose edge and ground can't be told from what is around them."


async def told_apart(play: Theatre) -> None:
    """Fail if the focus, or what is pressed or filled in, can't be seen."""
    assert await play.page.evaluate(FAINT) == []
    assert await play.page.evaluate(UNBOUNDED) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_wherever_the_focus_is_it_is_seen_and_so_is_what_is_pressed_or_filled_in(scheme: str) -> None:
    async with theatre(greeting(log=[logged("anna", "missed", contact="anna")])) as play:
        await play.page.emulate_media(color_scheme=scheme)
        play.tell(Problem(kind="error.media", sentence="Your microphone was disconnected.", hint=""))
        await play.view.shows("Your microphone was disconnected.")
        await told_apart(play)
        for name in ("open-settings", "open-card"):
            await play.view.click(play.page.locator(f"#{name}"))
            await told_apart(play)
            await play.page.keyboard.press("Escape")
        play.tell(call(1, "ringing", contact=None, trust="stranger"))
        await play.view.shows("is calling you with video")
        await told_apart(play)
        play.tell(
            call(1, "active", paired=False, remote=sends()),
            *FILES,
            call(2, "ringing", name="bob", contact="bob", node=BOB),
        )
        await play.page.locator("#beside").wait_for()
        await told_apart(play)
        await play.page.keyboard.press("i")
        await play.view.shows("About this call")
        await told_apart(play)


EDGES = """(selectors) => selectors.filter((selector) => [...document.querySelectorAll(selector)]
  .some((each) => each.checkVisibility() && getComputedStyle(each).borderTopWidth === "0px"))"""
"Which of these have no edge."


async def test_where_the_system_chooses_the_colours_what_stands_apart_has_an_edge_and_what_is_off_is_seen() -> None:
    async with theatre(greeting(calls=[call(1, "active", remote=sends())])) as play:
        await play.page.emulate_media(forced_colors="active")
        play.tell(*FILES, Problem(kind="error.media", sentence="Your microphone was disconnected.", hint=""))
        await play.view.shows("Your microphone was disconnected.")
        await play.page.keyboard.press("c")
        assert await play.page.evaluate(EDGES, [".toast", ".files li", ".disc", ".quality", ".panel", ".own"]) == []
        ground = "getComputedStyle(document.querySelector('#c-mic .disc')).backgroundColor"
        on = await play.page.evaluate(ground)
        await play.page.keyboard.press("Escape")
        await play.page.keyboard.press("m")
        await play.page.locator("#c-mic.off").wait_for()
        assert await play.page.evaluate(ground) != on


async def test_a_field_that_is_typed_in_beside_a_call_is_seen_to_have_the_focus() -> None:
    async with theatre(greeting(calls=[call(1, "active")])) as play:
        await play.page.keyboard.press("c")
        assert await play.focused() == "write"
        outline, accent = await play.page.evaluate(
            """["outlineColor", "backgroundColor"].map((style, at) =>
            getComputedStyle(document.querySelector(["#write", "#write-form [type=submit]"][at]))[style])"""
        )
        assert outline == accent


async def test_a_long_notice_stays_as_long_as_it_takes_to_read() -> None:
    async with theatre() as play:
        await play.page.clock.install()
        long = "/home/me/.local/share/copybara-relay/files is full: 12 MB are needed, 3 MB are free."
        play.tell(Problem(kind="error.leg-failed", sentence=long, hint="Make room on the disk, then send it again."))
        play.tell(Problem(kind="error.leg-failed", sentence="It is full.", hint=""))
        await play.view.shows("It is full.")
        await play.page.clock.fast_forward(9000)
        await play.until("document.querySelectorAll('.toast').length === 1")
        assert await play.page.get_by_text(long).is_visible()
        await play.page.clock.fast_forward(9000)
        await play.until("document.querySelectorAll('.toast').length === 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_what_is_under_the_pointer_can_be_read(scheme: str) -> None:
    async with theatre(greeting(calls=[call(1, "active", paired=False, question="Do you agree?")])) as play:
        await play.page.emulate_media(color_scheme=scheme)
        play.tell(
            File(call=1, file=1, ours=False, name="a", size=9, state="offered", done=0, kind="", sentence="A file.")
        )
        play.tell(
            Said(call=1, kind=Kind.RECORDING_STOPPED, sentence="It is in /home/me.", path="/home/me", recording=1)
        )
        await play.view.shows("Copy path")
        for name in ("Copy path", "They match", "Agree", "Refuse", "Accept", "Decline"):
            button = play.page.get_by_role("button", name=name, exact=True)
            await button.and_(play.page.locator(READABLE)).hover()
            await play.can_be_used()
        await play.page.locator("#c-hangup").hover()
        red, green, _ = await play.page.evaluate(
            "getComputedStyle(document.querySelector('#c-hangup .disc')).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert red > 3 * green


async def test_a_line_that_is_written_in_a_conversation_covers_nobody() -> None:
    together = {"conversation": "ab" * 16}
    both = [call(1, "active", **together), call(2, "active", name="bob", contact="bob", node=BOB, **together)]
    async with theatre(greeting(calls=both)) as play:
        await play.page.set_viewport_size({"width": 390, "height": 844})
        play.tell(Text(call=2, ours=False, text="A line that is longer than the place beside the picture.", at=NOW))
        await play.page.locator("#last-text").wait_for()
        await play.page.evaluate("document.querySelector('.person').id = 'bob'")
        await play.page.locator("#own").focus()
        for key in ("ArrowDown", "ArrowLeft"):
            await play.page.keyboard.press(key)
            for each in ("own", "bob"):
                assert not await play.page.evaluate(TOGETHER, [each, "last-text"]), (key, each)


async def test_no_name_is_broken_by_how_a_call_was_answered() -> None:
    async with theatre() as play:
        await play.page.set_viewport_size({"width": 320, "height": 568})
        play.tell(call(1, "active", automatic=True))
        await play.page.locator("#stage-tag").wait_for()
        assert await play.page.evaluate("document.getElementById('stage-name').clientHeight") < 40


async def test_however_much_there_is_to_say_a_small_phone_shows_the_other_side() -> None:
    who = {"name": LONG, "contact": LONG, "automatic": True, "paired": False, "remote": sends(audio=False)}
    async with theatre(greeting(calls=[call(1, "active", **who)])) as play:
        await play.page.set_viewport_size(PHONE)
        play.tell(*FILES)
        await play.page.locator("#words").wait_for()
        await play.view.says(Kind.FILE_RECEIVED)
        height, own = await play.page.evaluate(
            "['pictures', 'own'].map((id) => document.getElementById(id).getBoundingClientRect().height)"
        )
        assert height > own + 30
        await play.can_be_used()
