"""A link for the page, to be copied or scanned."""

from __future__ import annotations

from peer.handset.protocol import Link
from shared.links.kinds import as_copybara

QUIET_ZONE = 4
"The width of the code's quiet zone in modules (ISO/IEC 18004)."


def shown_text(text: str) -> Link:
    """A text for another program, to be copied. It is too long for a QR code that a camera can read."""
    return Link(token="", text=text, qr="")


def shown_link(token: str) -> Link:
    """A token's link, and its QR code as a black on white SVG image."""
    return _shown(token, as_copybara(token))


def shown_address(address: str) -> Link:
    """An address for a browser, as text and as a QR code."""
    return _shown("", address)


def _shown(token: str, text: str) -> Link:
    import segno  # takes longer to load than everything else here, and there may never be a page

    code = segno.make(text, error="m", boost_error=False, micro=False)
    qr = code.svg_data_uri(border=QUIET_ZONE, dark="#000", light="#fff", scale=4, omitsize=True)
    return Link(token=token, text=text, qr=qr)
