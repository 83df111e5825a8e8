"""Grades what a class handed in: each submission alone, and no key before all of them are done.

First every submission runs, fenced in, and leaves its answers as plain values. Only then the
masters run on the same cohorts, and answers are compared with what they give. So while a student's
code runs there is no key that it could find, on disk or in memory.
"""

import importlib
import json
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from allrelapse import places
from allrelapse.classroom import cells, editions, fence, gradebook, jobs, student, submission
from allrelapse.classroom.key import Key
from allrelapse.classroom.make_class import GRADES, LECTURER, STUDENTS, read_record
from allrelapse.errors import InputError

TRUSTED = fence.Limits(seconds=900)  # the first time, compilation takes most of it
PRELOADED = (
    "lifelines",
    "numba",
    "seaborn",
    "statsmodels.api",
    "IPython.core.interactiveshell",
    *(
        f"allrelapse.{name}"
        for name in (
            "classroom.check",
            "classroom.student",
            "simulate",
            "timing",
            "survival",
            "signatures",
            "enrichment",
            "evolution.branching",
            "evolution.clones",
            "evolution.therapy",
            "evolution.growth",
            "drugs",
            "data.reference",
            "data.published",
            "data.spectra",
        )
    ),
)
"""What notebooks import: imported once, here, and there at once in every process."""
NOTHING = "nothing was handed in"
OF_A_CELL = 0.25
"""Share of the time of a submission that one of its cells may take."""
Task = tuple[str, str]
"""Student and exercise."""


@dataclass
class Graded:
    """What a run of grading found.

    rows : of the gradebook
    notes : by student
    strangers : files and folders among the submissions that are of nobody in the class
    untouched : exercises that nobody handed in
    ungraded : why the reference solution fails on the cohort of a student, by task
    fenced : whether submissions were fenced in by Landlock
    seconds : that each submission took
    """

    rows: list[dict[str, Any]]
    notes: dict[str, list[str]]
    strangers: list[str]
    untouched: list[str]
    fenced: bool
    ungraded: dict[Task, str] = field(default_factory=dict)
    seconds: dict[Task, float] = field(default_factory=dict)


def grade(
    submissions: Path,
    place: Path,
    *,
    only: Sequence[str] = (),
    limits: fence.Limits | None = None,
    cores: int = 1,
    force: bool = False,
    progress: Callable[[int], object] = lambda done: None,
) -> Graded:
    """Grade a folder of submissions, one folder per student, and write the gradebook.

    Parameters
    ----------
    submissions : with folders named as the students' ids
    place : folder of the class, where `grades` is written
    only : exercises to grade, by number or name, see `editions.masters`; all if none is given
    limits : of each submission
    progress : called with 1 for each of 2 * students * exercises steps

    Raises
    ------
    InputError
        If there is no class or no such exercise, nothing was handed in, a cohort of the class is
        not as it was made, a master fails, or grades are there and `force` is not said.
    """
    place = place.resolve()  # submissions run in folders of their own
    limits, record = limits or fence.Limits(), read_record(place)
    people = {one["student"]: one for one in record["students"]}
    folders, strangers = _handed_in(submissions, people)
    masters = {path.stem: path for path in editions.masters(place / LECTURER, only)}
    if (place / GRADES).exists() and not force:
        raise InputError(
            f"{place / GRADES} is there already; --force (FORCE=1 with make) "
            "puts new grades in its place"
        )
    example = place / STUDENTS / next(iter(people))
    exercises = {name: editions.handed_out(example / f"{name}.ipynb") for name in masters}
    for one in people.values():
        _same_cohort(place, one)
    for module in PRELOADED:
        importlib.import_module(module)
    all_tasks = [(who, name) for who in people for name in exercises]
    wanted = _wanted(place, exercises, cores)
    notes: dict[Task, tuple[str, ...]] = dict.fromkeys(all_tasks, (NOTHING,))
    work = _submissions(place, exercises, folders, wanted, limits.seconds * OF_A_CELL, notes)
    ends = {end.name: end for end in _told(jobs.run(work, limits, cores=cores), progress)}
    solved = _told(_solved(place, list(ends), cores), progress)
    keys = {end.name: _key(end, exercises[end.name[1]]) for end in solved}
    progress(2 * (len(all_tasks) - len(ends)))
    absent = {who: [NOTHING] for who in people if who not in folders}
    untouched = [name for name in exercises if name not in {exercise for _, exercise in ends}]
    result = Graded([], absent, strangers, untouched, bool(fence.version()))
    for task in all_tasks:
        (who, name), (key, fault) = task, keys.get(task, (None, ""))
        if fault:
            result.ungraded[task] = fault
        told = notes[task], ends.get(task), None if fault else key, fault
        rows, amiss = gradebook.rows(people[who], exercises[name], *told)
        result.rows += rows
        if amiss and who in folders:
            result.notes.setdefault(who, []).extend(f"{name}: {note}" for note in amiss)
    for who, folder in folders.items():
        if submission.foreign_cohort(folder, people[who]["cohort"]):
            words = "the cohort that was handed in is not the one that was given; it was not used"
            result.notes.setdefault(who, []).append(words)
    result.seconds = {task: end.seconds for task, end in ends.items()}
    _write(result, place)
    return result


def size(place: Path, only: Sequence[str] = ()) -> tuple[int, int]:
    """Number of students of a class, and of exercises, or of those that are asked for."""
    return len(read_record(place)["students"]), len(editions.masters(place / LECTURER, only))


def _handed_in(submissions: Path, people: Iterable[str]) -> tuple[dict[str, Path], list[str]]:
    """Folders of the class's students, and names of what else is there."""
    if not submissions.is_dir():
        raise InputError(f"{submissions}: there is no such folder; give the one with submissions")
    there = {path.name: path for path in sorted(submissions.resolve().iterdir())}
    folders = {name for name, path in there.items() if path.is_dir() and not path.is_symlink()}
    known = {who: there.pop(who) for who in people if who in folders}
    if not known:
        raise InputError(
            f"{submissions}: no folder is named as a student of the class; there must be one per "
            f"student, such as {next(iter(people))}/"
        )
    return known, [name for name in there if not name.startswith(".")]


def _same_cohort(place: Path, one: dict[str, Any]) -> None:
    folder = place / STUDENTS / one["student"] / student.COHORT
    if not folder.is_dir() or student.digest(folder) != one["cohort"]:
        raise InputError(
            f"{folder} is not as it was made, so there is no telling what is right; make the class "
            "anew from its roster under another name, and take `students` from there"
        )


def _given(place: Path, who: str) -> tuple[Path, ...]:
    own = place / STUDENTS / who
    return own / student.COHORT, own / student.ABOUT


def _wanted(
    place: Path, exercises: dict[str, editions.Exercise], cores: int
) -> dict[str, dict[str, list[str]]]:
    """Names of the answers, by exercise and question, from a first run of every master.

    It has a teacher's cohort, and leaves compiled code in the cache, which submissions may read
    but not write.

    Raises
    ------
    InputError
        If a master fails, or lacks an expectation.
    """
    wanted = {}
    for end in _solved(place, [("", name) for name in exercises], cores, names_only=True):
        key, fault = _key(end, exercises[end.name[1]])
        if fault:
            raise InputError(f"the master {end.name[1]} fails: {fault}")
        wanted[end.name[1]] = {q: [one["name"] for one in expected] for q, expected in key.items()}
    return wanted


def _submissions(
    place: Path,
    exercises: dict[str, editions.Exercise],
    folders: dict[str, Path],
    wanted: dict[str, dict[str, list[str]]],
    seconds: float,
    notes: dict[Task, tuple[str, ...]],
) -> Iterator[jobs.Job]:
    """What there is to run, read when its turn comes; `notes` is told what was amiss."""
    for who, folder in folders.items():
        for name, exercise in exercises.items():
            one = submission.read(folder, exercise)
            notes[who, name] = one.notes
            if one.code:
                work = partial(cells.answers, one.code, wanted[name], seconds=seconds)
                yield jobs.Job((who, name), work, copied=_given(place, who))


def _solved(
    place: Path, tasks: list[Task], cores: int, *, names_only: bool = False
) -> Iterator[jobs.End]:
    """Run the reference solution of each exercise on each student's cohort."""
    return jobs.run(
        (
            jobs.Job(
                (who, name),
                partial(
                    cells.expectations, place / LECTURER / f"{name}.ipynb", names_only=names_only
                ),
                fenced=False,
                copied=_given(place, who) if who else (),
            )
            for who, name in tasks
        ),
        TRUSTED,
        cores=cores,
    )


def _key(end: jobs.End, exercise: editions.Exercise) -> tuple[Key, str]:
    """What a reference solution gave, by question, and why it is of no use, or nothing."""
    lines = [json.loads(line) for line in end.output.splitlines()]
    key = {one["question"]: one["expected"] for one in lines if "expected" in one}
    faults = [f"{one['question']}: {one['failed']}" for one in lines if "failed" in one]
    faults += [end.fault] if end.fault else []
    faults += [f"{question} expects nothing" for question in exercise.points if question not in key]
    return key, faults[0] if faults else ""


def _told(ends: Iterator[jobs.End], progress: Callable[[int], object]) -> Iterator[jobs.End]:
    for end in ends:
        progress(1)
        yield end


def _write(result: Graded, place: Path) -> None:
    grades = place / GRADES
    with places.alone(grades, print):
        places.tidy(grades)
        staging = grades.with_name(f".{GRADES}.{secrets.token_hex(4)}")
        try:
            staging.mkdir()
            gradebook.write(result.rows, result.notes, staging)
            places.put_in_place(staging, grades)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
