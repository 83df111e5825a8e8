"""Run whatever is not current, in parallel, through Snakemake."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from allrelapse import paths, run
from allrelapse.study import Study

PATIENCE = 15.0
"""Seconds for running analyses to clean up after an interrupt."""


def plan(
    study: Study, cohort: str, at_hand: run.AtHand = run.at_hand
) -> tuple[dict[str, str], dict[str, str]]:
    """Why analyses must run, by id: those that can, and those that lack required open data."""
    reasons = {a.id: run.state(study, a.id, cohort=cohort, at_hand=at_hand) for a in study.analyses}
    todo = {name: reason for name, reason in reasons.items() if reason != run.CURRENT}
    lacking = {name for name in todo if run.missing(study, study.find(name), cohort, at_hand)}
    return (
        {name: reason for name, reason in todo.items() if name not in lacking},
        {name: reason for name, reason in todo.items() if name in lacking},
    )


def work_folder(study: Study, cohort: str) -> Path:
    """Where Snakemake keeps its own files, its log and a flag per analysis done."""
    return study.results(cohort).parent / ".snakemake-work" / cohort


def execute(study: Study, file: Path, cohort: str, todo: Iterable[str], cores: int) -> list[str]:
    """Run the analyses in `todo` and return the ids of those that failed.

    One that fails does not stop the others. They report on themselves on stdout.
    """
    work = work_folder(study, cohort)
    work.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(paths.REPOSITORY / "Snakefile"),
    ]
    command += ["--directory", str(work), "--cores", str(cores), "--scheduler", "greedy"]
    command += ["--keep-going", "--rerun-incomplete", "--nolock", "--quiet", "all", "--nocolor"]
    command += ["--config", f"study={file.absolute()}", f"cohort={cohort}"]
    # Snakemake keeps copies of sources in the user's cache; ours is the better place.
    places = {"ALLRELAPSE_CACHE": paths.cache(), "XDG_CACHE_HOME": paths.cache() / "snakemake"}
    environment = os.environ | {name: str(place.absolute()) for name, place in places.items()}
    with (work / "snakemake.log").open("w") as log:
        # in a group of its own, so that _wait can stop it with all that it has started
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=log, env=environment, process_group=0
        )
        _wait(process)
    unfinished = [name for name in todo if not (work / f"{name}.done").exists()]
    return [n for n in unfinished if run.state(study, n, cohort=cohort) != run.CURRENT]


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Wait for Snakemake; if this process is told to stop, so are all that work for it."""
    try:
        process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        raise
