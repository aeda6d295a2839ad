"""Pictures of HDR films, made fit for screens of ordinary brightness: SMPTE ST 2084 (PQ) and the colours of BT.2020.

Without this they are grey and dim in a call. HLG (ARIB STD-B67) is made to be shown as it is by screens that know
nothing of it, and stays.
"""

from __future__ import annotations

from av import VideoFrame

_PQ = 16
"The transfer characteristics of SMPTE ST 2084 (ITU-T H.273, table 3)."

FORM = "gbrp16le"
"In which the filters below work: linear light in 8 bits would show steps."

_POWER = f"pow(val/maxval,{32 / 2523:.8f})"
_NITS = f"10000*pow(max({_POWER}-0.8359375,0)/(18.8515625-18.6875*{_POWER}),{16384 / 2610:.8f})"
# ST 2084's m2 is 78.84375, m1 0.1593017578125, c1, c2 and c3 are the numbers in the formula.

_WHITE = 203
"Candelas a square metre of a sheet of paper in an HDR film (ITU-R BT.2408, 5.1)."

_KNEE = 0.7
"Of the brightness of white: what is below stays as it is, what is above is pressed together, up to white."

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
    """Whether a picture says that its brightness is that of ST 2084."""
    return int(picture.color_trc or 0) == _PQ
