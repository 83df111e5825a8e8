"""The command `allrelapse`: to run, reproduce and simulate; others are in modules by subject."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

import click

from allrelapse import paths
from allrelapse.commands.classroom import classroom
from allrelapse.commands.data import data
from allrelapse.commands.results import multiverse, scorecard, verify, write_scorecard
from allrelapse.commands.shared import (
    BAD_INPUT,
    FAILED,
    NOT_AT_HAND,
    cohort_of,
    cohort_option,
    fetch,
    load,
    short,
    since,
    study_option,
)
from allrelapse.errors import DataNotAtHandError, InputError

STORY = 6
"""Lines of an error that are printed; all are in `failed/error.txt`."""


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

    study, chosen = load(file), parameters.from_text(settings)
    entry = study.find(analysis)
    name = entry.id
    runner.chosen(study, entry, cohort or study.cohort, chosen)  # before a cohort is taken in
    cohort = cohort_of(study, cohort)
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
        failed = short(study.results(cohort) / name / runner.FAILED)
        story = "".join(f"\n  {line}" for line in str(error).splitlines()[:STORY])
        click.echo(f"{name}: failed after {since(start)}{story}\n  see {failed}", err=True)
        sys.exit(FAILED)
    click.echo(f"{name}: done in {since(start)}, see {short(folder)}")


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

    study = load(file)
    cohort = cohort_of(study, cohort)
    names = [n for a in study.analyses for n in (*a.open_data.required, *a.open_data.optional)]
    lacking = fetch(list(dict.fromkeys(names)))
    todo, without_data = runner.plan(study, cohort)
    for name, reason in todo.items():
        click.echo(f"{name}: to run, {reason}")
    for name, reason in without_data.items():
        lacks = ", ".join(run.missing(study, study.find(name), cohort))
        click.echo(f"{name}: not run ({reason}), as it needs {lacks}: not at hand")
    if not todo:
        click.echo("Nothing to run.")
    failed = runner.execute(study, file, cohort, todo, cores) if todo else []
    write_scorecard(study, cohort)
    for name in failed:
        place = study.results(cohort) / name / "failed"
        place = place if place.exists() else runner.work_folder(study, cohort) / "snakemake.log"
        click.echo(f"{name} failed, see {short(place)}", err=True)
    sys.exit(FAILED if failed else NOT_AT_HAND if lacking and require_open_data else 0)


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
    click.echo(f"{chosen.patients:,} patients in {since(start)}, see {short(output)}")


for command in (multiverse, scorecard, verify, data, classroom):
    cli.add_command(command)


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
