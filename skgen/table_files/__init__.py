"""Tables in files: CSV and similar texts, Excel's ``.xlsx``, and parquet.

A text file does not state the types of its columns. Each column's kind is decided by all of its
entries, and doubts are reported: :func:`read_table` warns of entries that could be meant in another
way, :func:`open_table` returns the doubts with the table, and each doubt names the argument that
changes the reading. Tables are written in the format of the one that was read.
"""

from skgen.tables.identifiers import looks_like_identifier as looks_like_identifier

from ._dates import ORDERS as ORDERS
from ._doubts import TableError, TableWarning
from ._reading import TableFile, TableFormat, open_table, read_table
from ._reading import is_excel as is_excel
from ._reading import is_parquet as is_parquet
from ._words import in_words as in_words
from ._words import is_date as is_date
from ._words import is_number as is_number
from ._words import taken_as as taken_as
from ._writing import table_text, write_table

__all__ = [
    "TableError",
    "TableFile",
    "TableFormat",
    "TableWarning",
    "open_table",
    "read_table",
    "table_text",
    "write_table",
]
