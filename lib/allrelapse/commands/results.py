"""The commands on results that are there: `multiverse`, `scorecard` and `verify`."""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from allrelapse.commands.shared import cohort_of, cohort_option, load, short, since, study_option
from allrelapse.errors import InputError

if TYPE_CHECKING:
    from allrelapse.study import Study


@click.command(
    epilog="""\b
Examples:
  allrelapse multiverse
  allrelapse multiverse --claim two_step --cores 4
"""
)
@cohort_option
@click.option("--cores", type=click.IntRange(1), default=os.cpu_count(), help="Processes.")
@click.option("--claim", metavar="CLAIM", help="Compute for this claim only.")
@study_option
def multiverse(cohort: str | None, cores: int, claim: str | None, file: Path) -> None:
    """Does each verdict hold under every defensible choice of analysis?

    Runs all combinations of the choices that the study file declares, and writes the table of
    them, a label for each claim (robust, sensitive to a choice, or fragile) and a specification
    curve to results/COHORT/multiverse. What was computed is kept: an interrupted run goes on.
    """
    from allrelapse.multiverse import run as runner

    study = load(file)
    cohort = cohort_of(study, cohort)
    start = time.monotonic()
    with click.progressbar(length=0, label="specifications", file=sys.stderr) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        found = runner.run(
            study, cohort, cores=cores, claim=claim, say=click.echo, progress=progress
        )
    click.echo(f"{found.computed} computed, {found.kept} kept, in {since(start)}")
    for chain, reason in found.without.items():
        click.echo(f"{chain}: left out, {reason}")
    columns = ["claim", "kind", "data", "verdict", "words"]
    shown = found.robustness[columns].rename(columns={"words": "holds"})
    click.echo(f"\n{shown.to_markdown(index=False, tablefmt='simple')}")
    click.echo(f"\nsee {short(found.folder)}")
    write_scorecard(study, cohort, printed=False)


@click.command(
    epilog="""\b
Example:
  allrelapse scorecard --cohort simulated
"""
)
@cohort_option
@study_option
def scorecard(cohort: str | None, file: Path) -> None:
    """Write and print the scorecard of the results that are there."""
    study = load(file)
    folder = study.results(Path(cohort or study.cohort).name)
    if not folder.is_dir():
        raise InputError(f"no results of cohort {folder.name!r} in {short(folder.parent)}")
    write_scorecard(study, folder.name)


@click.command(
    epilog="""\b
Exit codes:
  0  all current
  1  the latest run of an analysis failed
  2  wrong input
  4  an output was changed by hand
  5  an analysis, the cohort or the scorecard is stale or was never made
  6  no results at all
  The first of 4, 1, 5 that holds; `make verify` itself always fails with 2.
\b
Examples:
  allrelapse verify
  allrelapse verify --results results-of-a-colleague --json
"""
)
@cohort_option
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    help="Folder that holds the results by cohort (default: results beside the study file).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
@study_option
def verify(cohort: str | None, results: Path | None, as_json: bool, file: Path) -> None:
    """Check the results against their receipts and against the study; runs and writes nothing.

    An analysis is current, stale (an input, parameter, package or the library is another now),
    changed by hand (an output is another, gone, or more than the receipt says), failed, or was
    never run. Contents are compared, no dates, so results of another machine can be checked.
    Data that are not at hand here are named and are no fault. Receipts are not signed: they show
    what happened to files, not who made them.
    """
    from allrelapse import verify as checks

    study = load(file)
    findings = checks.verify(study, Path(cohort or study.cohort).name, results)
    if as_json:
        click.echo(json.dumps(checks.as_json(findings), indent=1, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(finding)
        states = Counter(finding.state for finding in findings)
        click.echo("\n" + ", ".join(f"{times} {state}" for state, times in states.items()))
        if checks.exit_code(findings):
            click.echo("`make reproduce` makes anew whatever is not current.")
    sys.exit(checks.exit_code(findings))


def write_scorecard(study: "Study", cohort: str, *, printed: bool = True) -> None:
    """Write scorecard.* into the cohort's folder (results for the study's own), and print it."""
    from allrelapse import run, verify
    from allrelapse import scorecard as cards

    folder = study.results(cohort)
    lacking = [analysis.id for analysis in study.analyses if run.missing(study, analysis, cohort)]
    card = cards.scorecard(study, folder, lacking)
    place = folder.parent if cohort == study.cohort else folder
    written = card.write(place)
    verify.record_scorecard(place, written, lacking)
    words = f"\n{card}\n\nwith notes and sources: " if printed else "in the scorecard: "
    click.echo(words + ", ".join(map(short, written)))
