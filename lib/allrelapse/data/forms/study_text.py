"""Text files of a study as frames: gaps empty, the line as index, all faults told at once."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse.data import files, schemas
from allrelapse.data.cells import Cells, refusal, together
from allrelapse.data.tables import SCHEMAS, read_from
from allrelapse.errors import InputError

EXAMPLES = 5
"""Words that a note quotes."""

_MISSING = re.compile(
    r"(NA|N/A|NaN|null|\.|Unknown|Not Available|\[(NA|N/A|Not Available|Not Applicable"
    r"|Not Evaluated|Unknown|Pending|Discrepancy|Completed|Null)\])?",
    re.IGNORECASE,
)


def read_text(path: Path, needed: Iterable[str], only: Iterable[str] | None = None) -> pd.DataFrame:
    """A file of the study as text with gaps empty; its index is the line.

    needed : columns that must be there
    only : columns that are kept; by default all
    """
    try:
        with path.open("rb") as stream:
            pointer = stream.read(40).startswith(b"version https://git-lfs")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if pointer:
        raise InputError(f"{path} only points to the file: fetch it with `git lfs pull`")
    cells = files.read(path, delimiter="\t", comments="#")
    if absent := [name for name in needed if name not in cells.header]:
        raise refusal(path, [f"column {name}: the column is absent: add it" for name in absent])
    index = pd.Index(cells.lines, name="line")
    frame = pd.DataFrame(cells.rows, index, cells.header, dtype="object")
    return frame[[name for name in frame if only is None or name in set(only)]].apply(_without_gaps)


def _without_gaps(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Cells without blanks around them, those of missing values empty."""
    column = column.str.strip()
    gaps = [text for text in column.unique() if _MISSING.fullmatch(text)]
    return column.mask(column.isin(gaps), "")


def typed_text(
    frame: pd.DataFrame, name: str, path: Path, theirs: Mapping[str, str], faults: list[str]
) -> pd.DataFrame:
    """One of our tables from text whose index is the line; told with the faults found before."""
    rows = frame.fillna("").astype(str).to_numpy().tolist()
    cells = Cells([str(column) for column in frame], rows, [int(line) for line in frame.index])

    def none_before() -> pd.DataFrame:
        if faults:
            raise refusal(path, faults)
        return frame

    made: dict[str, pd.DataFrame] = together(
        {"text": none_before, name: lambda: schemas.typed(cells, SCHEMAS[name], path, theirs)}
    )
    return read_from(made[name], path.name, cells.lines)


def converted(
    column: "pd.Series[Any]", convert: Callable[[str], str]
) -> tuple["pd.Series[Any]", list[str]]:
    """The cells of a column converted, and one fault for each that cannot be."""
    known: dict[str, str] = {"": ""}
    mends: dict[str, str] = {}
    for text in set(column) - {""}:
        try:
            known[text] = convert(text)
        except ValueError as error:
            mends[text] = str(error)
    faults = [
        f"line {line}, column {column.name}: {text!r} {mends[text]}"
        for line, text in column[column.isin(list(mends))].items()
    ]
    return column.map(known).fillna(""), faults
