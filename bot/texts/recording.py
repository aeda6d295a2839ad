"""What the owner reads about recordings of calls, theirs and the other side's."""

from __future__ import annotations

from bot.kinds import Kind, Sentence
from bot.texts.chat import AT_HOME, begun, program_of, whose
from peer.calls.line import Line
from peer.calls.recording.changed import RecordingChanged
from peer.calls.recording.table import What

USAGE = "That is no way to write it.", "Write /record, /record stop or /record refuse, then a NAME if need be."


def asked(line: Line) -> Sentence:
    """After /record."""
    if line.on_hold:
        return Sentence(Kind.RECORDING_ASKED, f"The recording begins once the call with {whose(line)} is off hold.")
    return Sentence(Kind.RECORDING_ASKED, f"The recording begins as soon as {program_of(line)} shows it there.")


def changed(line: Line, news: RecordingChanged, *, clear: bool = False) -> Sentence:
    """Something has happened to a recording. `clear`: without where it is, or should be."""
    return _ours(line, news, clear=clear) if news.by == "us" else _theirs(line, news.what)


def _ours(line: Line, news: RecordingChanged, *, clear: bool) -> Sentence:
    who = whose(line)
    # Of one that never began, nothing is said but why: an earlier one of the same call may well be there.
    where = "" if news.path is None else f"is {AT_HOME}." if clear else f"is in {news.path}"
    rest = f" What was recorded {where}" if where else ""
    match news.what:
        case What.STARTED:
            return Sentence(
                Kind.RECORDING_STARTED, f"You are recording the call. {begun(who)} sees that.", "/record stop ends it."
            )
        case What.REFUSED if not where:
            return Sentence(Kind.RECORDING_REFUSED, f"{who} has refused recording in this call.")
        case What.REFUSED:
            return Sentence(Kind.RECORDING_REFUSED, f"{who} refused, so the call isn't recorded any more.{rest}")
        case What.UNSUPPORTED:
            return Sentence(
                Kind.RECORDING_FAILED,
                f"{begun(program_of(line))} can't show that a call is recorded, so it isn't.{rest}",
            )
        case What.UNANSWERED:
            return Sentence(
                Kind.RECORDING_FAILED,
                f"{begun(program_of(line))} didn't say that it shows it, so the call isn't recorded.{rest}",
            )
        case What.FAILED:
            why, hint = ("The computer that I run on says why.", "") if clear else (news.why, news.hint)
            return Sentence(Kind.RECORDING_FAILED, f"The call with {who} isn't recorded. {why}{rest}", hint)
        case What.STOPPED:
            it = f"It {where}" if where else "Nothing is in it."
            return Sentence(Kind.RECORDING_STOPPED, f"The recording of the call with {who} is over. {it}")


def _theirs(line: Line, what: What) -> Sentence:
    who = whose(line)
    match what:
        case What.STARTED:
            return Sentence(Kind.RECORDING_BY_THEM, f"{who} is recording this call.", "/record refuse ends that.")
        case What.REFUSED:
            return Sentence(Kind.RECORDING_REFUSED, f"You refused, so {program_of(line)} ends its recording.")
        case _:
            return Sentence(Kind.RECORDING_BY_THEM_OVER, f"{who} no longer records this call.")


def again(line: Line) -> Sentence:
    """The other side begins to record and stops, again and again."""
    return Sentence(
        Kind.RECORDING_BY_THEM_AGAIN,
        f"{whose(line)} keeps starting and stopping a recording of this call. You won't hear of each time any more: "
        "take it that the call is recorded.",
        "/record refuse, while they record, ends it for the rest of the call.",
    )


def mark(line: Line) -> str:
    """Beside the red mark on the page; empty: nobody records."""
    if line.recordings.recorded:
        both = ", and so are you" if line.recordings.recording else ""
        return f"{begun(whose(line))} is recording this call{both}."
    return "You are recording this call." if line.recordings.recording else ""
