"""What has passed in a call, as the command contract shows it. Pure."""

from __future__ import annotations

from peer.transport.connections import HONEST
from peer.transport.rtp_statistics import KindCounter, MediaCounters
from peer.transport.udp_socket import OverlaySocket


class Traffic:
    """Counts over all legs of a call. Earlier legs are kept as sums, because the other side may cause any number of
    them."""

    def __init__(self) -> None:
        self.legs = 0
        "Legs that were up."

        self._latest = MediaCounters()
        self._remote: tuple[str, int] | None = None
        self._audio, self._video = _Sum(), _Sum()

    def begin_leg(self, counters: MediaCounters, remote: tuple[str, int] | None) -> None:
        """Count with a new leg from now on, whose other end is at `remote`, host and port."""
        self.legs += 1
        self._audio += self._latest.audio
        self._video += self._latest.video
        self._latest, self._remote = counters, remote

    def report(self, socket: OverlaySocket | None, round_trip: float | None) -> dict[str, object]:
        """Packets, bytes and milliseconds; `round_trip` is in seconds."""
        audio, video = self._audio + self._latest.audio, self._video + self._latest.video
        streams = (*self._latest.audio.streams.values(), *self._latest.video.streams.values())
        sent = socket.counters if socket else None
        local = (str(socket.local), socket.port) if socket else None
        return {
            "audio_packets_received": audio.packets,
            "video_packets_received": video.packets,
            "bytes_received": audio.bytes + video.bytes,
            "packets_sent": sent.sent_packets if sent else 0,
            "bytes_sent": sent.sent_bytes if sent else 0,
            "audio_gaps": audio.gaps,
            "audio_longest_gap_ms": round(audio.longest_gap * 1000, 1),
            "lost": audio.lost + video.lost,
            "jitter_ms": round(max(stream.jitter for stream in streams) * 1000, 1) if streams else None,
            "round_trip_ms": None if round_trip is None else round(round_trip * 1000, 1),
            "local": _shown(local),
            "remote": _shown(self._remote),
            "refused": {cause: n for cause, n in sent.refused.items() if cause not in HONEST} if sent else {},
        }


class _Sum:
    """What several counters of one kind make together."""

    def __init__(
        self, packets: int = 0, bytes_: int = 0, gaps: int = 0, lost: int = 0, longest_gap: float = 0.0
    ) -> None:
        self.packets, self.bytes, self.gaps, self.lost = packets, bytes_, gaps, lost
        self.longest_gap = longest_gap

    def __add__(self, other: KindCounter) -> _Sum:
        return _Sum(
            self.packets + other.packets,
            self.bytes + other.bytes,
            self.gaps + other.gaps,
            self.lost + other.lost,
            max(self.longest_gap, other.longest_gap),
        )


def _shown(address: tuple[str, int] | None) -> str | None:
    """`127.1.2.3:40000` or `[200::1]:40000`."""
    if address is None:
        return None
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
