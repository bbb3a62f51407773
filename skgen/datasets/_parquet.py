"""Numbers in Parquet files, as rows that a fit can read from anywhere without holding them."""

import tempfile
from typing import Any

import numpy as np

BATCH_ROWS = 2**16


class ParquetRows:
    """The rows of a Parquet file or data set, for ``fit``, without loading them.

    Parquet is read from front to back, and training needs rows from everywhere. The columns are
    copied once, some ten thousand rows at a time, to a temporary file that is mapped into memory
    and goes away with this object.

    Parameters
    ----------
    path : str or path
        A file, or a folder of files of the same columns.
    columns : list of str, default=None
        Which columns, all of numbers or booleans; None takes them all. What is missing is NaN.
    directory : str or path, default=None
        Where the temporary file lies, which takes eight bytes an entry, or four where all columns
        are float32. None is the system's folder for such files; where that is in memory, give one
        on disk.

    Attributes
    ----------
    columns : list of str
        Names of the columns.
    shape : tuple of int
        Numbers of rows and columns.
    dtype : numpy.dtype
        float32 where all columns are, otherwise float64.

    Raises
    ------
    ImportError
        If pyarrow is not there.
    ValueError
        If a column is not in the data, or holds no numbers.

    Examples
    --------
    >>> import pandas as pd, pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from skgen import FlowMatcher
    >>> from skgen.datasets import ParquetRows
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "iris.parquet"
    >>> load_iris(as_frame=True).data.to_parquet(path)
    >>> rows = ParquetRows(path)
    >>> rows.shape
    (150, 4)
    >>> FlowMatcher(max_steps=20, random_state=0).fit(rows).feature_names_in_[0]
    'sepal length (cm)'
    """

    # Rows are stored one after the other, without chunks; `fit` recognises rows on disk by this
    # attribute.
    chunks = None

    def __init__(self, path: Any, columns: Any = None, directory: Any = None):
        try:
            import pyarrow as pa
            import pyarrow.dataset
        except ImportError as error:
            raise ImportError(
                "ParquetRows reads with pyarrow: pip install 'scikit-gen[large]'."
            ) from error
        data = pa.dataset.dataset(path)
        self.columns = list(data.schema.names if columns is None else columns)
        types = [self._type(data.schema, name) for name in self.columns]
        single = all(pa.types.is_float32(kind) for kind in types)
        kind = pa.float32() if single else pa.float64()
        self.shape = (data.count_rows(), len(self.columns))
        self.dtype = np.dtype(np.float32 if single else np.float64)
        if 0 in self.shape:
            raise ValueError(f"{path} has {self.shape[0]} rows of {self.shape[1]} columns.")
        # The map holds the file open, which has no name any more and goes when that does.
        with tempfile.TemporaryFile(dir=directory) as file:
            self._rows = np.memmap(file, self.dtype, "w+", shape=self.shape)
        at = 0
        for batch in data.to_batches(
            columns=self.columns, batch_size=BATCH_ROWS, batch_readahead=1, fragment_readahead=1
        ):
            part = slice(at, at + len(batch))
            for j, column in enumerate(batch.columns):
                self._rows[part, j] = column.cast(kind, safe=False).to_numpy(zero_copy_only=False)
            at = part.stop

    @staticmethod
    def _type(schema: Any, name: str) -> Any:
        import pyarrow as pa

        if name not in schema.names:
            raise ValueError(f"There is no column {name!r}; there are {schema.names}.")
        kind = schema.field(name).type
        numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
        if not any(test(kind) for test in numeric):
            raise ValueError(
                f"Column {name!r} holds {kind}, and a model reads numbers: leave it out with "
                "columns=, or encode it first."
            )
        return kind

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.asarray(self._rows[rows])

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self._rows, dtype=dtype)

    def __repr__(self) -> str:
        return f"ParquetRows({self.shape[0]} rows of {self.shape[1]} columns)"
