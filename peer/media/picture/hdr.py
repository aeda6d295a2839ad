"""Converts pictures of HDR films for ordinary screens: SMPTE ST 2084 (PQ) with the colours of BT.2020.

Without this, such pictures are grey and dim in a call. HLG (ARIB STD-B67) is designed to look right on ordinary
screens, so it isn't converted.
"""

from __future__ import annotations

from av import VideoFrame

_PQ = 16
"The number for the transfer characteristics of SMPTE ST 2084 (ITU-T H.273, table 3)."

FORM = "gbrp16le"
"The pixel format for the filters below. Linear light in 8 bits would show steps."

_POWER = f"pow(val/maxval,{32 / 2523:.8f})"
_NITS = f"10000*pow(max({_POWER}-0.8359375,0)/(18.8515625-18.6875*{_POWER}),{16384 / 2610:.8f})"
# In ST 2084, m2 is 78.84375, m1 is 0.1593017578125, and the formula has c1, c2 and c3.

_WHITE = 203
"The brightness of white paper in an HDR film, in candelas per square metre (ITU-R BT.2408, 5.1)."

_KNEE = 0.7
"Brightness below this share of white stays as it is. Brightness above it is compressed to fit below white."

_LINEAR = (
    f"st(0,{_NITS}/{_WHITE});"
    f"maxval*if(lte(ld(0),{_KNEE}),ld(0),{_KNEE}+{1 - _KNEE:.1f}*(1-exp(({_KNEE}-ld(0))/{1 - _KNEE:.1f})))"
)
_SHOWN = f"maxval*pow(val/maxval,{1 / 2.2:.6f})"

_TO_BT_709 = "rr=1.6605:rg=-0.5876:rb=-0.0728:gr=-0.1246:gg=1.1329:gb=-0.0083:br=-0.0182:bg=-0.1006:bb=1.1187"
# ITU-R BT.2087, annex 2.


def _each(expression: str) -> str:
    return ":".join(f"{channel}='{expression}'" for channel in "rgb")


TONES = (
    ("lutrgb", _each(_LINEAR)),
    ("colorchannelmixer", _TO_BT_709),
    ("lutrgb", _each(_SHOWN)),
)
"FFmpeg's filters for pictures in FORM."


def is_pq(picture: VideoFrame) -> bool:
    """Whether a picture says that it uses the transfer characteristics of ST 2084."""
    return int(picture.color_trc or 0) == _PQ
