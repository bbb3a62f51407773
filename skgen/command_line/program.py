"""The program ``skgen``: which command it is, and how it ends."""

import sys
import warnings
from collections.abc import Sequence

from skgen.command_line.commands import report, sample, score
from skgen.command_line.files import check_output
from skgen.command_line.fit import fit
from skgen.command_line.messages import INTERRUPTED, UserError, close_stdout, warn
from skgen.command_line.models import list_models
from skgen.command_line.options import parser
from skgen.table_files import TableError
from skgen.threads import one_thread

COMMANDS = {"fit": fit, "sample": sample, "score": score, "report": report, "models": list_models}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : list of str, default=None
        Its words, such as ``["sample", "model.skgen", "-n", "5"]``; None takes the process's.

    Returns
    -------
    status : int
        0; 2 for what the user can mend, told in one line; 130 after Ctrl-C.
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
        # Whoever read the rows has had enough, as `head` does.
        close_stdout()
        return 0
    except TableError as error:
        return fail(error.say(flags=True))
    # What the library tells of data, parameters and files is written for the user.
    except (
        UserError,
        ValueError,
        TypeError,
        OSError,
        ImportError,
        FloatingPointError,
    ) as error:
        return fail(str(error))
