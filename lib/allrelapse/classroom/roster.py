"""Who is in a class, and which seed each student's cohort has."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from allrelapse.data import files, schemas
from allrelapse.data.schemas import Fault
from allrelapse.errors import InputError

FOLDER = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?\Z"
ID = pa.Check.str_matches(
    FOLDER,
    error="must be 1 to 64 letters, digits, . _ or -, as it names a folder",
)
SCHEMA = pa.DataFrameSchema(
    {
        "student": pa.Column(str, ID),
        "name": pa.Column(str, nullable=True, required=False),
        "seed": pa.Column("Int64", pa.Check.in_range(0, 2**32 - 1), nullable=True, required=False),
    }
)
DEVICES = {"con", "prn", "aux", "nul"} | {f"{n}{i}" for n in ("com", "lpt") for i in range(10)}
"""Names that no folder can have on Windows, where students may unpack theirs."""


def read(path: Path) -> pd.DataFrame:
    """The roster: `student`, `name` (may be empty), `seed` of the cohort, `number` for chance.

    A seed that the roster lacks comes of the id alone: the same student always has the same one.

    Raises
    ------
    InputError
        If there is no such file, or anything in it is wrong; every fault with line and mend.
    """
    cells = files.read(path)
    # people begin names of columns with a capital, and leave blanks around what they type
    rows = [[cell.strip() for cell in row] for row in cells.rows]
    cells = replace(cells, header=[name.casefold() for name in cells.header], rows=rows)
    ids = [dict(zip(cells.header, row, strict=True)).get("student", "") for row in cells.rows]
    table = schemas.typed(cells, SCHEMA, path, known=_clashes(ids))
    if table.empty:
        raise InputError(f"{path}: nobody is in it; one line per student is needed")
    names = table["name"] if "name" in table else pd.Series("", table.index)
    given = table["seed"] if "seed" in table else pd.Series(pd.NA, table.index, dtype="Int64")
    own = pd.Series([_number("cohort", one) for one in table["student"]], table.index)
    return pd.DataFrame(
        {
            "student": table["student"],
            "name": names.fillna(""),
            "seed": given.fillna(own).astype(int),
            "number": [_number("chance", one) for one in table["student"]],
        }
    )


def names_a_folder(name: str) -> bool:
    """Whether a name can be that of a folder on any system."""
    return bool(re.match(FOLDER, name)) and name.split(".")[0].casefold() not in DEVICES


def _clashes(ids: list[str]) -> list[Fault]:
    """Ids that would name one folder twice, where capitals do not count, or none at all."""
    faults, seen = [], dict[str, int]()
    for row, name in enumerate(ids):
        folder = name.casefold()
        if name and folder in seen:
            mend = f"is student {seen[folder] + 1} too; ids must differ in more than capitals"
            faults.append(Fault("student", row, repr(name), mend))
        if name and folder.split(".")[0] in DEVICES:
            faults.append(Fault("student", row, repr(name), "cannot name a folder on Windows"))
        seen.setdefault(folder, row)
    return faults


def _number(purpose: str, student: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{purpose} {student}".encode()).digest()[:4], "big")
