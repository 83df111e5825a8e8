"""What several commands share: exit codes, options, the study and its cohort, ways to tell."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from allrelapse import paths
from allrelapse.errors import InputError

if TYPE_CHECKING:
    from allrelapse.study import Study

FAILED, BAD_INPUT, NOT_AT_HAND = 1, 2, 3

study_option = click.option(
    "--study",
    "file",
    type=click.Path(path_type=Path),
    default=paths.REPOSITORY / "study.yaml",
    help="Study file (default: the study.yaml of this repository).",
)
cohort_option = click.option(
    "--cohort",
    metavar="NAME|FOLDER",
    help="`simulated`, or a folder with tables of your own (default: the study file's).",
)


def load(file: Path) -> "Study":
    """The study file, checked against the claims and the open data that there are."""
    from allrelapse import claims, study
    from allrelapse.data import open_data

    return study.load(
        file, known_claims=list(claims.ledger().index), known_open_data=open_data.registry()
    )


def cohort_of(study: "Study", cohort: str | None) -> str:
    """Name of the cohort, taken in if the study has any use for it."""
    from allrelapse import cohorts

    cohort = cohort or study.cohort
    if not study.needs_cohort:
        return cohort
    return cohorts.prepare(study, cohort, say=click.echo).name


def fetch(names: list[str], *, verbose: bool = False) -> list[str]:
    """Fetch open data, tell what is amiss (or all), and return the names not at hand.

    Raises
    ------
    InputError
        If a file of the mirror is not the one it should be.
    """
    from allrelapse.data import open_data

    table = open_data.fetch_all(names)
    for name, status in table["status"].items():
        if verbose or status == "not at hand":
            click.echo(f"{name}: {status}")
    if corrupt := list(table.loc[table["status"] == "corrupt", "note"]):
        raise InputError("\n".join(corrupt))
    lacking = table[table["status"] == "not at hand"]
    if len(lacking):
        click.echo(lacking["note"].iloc[0], err=True)
    return list(lacking.index)


def since(start: float) -> str:
    """The time since a start by `time.monotonic`, in minutes and seconds."""
    seconds = round(time.monotonic() - start)
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def short(path: Path) -> str:
    """The path as seen from the working folder, if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
