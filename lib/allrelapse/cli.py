"""The command `allrelapse`."""

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from allrelapse import paths
from allrelapse.classroom.commands import classroom
from allrelapse.errors import DataNotAtHandError, InputError

if TYPE_CHECKING:
    from allrelapse.study import Study

FAILED, BAD_INPUT, NOT_AT_HAND = 1, 2, 3
STORY = 6
"""Lines of an error that are printed; all are in `failed/error.txt`."""

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


@click.group(
    epilog="Exit codes: 0 done, 1 an analysis failed, 2 wrong input, 3 data not at hand; "
    "`verify --help` names its own."
)
@click.version_option(package_name="allrelapse")
def cli() -> None:
    """A reproducible study of therapy-induced mutations in relapsed childhood leukaemia."""


@cli.command(
    epilog="""\b
Examples:
  allrelapse run 01
  allrelapse run 01_relapse_timing -p level=0.99 -p "cuts=[12, 36]"
"""
)
@click.argument("analysis")
@click.option("-p", "settings", multiple=True, metavar="NAME=VALUE", help="Set a parameter.")
@click.option("--unless-current", is_flag=True, help="Do nothing if the results are current.")
@cohort_option
@study_option
def run(
    analysis: str, settings: tuple[str, ...], unless_current: bool, cohort: str | None, file: Path
) -> None:
    """Run one ANALYSIS; its id may be shortened, `01` will do.

    Results go to results/COHORT/ANALYSIS when the run has succeeded. Until then earlier ones stay.
    """
    from allrelapse import parameters
    from allrelapse import run as runner

    study, chosen = _load(file), parameters.from_text(settings)
    entry = study.find(analysis)
    name = entry.id
    runner.chosen(study, entry, cohort or study.cohort, chosen)  # before a cohort is taken in
    cohort = _cohort(study, cohort)
    start = time.monotonic()
    try:
        folder = runner.run(
            study,
            name,
            cohort=cohort,
            parameters=chosen,
            unless_current=unless_current,
            say=click.echo,
        )
    except runner.RunError as error:
        failed = _short(study.results(cohort) / name / runner.FAILED)
        story = "".join(f"\n  {line}" for line in str(error).splitlines()[:STORY])
        click.echo(f"{name}: failed after {_since(start)}{story}\n  see {failed}", err=True)
        sys.exit(FAILED)
    click.echo(f"{name}: done in {_since(start)}, see {_short(folder)}")


@cli.command(
    epilog="""\b
Examples:
  allrelapse reproduce
  allrelapse reproduce --cores 4 --require-open-data
"""
)
@cohort_option
@click.option("--cores", type=click.IntRange(1), default=os.cpu_count(), help="Runs at a time.")
@click.option("--require-open-data", is_flag=True, help="Exit with 3 if any is not at hand.")
@study_option
def reproduce(cohort: str | None, cores: int, require_open_data: bool, file: Path) -> None:
    """Run every analysis that is not current, then print the scorecard.

    An analysis is current while its notebook, parameters, inputs, open data, the library, the
    locked environment and its own outputs are what its receipt says.
    """
    from allrelapse import reproduce as runner
    from allrelapse import run

    study = _load(file)
    cohort = _cohort(study, cohort)
    names = [n for a in study.analyses for n in (*a.open_data.required, *a.open_data.optional)]
    lacking = _fetch(list(dict.fromkeys(names)))
    todo, without_data = runner.plan(study, cohort)
    for name, reason in todo.items():
        click.echo(f"{name}: to run, {reason}")
    for name, reason in without_data.items():
        lacks = ", ".join(run.missing(study, study.find(name), cohort))
        click.echo(f"{name}: not run ({reason}), as it needs {lacks}: not at hand")
    if not todo:
        click.echo("Nothing to run.")
    failed = runner.execute(study, file, cohort, todo, cores) if todo else []
    _scorecard(study, cohort)
    for name in failed:
        place = study.results(cohort) / name / "failed"
        place = place if place.exists() else runner.work_folder(study, cohort) / "snakemake.log"
        click.echo(f"{name} failed, see {_short(place)}", err=True)
    sys.exit(FAILED if failed else NOT_AT_HAND if lacking and require_open_data else 0)


@cli.command(
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

    study = _load(file)
    cohort = _cohort(study, cohort)
    start = time.monotonic()
    with click.progressbar(length=0, label="specifications", file=sys.stderr) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        found = runner.run(
            study, cohort, cores=cores, claim=claim, say=click.echo, progress=progress
        )
    click.echo(f"{found.computed} computed, {found.kept} kept, in {_since(start)}")
    for chain, reason in found.without.items():
        click.echo(f"{chain}: left out, {reason}")
    columns = ["claim", "kind", "data", "verdict", "words"]
    shown = found.robustness[columns].rename(columns={"words": "holds"})
    click.echo(f"\n{shown.to_markdown(index=False, tablefmt='simple')}")
    click.echo(f"\nsee {_short(found.folder)}")
    _scorecard(study, cohort, printed=False)


@cli.command(
    epilog="""\b
Example:
  allrelapse scorecard --cohort simulated
"""
)
@cohort_option
@study_option
def scorecard(cohort: str | None, file: Path) -> None:
    """Write and print the scorecard of the results that are there."""
    study = _load(file)
    folder = study.results(Path(cohort or study.cohort).name)
    if not folder.is_dir():
        raise InputError(f"no results of cohort {folder.name!r} in {_short(folder.parent)}")
    _scorecard(study, folder.name)


@cli.command(
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

    study = _load(file)
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


@cli.group()
def data() -> None:
    """The open data files: what they are, and fetching them; and your own data, checked."""


@data.command(
    "list",
    epilog="""\b
Example:
  allrelapse data list
""",
)
def data_list() -> None:
    """Name every open data file, with its size, its licence and what it holds."""
    from allrelapse.data import open_data

    for name, entry in open_data.registry().items():
        click.echo(f"{name}\n  {entry.bytes:,} bytes, {entry.licence}\n  {entry.holds}")


@data.command(
    "fetch",
    epilog="""\b
Examples:
  allrelapse data fetch
  allrelapse data fetch pcawg7/WES_Other.96.csv
""",
)
@click.argument("names", nargs=-1)
def data_fetch(names: tuple[str, ...]) -> None:
    """Fetch and check the open data files of these NAMES, or all."""
    from allrelapse.data import open_data

    sys.exit(NOT_AT_HAND if _fetch(list(names or open_data.registry()), verbose=True) else 0)


@data.command(
    "check",
    epilog="""\b
Example:
  allrelapse data check my-cohort
""",
)
@click.argument("folder", type=click.Path(path_type=Path))
@study_option
def data_check(folder: Path, file: Path) -> None:
    """Read the cohort in a FOLDER, and tell what is in it or what is wrong with it.

    Nothing is written. data/README.md says which forms are read.
    """
    from allrelapse import cohorts
    from allrelapse.data import cohort
    from allrelapse.data.forms import native

    study, found = _load(file), cohort.load(folder)
    cohorts.refuse_reserved(found.name, folder)
    click.echo(f"{found.name}: {found.form}, positions of {found.build or 'no stated genome'}")
    for name, table in found.tables.items():
        gaps = [column for column in table if table[column].isna().all()]
        without = f"; without {', '.join(map(str, gaps))}" if gaps else ""
        rows = "row" if len(table) == 1 else "rows"
        click.echo(f"  {name}: {len(table):,} {rows}{without}")
    for note in found.notes:
        click.echo(f"  note: {note}")
    if cohort.FORMS.get(found.form, native) is native and (others := cohorts.unread(folder)):
        click.echo(f"  note: files that are none of our tables, not read: {', '.join(others)}")
    for analysis in study.analyses:
        lacks = [n for n in analysis.cohort.required if n not in found.tables]
        partly = [n for n in analysis.cohort.optional if n not in found.tables]
        words = f"needs {', '.join(lacks)}" if lacks else "can run"
        words += f" (without {', '.join(partly)})" if partly and not lacks else ""
        click.echo(f"  {analysis.id}: {words}")


@cli.command(
    epilog="""\b
Examples:
  allrelapse simulate --seed 7 --output my-cohort
  allrelapse simulate --patients 10000 --seed 7 --cores 2
  allrelapse simulate --list
"""
)
@click.option("--patients", type=click.IntRange(1), help="Patients with a relapse.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="New folder for the tables (default: results/cohorts/simulated-PATIENTS-SEED).",
)
@click.option(
    "--settings", "file", type=click.Path(path_type=Path), help="YAML file with other settings."
)
@click.option("--csv", is_flag=True, help="Write CSV instead of Parquet.")
@click.option("--cores", type=click.IntRange(1), default=1, show_default=True)
@click.option("--list", "listed", is_flag=True, help="List all settings and their sources.")
def simulate(
    patients: int | None,
    seed: int,
    output: Path | None,
    file: Path | None,
    csv: bool,
    cores: int,
    listed: bool,
) -> None:
    """Make a cohort of relapsed leukaemia whose truth is known.

    The same seed gives the same files, on any number of cores. Use it with `--cohort FOLDER`.
    """
    from allrelapse.simulate import settings as own
    from allrelapse.simulate.write import write

    if listed:
        click.echo(own.table().to_markdown(index=False, tablefmt="simple"))
        return
    values = own.read(file) if file else {}
    chosen = own.make(values | ({"patients": patients} if patients else {}))
    name = f"simulated-{chosen.patients}-{seed}"
    output = output or paths.REPOSITORY / "results" / "cohorts" / name
    start = time.monotonic()
    with click.progressbar(length=chosen.patients, label="patients", file=sys.stderr) as bar:
        write(output, seed, chosen, csv=csv, cores=cores, progress=bar.update)
    click.echo(f"{chosen.patients:,} patients in {_since(start)}, see {_short(output)}")


cli.add_command(classroom)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and exit with its code; what a user did wrong gives no traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        code = cli.main(arguments, prog_name="allrelapse", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        click.echo("interrupted; what was finished is kept, all else is as before", err=True)
        code = 128 + signal.SIGINT
    except OSError as error:
        click.echo(f"cannot use {error.filename or 'a file'}: {error.strerror or error}", err=True)
        code = FAILED
    except InputError as error:
        click.echo(str(error), err=True)
        code = NOT_AT_HAND if isinstance(error, DataNotAtHandError) else BAD_INPUT
    sys.exit(code or 0)


def _load(file: Path) -> "Study":
    """The study file, checked against the claims and the open data that there are."""
    from allrelapse import claims, study
    from allrelapse.data import open_data

    return study.load(
        file, known_claims=list(claims.ledger().index), known_open_data=open_data.registry()
    )


def _cohort(study: "Study", cohort: str | None) -> str:
    """Name of the cohort, taken in if the study has any use for it."""
    from allrelapse import cohorts

    cohort = cohort or study.cohort
    if not study.needs_cohort:
        return cohort
    return cohorts.prepare(study, cohort, say=click.echo).name


def _fetch(names: list[str], *, verbose: bool = False) -> list[str]:
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


def _scorecard(study: "Study", cohort: str, *, printed: bool = True) -> None:
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
    click.echo(words + ", ".join(map(_short, written)))


def _since(start: float) -> str:
    seconds = round(time.monotonic() - start)
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"


def _short(path: Path) -> str:
    """The path as seen from the working folder, if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
