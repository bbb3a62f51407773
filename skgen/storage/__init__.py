"""Objects as files that hold data only.

`format` makes bytes of what `writer` describes, for `reader` to read; `files` puts them on disk.
`allowed` and `values` are all that a file may name.
"""

from skgen.storage.allowed import name_of, register
from skgen.storage.errors import FileFormatError
from skgen.storage.files import leftovers, read, read_with_objects, remove_leftovers, write
from skgen.storage.format import dumps, loads
from skgen.storage.values import register_value
from skgen.storage.writer import reason_not_saved

__all__ = [
    "FileFormatError",
    "dumps",
    "leftovers",
    "loads",
    "name_of",
    "read",
    "read_with_objects",
    "reason_not_saved",
    "register",
    "register_value",
    "remove_leftovers",
    "write",
]
