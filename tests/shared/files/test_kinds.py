"""The kind of a file, by its name."""

from __future__ import annotations

import pytest

from shared.files.kinds import PROGRAM, kind_of_name

PROGRAMS = [
    "pif",
    "scf",
    "xll",
    "chm",
    "jnlp",
    "msc",
    "appref-ms",
    "application",
    "settingcontent-ms",
    "library-ms",
    "wsc",
    "ws",
    "msix",
    "appx",
    "appxbundle",
    "vhd",
    "vhdx",
    "command",
    "workflow",
    "csh",
    "ksh",
    "pyc",
    "pyz",
    "psm1",
    "ps1xml",
    "pptm",
    "dotm",
    "xlam",
    "xlsb",
    "potm",
    "ppsm",
    "crx",
    "xpi",
    "flatpakref",
    "flatpak",
    "ipa",
    "exe",
    "sh",
    "iqy",
    "slk",
    "diagcab",
    "inetloc",
    "terminal",
    "mobileconfig",
    "rdp",
    "themepack",
    "accde",
    "mdb",
    "hlp",
    "inf",
    "one",
    "dylib",
    "php",
    "vmdk",
    "wim",
]


@pytest.mark.parametrize("suffix", PROGRAMS)
def test_what_runs_when_it_is_opened_is_a_program(suffix: str) -> None:
    assert kind_of_name(f"holiday.jpg.{suffix}") == kind_of_name(f"A.{suffix.upper()}") == PROGRAM


def test_a_picture_that_can_hold_scripts_is_a_page_of_the_web() -> None:
    assert kind_of_name("drawing.svg") == kind_of_name("drawing.SVGZ") == "web page"


def test_an_old_document_may_hold_macros() -> None:
    assert kind_of_name("bill.doc") == kind_of_name("bill.XLS") == "document that may hold macros"
    assert kind_of_name("bill.docx") == "document"


def test_a_name_that_says_nothing_is_a_file() -> None:
    assert kind_of_name("README") == kind_of_name("a.unknown") == kind_of_name(".") == "file"
