"""Connecting to an IP camera (RTSP, or pictures over HTTP), and to nothing else that its address may lead to.

The camera's address may hold a password. It appears in no message, no log and no exception that leaves this file.
"""

from __future__ import annotations

import time

import av
from av.container import InputContainer
from av.stream import Stream

from peer.media.decoding import MAX_PIXELS
from shared.errors import MediaError

OPEN_SECONDS = 6.0
"What a camera may take until it is connected."

SILENCE_SECONDS = 3.0
"A camera that sends nothing for this long has gone. A thread may outlive its endpoint by as much."

HTTP_FORMATS = "mpjpeg,mjpeg,jpeg_pipe,image2pipe"

PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,udp,tcp,tls",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "http": "http,tcp",
    "https": "https,http,tcp,tls",
}
"What FFmpeg may open for an address of each scheme: never a file of this machine."

FORMATS = {"rtsp": "rtsp,sdp,rtp", "rtsps": "rtsp,sdp,rtp", "http": HTTP_FORMATS, "https": HTTP_FORMATS}
"What an address of each scheme may hold: no playlists, which lead elsewhere, and none of FFmpeg's other containers."

CODECS = (
    *("h264", "hevc", "mpeg4", "mjpeg"),
    *("pcm_alaw", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "aac", "g722", "g726", "g726le", "opus", "libopus"),
)
"What cameras send, RTP's payload formats for them among it; nothing else of FFmpeg's decoders is reached."


def open_camera(address: str) -> InputContainer:
    """Connect to a camera. Raises MediaError with a sentence that doesn't hold the address."""
    scheme = address.partition(":")[0].lower()
    options = {
        "protocol_whitelist": PROTOCOLS.get(scheme, "none"),
        "format_whitelist": FORMATS.get(scheme, "none"),
        "codec_whitelist": ",".join(CODECS),
        "max_pixels": str(MAX_PIXELS),
        # A camera may not lead anywhere else, least of all to this machine's own services.
        "max_redirects": "0",
        "fpsprobesize": "0",  # else it watches for seconds to find the frame rate, which nobody needs here
        # Over UDP a camera's packets would come to a port of their own.
        **({"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {"reconnect": "0"}),
    }
    begun = time.monotonic()
    try:
        return av.open(
            address, "r", options=options, timeout=(OPEN_SECONDS, SILENCE_SECONDS), metadata_errors="replace"
        )
    except (av.HTTPUnauthorizedError, av.HTTPForbiddenError):
        raise MediaError(
            "The IP camera refuses the user name or the password.", "Check `address` under [camera] of copybara.toml."
        ) from None
    except (av.FFmpegError, OSError, ValueError) as error:
        slow = time.monotonic() - begun >= OPEN_SECONDS  # what FFmpeg makes of that depends on where it was
        reason = f"it takes longer than {OPEN_SECONDS:.0f} seconds" if slow else reason_of(error)
        raise MediaError(
            f"The IP camera can't be reached{f': {reason}' if reason else ''}.",
            "Check `address` under [camera] of copybara.toml, and that the camera is on.",
        ) from None


def can_be_read(stream: Stream) -> bool:
    """Whether a stream is of a codec that cameras send."""
    return stream.codec_context is not None and stream.codec_context.name in CODECS


def reason_of(error: Exception) -> str:
    """What the system says, without the address that FFmpeg's errors contain."""
    if isinstance(error, av.ExitError):
        return f"nothing came for {SILENCE_SECONDS:.0f} seconds"
    said = error.strerror if isinstance(error, OSError) else ""
    return (said or "").rstrip(".")
