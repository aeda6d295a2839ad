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
    "document": "docx dotx epub odp ods odt pdf potx pptx rtf tex xlsx xltx",
    "document that may hold macros": "doc dot pot pps ppt xls xlt",
    "text file": "conf csv ics ini json log md srt toml tsv txt vcf xml yaml yml",
    "archive": "7z bz2 cab gz iso rar tar tgz txz xz zip zst",
    "web page": "htm html mht mhtml shtml svg svgz xht xhtml",
    PROGRAM: (
        "accda accde accdr accdu ace action ade adn adp apk app appcontent-ms appimage application appref-ms appx "
        "appxbundle asp aspx asx awk bas bash bat bgi bin cdxml cgi chm cjs class cmd com command cpl crx csh deb "
        "desktop diagcab dll dmg docb docm dotm dylib elf exe fileloc fish flatpak flatpakref flatpakrepo gadget "
        "gpd grp hlp hta img inetloc inf ins ipa iqy isp its jar jnlp js jse kdelnk kext ko ksh library-ms lnk lua "
        "mad maf mam maq mas mau mav maw mcf mcl mda mdb mde mdt mdw mdz mjs mobileconfig msc msh msh1 msh1xml "
        "msh2 msh2xml mshxml msi msix msixbundle msp mst msu one onepkg ops osd osx out ova pcd php pif pkg pl plg "
        "plx potm ppam ppsm pptm prefpane prf prg printerexport provisionedpackage ps1 ps1xml ps2 ps2xml psc1 psc2 "
        "psd1 psm1 psrc py pyc pyo pyw pyz pyzw rb rdp reg rpm run scf scpt scr sct search-ms searchconnector-ms "
        "service settingcontent-ms sh shb shd shs slk snap so sys tcl tcsh terminal theme themepack udl url vb vbe "
        "vbp vbs vhd vhdx vmdk vsmacros vsw webloc webpnp website whl wim workflow wpl ws wsb wsc wsf wsh xbap xla "
        "xlam xll xlsb xlsm xltm xnk xpi zsh"
    ),
}

_BY_SUFFIX: Final = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}


def kind_of_name(name: str) -> str:
    """Such as `picture`, by the part behind the last dot; `file` if that says nothing."""
    _, dot, suffix = name.rpartition(".")
    return _BY_SUFFIX.get(suffix.lower(), "file") if dot else "file"
