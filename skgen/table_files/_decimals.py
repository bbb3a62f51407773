"""The decimal mark of a column of numbers, which its own entries may leave open."""

from ._doubts import Correction, Doubt, TableError
from ._formats import ColumnFormat, Context
from ._shapes import Shapes


def decimal_of(
    name: str, shapes: Shapes, context: Context, like: ColumnFormat | None, forced: bool
) -> tuple[str | None, Doubt | None]:
    """Return the decimal mark, None where none is right for all entries, and a doubt, if any.

    Parameters
    ----------
    name : str
        The column's name.
    shapes : Shapes
        The shapes of its texts.
    context : Context
        What the file says of all its columns.
    like : ColumnFormat or None
        How the column was written in the table that a model learnt.
    forced : bool
        Whether the column has to be numbers.

    Raises
    ------
    TableError
        If no mark is right for all entries of a column that has to be numbers.
    """
    possible = shapes.possible_decimals()
    if context.decimal is not None:
        possible &= {context.decimal}
    if not possible:
        text = "the marks in its numbers do not go together"
        if context.decimal is not None:
            text += f" with the decimal mark {context.decimal!r}"
        if forced:
            raise TableError(
                f"{context.name}: column {name!r}: {text}.", [Correction("categories", name)]
            )
        text += ", so that it is taken as categories"
        return None, Doubt(name, text, (Correction("drop", name),))
    if len(possible) == 1:
        return next(iter(possible)), None
    usual = context.decimals.most_common(1)[0][0] if context.decimals else None
    mark = shapes.open_mark()
    if not mark:
        return usual or ".", None
    sure = shapes.decimal_of_zeros()
    if sure is not None:
        return sure, None
    if usual is not None:
        return usual, _doubt_of(name, usual, mark) if len(context.decimals) > 1 else None
    if like is not None and like.number is not None:
        return like.number.decimal, None
    if context.separator == ",":
        return ".", None
    decimal = "," if context.separator == ";" else "."
    return decimal, _doubt_of(name, decimal, mark)


def _doubt_of(name: str, decimal: str, mark: str) -> Doubt:
    what = "decimals" if mark == decimal else "thousands"
    other = "." if decimal == "," else ","
    return Doubt(
        name, f"the mark {mark!r} is taken as one of {what}", (Correction("decimal", other),)
    )
