"""Every file of a user as cells: CSV, TSV, either compressed, XLSX and Parquet, within bounds."""

import gzip
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from allrelapse.data import cells, workbook
from allrelapse.data.cells import WIDEST, Cells, Record, refusal, refusing, shown
from allrelapse.data.schemas import MISSING
from allrelapse.errors import InputError

LARGEST = 2_000_000_000
"""Bytes of a table, after decompression."""
ROWS = 5_000_000
"""Rows of a table of text, every cell of which is an object for a while."""
PARQUET_ROWS = 50_000_000
"""Rows of a Parquet table; a third of that, of mutations, takes 8 GB."""
TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")


def read(
    path: str | Path,
    *,
    sheet: str | None = None,
    skip: int = 0,
    delimiter: str | None = None,
    comments: str = "",
) -> Cells:
    """A table as text cells, whichever of CSV, TSV, TXT (also .gz) and XLSX it is.

    Blank rows and columns without any content are left out, and blanks around and line breaks in
    column names become single spaces. Dates of a workbook come as `2019-03-01`, its numbers as
    they were typed, without their format: 5 % is 0.05.

    Parameters
    ----------
    path : its ending says what it is
    sheet : of a workbook; the first one if not given
    skip : lines or rows above the column names that are left out
    delimiter : of text; by default a tab, comma or semicolon, as the line of names has it
    comments : what begins lines to leave out, above the column names only

    Raises
    ------
    InputError
        If there is no such file, or it is malformed, larger than `LARGEST` or `ROWS` or has
        formulas or errors in its cells; every fault with line and column.
    """
    path = Path(path)
    _check_regular(path)
    if path.name.lower().endswith(TEXT):
        if sheet is not None:
            raise InputError(f"{path} is no workbook, but a sheet is asked for: remove `sheet`")
        text = cells.decoded(_content(path), path)
        found = cells.records(
            text, path, delimiter=delimiter, skip=skip, comments=comments, most=ROWS
        )
        return cells.table(_trimmed(found), path)
    if path.suffix.lower() != ".xlsx":
        raise InputError(f"{path} is of no known format: save it as CSV in UTF-8, or as .xlsx")
    source = f"{path}, sheet {shown(sheet)}" if sheet else str(path)
    return cells.table(_trimmed(workbook.records(path, sheet, skip, comments)), source)


def read_parquet(path: str | Path) -> pd.DataFrame:
    """A flat Parquet table: text as objects, whole numbers `Int64`, `float64` and `boolean`.

    Texts that are missing in a CSV file (empty, `NA`, `NaN`, `nan`) are so here too.

    Raises
    ------
    InputError
        If there is no such file, or it is malformed, too large, or has columns of other types,
        each told by its name.
    """
    path = Path(path)
    _check_regular(path)
    with refusing(path, "Parquet", "write it again, or save it as CSV in UTF-8"):
        with pq.ParquetFile(path) as file:
            _check_parquet(file, path)
            texts = [field.name for field in file.schema_arrow if _is_text(field.type)]
        # a text that repeats is then kept once, however often it occurs
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            table = file.read(use_threads=False)
        table.validate(full=True)
        columns = {name: _pandas(table.column(name)) for name in table.column_names}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))
    numbers = frame.select_dtypes("float64")
    if endless := list(numbers.columns[np.isinf(numbers.to_numpy()).any(axis=0)]):
        raise refusal(path, [f"column {shown(c)}: has infinite numbers" for c in endless])
    return frame


def _check_regular(path: Path) -> None:
    """A device or pipe would never end."""
    with cells.readable(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(f"{path} is no regular file; name one")
        path.open("rb").close()


def _content(path: Path) -> bytes:
    """The bytes of a file, decompressed if it is a .gz, read no further than the bound."""
    content = bytearray()
    try:
        with cells.readable(path), _opened(path) as stream:
            while chunk := stream.read(cells.CHUNK):
                content += chunk
                if len(content) > LARGEST:
                    raise InputError(f"{path} has more than {LARGEST:,} bytes: cut it into parts")
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}; copy or compress it again") from None
    return bytes(content)


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _trimmed(records: list[Record]) -> list[Record]:
    """The records without blank rows and columns; names with single spaces."""
    records = [(line, row) for line, row in records if _filled(row)]
    if not records:
        return records
    (line, names), *rest = records
    header = [" ".join(name.split()) for name in names]
    width = len(header)
    rest = [(at, row if _filled(row[width:]) else row[:width]) for at, row in rest]
    nameless = [i for i, name in enumerate(header) if not name]
    blank = {i for i in nameless if not any(_filled(row[i : i + 1]) for _, row in rest)}
    kept = [i for i in range(width) if i not in blank]
    if blank:
        rest = [(at, _chosen(row, kept) if len(row) == width else row) for at, row in rest]
    return [(line, _chosen(header, kept)), *rest]


def _filled(row: list[str]) -> bool:
    """Whether any cell has more in it than blanks."""
    return any(map(str.strip, row))


def _chosen(row: list[str], kept: list[int]) -> list[str]:
    return [row[i] for i in kept]


def _check_parquet(file: pq.ParquetFile, path: Path) -> None:
    """Refuse by the metadata what is too large, and columns that are no plain ones."""
    metadata = file.metadata
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    if max(metadata.num_rows, sum(group.num_rows for group in groups)) > PARQUET_ROWS:
        raise InputError(f"{path} has more than {PARQUET_ROWS:,} rows: take fewer patients")
    if max(sum(abs(group.total_byte_size) for group in groups), path.stat().st_size) > LARGEST:
        raise InputError(f"{path} has more than {LARGEST:,} bytes: cut it into parts")
    fields = list(file.schema_arrow)
    if len(fields) > WIDEST:
        raise InputError(f"{path} has more than {WIDEST:,} columns")
    faults = [
        f"column {shown(name)}: occurs {times} times, must occur once"
        for name, times in Counter(field.name for field in fields).items()
        if times > 1
    ]
    faults += [
        f"column {shown(field.name)}: {mend}" for field in fields if (mend := _mend(field.type))
    ]
    if faults:
        raise refusal(path, faults)


def _mend(kind: pa.DataType) -> str:
    """What to do about a column of a type that is not read; empty if it is."""
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)
    if _is_text(kind) or any(is_kind(kind) for is_kind in plain):
        return ""
    if pa.types.is_temporal(kind):
        return f"is of type {shown(kind)}; give days since diagnosis"
    return f"is of type {shown(kind)}; give text, numbers or truth values"


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _pandas(column: pa.ChunkedArray) -> "pd.Series[Any]":
    """A column in the pandas type that holds it with gaps."""
    kind, whole = column.type, pa.int64()
    if pa.types.is_null(kind):
        return pd.Series([None] * len(column), dtype="object")
    if not _is_text(kind):
        if not pa.types.is_boolean(kind):
            column = column.cast(pa.float64() if pa.types.is_floating(kind) else whole)
        holders = {pa.bool_(): pd.BooleanDtype(), whole: pd.Int64Dtype()}
        numbers: pd.Series[Any] = column.to_pandas(types_mapper=holders.get)
        return numbers
    if not pa.types.is_dictionary(kind):
        column = column.dictionary_encode()
    texts = [_texts(chunk) for chunk in column.chunks]
    return pd.Series(np.concatenate(texts) if texts else [], dtype="object")


def _texts(chunk: pa.DictionaryArray) -> np.ndarray[Any, Any]:
    """The texts of a chunk, each distinct one made once; None where one is missing."""
    known = [None if text in MISSING else text for text in chunk.dictionary.to_pylist()]
    places = chunk.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    texts: np.ndarray[Any, Any] = np.array([*known, None], dtype=object)[places]
    return texts
