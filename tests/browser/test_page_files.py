"""Files on the page: dropped, chosen with the paper clip, accepted, and shown in every state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.kinds import Kind
from peer.handset.protocol import AnswerFile, CancelFile, CancelUpload, File, SaveFile, SendFile, SetTrust
from tests.browser.chromium import ONE_HEADLESS_SHELL, PHONE, until
from tests.browser.people import Somebody, both_ways, connect, two_people
from tests.browser.pictures import LOOKS, NARROW, look_like, taken
from tests.browser.scripted import call, greeting, sends, theatre
from tests.browser.test_page_told import BESIDE

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]

DROP = """([name, size]) => {
  const bytes = new Uint8Array(size).map((_, at) => at % 251);
  const data = new DataTransfer();
  data.items.add(new File([bytes], name));
  for (const kind of ["dragover", "drop"]) {
    document.getElementById("stage").dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def file(number: int, name: str, state: Any, sentence: str, **changed: Any) -> File:
    """A file that anna sends in call 1."""
    values: dict[str, Any] = {"ours": False, "size": 12_000_000, "done": 0, "kind": Kind.FILE_OFFERED, "detail": ""}
    return File(call=1, file=number, name=name, state=state, sentence=sentence, **(values | changed))


FILES = (
    file(1, "holiday.jpg", "offered", "anna wants to send you holiday.jpg: a picture, 12 MB."),
    file(
        2,
        "talk.webm",
        "running",
        "Receiving talk.webm from anna.",
        done=3_400_000,
        kind=Kind.FILE_RECEIVING,
        detail="3.4 MB of 12 MB, 1.2 MB/s",
    ),
    file(
        3,
        "notes.pdf",
        "done",
        "notes.pdf from anna is here: /home/me/files/notes.pdf",
        done=12_000_000,
        kind=Kind.FILE_RECEIVED,
        path="/home/me/files/notes.pdf",
    ),
)
"One file that is offered, one that is being sent, and one that has arrived."


ROOM = """[".stage-notices", "#pictures"].map((each) => document.querySelector(each)).map((each, at) =>
  at ? each.clientHeight : Math.max(0, each.scrollHeight - each.clientHeight))"""
"How many pixels of the notices are cut off, and how high the place of the picture is."


def read(path: str | Path) -> bytes:
    """Read a file."""
    return Path(path).read_bytes()


async def saved_as_it_is(person: Somebody, path: Path) -> None:
    """Save the file at `path` with the browser, and check that it keeps its name."""
    async with person.page.page.expect_download() as saving:
        await person.page.press("Save a copy")
    saved = await saving.value
    assert saved.suggested_filename == path.name
    assert read(await saved.path()) == read(path)


async def test_a_file_is_dropped_on_one_page_and_accepted_on_the_other(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob, "audio")
        await anna.page.page.evaluate(DROP, ["dropped.dat", 3_000_000])
        assert "dropped.dat: a file, 3.0 MB" in await bob.page.says(Kind.FILE_OFFERED)
        await bob.page.press("Accept")
        path = bob.node.home / "files" / "dropped.dat"
        assert str(path) in await bob.page.says(Kind.FILE_RECEIVED)
        await anna.page.says(Kind.FILE_DELIVERED)
        assert path.read_bytes() == bytes(at % 251 for at in range(3_000_000))
        await saved_as_it_is(bob, path)
        assert [*(anna.node.home / "sending").iterdir()] == []

        # Choose a file with the paper clip, and let the other side decline it.
        chosen = tmp_path / "chosen.txt"
        chosen.write_text("no")
        async with bob.page.page.expect_file_chooser() as choosing:
            await bob.page.click(bob.page.page.locator("#c-file"))
        await (await choosing.value).set_files(str(chosen))
        await anna.page.says(Kind.FILE_OFFERED)
        await anna.page.press("Decline")
        await bob.page.says(Kind.FILE_DECLINED)

        # After the call the page still says where the first file is.
        await anna.page.press("Hang up")
        await bob.page.says(Kind.ENDED)
        await bob.page.page.locator("#ended-files").get_by_text(str(path)).wait_for()
        assert await bob.page.page.locator("#ended-files li").count() == 1
        await bob.page.press("Done")
        await bob.page.click(bob.page.page.get_by_text(f"Received {path.name}"))
        await bob.page.page.locator("#log").get_by_text(str(path)).wait_for()
        await saved_as_it_is(bob, path)

        # Another file has that name by now, and the page doesn't get it in place of the first one.
        path.unlink()
        path.write_text("another file")
        await bob.page.press("Save a copy")
        await bob.page.shows("dropped.dat isn't there any more. It was moved, changed or deleted")
        assert await anna.page.page.locator("#ended-files li").count() == 0


async def test_in_a_conversation_everybodys_files_are_shown_whoever_fills_the_stage() -> None:
    together = {"conversation": "ab" * 16}
    bobs = call(2, "active", **BESIDE, **together)
    async with theatre(greeting(calls=[call(1, "active", **together), bobs])) as play:
        await play.until("document.getElementById('stage-name').textContent === 'anna, bob'")
        bob_offers = msgspec.structs.replace(FILES[0], call=2, file=4, sentence="bob wants to send you a.jpg.")
        play.tell(FILES[1], bob_offers)
        await play.view.shows("bob wants to send you a.jpg.")
        await play.can_be_used()
        await play.view.press("Accept")
        await play.wants(AnswerFile, file=4, accept=True)
        # The offers of a person who has left disappear.
        play.tell(call(2, "ended", **BESIDE, **together), call(1, "active"))
        await play.until("!document.getElementById('files').innerText.includes('bob')")
        await play.view.shows("Receiving talk.webm from anna.")


@pytest.mark.parametrize("look", LOOKS)
async def test_files_are_seen_in_every_state(look: str) -> None:
    active = call(1, "active", remote=sends())
    async with theatre(greeting(calls=[active])) as play:
        await look_like(play.page, look)
        play.tell(*FILES)
        await play.view.says(Kind.FILE_OFFERED)
        await play.can_be_used()
        await taken(play.page, f"files-{look}")
        await play.view.press("Accept")
        await play.wants(AnswerFile, file=1, accept=True)
        await play.view.press("Cancel talk.webm")
        await play.wants(CancelFile, file=2)
        await play.view.press("Save a copy")
        await play.wants(SaveFile, file=3)
        await play.view.press("Hide notes.pdf")
        await play.page.locator("#files [data-name='notes.pdf']").wait_for(state="detached")
        assert await play.page.locator("#files li").count() == 2
        assert await play.focused() == "stage-name"
        play.tell(call(1, "ended"))
        await play.view.shows("Received in this call")
        await play.view.shows("/home/me/files/notes.pdf")
        await play.view.press("Save a copy")
        await play.wants(SaveFile, file=3)
        await play.can_be_used()


async def test_three_files_are_seen_whole_beside_the_picture_on_a_phone() -> None:
    async with theatre(greeting(calls=[call(1, "active", remote=sends())])) as play:
        await play.page.set_viewport_size(NARROW)
        play.tell(*FILES)
        await play.view.says(Kind.FILE_RECEIVED)
        for window, least in ((NARROW, 200), (PHONE, 100)):
            await play.page.set_viewport_size(window)
            cut, picture = await play.page.evaluate(ROOM)
            assert cut == 0, window
            assert picture > least, window
        for width in (320, 390):
            await play.page.set_viewport_size({"width": width, "height": 844})
            answers = [await play.page.locator(f"[data-hold='{answer} 1']").bounding_box() for answer in ("yes", "no")]
            assert len({box["y"] for box in answers if box}) == 1, width


async def test_the_paper_clip_is_there_on_a_phone_and_an_upload_can_be_cancelled() -> None:
    active = call(1, "active", remote=sends())
    async with theatre(greeting(calls=[active])) as play:
        await play.page.set_viewport_size(NARROW)
        await play.view.press("More")
        async with play.page.expect_file_chooser() as choosing:
            await play.view.press("Send a file")
        chooser = await choosing.value
        await chooser.set_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"abc"})
        wanted = await play.wants(SendFile, call=1, name="a.txt", size=3)
        assert wanted.id is not None

        async def came() -> bool:
            return b"".join(piece[4:] for piece in play.script.pieces) == b"abc"

        await until(came, "the file")
        assert play.script.pieces[0][:4] == wanted.id.to_bytes(4)

        # The program takes no bytes, so the user gives the file up.
        play.script.slow = True
        await play.page.locator("#file-input").set_input_files(
            {"name": "b.bin", "mimeType": "text/plain", "buffer": b"b" * 5_000_000}
        )
        await play.wants(SendFile, call=1, name="b.bin")
        waits = file(1, "c.txt", "paused", "c.txt waits until you are connected again.", kind=Kind.FILE_PAUSED, done=3)
        play.tell(waits, file(2, "d.txt", "failed", "d.txt couldn't be received.", kind=Kind.FILE_FAILED))
        await play.view.says(Kind.FILE_FAILED)
        await play.can_be_used()
        await play.view.press("Cancel")
        await play.wants(CancelUpload)


async def test_a_contact_may_be_allowed_always() -> None:
    async with theatre() as play:
        await play.page.get_by_role("button", name="anna rings").click()
        await play.view.click(play.page.locator("#contact label", has_text="Accept their files"))
        await play.wants(SetTrust, name="anna", trust=None, files=True)


AT_ONCE = """() => {
  const list = document.getElementById("files");
  new MutationObserver((_, observer) => {
    if (!list.querySelector('[data-state="cancelled"]')) return;
    observer.disconnect();
    list.querySelector('[data-hold="yes 2"]').click();
    list.dataset.pressed = "yes";
  }).observe(list, { childList: true });
}"""
"Clicks at once, as a user does who meant what stood at this place a moment before."

DRAG = """(kinds) => {
  const data = new DataTransfer();
  data.items.add(new File(["abc"], "dragged.txt"));
  for (const kind of kinds) {
    document.getElementById("stage").dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


@pytest.mark.parametrize("way", ["the dialog", "a drag"])
async def test_a_file_that_was_meant_for_a_call_that_is_over_goes_to_no_other(way: str) -> None:
    held = call(1, "active", name="bob", on_hold=True)
    async with theatre(greeting(calls=[held, call(2, "active", remote=sends())])) as play:

        async def anna_hangs_up() -> None:
            play.tell(call(2, "ended", report=None), call(1, "active", name="bob", remote=sends()))
            await play.page.locator("#held").wait_for(state="hidden")
            await play.until("document.getElementById('stage-name').textContent.includes('bob')")

        if way == "the dialog":
            async with play.page.expect_file_chooser() as choosing:
                await play.view.click(play.page.locator("#c-file"))
            chooser = await choosing.value
            await anna_hangs_up()
            await chooser.set_files({"name": "a.txt", "mimeType": "text/plain", "buffer": b"abc"})
        else:
            await play.page.evaluate(DRAG, ["dragenter", "dragover"])
            await anna_hangs_up()
            await play.page.evaluate(DRAG, ["dragover", "drop"])
        await play.view.shows("That call is over; nothing was sent.")
        # The same file, chosen again, is for the person who is here now.
        async with play.page.expect_file_chooser() as choosing:
            await play.view.click(play.page.locator("#c-file"))
        await (await choosing.value).set_files({"name": "b.txt", "mimeType": "text/plain", "buffer": b"abc"})
        before = list(play.script.heard_messages)
        await play.wants(SendFile, call=1, name="b.txt")
        assert not [each for each in before if isinstance(each, SendFile) and each.name != "b.txt"]


async def test_what_is_accepted_has_stood_there_for_a_moment() -> None:
    async with theatre(greeting(calls=[call(1, "active", remote=sends())])) as play:
        for number, name in enumerate(("photo.jpg", "setup.exe"), 1):
            play.tell(file(number, name, "offered", f"anna wants to send you {name}."))
        accept = play.page.locator('[data-hold="yes 2"]')
        await play.page.locator('[data-hold="yes 2"][data-settled]').wait_for()
        await play.page.evaluate(AT_ONCE)
        play.tell(file(1, "photo.jpg", "cancelled", "anna cancelled photo.jpg.", kind=Kind.FILE_CANCELLED))
        await play.page.locator('#files[data-pressed="yes"]').wait_for()
        assert await accept.get_attribute("aria-disabled") == "true"
        assert not [each for each in play.script.heard_messages if isinstance(each, AnswerFile)]
        # Progress of another file doesn't make the button ignore clicks again.
        play.tell(file(3, "c.txt", "running", "Receiving c.txt from anna.", kind=Kind.FILE_RECEIVING, detail="1 MB"))
        await play.view.shows("1 MB")
        await play.page.locator('[data-hold="yes 2"][data-settled]').wait_for()
        await accept.evaluate("button => { window.same = button; }")
        play.tell(file(3, "c.txt", "running", "Receiving c.txt from anna.", kind=Kind.FILE_RECEIVING, detail="2 MB"))
        await play.view.shows("2 MB")
        assert await accept.evaluate("button => button === window.same")
        await play.view.press("Accept")
        await play.wants(AnswerFile, file=2, accept=True)
