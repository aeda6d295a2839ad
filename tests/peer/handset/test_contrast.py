"""The colours of the page's style sheets: what is pressed, filled in or read is told from its ground (WCAG 2.2).

tests/browser looks at the pages themselves.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import peer.handset

STATIC = Path(peer.handset.__path__[0]) / "static"

SEEN = 3.0
"The contrast of what identifies a control (1.4.11)."

READ = 4.5
"The contrast of text (1.4.3)."

GROUNDS = ("ground", "sheet", "raised", "warn", "accent-soft")
"What controls stand on, outside a call."

TEXTS = [
    *(("text", ground) for ground in GROUNDS if ground != "warn"),
    *(("muted", ground) for ground in ("ground", "sheet", "raised")),
    *(("danger", ground) for ground in ("ground", "sheet", "raised")),
    *(("accent", ground) for ground in ("ground", "sheet", "raised")),
    *(("accent-text", "accent"), ("danger-text", "danger"), ("warn-text", "warn"), ("ground", "text")),
]
"Colours of texts, each with the ground on which it is written."

ON_THE_STAGE = (".stage", ".stage-notice", ".sharing", ".files li", ".beside", ".words", ".offer")
"What buttons of a call stand on, in both schemes. Those of `.recording` are filled, see below."


def rules(name: str) -> dict[str, dict[str, str]]:
    """The declarations of a style sheet by selector; of a selector that stands there twice, the first."""
    text = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text(), flags=re.DOTALL)
    found: dict[str, dict[str, str]] = {}
    for selector, block in re.findall(r"([^{};]+)\{([^{}]*)\}", text):
        pairs = (each.partition(":")[::2] for each in block.split(";") if each.strip())
        found.setdefault(" ".join(selector.split()), {key.strip(): value.strip() for key, value in pairs})
    return found


def colours(scheme: str) -> dict[str, str]:
    """The colours that have a name, in one scheme."""
    text = (STATIC / "base.css").read_text()
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in text.split("@media")[:2])
    return light if scheme == "light" else light | dark


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb (WCAG 2.2)."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_the_edge_of_a_button_or_field_and_the_focus_are_seen(scheme: str, ground: str) -> None:
    named = colours(scheme)
    faint = [name for name in ("edge", "accent", "danger") if contrast(named[name], named[ground]) < SEEN]
    assert faint == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXTS)
def test_a_text_can_be_read(scheme: str, text: str, ground: str) -> None:
    named = colours(scheme)
    assert contrast(named[text], named[ground]) >= READ


def test_every_button_and_field_has_that_edge() -> None:
    base = rules("base.css")
    for selector in (".button", 'input:not([type]), input[type="text"], select'):
        assert base[selector]["border"] == "1px solid var(--edge)", selector


def test_the_buttons_of_a_call_are_told_from_whatever_is_below_them() -> None:
    call = rules("call.css")
    any_of_them = ":is(.stage-notice, .files, .beside, .others, .over, .remote-empty) .button"
    edge = call[any_of_them]["border-color"]
    filled = call[any_of_them + ':is(.primary, [aria-pressed="true"])']["background"]
    stage = call[".stage"]["--stage"]
    grounds = {each: call[each]["background"].replace("var(--stage)", stage) for each in ON_THE_STAGE}
    for colour in (edge, filled):
        assert [each for each, ground in grounds.items() if contrast(colour, ground) < SEEN] == [], colour
    assert contrast(call[".stage-notice.recording .button"]["background"], call[".recording"]["background"]) >= SEEN
    # A field in a notice is filled in the light scheme, and has the edge of all fields in the dark one.
    assert contrast(colours("dark")["edge"], grounds[".words"]) >= SEEN
    assert contrast(colours("light")["ground"], grounds[".words"]) >= SEEN
