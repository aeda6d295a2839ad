"""How good a call is, from what was counted a second ago and now."""

from __future__ import annotations

from typing import Any

from peer.handset.protocol import Quality


def quality(call: int, report: dict[str, Any], before: dict[str, Any] | None, seconds: float) -> Quality:
    """The last `seconds` of a call, from its report now and the one before; None: it began within them."""
    before = before or {}

    def grown(name: str) -> int:
        return max(0, int(report[name]) - int(before.get(name, 0)))

    lost = grown("lost")
    expected = lost + grown("audio_packets_received") + grown("video_packets_received")
    return Quality(
        call=call,
        seconds=float(report["seconds"] or 0.0),
        round_trip_ms=report["round_trip_ms"],
        loss_percent=round(100 * lost / expected, 1) if expected else 0.0,
        jitter_ms=report["jitter_ms"],
        received_kbps=round(grown("bytes_received") * 8 / 1000 / seconds, 1),
        sent_kbps=round(grown("bytes_sent") * 8 / 1000 / seconds, 1),
        audio_packets_received=report["audio_packets_received"],
        video_packets_received=report["video_packets_received"],
        lost=report["lost"],
    )
