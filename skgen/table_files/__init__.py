"""Tables in files: CSV and its kin, Excel's ``.xlsx`` and parquet, read so that nothing is misread.

A text file says nothing of its columns' types. What each is taken for is decided by all of its
entries, and told: :func:`read_table` warns of what could be meant in another way,
:func:`open_table` returns it with the table, and each doubt names the argument that changes it.
What is written comes out as what was read.
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
