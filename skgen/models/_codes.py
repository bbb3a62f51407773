"""What BinaryLatentDiffusion and VQDiffusionBridge share, and the formats of their codes."""

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_array

from skgen.base import LatentMixin, LikelihoodMixin, Stage
from skgen.data.latent_format import LatentFormat
from skgen.papers.code_module import RowFacts


class CodeMixin(LatentMixin, LikelihoodMixin):
    """Methods of estimators with a code: facts about the rows, options, number of columns."""

    def _row_facts(self: Any, rows: Any) -> RowFacts:
        """Return the facts about training rows that a module is built for."""
        row_map = self.row_map_
        return RowFacts(
            n_features=rows.x.shape[1],
            shape=row_map.shape,
            has_lengths=row_map.frames is not None,
            likelihood=row_map.likelihood,
            edges=row_map.edges(),
            offset=row_map.offset(),
            columns_alike=row_map.columns_alike,
            n_steps=self._n_stage_steps(len(rows.x)),
        )

    def _stage(self, module, train, valid, name, loss, parts, **plan):
        """Return a stage that trains parts of a module, some of which it may lack."""
        parameters = [p for part in parts for p in self._parameters_of(part)]
        return Stage(name, loss, module, parameters, train, valid, **plan)

    @property
    def _n_features_out(self) -> int:
        return self._latent_format().n_columns

    def _sampling_options(self: Any) -> dict[str, Any]:
        return {
            "n_steps": self.module_.most_steps,
            "temperature": float(self.temperature),
            "draw_noise": self.input_shape is None,
        }


def _check_inside(Z: np.ndarray, is_inside: np.ndarray, wanted: str) -> None:
    outside = np.argwhere(~is_inside)
    if len(outside):
        row, column = outside[0]
        raise ValueError(f"X[{row}, {column}] is {Z[row, column]}; {wanted}.")


class BitFormat(LatentFormat):
    """Bits as 0 and 1, as probabilities, or packed, eight in a byte.

    Parameters
    ----------
    n_bits : int
        Bits of a row.
    output : {"bits", "probability", "packed"}
        How users see them.
    dtype : numpy dtype
        Of bits that were packed.
    """

    def __init__(self, n_bits: int, output: str, dtype: Any):
        self.n_bits, self.n_bytes = n_bits, -(-n_bits // 8)
        self.output, self.dtype = output, dtype
        super().__init__(self.n_bytes if output == "packed" else n_bits)

    def show(self, rows: np.ndarray) -> np.ndarray:
        """Return probabilities in the format."""
        if self.output == "probability":
            return rows
        bits = rows > 0.5
        return np.packbits(bits, axis=1) if self.output == "packed" else bits.astype(rows.dtype)

    def read(self, X: Any, estimator: Any) -> np.ndarray:
        """Return bits of columns in any format."""
        Z, n_bits, n_bytes = np.asarray(X), self.n_bits, self.n_bytes
        may_be_packed = n_bytes < n_bits or self.output == "packed"
        if Z.ndim == 2 and Z.shape[1] == n_bytes and may_be_packed:
            if not np.isin(Z, np.arange(256)).all():
                raise ValueError(
                    f"{n_bytes} columns are packed bits, eight in a byte: whole numbers from 0 to "
                    "255."
                )
            return np.unpackbits(Z.astype(np.uint8), axis=1, count=n_bits).astype(self.dtype)
        Z = check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=estimator)
        if Z.shape[1] != n_bits:
            raise ValueError(
                f"inverse_transform takes the {n_bits} bits that transform returns, or "
                f"{n_bytes} bytes of packed ones, got {Z.shape[1]} columns."
            )
        _check_inside(Z, (Z >= 0) & (Z <= 1), "a bit, or its probability, is between 0 and 1")
        return (Z > 0.5).astype(Z.dtype)


class TokenFormat(LatentFormat):
    """Codes of tokens as rows of the codebook, as their indices, or a column for each code.

    Parameters
    ----------
    module : VQDiffusionBridgeModule
        The codebook.
    codes : ndarray of shape (n_codes, embedding_dim)
        The same as numbers of the data's precision.
    output : {"embedding", "index", "onehot"}
        How users see codes.
    """

    def __init__(self, module: Any, codes: np.ndarray, output: str):
        self.codebook, self.codes, self.output = module.codebook, codes, output
        self.n_tokens = module.n_tokens
        widths = {"embedding": codes.shape[1], "index": 1, "onehot": len(codes)}
        self.widths = {kind: self.n_tokens * width for kind, width in widths.items()}
        super().__init__(self.widths[output])

    def show(self, rows: np.ndarray) -> np.ndarray:
        """Return indices in the format."""
        index = rows.astype(np.int64)
        if self.output == "index":
            return index
        if self.output == "embedding":
            return self.codes[index].reshape(len(index), -1).astype(rows.dtype)
        marks = index[..., None] == np.arange(len(self.codes))
        return marks.reshape(len(index), -1).astype(rows.dtype)

    def read(self, X: Any, estimator: Any) -> np.ndarray:
        """Return indices of columns in any format."""
        Z = check_array(X, dtype=[np.float64, np.float32])
        # Where widths agree, the constructor says what the columns are.
        kinds = [self.output, *self.widths]
        kind = next((kind for kind in kinds if self.widths[kind] == Z.shape[1]), None)
        if kind is None:
            wanted = ", ".join(f"{width} for {kind!r}" for kind, width in self.widths.items())
            raise ValueError(
                f"inverse_transform takes what transform returns, of as many columns as {wanted}; "
                f"got {Z.shape[1]}."
            )
        if kind == "index":
            last = len(self.codes) - 1
            wanted = f"an index is a whole number from 0 to {last}"
            _check_inside(Z, np.isin(Z, np.arange(last + 1)), wanted)
            return Z
        Z = Z.reshape(len(Z), self.n_tokens, -1)
        if kind == "onehot":
            return Z.argmax(-1).astype(Z.dtype)
        latents = torch.from_numpy(Z.copy()).to(self.codebook.code.device)
        return self.codebook.nearest(latents).cpu().numpy().astype(Z.dtype)
