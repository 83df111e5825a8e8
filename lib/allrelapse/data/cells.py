"""Delimited text as cells: what every table is before its cells are taken for numbers."""

import csv
import io
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from allrelapse.errors import InputError

LIMIT = 20

INTEGER = re.compile(r"[+-]?[0-9]{1,18}(\.0+)?")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
TRUTH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Cells:
    """A file's `header`, its `rows` of the same width, and the `lines` on which they start."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_cells(path: str | Path, *, delimiter: str | None = None) -> Cells:
    """A delimited UTF-8 file as text cells, every row as wide as the header; blank lines go.

    Parameters
    ----------
    path : one line of column names, then at least one row; lines are counted from 1
    delimiter : by default a tab if the first line has one, else a comma

    Raises
    ------
    InputError
        If there is no such file, or it is not such text, has no rows or rows of another width
        than the header, or a column without a name or named twice.
    """
    text = _text(path)
    if delimiter is None:
        delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    records = _records(text, delimiter, path)
    if len(records) < 2:
        raise refusal(path, ["no rows: a line of column names and at least one row are needed"])
    header = records[0][1]
    faults = [f"column {i}: has no name" for i, name in enumerate(header, 1) if not name.strip()]
    faults += [
        f"column {name}: occurs {times} times, must occur once"
        for name, times in Counter(header).items()
        if times > 1 and name.strip()
    ]
    faults += [
        f"line {line}: has {len(row)} cells, the header has {len(header)}"
        for line, row in records[1:]
        if len(row) != len(header)
    ]
    if faults:
        raise refusal(path, faults)
    return Cells(header, [row for _, row in records[1:]], [line for line, _ in records[1:]])


def refusal(source: str | Path, faults: list[str]) -> InputError:
    """One error that lists the faults of a table, the first 20 of them."""
    shown = list(dict.fromkeys(faults))
    title = f"{source} has {len(shown)} fault{'s' if len(shown) > 1 else ''}:"
    rest = [f"... and {len(shown) - LIMIT} more"] if len(shown) > LIMIT else []
    return InputError("\n  ".join([title, *shown[:LIMIT], *rest]))


def integer(text: str) -> int:
    """The whole number of a cell such as `12`, `-3` or `12.0`; ValueError if it is none."""
    if not INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text.partition(".")[0])


def number(text: str) -> float:
    """The finite number of a cell such as `1.5` or `2e-3`; ValueError if it is none."""
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(text)
    return float(text)


def truth(text: str) -> bool:
    """The truth of a cell: true, false, 1 or 0, in any case; ValueError if it is none."""
    if text.lower() not in TRUTH:
        raise ValueError(text)
    return TRUTH[text.lower()]


def _text(path: str | Path) -> str:
    """The file's text, without a byte-order mark."""
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name a file in it") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(path, raw, error.start) from None
    if "\0" in text:
        raise _not_text(path, raw, raw.index(b"\0"))
    return text


def _not_text(path: str | Path, raw: bytes, at: int) -> InputError:
    line = raw.count(b"\n", 0, at) + 1
    return refusal(
        path, [f"line {line}: byte {raw[at]:#04x} is not UTF-8 text; save it as CSV in UTF-8"]
    )


def _records(text: str, delimiter: str, path: str | Path) -> list[tuple[int, list[str]]]:
    """Every record with the line that it starts on; a quoted cell may span lines."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records, start = [], 1
    try:
        for record in reader:
            if record:
                records.append((start, record))
            start = reader.line_num + 1
    except csv.Error as error:
        raise refusal(path, [f"line {start}: cannot be split into cells: {error}"]) from None
    return records
