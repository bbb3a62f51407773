"""``python -m skgen``: the command line."""

import sys

from skgen.command_line import main

sys.exit(main())
