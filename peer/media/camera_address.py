"""Connects to an IP camera (RTSP, or pictures over HTTP), and to nothing else that its address may lead to.

A camera's address may hold a password. No message, log line or exception that leaves this file contains the address.
"""

from __future__ import annotations

import time

import av
from av.container import InputContainer
from av.stream import Stream

from peer.media.decoding import MAX_PIXELS
from shared.errors import MediaError

OPEN_SECONDS = 6.0
"How long connecting to a camera may take."

SILENCE_SECONDS = 3.0
"A camera that sends nothing for this long is gone. A thread may run this much longer than its endpoint."

HTTP_FORMATS = "mpjpeg,mjpeg,jpeg_pipe,image2pipe"

PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,udp,tcp,tls",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "http": "http,tcp",
    "https": "https,http,tcp,tls",
}
"The protocols that FFmpeg may use for each scheme. None of them opens a file on this machine."

FORMATS = {"rtsp": "rtsp,sdp,rtp", "rtsps": "rtsp,sdp,rtp", "http": HTTP_FORMATS, "https": HTTP_FORMATS}
"The formats that each scheme may carry: no playlists, because they lead elsewhere, and no other containers."

CODECS = (
    *("h264", "hevc", "mpeg4", "mjpeg"),
    *("pcm_alaw", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "aac", "g722", "g726", "g726le", "opus", "libopus"),
)
"The codecs that cameras use, including those for RTP payloads. FFmpeg's other decoders are never used."


def open_camera(address: str, *, seconds: float = OPEN_SECONDS) -> InputContainer:
    """Connect to a camera within that many seconds.

    Raises MediaError with a sentence that doesn't contain the address.
    """
    scheme = address.partition(":")[0].lower()
    options = {
        "protocol_whitelist": PROTOCOLS.get(scheme, "none"),
        "format_whitelist": FORMATS.get(scheme, "none"),
        "codec_whitelist": ",".join(CODECS),
        "max_pixels": str(MAX_PIXELS),
        # A redirect could lead anywhere, even to services on this machine.
        "max_redirects": "0",
        "fpsprobesize": "0",  # otherwise FFmpeg measures the frame rate for seconds, and nothing here needs it
        # Over UDP, the camera's packets would need ports of their own.
        **({"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {"reconnect": "0"}),
    }
    begun = time.monotonic()
    try:
        return av.open(address, "r", options=options, timeout=(seconds, SILENCE_SECONDS), metadata_errors="replace")
    except (av.HTTPUnauthorizedError, av.HTTPForbiddenError):
        raise MediaError(
            "The IP camera refuses the user name or the password.", "Check `address` under [camera] of copybara.toml."
        ) from None
    except (av.FFmpegError, OSError, ValueError) as error:
        slow = time.monotonic() - begun >= seconds  # FFmpeg's error for a timeout depends on what it was doing
        reason = f"it takes longer than {seconds:.0f} seconds" if slow else reason_of(error)
        raise MediaError(
            f"The IP camera can't be reached{f': {reason}' if reason else ''}.",
            "Check `address` under [camera] of copybara.toml, and that the camera is on.",
        ) from None


def can_be_read(stream: Stream) -> bool:
    """Whether a stream has one of the codecs in CODECS."""
    return stream.codec_context is not None and stream.codec_context.name in CODECS


def reason_of(error: Exception) -> str:
    """What the system says, without the address that FFmpeg's errors contain."""
    if isinstance(error, av.ExitError):
        return f"nothing came for {SILENCE_SECONDS:.0f} seconds"
    said = error.strerror if isinstance(error, OSError) else ""
    return (said or "").rstrip(".")
