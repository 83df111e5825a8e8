"""What a student's notebook finds beside itself: an own cohort, and an own number for chance."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from allrelapse.data.cohort import Cohort
from allrelapse.data.forms import native
from allrelapse.errors import InputError

PATIENTS = 60
"""Patients of a student's cohort, unless the class was made with another number."""
COHORT, ABOUT = "cohort", "student.json"


def cohort() -> Cohort:
    """The student's own cohort, from the folder `cohort` beside the notebook.

    Where there is none, as for a teacher who tries a master, the simulated one of seed 1. What was
    planted in it is not there either way.

    Raises
    ------
    InputError
        If the tables are not those that were given.
    """
    folder, about = _folder() / COHORT, _about()
    if not folder.is_dir():
        from allrelapse import simulate  # takes longer than to read

        return replace(simulate.cohort(1, patients=PATIENTS), truth=None)
    if not about or digest(folder) != about["cohort"]:
        raise InputError(
            f"{folder}: these are not the tables that you were given; unpack your folder again, "
            f"with {ABOUT} in it"
        )
    fields: dict[str, Any] = dict(native.read_as_written(folder))
    return Cohort(**fields, name="simulated", build="GRCh37", form="simulated")


def seed() -> int:
    """The student's own number for simulations; 1 where there is none."""
    return int(_about().get("seed", 1))


def digest(folder: Path) -> str:
    """Sha256 over the files of a cohort: their names and bytes."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            whole.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _about() -> dict[str, Any]:
    file = _folder() / ABOUT
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _folder() -> Path:
    return Path(os.environ.get("ALLRELAPSE_STUDENT") or Path.cwd())
