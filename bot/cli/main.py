"""`copybara`: runs one command, and reports errors.

Exit codes: 0 done, 1 failed (`error:` and `hint:` on stderr), 2 wrong usage, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import signal
import sys
from collections.abc import Sequence

from bot.cli.arguments import make_parser
from bot.cli.dispatch import ASK_THE_NODE
from bot.cli.first_page import first_page
from bot.cli.parser import Run
from bot.cli.utf8 import as_utf8
from bot.terminal import streams
from shared.errors import CopybaraError, Fault, StoreError, WrongUse, first_error
from shared.printable import visible
from shared.sentences import ended

WHICH = "error: Which command?\nhint:  One of those above. To begin: copybara setup"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    streams.prepare()
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup sets another handler, which stays
        # Closing the terminal ends the program cleanly, like Ctrl-C.
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        code = _main(arguments)
        streams.drain()
        # When the interpreter exits, it would be too late to handle an error.
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader of our output is gone, so say nothing more.
        streams.give_up_stdout()
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):
            sys.stderr.write("\nStopped.\n")
            sys.stderr.flush()
        streams.drain()
        return 130
    except OSError as error:  # stdout is full or closed
        streams.give_up_stdout()
        print_error(_from_system(error))
        return 1


def _main(arguments: Sequence[str] | None) -> int:
    # These options have no defaults in the parsers: they may come before or after the command, and the parser of one
    # place must not overwrite the other's value.
    given = argparse.Namespace(home=None, verbose=False, json=False)
    try:
        words = as_utf8(sys.argv[1:] if arguments is None else arguments)
        if not words:  # argparse would only say that something is missing
            sys.stderr.write(f"{streams.as_wide_as(sys.stderr, first_page())}\n{WHICH}\n")
            return 2
        if words[0] == "help":  # people try that
            words = [*words[1:], "--help"]
        options = make_parser().parse_args(words, given)
    except WrongUse as error:
        print_error(error)
        return 2
    except SystemExit as usage:  # argparse has reported an error, or shown the requested help
        return usage.code if isinstance(usage.code, int) else 0
    from bot.cli.log_lines import set_up_logging

    set_up_logging(verbose=options.verbose)
    run: Run = options.run
    if arguments is None and run in ASK_THE_NODE:
        from bot.cli.group_membership import join

        join()
    try:
        return run(options)
    except BrokenPipeError:
        raise
    except CopybaraError as error:
        known = error
    except BaseExceptionGroup as group:
        known = _known(first_error(group))
    except Exception as error:
        known = _known(error)
    print_error(known)
    return 1


def _known(error: BaseException) -> CopybaraError:
    """The error to show for an exception, which may be our own bug."""
    match error:
        case CopybaraError():
            return error
        case OSError():
            return _from_system(error)
        case Exception():
            import logging

            logging.getLogger(__name__).info("a fault of the program", exc_info=error)
            return Fault(ended(f"The program ran into a bug: {type(error).__name__}: {error}"))
    raise error


def _from_system(error: OSError) -> StoreError:
    from shared.store.files import MOUNT_FOR_WRITING

    where = f" ({error.filename})" if error.filename else ""
    return StoreError(
        f"The system refuses something that is needed: {error.strerror or error}{where}.",
        MOUNT_FOR_WRITING
        if error.errno == errno.EROFS
        else "Check that the disk has free space, and that you may write there.",
    )


def print_error(error: CopybaraError) -> None:
    """Print the two lines with which every failure ends."""
    from bot.texts.as_typed import as_typed

    with contextlib.suppress(OSError):
        for name, said in (("error: ", error.sentence), ("hint:  ", as_typed(error.hint))):
            if said:
                line = f"{name}{visible(said, lines=True)}"
                sys.stderr.write(f"{streams.as_wide_as(sys.stderr, line, hanging=len(name))}\n")
        sys.stderr.flush()
