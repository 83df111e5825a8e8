"""Build the site from results that are there: `make site`. Nothing of the study is run here."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import site_pages

from allrelapse import paths, places, run
from allrelapse.cli import BAD_INPUT, FAILED
from allrelapse.data import open_data
from allrelapse.errors import InputError
from allrelapse.study import Study, load

DOCS = paths.REPOSITORY / "docs"
BESIDE = (
    "CONTRIBUTING.md",
    "LICENSE",
    "study.yaml",
    "data",
    "notebooks",
    "benchmarks",
)
"""What the pages link to or include, by paths as in the repository."""


def without_data(study: Study) -> list[str]:
    """Ids of analyses that could not be run here, for want of data.

    Raises
    ------
    InputError
        If any other analysis has no results, or results that are not current.
    """
    folder, stale, lacking = study.results(study.cohort), [], []
    for analysis in study.analyses:
        # open data that are not at hand now change nothing, so nothing is fetched
        state = run.state(study, analysis.id, cohort=study.cohort, at_hand=lambda _: None)
        if state == run.CURRENT:
            continue
        if not (folder / analysis.id).exists() and run.missing(study, analysis, study.cohort):
            lacking.append(analysis.id)
        else:
            stale.append(f"{analysis.id} ({state})")
    if stale:
        raise InputError(
            f"the site shows results that are current, and these are not: {', '.join(stale)}.\n"
            "  Run `make reproduce`, then `make site` again."
        )
    return lacking


def stage(study: Study, lacking: list[str], folder: Path) -> Path:
    """Put the pages that people wrote and those that are generated into one folder of sources."""
    docs = folder / "docs"
    shutil.copytree(DOCS, docs, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        (folder / name).symlink_to(paths.REPOSITORY / name)
    shutil.copytree(paths.REPOSITORY / "benchmarks", docs / "benchmarks")
    readme = (paths.REPOSITORY / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(_seen_from_docs(readme), encoding="utf-8")
    for page in docs.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(_without_folder_links(text, page.parent), encoding="utf-8")
    site_pages.write(study, lacking, open_data.registry(), docs)
    return docs


def _without_folder_links(text: str, folder: Path) -> str:
    """The text of a page in `folder`, whose links to folders are words: these are no pages."""
    return re.sub(
        r"\[([^\]]+)\]\(([^)#:]+)\)",
        lambda link: link[1] if (folder / link[2]).is_dir() else link[0],
        text,
    )


def _seen_from_docs(readme: str) -> str:
    """The README, parts of which pages in docs include, with links that lead on from there.

    Links into `data` are turned where they are included; `benchmarks` has a copy among the pages.
    """
    return re.sub(
        r"(?<!!)\[([^\]]+)\]\((?!https?:|#|data/|benchmarks/)([^)]+)\)",
        lambda link: f"[{link[1]}]({os.path.relpath(link[2], DOCS.name)})",
        readme,
    )


def build(docs: Path, output: Path) -> None:
    """Run Sphinx; its warnings are errors.

    Raises
    ------
    InputError
        With what Sphinx said, if it found fault with a page.
    """
    command = [sys.executable, "-m", "sphinx", "--builder", "html", "--quiet", "--jobs", "auto"]
    command += ["--fail-on-warning", "--doctree-dir", str(docs.parent / "doctrees")]
    made = subprocess.run([*command, str(docs), str(output)], capture_output=True, text=True)
    if made.returncode:
        told = made.stderr.replace(str(docs.parent) + "/", "")
        raise InputError(f"pages to mend (paths as in the repository):\n{told.strip()}")


@click.command()
@click.option(
    "--study",
    "file",
    type=click.Path(path_type=Path),
    default=paths.REPOSITORY / "study.yaml",
    help="Study file; the site is made from, and put into, the `results` beside it.",
)
def main(file: Path) -> None:
    """Build the site into results/site, whole or not at all."""
    study = load(file)
    place = study.results(study.cohort).with_name("site")
    lacking = without_data(study)
    with places.alone(place, click.echo):
        places.tidy(place)
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as scratch:
            docs = stage(study, lacking, Path(scratch))
            click.echo(f"building {place}")
            output = Path(scratch) / "html"
            build(docs, output)
            site_pages.copy_figures(study, output)
            places.put_in_place(output, place)
    click.echo(f"open {place / 'index.html'}")


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except InputError as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(FAILED)
