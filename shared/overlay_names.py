"""The names of the overlays, as people write them. Imports little, so that `copybara --help` can list them."""

from __future__ import annotations

from typing import Literal, get_args

OverlayName = Literal["auto", "staex", "yggdrasil", "loopback"]
"Every overlay, and `auto`, which chooses one."

OVERLAY_NAMES: tuple[str, ...] = get_args(OverlayName)
