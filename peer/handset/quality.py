"""The quality of a call, from its counters a second ago and now."""

from __future__ import annotations

from collections.abc import Callable

from peer.handset.protocol import Quality, Report


def quality(call: int, report: Report, before: Report | None, seconds: float) -> Quality:
    """The last `seconds` of a call, from its present report and the one before. None: it began within them."""

    def grown(count: Callable[[Report], int]) -> int:
        return max(0, count(report) - (count(before) if before is not None else 0))

    lost = grown(lambda each: each.lost)
    expected = lost + grown(lambda each: each.audio_packets_received + each.video_packets_received)
    return Quality(
        call=call,
        seconds=report.seconds or 0.0,
        round_trip_ms=report.round_trip_ms,
        loss_percent=round(100 * lost / expected, 1) if expected else 0.0,
        jitter_ms=report.jitter_ms,
        received_kbps=round(grown(lambda each: each.bytes_received) * 8 / 1000 / seconds, 1),
        sent_kbps=round(grown(lambda each: each.bytes_sent) * 8 / 1000 / seconds, 1),
        audio_packets_received=report.audio_packets_received,
        video_packets_received=report.video_packets_received,
        lost=report.lost,
    )
