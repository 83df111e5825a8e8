"""Delimited text as cells: what every table is before its cells are taken for numbers."""

import csv
import math
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from allrelapse.errors import InputError

LIMIT = 20
"""Faults of a table that are listed."""
WIDEST = 16_384
"""Columns that are read; a spreadsheet has no more."""
CHUNK = 1 << 20
"""Bytes that are read at once."""
LONGEST = 20_000_000
"""Characters of a line that are read."""

LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")

INTEGER = re.compile(r"[+-]?[0-9]{1,18}(\.0+)?")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
TRUTH = {"true": True, "1": True, "false": False, "0": False}

Record = tuple[int, list[str]]
"""The line on which a row starts, and its cells."""
Made = TypeVar("Made")


@dataclass(frozen=True)
class Cells:
    """A file's `header`, its `rows` of the same width, and the `lines` on which they start."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def read_cells(
    path: str | Path, *, delimiter: str | None = None, skip: int = 0, comments: str = ""
) -> Cells:
    """A delimited UTF-8 file as text cells, every row as wide as the header; blank lines go.

    Parameters
    ----------
    path : one line of column names, then at least one row; lines are counted from 1
    delimiter : by default a tab if the line of names has one, else a comma, or a semicolon if it
        has those but no comma
    skip : lines above the column names that are left out
    comments : what begins lines to leave out, above the column names only

    Raises
    ------
    InputError
        If there is no such file, or it is not such text, has no rows or rows of another width
        than the header, or a column without a name or named twice.
    """
    with readable(path):
        raw = Path(path).read_bytes()
    text = decoded(raw, path)
    return table(records(text, path, delimiter=delimiter, skip=skip, comments=comments), path)


def records(
    text: str,
    source: str | Path,
    *,
    delimiter: str | None = None,
    skip: int = 0,
    comments: str = "",
    most: int | None = None,
) -> list[Record]:
    """Every record of delimited text, its names first; a quoted cell may span lines.

    Takes the arguments of `read_cells`; `most` is the number of rows beyond which it refuses.
    """
    start, at = _header(text, skip, comments)
    if delimiter is None:
        delimiter = _delimiter(text, at)
    reader = csv.reader(_lines(text, at, start, source), delimiter=delimiter, strict=True)
    found, line = [], start
    try:
        for record in reader:
            if len(record) > WIDEST:
                raise refusal(source, [f"line {line}: has more than {WIDEST:,} cells"])
            if record:
                found.append((line, record))
            if most is not None and len(found) > most + 1:
                raise refusal(source, [f"line {line}: only {most:,} rows are read: cut the file"])
            line = start + reader.line_num
    except csv.Error as error:
        raise refusal(source, [f"line {line}: cannot be split into cells: {error}"]) from None
    return found


def table(records: list[Record], source: str | Path) -> Cells:
    """The records as a table, the first one its header.

    Raises
    ------
    InputError
        If there are no rows, or rows of another width than the header, or a column without a
        name or named twice.
    """
    if len(records) < 2:
        raise refusal(source, ["no rows: a line of column names and at least one row are needed"])
    header = records[0][1]
    faults = [f"column {i}: has no name" for i, name in enumerate(header, 1) if not name.strip()]
    faults += [
        f"column {shown(name)}: occurs {times} times, must occur once"
        for name, times in Counter(header).items()
        if times > 1 and name.strip()
    ]
    faults += [
        f"line {line}: has {len(row)} cells, the header has {len(header)}"
        for line, row in records[1:]
        if len(row) != len(header)
    ]
    if faults:
        raise refusal(source, faults)
    return Cells(header, [row for _, row in records[1:]], [line for line, _ in records[1:]])


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Tells what the system refuses inside it as an InputError about the path."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name a file in it") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None


@contextmanager
def refusing(path: Path, format_: str, mend: str) -> Iterator[None]:
    """Tells whatever a library raises about a file as an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # what they raise on malformed files is not documented
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path} cannot be read as {format_}: {lines[0][:200]}; {mend}") from error


def decoded(raw: bytes, source: str | Path) -> str:
    """The bytes as UTF-8 text, without a byte-order mark; InputError names what is no text."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_text(source, raw, error.start) from None
    if "\0" in text:
        raise _not_text(source, raw, raw.index(b"\0"))
    return text


def refusal(source: str | Path, faults: list[str]) -> InputError:
    """One error that lists the faults of a table, the first 20 of them."""
    shown = list(dict.fromkeys(faults))
    title = f"{source} has {len(shown)} fault{'s' if len(shown) > 1 else ''}:"
    rest = [f"... and {len(shown) - LIMIT} more"] if len(shown) > LIMIT else []
    return InputError("\n  ".join([title, *shown[:LIMIT], *rest]))


def shown(name: object) -> str:
    """A name from a user's file, cut short; quoted if something in it does not print."""
    text = str(name)
    return text if text.isprintable() and len(text) <= 120 else reprlib.repr(text)


def together(makers: Mapping[str, Callable[[], Made]]) -> dict[str, Made]:
    """What every maker gives; if any refuse, one InputError that says all that they say."""
    made, told = {}, []
    for name, make in makers.items():
        try:
            made[name] = make()
        except InputError as error:
            told.append(str(error))
    if told:
        raise InputError("\n".join(told))
    return made


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


def _not_text(path: str | Path, raw: bytes, at: int) -> InputError:
    line = raw.count(b"\n", 0, at) + 1
    return refusal(
        path, [f"line {line}: byte {raw[at]:#04x} is not UTF-8 text; save it as CSV in UTF-8"]
    )


def _header(text: str, skip: int, comments: str) -> tuple[int, int]:
    """The line of the column names and where in the text it begins."""
    line, at = 1, 0
    for match in LINE.finditer(text):
        content = match[0].strip()
        if line > skip and content and not (comments and content.startswith(comments)):
            break
        line, at = line + 1, match.end()
    return line, at


def _delimiter(text: str, at: int) -> str:
    """What separates the cells of the line that begins there."""
    match = LINE.match(text, at)
    names = match[0] if match else ""
    if "\t" in names:
        return "\t"
    return ";" if ";" in names and "," not in names else ","


def _lines(text: str, at: int, line: int, source: str | Path) -> Iterator[str]:
    """The lines from there on, ended as on any system; none may be endless."""
    for count, match in enumerate(LINE.finditer(text, at)):
        if match.end() - match.start() > LONGEST:
            fault = f"line {line + count}: has more than {LONGEST:,} characters"
            raise refusal(source, [fault])
        yield match[0]
