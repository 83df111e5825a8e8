"""The commands `allrelapse classroom make` and `allrelapse classroom grade`."""

import os
import re
import sys
import time
from pathlib import Path

import click

from allrelapse import paths
from allrelapse.errors import InputError

CLASSES = paths.REPOSITORY / "results" / "classroom"

cores_option = click.option(
    "--cores", type=click.IntRange(1), default=os.cpu_count(), help="Processes at a time."
)
exercises_option = click.option(
    "--exercises",
    default="",
    metavar="LIST",
    help="Numbers or names, such as 1,4 (default: all).",
)


@click.group()
def classroom() -> None:
    """The study as a course: exercises for every student, and grading; see docs/teaching.md."""


@classroom.command(
    epilog="""\b
Examples:
  allrelapse classroom make roster.csv
  allrelapse classroom make roster.csv --name spring --patients 103
  allrelapse classroom make roster.csv --exercises 1,4
"""
)
@click.argument("roster", type=click.Path(path_type=Path))
@click.option("--name", help="Of the class and its folder (default: the roster's, without .csv).")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=CLASSES,
    help="Folder of classes (default: results/classroom).",
)
@click.option(
    "--patients", type=click.IntRange(40, 1000), default=60, show_default=True, help="Per student."
)
@exercises_option
@click.option("--force", is_flag=True, help="Put the class in the place of one of that name.")
@cores_option
def make(
    roster: Path,
    name: str | None,
    output: Path,
    patients: int,
    exercises: str,
    force: bool,
    cores: int,
) -> None:
    """Make a folder for every student of a ROSTER, and one for the lecturer.

    The roster is a table (CSV or Excel) with the columns `student` (an id that can name a folder)
    and, if you like, `name` and `seed` (of the student's cohort; by default it comes of the id).
    """
    from allrelapse.classroom import make_class
    from allrelapse.classroom import roster as rosters

    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", roster.name.split(".")[0])
    if not rosters.names_a_folder(name):
        raise InputError(
            f"--name {name!r}: must be letters, digits, . _ or -, as it names a folder"
        )
    start, place = time.monotonic(), output / name
    number = len(rosters.read(roster))
    label = f"making folders of {number} students"
    with click.progressbar(length=number, label=label, file=sys.stderr) as bar:
        make_class.make(
            roster,
            place,
            only=_listed(exercises),
            patients=patients,
            cores=cores,
            force=force,
            progress=bar.update,
            say=click.echo,
        )
    click.echo(f"class {name}: {number} students in {time.monotonic() - start:.0f} s")
    click.echo(f"  hand out the folders in {place / make_class.STUDENTS}")
    click.echo(f"  keep to yourself {place / make_class.LECTURER}")


@classroom.command(
    epilog="""\b
Examples:
  allrelapse classroom grade handed-in
  allrelapse classroom grade handed-in --exercises 1
  allrelapse classroom grade handed-in --class results/classroom/spring --seconds 120
"""
)
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option(
    "--class",
    "place",
    metavar="CLASS",
    type=click.Path(path_type=Path),
    help="Its name, or its folder (default: the only one in results/classroom).",
)
@exercises_option
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=60,
    show_default=True,
    help="Of each exercise of each student.",
)
@click.option(
    "--megabytes", type=click.IntRange(100), default=2000, show_default=True, help="The same."
)
@click.option("--force", is_flag=True, help="Put the grades in the place of earlier ones.")
@cores_option
def grade(
    submissions: Path,
    place: Path | None,
    exercises: str,
    seconds: float,
    megabytes: int,
    force: bool,
    cores: int,
) -> None:
    """Grade the folder SUBMISSIONS, which holds one folder per student, named as the id.

    Writes grades/gradebook.csv, totals.csv and a letter of feedback per student into the class.
    """
    from allrelapse.classroom import fence, grade_class, make_class

    place, only, start = _class(place), _listed(exercises), time.monotonic()
    students, number = grade_class.size(place, only)
    label = f"grading {students} students, {number} exercise{'s' * (number > 1)}"
    with click.progressbar(length=2 * students * number, label=label, file=sys.stderr) as bar:
        graded = grade_class.grade(
            submissions,
            place,
            only=only,
            limits=fence.Limits(seconds=seconds, megabytes=megabytes),
            cores=cores,
            force=force,
            progress=bar.update,
        )
    if graded.strangers:
        click.echo(f"not in the class, not graded: {', '.join(graded.strangers)}", err=True)
    if graded.untouched:
        click.echo(
            f"nobody handed in {', '.join(graded.untouched)}: no points there for anybody; with "
            "--exercises you choose what to grade",
            err=True,
        )
    for (who, name), why in graded.ungraded.items():
        click.echo(
            f"{name} of {who} does not count: the reference solution fails there ({why})", err=True
        )
    if not graded.fenced:
        click.echo(
            "this system has no Landlock (Linux from 5.13): time and memory of submissions were "
            "limited, but not what they may read and write; see docs/teaching.md",
            err=True,
        )
    click.echo(f"graded in {time.monotonic() - start:.0f} s, see {place / make_class.GRADES}")


def _listed(exercises: str) -> list[str]:
    return exercises.replace(",", " ").split()


def _class(place: Path | None) -> Path:
    """The folder of a class by its name or path; the only one there is if none is given."""
    if place is not None:
        return CLASSES / place if (CLASSES / place / "lecturer").is_dir() else place
    there = [path for path in sorted(CLASSES.glob("*")) if (path / "lecturer").is_dir()]
    if len(there) != 1:
        names = ", ".join(path.name for path in there) or "none"
        raise InputError(
            f"which class? There are {names} in {CLASSES}; say --class NAME (CLASS=NAME with make)"
        )
    return there[0]
