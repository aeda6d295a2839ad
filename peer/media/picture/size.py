"""The size in which a picture is sent."""

from __future__ import annotations

from av import VideoFrame
from av.video.frame import PictureType
from av.video.reformatter import ColorRange


def fitting(picture: VideoFrame, widest: int, highest: int) -> VideoFrame:
    """A picture for an encoder: not larger than allowed, proportions kept, both sides even, YUV 4:2:0.

    Cameras and JPEGs often use all 256 levels of brightness; a call's pictures use 16 to 235, as VP8 assumes.
    """
    scale = min(1.0, widest / picture.width, highest / picture.height)
    width, height = (max(2, round(side * scale / 2) * 2) for side in (picture.width, picture.height))
    fitted = picture.reformat(width, height, "yuv420p", dst_color_range=ColorRange.MPEG)
    # A picture that was a key frame in its source is not to become one in the call.
    fitted.pict_type = PictureType.NONE
    return fitted
