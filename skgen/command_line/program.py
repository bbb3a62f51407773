"""The program ``skgen``: which command it is, and how it ends."""

import sys
import warnings
from collections.abc import Sequence

from skgen.command_line.commands import impute, inspect, report, sample, score
from skgen.command_line.files import check_output
from skgen.command_line.fit import fit
from skgen.command_line.messages import INTERRUPTED, UserError, close_stdout, warn
from skgen.command_line.models import list_models
from skgen.command_line.options import parser
from skgen.table_files import TableError
from skgen.threads import one_thread

COMMANDS = {
    "fit": fit,
    "sample": sample,
    "impute": impute,
    "score": score,
    "report": report,
    "inspect": inspect,
    "models": list_models,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : list of str, default=None
        Its words, such as ``["sample", "model.skgen", "-n", "5"]``; None takes the process's.

    Returns
    -------
    status : int
        0; 2 after an error that the user can correct, printed in one line; 130 after Ctrl-C.
    """
    command = ""

    def fail(text: str) -> int:
        print(f"skgen{command}: error: {' '.join(text.split())}", file=sys.stderr)
        return 2

    try:
        options = parser().parse_args(argv)
        command = f" {options.command}"
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *args, **kwargs: warn(
                options.command, " ".join(str(message).split())
            )
            check_output(options)
            with one_thread():
                return COMMANDS[options.command](options)
    except KeyboardInterrupt:
        print(f"skgen{command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has closed it, as `head` does.
        close_stdout()
        return 0
    except TableError as error:
        return fail(error.say(flags=True))
    # The library's messages about data, parameters and files are written for users.
    except (
        UserError,
        ValueError,
        TypeError,
        OSError,
        ImportError,
        FloatingPointError,
    ) as error:
        return fail(str(error))
