"""What kind of file a name says it is, in words for the person who is to decide. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROGRAM: Final = "program"
"It can do anything to the computer of somebody who opens it."

_KINDS: Final[Mapping[str, str]] = {
    "picture": "avif bmp gif heic heif ico jpeg jpg png raw tif tiff webp",
    "sound file": "aac aif aiff flac m4a mid midi mp3 oga ogg opus wav wma",
    "film": "3gp avi flv m4v mkv mov mp4 mpeg mpg ogv webm wmv",
    "document": "doc docx epub odp ods odt pdf ppt pptx rtf tex xls xlsx",
    "text file": "conf csv ics ini json log md srt toml tsv txt vcf xml yaml yml",
    "archive": "7z bz2 cab gz iso rar tar tgz txz xz zip zst",
    "web page": "htm html mht mhtml shtml svg svgz xht xhtml",
    PROGRAM: (
        "action apk app appimage application appref-ms appx appxbundle bash bat chm class cmd com command cpl crx "
        "csh deb desktop dll dmg docm dotm elf exe fish flatpak flatpakref gadget hta img ipa jar jnlp js jse ksh "
        "library-ms lnk lua msc msi msix msixbundle msp mst osx pif pkg pl potm ppam ppsm pptm ps1 ps1xml psd1 "
        "psm1 py pyc pyo pyw pyz pyzw rb reg rpm run scf scpt scr sct search-ms service settingcontent-ms sh shb "
        "shs snap so sys tcsh url vb vbe vbs vhd vhdx webloc whl workflow ws wsc wsf wsh xbap xlam xll xlsb xlsm "
        "xltm xpi zsh"
    ),
}

_BY_SUFFIX: Final = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}


def kind_of_name(name: str) -> str:
    """Such as `picture`, by the part behind the last dot; `file` if that says nothing."""
    _, dot, suffix = name.rpartition(".")
    return _BY_SUFFIX.get(suffix.lower(), "file") if dot else "file"
