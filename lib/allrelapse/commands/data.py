"""The commands `allrelapse data list`, `fetch` and `check`."""

import sys
from pathlib import Path

import click

from allrelapse.commands.shared import NOT_AT_HAND, fetch, load, study_option


@click.group()
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

    sys.exit(NOT_AT_HAND if fetch(list(names or open_data.registry()), verbose=True) else 0)


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

    study, found = load(file), cohort.load(folder)
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
