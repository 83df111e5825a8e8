"""A column map: spreadsheets as a paper or a hospital has them, read as `cohort.yaml` tells."""

import datetime
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd

from allrelapse.data import files, schemas, tables
from allrelapse.data.cells import Cells, number, refusal, shown, together
from allrelapse.data.cohort_file import FILE, CohortFile, ColumnMap, TableMap
from allrelapse.data.schemas import MISSING, Fault
from allrelapse.errors import InputError

ONCE = ("patients", "samples")
"""Tables that may be mapped from one with several rows for each of theirs."""

ISO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ][0-9:.]+)?")

Place = tuple[str, str | None, int]
"""A table of theirs: file, sheet, lines to skip."""


@dataclass(frozen=True)
class _Sheet:
    """A table of theirs under its `name`: column name → cells, and the lines of the rows."""

    name: str
    columns: Mapping[str, list[str]]
    lines: list[int]


def fits(folder: Path, file: CohortFile) -> bool:
    """Whether the `cohort.yaml` has a column map."""
    return bool(file.tables)


def read(folder: Path, file: CohortFile) -> tuple[dict[str, pd.DataFrame], str, list[str]]:
    """Every table of the map, validated; what was left out is noted.

    Raises
    ------
    InputError
        If the map is wrong, a file lies outside the folder or is malformed, or cells break the
        schema: every fault with entry of the map, or file, line and column.
    """
    faults = _map_faults(file)
    sheets, errors = {}, []
    for place in dict.fromkeys(map(_place, file.tables.values())):
        try:
            sheets[place] = _sheet(folder, place)
        except InputError as error:
            errors.append(str(error))
    faults += _unknown_columns(file, sheets)
    if faults:
        errors.insert(0, str(refusal(folder / FILE, faults)))
    if errors:
        raise InputError("\n".join(errors))
    notes = _unused(file, sheets)
    makers: dict[str, Callable[[], pd.DataFrame]] = {
        name: partial(_table, name, entry, sheets[_place(entry)], notes)
        for name, entry in file.tables.items()
    }
    return together(makers), "", notes


def inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder, or in a folder in it, and nowhere else.

    Raises
    ------
    InputError
        If the name, or a link on the way, leads out of the folder.
    """
    parts = (PurePosixPath(name), PureWindowsPath(name))
    path = folder / name
    try:
        out = len(name) > 1000 or any(
            part.is_absolute() or part.drive or ".." in part.parts for part in parts
        )
        out = out or not path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL in it, too long, a circle of links
        out = True
    if out:
        raise InputError(
            f"{shown(name)} is not inside {folder}: put the file there and give its name alone"
        )
    return path


def _map_faults(file: CohortFile) -> list[str]:
    """What is wrong with the map itself."""
    faults = []
    if "patients" not in file.tables:
        faults.append("tables.patients: a map of patients is needed: add it")
    for name, entry in file.tables.items():
        known = tables.SCHEMAS[name].columns
        for ours, column in entry.columns.items():
            place = f"tables.{name}.columns.{shown(ours)}"
            if ours not in known:
                faults.append(f"{place}: is no column of {name}; {_hint(ours, known)}")
            faults += [f"{place}: {fault}" for fault in _entry_faults(column)]
        faults += [
            f"tables.{name}.columns.{ours}: is needed: map it"
            for ours, column in known.items()
            if column.required and ours not in entry.columns
        ]
    return faults


def _entry_faults(entry: ColumnMap) -> list[str]:
    """What does not go together in the entry of one column."""
    changes = {"values": entry.values, "times": entry.times, "since": entry.since}
    given = [name for name, change in changes.items() if change is not None]
    faults = []
    if (entry.column is None) == (entry.value is None):
        faults.append("give either column or value")
    if entry.value is not None and given:
        faults.append(f"{given[0]} goes with column, not with value: remove one")
    if len(given) > 1:
        faults.append(f"{' and '.join(given)} do not go together: keep one")
    return faults


def _place(entry: TableMap) -> Place:
    return entry.file, entry.sheet, entry.skip


def _sheet(folder: Path, place: Place) -> _Sheet:
    """A table of theirs as columns of text."""
    file, sheet, skip = place
    cells = files.read(inside(folder, file), sheet=sheet, skip=skip)
    columns = [list(texts) for texts in zip(*cells.rows, strict=True)]
    name = shown(file) + (f", sheet {shown(sheet)}" if sheet else "")
    return _Sheet(name, dict(zip(cells.header, columns, strict=True)), cells.lines)


def _unknown_columns(file: CohortFile, sheets: Mapping[Place, _Sheet]) -> list[str]:
    """Columns of the map that their tables do not have."""
    faults = []
    for name, entry in file.tables.items():
        if (sheet := sheets.get(_place(entry))) is None:
            continue
        for ours, column in entry.columns.items():
            for theirs in _theirs(column):
                if theirs not in sheet.columns:
                    faults.append(
                        f"tables.{name}.columns.{shown(ours)}: {sheet.name} has no column "
                        f"{shown(theirs)}; {_hint(theirs, sheet.columns)}"
                    )
    return faults


def _theirs(entry: ColumnMap) -> list[str]:
    """Their columns that an entry names, written as `files.read` gives names."""
    named = (entry.column, entry.since)
    return [" ".join(name.split()) for name in named if name is not None]


def _hint(name: str, known: Iterable[str]) -> str:
    """The known name that is most like it, or the known ones."""
    by_lower = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), by_lower, 1)
    if near:
        return f"did you mean {shown(by_lower[near[0]])}?"
    return "it has " + _listed(list(by_lower.values()))


def _listed(names: list[str]) -> str:
    return ", ".join(map(shown, names[:10])) + (" ..." if len(names) > 10 else "")


def _unused(file: CohortFile, sheets: Mapping[Place, _Sheet]) -> list[str]:
    """A note for every table of theirs of which columns are not used."""
    used: dict[Place, set[str]] = {place: set() for place in sheets}
    for entry in file.tables.values():
        used[_place(entry)].update(*map(_theirs, entry.columns.values()))
    notes = []
    for place, sheet in sheets.items():
        rest = [name for name in sheet.columns if name not in used[place]]
        if rest:
            columns = "column" if len(rest) == 1 else "columns"
            notes.append(f"{len(rest)} {columns} of {sheet.name} not used: {_listed(rest)}")
    return notes


def _table(name: str, entry: TableMap, sheet: _Sheet, notes: list[str]) -> pd.DataFrame:
    """One of our tables from theirs, validated; adds to the notes."""
    columns, faults = {}, []
    for ours, column in entry.columns.items():
        columns[ours], found = _column(ours, column, sheet)
        faults += found
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    kept = list(range(len(rows)))
    if name in ONCE:
        first: dict[tuple[str, ...], int] = {}
        kept = [i for i, row in enumerate(rows) if first.setdefault(tuple(row), i) == i]
        if twice := len(rows) - len(kept):
            notes.append(f"{twice} repeated rows of {sheet.name} taken once for {name}")
    place = {old: new for new, old in enumerate(kept)}
    known = [Fault(f.column, place[f.row], f.value, f.mend) for f in faults if f.row in place]
    for fault in faults:
        rows[fault.row][list(columns).index(str(fault.column))] = ""
    cells = Cells(list(columns), [rows[i] for i in kept], [sheet.lines[i] for i in kept])
    names = {ours: (_theirs(column) or [ours])[0] for ours, column in entry.columns.items()}
    source = f"{sheet.name} ({name})"
    made = schemas.typed(cells, tables.SCHEMAS[name], source, names, known)
    return tables.read_from(made, source, cells.lines)


def _column(ours: str, entry: ColumnMap, sheet: _Sheet) -> tuple[list[str], list[Fault]]:
    """The cells of one of our columns as text, and those that cannot be made."""
    if entry.value is not None:
        value = str(entry.value).lower() if isinstance(entry.value, bool) else str(entry.value)
        return [value] * len(sheet.lines), []
    texts = sheet.columns[_theirs(entry)[0]]
    if entry.values is not None:
        return _changed(ours, texts, partial(_word, entry.values))
    if entry.times is not None:
        return _changed(ours, texts, partial(_product, entry.times))
    if entry.since is not None:
        return _days(ours, texts, sheet.columns[_theirs(entry)[1]], _theirs(entry)[1])
    return texts, []


def _changed(
    ours: str, texts: list[str], change: Callable[[str], str]
) -> tuple[list[str], list[Fault]]:
    """Every text changed; where that raises a ValueError, its words tell the mend."""
    known: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        try:
            known[text] = change(text)
        except ValueError as error:
            known[text], wrong[text] = text, str(error)
    faults = [
        Fault(ours, row, shown(repr(text)), wrong[text])
        for row, text in enumerate(texts)
        if text in wrong
    ]
    return [known[text] for text in texts], faults


def _word(values: Mapping[str, str], text: str) -> str:
    """What a word of theirs means; blank stays blank."""
    if text in values:
        return values[text]
    if text in MISSING:
        return ""
    raise ValueError(f"is not in values ({_listed(list(values))}): add it")


def _product(times: float, text: str) -> str:
    """A number of theirs in our unit."""
    if text in MISSING:
        return ""
    try:
        return repr(number(text) * times)
    except ValueError:
        raise ValueError(schemas.NUMBER) from None


def _days(
    ours: str, texts: list[str], starts: list[str], since: str
) -> tuple[list[str], list[Fault]]:
    """Days from one date to the other; blank where either is missing."""
    ends, faults = _changed(ours, texts, _day)
    begins, more = _changed(ours, starts, _day)
    faults += [Fault(f.column, f.row, f"{f.value} of {shown(since)}", f.mend) for f in more]
    wrong = {fault.row for fault in faults}
    return [
        f"{end} since {begin}"
        if row in wrong
        else (str(int(end) - int(begin)) if end and begin else "")
        for row, (end, begin) in enumerate(zip(ends, begins, strict=True))
    ], faults


def _day(text: str) -> str:
    """The number of a day in the calendar, from an ISO date."""
    if text in MISSING:
        return ""
    if iso := ISO.fullmatch(text):
        try:
            return str(datetime.date.fromisoformat(iso[1]).toordinal())
        except ValueError:
            raise ValueError("is no day of the calendar; correct it") from None
    if schemas.DATE.fullmatch(text):
        raise ValueError("may be read in two ways; write the date as 2019-03-01")
    raise ValueError("is no date such as 2019-03-01")
