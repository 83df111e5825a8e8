"""Makes a class: a folder for every student, with an own cohort, and one for the lecturer."""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import nbformat

import allrelapse
from allrelapse import places
from allrelapse.classroom import editions, roster, student
from allrelapse.errors import InputError

STUDENTS, LECTURER, GRADES, RECORD = "students", "lecturer", "grades", "class.json"
README = """# Exercises of {student}

Your own simulated cohort is in `cohort/`; nobody else has the same numbers. The exercises:

{exercises}

Open this folder in JupyterLab with the Python environment of `allrelapse`; in the folder of that
repository, this is

    .venv/bin/jupyter lab path/to/{student}

Work from the top, put your answers in place of the three dots, and run every check. Leave locked
cells and the cohort as they are: grading uses its own copies. Hand in this folder, or just its
notebooks, under its name `{student}`.
"""


def make(
    file: Path,
    place: Path,
    *,
    masters: Path = editions.MASTERS,
    only: Sequence[str] = (),
    patients: int = student.PATIENTS,
    cores: int = 1,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
    say: Callable[[str], object] = print,
) -> int:
    """Make a class of the students of a roster, all of it or nothing.

    Parameters
    ----------
    file : the roster
    place : folder of the class; must not be there unless `force`
    only : exercises to hand out, by number or name, see `editions.masters`; all if none is given
    patients : in each student's cohort

    Returns
    -------
    Number of students.

    Raises
    ------
    InputError
        If the roster or a master is wrong, the class is there already, or an exercise that is asked
        for is not.
    """
    students = roster.read(file).to_dict("records")
    sources = editions.masters(masters, only)
    exercises = [editions.exercise(path) for path in sources]
    with _new(place, force, say) as staging:
        (staging / LECTURER).mkdir(parents=True)
        for path in sources:
            shutil.copyfile(path, staging / LECTURER / path.name)
        work = partial(_one, staging / STUDENTS, exercises, patients)
        with ProcessPoolExecutor(cores, mp_context=get_context("fork")) as pool:
            futures = {pool.submit(work, one): one for one in students}
            for done in as_completed(futures):
                futures[done]["cohort"] = done.result()
                progress(1)
        record = {
            "class": place.name,
            "allrelapse": allrelapse.__version__,
            "patients": patients,
            "students": students,
        }
        text = json.dumps(record, indent=1, ensure_ascii=False)
        (staging / LECTURER / RECORD).write_text(text + "\n", encoding="utf-8")
    return len(students)


def read_record(place: Path) -> dict[str, Any]:
    """Who is in a class that was made, with the digest of each cohort.

    Raises
    ------
    InputError
        If there is no class, or its record is damaged.
    """
    path = place / LECTURER / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        whole = [
            {"student", "name", "seed", "number", "cohort"} <= set(s) for s in record["students"]
        ]
    except FileNotFoundError:
        raise InputError(
            f"{place}: no class was made here; run `allrelapse classroom make`"
        ) from None
    except (ValueError, TypeError, KeyError):
        whole = []
    if not whole or not all(whole):
        raise InputError(f"{path} is damaged; make the class anew from its roster")
    return dict(record)


@contextmanager
def _new(place: Path, force: bool, say: Callable[[str], object]) -> Iterator[Path]:
    """A folder to fill, put in place when all has gone well."""
    _refuse_to_overwrite(place, force)
    place.parent.mkdir(parents=True, exist_ok=True)
    with places.alone(place, say):
        places.tidy(place)
        _refuse_to_overwrite(place, force)
        staging = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            yield staging
            places.put_in_place(staging, place)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _refuse_to_overwrite(place: Path, force: bool) -> None:
    if not place.exists():
        return
    if not force:
        raise InputError(
            f"{place} is there already; --force (FORCE=1 with make) puts the new class in its "
            "place, and what is in it (grades too) is gone; or take another --name (NAME=)"
        )
    if not (place / LECTURER / RECORD).is_file():
        raise InputError(
            f"{place} holds no class, so --force does not replace it; take another name"
        )


def _one(
    folder: Path, exercises: list[editions.Exercise], patients: int, one: dict[str, Any]
) -> str:
    """The folder of one student; gives the digest of its cohort."""
    from allrelapse import simulate
    from allrelapse.data import cohort as data

    own = folder / one["student"]
    made = simulate.cohort(one["seed"], patients=patients)
    data.write(replace(made, truth=None), own / student.COHORT)
    digest = student.digest(own / student.COHORT)
    about = json.dumps({"student": one["student"], "seed": one["number"], "cohort": digest})
    (own / student.ABOUT).write_text(about + "\n", encoding="utf-8")
    text = README.format(
        student=one["student"], exercises="\n".join(f"- `{e.name}.ipynb`" for e in exercises)
    )
    (own / "README.md").write_text(text, encoding="utf-8")
    for exercise in exercises:
        nbformat.write(exercise.given, own / f"{exercise.name}.ipynb")
    return digest
