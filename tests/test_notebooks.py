"""The committed notebooks, run through the same door as `make reproduce`."""

import ast
import os
import re
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
from matplotlib.image import imread
from study_copy import copied, reproduce, run, scorecard

from allrelapse import claims, cohorts, figures, parameters, paths, study
from allrelapse.data import reference
from allrelapse.multiverse.given import Given
from allrelapse.multiverse.specifications import call, expand

STUDY = study.load()
NOTEBOOKS = sorted((paths.REPOSITORY / "notebooks").glob("*.ipynb"))
EXPECTED = pd.read_csv(paths.REPOSITORY / "tests" / "expected_verdicts.csv", keep_default_na=False)


def read(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_committed_notebooks_hold_no_outputs(path):
    assert not any(cell.outputs or cell.execution_count for cell in code(read(path)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_follow_the_skeleton(path):
    notebook = read(path)
    [entry] = [a for a in STUDY.analyses if paths.REPOSITORY / a.notebook == path]
    headings = [
        line
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    assert headings[0] == f"# {entry.title}"
    assert entry.title.endswith("?")
    last = ["## Beside the paper", "## What could be wrong", "## Try it yourself", "## Session"]
    assert headings[-4:] == last
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells) == 1
    assert 15 <= len(notebook.cells) <= 40


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_define_nothing_and_keep_cells_short(path):
    for cell in code(read(path)):
        assert len(cell.source.splitlines()) <= 20, cell.source
        kinds = {type(node) for node in ast.walk(ast.parse(cell.source))}
        assert not kinds & {ast.FunctionDef, ast.ClassDef}, cell.source
        assert "filterwarnings" not in cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_parameters_have_limits_that_their_defaults_keep(path):
    allowed = parameters.declared(path)
    free = [n for n, p in allowed.items() if not p.limits and n != "cohort"]
    assert not free
    defaults = {n: p.default for n, p in allowed.items()}
    assert parameters.check(allowed, defaults) == defaults
    if "cosmic_version" in allowed:
        choice = allowed["cosmic_version"].choice
        assert set(choice) <= set(reference.versions())
        assert all({"SBS86", "SBS87"} <= set(reference.cosmic(v)) for v in choice)


@pytest.fixture(scope="module")
def root(mirror, tmp_path_factory):
    """A copy of the study, reproduced."""
    folder = copied(tmp_path_factory.mktemp("study"))
    reproduce(folder)
    return folder


def test_verdicts_are_the_expected_ones(root):
    columns = ["claim", "kind", "data", "verdict"]
    pd.testing.assert_frame_equal(scorecard(root)[columns], EXPECTED[columns])


def test_the_readme_shows_the_scorecard_as_it_came_out(root):
    readme = (paths.REPOSITORY / "README.md").read_text()
    for row in scorecard(root).to_dict("records"):
        cells = [row[k] for k in ("statement", "published", "kind", "data", "found")]
        line = [*cells, f"**{row['verdict']}**"]
        shown = [[c.strip() for c in text.split("|")[1:-1]] for text in readme.splitlines()]
        assert line in [cells[: len(line)] for cells in shown], line


SHORTENED = {"new_signatures"}  # the copied study runs its notebook with fewer replicates
LONG = {"controls"}  # half a minute
CHAINS = [c for a in STUDY.analyses for c in a.multiverse if c.chain not in SHORTENED | LONG]


@pytest.fixture(scope="module")
def given(root):
    return Given(cohorts.read(root / "results" / "simulated" / "cohort"))


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain.chain)
def test_the_usual_specification_says_exactly_what_the_notebook_recorded(chain, root, given):
    recorded = {}
    for file in (root / "results" / "simulated").glob("*/claims.json"):
        for entry in claims.read(file):
            recorded[entry["claim"], entry["kind"], entry["data"]] = entry
    found = [one for one in call(given, expand(chain, {})[0]) if one.claim in chain.claims]
    assert {one.claim for one in found} == set(chain.claims)
    for one in found:
        entry = recorded[one.claim, one.kind, one.data]
        assert one.told == (entry["value"] is not None)
        if one.told:
            about = [one.value, *(one.interval or ()), one.n, one.truth or 0]
            expected = [entry["value"], *(entry["interval"] or ()), entry["n"], entry["truth"] or 0]
            assert about == pytest.approx(expected, rel=1e-9)


def test_the_study_is_verified_as_current_by_those_who_have_no_open_data(root, tmp_path):
    command = [sys.executable, "-m", "allrelapse", "verify", "--study", root / "study.yaml"]
    bare = os.environ | {"ALLRELAPSE_MIRROR": "", "ALLRELAPSE_CACHE": str(tmp_path)}
    for environment in (os.environ, bare):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_figure_comes_with_vector_table_and_words(root):
    pictures = list((root / "results" / "simulated").glob("*/figures/*.png"))
    assert len(pictures) >= 6
    for figure in pictures:
        assert figure.with_suffix(".svg").stat().st_size > 1000
        assert len(pd.read_csv(figure.with_suffix(".csv"))) > 1
        assert len(figure.with_suffix(".txt").read_text().split()) > 8


def test_every_figure_has_a_width_of_columns_and_no_words_are_cut_off(root):
    widths = {round(200 * inches) for inches in (figures.COLUMN, figures.MIDDLE, figures.PAGE)}
    for path in (root / "results" / "simulated").glob("*/figures/*.png"):
        ink = imread(path)[:, :, :3].min(axis=2) < 0.9
        assert ink.shape[1] in widths, path
        assert ink.shape[0] <= 200 * 10.2, path  # a page of a journal
        edges = (ink[:4], ink[-4:], ink[:, :4], ink[:, -4:])
        assert not any(edge.any() for edge in edges), path


def test_pages_ask_nothing_of_any_other_machine(root):
    for page in (root / "results").rglob("*.html"):
        text = page.read_text()
        assert 'src="http' not in text
        assert 'rel="stylesheet" href="http' not in text


def test_every_picture_on_a_page_has_its_words(root):
    pages = list((root / "results" / "simulated").glob("*/notebook.html"))
    assert len(pages) == len(STUDY.analyses)
    for page in pages:
        pictures = re.findall(r"<img\b[^>]*>", page.read_text())
        assert pictures
        for picture in pictures:
            words = re.search(r'alt="([^"]*)"', picture)
            assert words, page
            assert len(words[1].split()) > 5, (page, picture[-200:])


def test_tables_are_byte_identical_on_a_second_run(root, tmp_path):
    # as time is short, without the longest and without mere counting: what 04 to 06 draw is
    # asked of the functions that they call, and 01 is run again below
    others = ("00_study_overview", "01_relapse_timing", "02_mutation_landscape")
    others += ("04_signature_extraction", "05_signature_attribution", "06_mutation_attribution")
    copied(tmp_path, without=others)
    reproduce(tmp_path)
    first, again = (tables(place / "results" / "simulated") for place in (root, tmp_path))
    assert len(again) > 40
    for name, content in again.items():
        assert first[name] == content, name


def tables(folder):
    """Contents of all tables and records below a folder but receipts, which hold times."""
    kinds = {".csv", ".json", ".parquet"}
    found = [p for p in folder.rglob("*") if p.suffix in kinds and p.name != "receipt.json"]
    return {p.relative_to(folder): p.read_bytes() for p in found}


def test_a_run_with_other_settings_is_told_in_the_scorecard_and_put_right_again(root):
    folder = root / "results" / "simulated" / "01_relapse_timing"
    before = tables(folder)
    run(root, "01", "-p", "level=0.5")
    command = [sys.executable, "-m", "allrelapse", "scorecard", "--study", root / "study.yaml"]
    subprocess.run(command, capture_output=True, check=True)
    changed = scorecard(root).query("claim == 'early_over_late'").iloc[0]
    assert changed["note"].startswith("[run with level = 0.5] ")
    assert tables(folder) != before
    assert changed["verdict"] == "agrees"  # claims are judged at 95 % whatever is shown
    assert "parameter level changed" in reproduce(root)
    assert "run with" not in scorecard(root)["note"].str.cat()
    assert tables(folder) == before
