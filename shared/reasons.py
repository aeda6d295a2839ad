"""Why a link was used, or why not: one code for every answer that reading a link can have."""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    """A reason code. The refusals are in the order of the checks; the first that applies is given."""

    MALFORMED = "malformed"
    "Not a link at all, or damaged on the way."

    WRONG_VERSION = "wrong-version"
    "Made by a program that speaks another version of the format."

    NOT_FOR_THIS_NODE = "not-for-this-node"
    "Meant for another node, or sealed with a key that isn't ours."

    CLOCK = "clock-out-of-range"
    "Created further in the future than two clocks may differ."

    EXPIRED = "expired"
    "Created longer ago than a link lives."

    ALREADY_USED = "already-used"
    "Read before, so this is a repetition or a replay."

    UNKNOWN_CALLER = "unknown-caller"
    "From a stranger, and the owner wants no calls from strangers; or written with a key that this node doesn't have."

    BLOCKED = "blocked"
    "From a contact that the owner has blocked, or a stranger who may not ring for a while."

    NOT_ALLOWED_NOW = "not-allowed-now"
    "Outside the hours or the media that the contact may have."

    TRUSTED = "trusted"
    "Accepted: answered without asking."

    ASK = "ask-owner"
    "Accepted: a contact whose calls ring."

    UNPROVEN = "unproven"
    "Accepted: names a contact but isn't sealed with the key that we share with them, so it only rings."

    NEW_CALLER = "new-caller"
    "Accepted: a stranger whose call rings."

    BUSY = "busy"
    "Readable, but another call is running, or too many such calls have come."

    OWN_LINK = "own-link"
    "Written by this node itself."
