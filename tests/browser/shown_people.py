"""Pages that send their own colour and tone, and who is seen and heard where on a page of a conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.browser.chromium import PageView, until

HERTZ_APART = 5.0

SMALL = {"width": 420, "height": 480}
"A small window for each of several people, which is cheap to draw without a graphics card."

LONG = 150.0
"How many seconds it may take on a busy machine before a test gives up."


@dataclass(frozen=True, slots=True)
class Sign:
    """What a page sends instead of a camera and a microphone."""

    colour: str | None
    "Red, green or blue, which every codec preserves. Empty: a picture of all colours. None: a changing one."

    hertz: int
    "A tone that no page plays itself."


SIGNS = {"anna": Sign("red", 700), "bob": Sign("green", 1300), "carol": Sign("blue", 2100)}

PATTERN = Sign("", 440)
"What a program without a page sends, with its endpoint `pattern`."


def sends(sign: Sign) -> str:
    """A script for the page, to run before its own. The picture is small and changes four times a second."""
    return f"""
(() => {{
  navigator.mediaDevices.getUserMedia = async (wanted) => {{
    const tracks = [];
    if (wanted.video) {{
      const canvas = Object.assign(document.createElement("canvas"), {{ width: 160, height: 120 }});
      const drawing = canvas.getContext("2d");
      let turn = 0;
      const draw = () => {{
        drawing.fillStyle = "{sign.colour}";
        drawing.fillRect(0, 0, 160, 120);
        drawing.fillStyle = "black";
        drawing.fillRect(20 * turn++ % 160, 0, 4, 120);
      }};
      draw();
      setInterval(draw, 250);
      tracks.push(...canvas.captureStream(4).getVideoTracks());
    }}
    if (wanted.audio) {{
      const context = new AudioContext();
      context.resume();
      const tone = new OscillatorNode(context, {{ frequency: {sign.hertz} }});
      const quiet = new GainNode(context, {{ gain: 0.3 }});
      const out = context.createMediaStreamDestination();
      tone.connect(quiet).connect(out);
      tone.start();
      tracks.push(...out.stream.getAudioTracks());
    }}
    return new MediaStream(tracks);
  }};
}})()
"""


PLACES = """
(() => {
  const places = () => {
    const people = [...document.querySelectorAll("#people .person")];
    return [
      { name: document.getElementById("stage-name").textContent.split(", ")[0],
        picture: document.getElementById("remote-video"), sound: document.getElementById("remote-audio") },
      ...people.map((person) => ({ name: person.querySelector("b").textContent,
        picture: person.querySelector("video"), sound: person.querySelector("audio") })),
    ];
  };
  const colour = (video) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    drawing.drawImage(video, 0, 0, 1, 1);
    const [red, green, blue] = drawing.getImageData(0, 0, 1, 1).data;
    const all = { red, green, blue };
    const [[first, most], [, next]] = Object.entries(all).sort((one, other) => other[1] - one[1]);
    return most > 2 * next + 20 ? first : "";
  };
  const counted = new WeakMap();
  const pictures = (video) => {
    // Firefox tells of none that come by a connection.
    const { totalVideoFrames } = video.getVideoPlaybackQuality();
    const next = () => {
      counted.set(video, (counted.get(video) ?? -1) + 1);
      video.requestVideoFrameCallback(next);
    };
    if (!totalVideoFrames && !counted.has(video)) next();
    return totalVideoFrames || counted.get(video);
  };
  const seen = () => places().map(({ name, picture }) => {
    const shown = picture.checkVisibility() && picture.videoWidth > 0;
    const frames = shown ? pictures(picture) : 0;
    return { name, colour: shown ? colour(picture) : "", frames };
  });
  const hear = async (name, seconds) => {
    const track = places().find((each) => each.name === name)?.sound.srcObject?.getAudioTracks()[0];
    return track ? watched.listen(seconds, track) : { hertz: 0, loudest: 0 };
  };
  window.others = { seen, hear };
})()
"""
"Needs the script that watches each page of chromium.py."


async def sees(page: PageView, wanted: Mapping[str, Sign]) -> None:
    """Wait until only these people are shown, each in their colour, with changing pictures."""
    shown: list[dict[str, Any]] = []
    first: dict[str, int] = {}

    async def there() -> bool:
        shown[:] = await page.page.evaluate("others.seen()")
        for each in shown:
            first.setdefault(each["name"], each["frames"])
        return sorted(each["name"] for each in shown) == sorted(wanted) and all(
            wanted[each["name"]].colour in (each["colour"], None) and each["frames"] > first[each["name"]]
            for each in shown
        )

    await until(there, f"pictures of {[*wanted]}", lambda: str(shown), seconds=LONG)


async def hears(page: PageView, name: str, sign: Sign) -> None:
    """Wait until a person's tone is heard at the place of their picture."""
    heard: dict[str, float] = {}

    async def there() -> bool:
        heard.update(await page.page.evaluate("name => others.hear(name, 1)", name))
        return heard["loudest"] > 0.01 and abs(heard["hertz"] - sign.hertz) < HERTZ_APART

    await until(there, f"{sign.hertz} Hz of {name}", lambda: str(heard), seconds=LONG)


async def meets(page: PageView, wanted: Mapping[str, Sign]) -> None:
    """Wait until only these people are seen and heard on a page, each under their name."""
    await sees(page, wanted)
    for name, sign in wanted.items():
        await hears(page, name, sign)
