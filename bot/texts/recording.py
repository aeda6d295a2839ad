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
    file = f" It is in {news.path}" if news.path is not None else " Nothing was recorded."
    if clear and news.path is not None:
        file = f" It is {AT_HOME}."
    match news.what:
        case What.STARTED:
            return Sentence(
                Kind.RECORDING_STARTED, f"You are recording the call. {begun(who)} sees that.", "/record stop ends it."
            )
        case What.REFUSED:
            return Sentence(Kind.RECORDING_REFUSED, f"{who} refused, so the call isn't recorded any more.{file}")
        case What.UNSUPPORTED:
            return Sentence(
                Kind.RECORDING_FAILED,
                f"{begun(program_of(line))} can't show that a call is recorded, so it isn't.{file}",
            )
        case What.UNANSWERED:
            return Sentence(
                Kind.RECORDING_FAILED,
                f"{begun(program_of(line))} didn't say that it shows it, so the call isn't recorded.{file}",
            )
        case What.FAILED:
            why, hint = ("The computer that I run on says why.", "") if clear else (news.why, news.hint)
            return Sentence(Kind.RECORDING_FAILED, f"The call with {who} isn't recorded. {why}{file}", hint)
        case What.STOPPED:
            return Sentence(Kind.RECORDING_STOPPED, f"The recording of the call with {who} is over.{file}")


def _theirs(line: Line, what: What) -> Sentence:
    who = whose(line)
    match what:
        case What.STARTED:
            return Sentence(Kind.RECORDING_BY_THEM, f"{who} is recording this call.", "/record refuse ends that.")
        case What.REFUSED:
            return Sentence(Kind.RECORDING_REFUSED, f"You refused, so {program_of(line)} ends its recording.")
        case _:
            return Sentence(Kind.RECORDING_BY_THEM_OVER, f"{who} no longer records this call.")


def mark(line: Line) -> str:
    """Beside the red mark on the page; empty: nobody records."""
    if line.recordings.recorded:
        both = ", and so are you" if line.recordings.recording else ""
        return f"{begun(whose(line))} is recording this call{both}."
    return "You are recording this call." if line.recordings.recording else ""
