"""The committed notebooks, run through the same door as `make reproduce`."""

import ast
import json
import re
import shutil
import subprocess
import sys

import cbioportal_folder
import nbformat
import pandas as pd
import pytest

from allrelapse import paths, simulate, study
from allrelapse.data import cohort

STUDY = study.load()
NOTEBOOKS = sorted((paths.REPOSITORY / "notebooks").glob("*.ipynb"))
EXPECTED = pd.read_csv(paths.REPOSITORY / "tests" / "expected_verdicts.csv", keep_default_na=False)

pytestmark = pytest.mark.xdist_group("notebooks")
# they need nothing of the reproduced study, and run beside it
OTHERS = pytest.mark.xdist_group("notebooks of other cohorts")


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


FEWER = {
    "00_study_overview": "{spread_seeds: 12}",
    "03_gene_enrichment": "{replicates: 1000}",
    "04_signature_extraction": "{other_cohorts: 0, replicates: 20}",
    "05_signature_attribution": "{control_step: 200}",
}


@pytest.fixture(scope="module")
def root(mirror, tmp_path_factory):
    """A copy of the study, reproduced."""
    folder = copied(tmp_path_factory.mktemp("study"))
    reproduce(folder)
    return folder


def copied(folder, without=()):
    """What a study needs beside the library; of what touches no verdict, little is enough here."""
    folder.mkdir(exist_ok=True)
    text = (paths.REPOSITORY / "study.yaml").read_text()
    for name in without:
        text, times = re.subn(rf"  - id: {name}\n.*?(?=\n  - id: |\Z)", "", text, flags=re.DOTALL)
        assert times == 1
    for notebook, parameters in FEWER.items():
        line = f"    notebook: notebooks/{notebook}.ipynb\n"
        assert line in text or notebook in without
        text = text.replace(line, line + f"    parameters: {parameters}\n")
    (folder / "study.yaml").write_text(text)
    for name in ("notebooks", "data"):
        shutil.copytree(paths.REPOSITORY / name, folder / name)
    return folder


def reproduce(folder, *arguments):
    command = [sys.executable, "-m", "allrelapse", "reproduce", "--study", folder / "study.yaml"]
    run = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def scorecard(folder):
    return pd.DataFrame(json.loads((folder / "results" / "scorecard.json").read_text()))


def test_verdicts_are_the_expected_ones(root):
    columns = ["claim", "kind", "data", "verdict"]
    pd.testing.assert_frame_equal(scorecard(root)[columns], EXPECTED[columns])


def test_the_readme_shows_the_scorecard_as_it_came_out(root):
    readme = (paths.REPOSITORY / "README.md").read_text()
    for row in scorecard(root).to_dict("records"):
        cells = [row[k] for k in ("statement", "published", "kind", "data", "found")]
        line = [*cells, f"**{row['verdict']}**"]
        shown = [[c.strip() for c in text.split("|")[1:-1]] for text in readme.splitlines()]
        assert line in shown, line


def test_every_figure_comes_with_vector_table_and_words(root):
    figures = list((root / "results" / "simulated").glob("*/figures/*.png"))
    assert len(figures) >= 6
    for figure in figures:
        assert figure.with_suffix(".svg").stat().st_size > 1000
        assert len(pd.read_csv(figure.with_suffix(".csv"))) > 1
        assert len(figure.with_suffix(".txt").read_text().split()) > 8


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
    # the cohort and what is drawn or fitted; counting is left out, as time is short
    copied(tmp_path, without=("00_study_overview", "02_mutation_landscape"))
    reproduce(tmp_path)
    first, again = (place / "results" / "simulated" for place in (root, tmp_path))
    kinds = {".csv", ".json", ".parquet"}
    tables = [p.relative_to(again) for p in again.rglob("*") if p.suffix in kinds]
    tables = [p for p in tables if p.name not in {"receipt.json"}]
    assert len(tables) > 40
    for table in tables:
        assert (first / table).read_bytes() == (again / table).read_bytes(), table


def test_a_run_with_other_settings_is_told_in_the_scorecard_and_put_right_again(root):
    run = [sys.executable, "-m", "allrelapse"]
    at = ["--study", root / "study.yaml"]
    subprocess.run([*run, "run", "01", "-p", "level=0.5", *at], capture_output=True, check=True)
    subprocess.run([*run, "scorecard", *at], capture_output=True, check=True)
    changed = scorecard(root).query("claim == 'early_over_late'").iloc[0]
    assert changed["note"].startswith("[run with level = 0.5] ")
    assert changed["verdict"] == "agrees"  # claims are judged at 95 % whatever is shown
    assert "parameter level changed" in reproduce(root)
    assert "run with" not in scorecard(root)["note"].str.cat()


@OTHERS
def test_without_data_and_network_the_study_still_ends_well(tmp_path, monkeypatch):
    # these use no open data, or leave it out as notebook 01 does
    others = ("00_study_overview", "02_mutation_landscape", "03_gene_enrichment")
    others += ("06_mutation_attribution", "07_clonal_evolution")
    copied(tmp_path, without=others)
    monkeypatch.delenv("ALLRELAPSE_MIRROR", raising=False)
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # the discard port: nobody listens
    reproduce(tmp_path)
    verdicts = scorecard(tmp_path).groupby("claim")["verdict"].agg(set)
    assert verdicts["prevalence_early"] == {"agrees"}
    assert verdicts["early_share"] == {"agrees", "data not at hand"}
    assert verdicts["signature_relapse"] == {"data not at hand"}


@OTHERS
def test_a_cbioportal_folder_goes_through_the_notebooks_that_it_has_data_for(tmp_path):
    study_folder = copied(tmp_path / "study")
    portal = tmp_path / "portal-30"
    gained = cbioportal_folder.write(portal, patients=30, seed=5)
    at = ["--study", study_folder / "study.yaml", "--cohort", portal]
    for number in ("00", "01"):
        run = [sys.executable, "-m", "allrelapse", "run", number, *at]
        subprocess.run(run, capture_output=True, text=True, check=True)
    results = study_folder / "results" / "portal-30"
    here = pd.read_csv(results / "01_relapse_timing" / "figures" / "cohort_carriers.csv")
    assert dict(zip(here["group"], here["carriers"], strict=True)) == gained
    assert here["patients"].sum() == 30
    evidence = json.loads((results / "01_relapse_timing" / "claims.json").read_text())
    kinds = {e["kind"] for e in evidence if e["data"] == "cohort portal-30"}
    assert kinds == {"replicated"}
    flow = pd.read_csv(results / "00_study_overview" / "figures" / "flow.csv").set_index("step")
    assert flow.loc["with mutations of both", "samples"] == 60
    assert not (results / "00_study_overview" / "figures" / "spread.png").exists()


@OTHERS
def test_a_cohort_of_b_lineage_without_serial_samples_goes_through_the_genes(tmp_path):
    study_folder = copied(tmp_path / "study")
    whole = simulate.cohort(4, patients=24, serial_patients=0)
    people = whole.patients[whole.patients["lineage"] == "B"]
    taken = whole.samples[whole.samples["patient"].isin(people["patient"])]
    called = whole.mutations[whole.mutations["sample"].isin(taken["sample"])]
    # real patients as far as the study knows: no planted truth comes with them
    real = people.assign(protocol="another")
    cohort.write(cohort.Cohort("only-b", real, taken, called), tmp_path / "only-b")
    for number in ("02", "03"):
        run = [sys.executable, "-m", "allrelapse", "run", number]
        run += ["--study", study_folder / "study.yaml", "--cohort", tmp_path / "only-b"]
        subprocess.run(run, capture_output=True, text=True, check=True)
    results = study_folder / "results" / "only-b"
    burden = pd.read_csv(results / "02_mutation_landscape" / "figures" / "burden.csv")
    assert set(burden["patient"]) == set(people["patient"])
    evidence = json.loads((results / "03_gene_enrichment" / "claims.json").read_text())
    own = [e for e in evidence if e["data"] == "cohort only-b"]
    assert [e["kind"] for e in own] == ["replicated"]
    # so few relapses cannot exclude any of the 12 genes: what cannot fail gets no verdict
    assert own[0]["value"] is None
    assert "too few to exclude" in own[0]["note"]
    found = pd.read_csv(results / "03_gene_enrichment" / "tables" / "gained_against_lost.csv")
    assert found["gained"].sum() > 0


@OTHERS
def test_a_cohort_without_mutations_is_told_and_the_rest_still_runs(tmp_path):
    study_folder = copied(tmp_path / "study")
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "patients.csv").write_text("patient,relapse_day\n<b>A</b>,100\n")
    at = ["--study", study_folder / "study.yaml", "--cohort", tmp_path / "few"]
    run = [sys.executable, "-m", "allrelapse", "run", "01", *at]
    refused = subprocess.run(run, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "line 2, column patient" in refused.stderr
    (tmp_path / "few" / "patients.csv").write_text("patient,relapse_day,subtype\nA,100,<b>x</b>\n")
    subprocess.run(run, capture_output=True, text=True, check=True)
    for number in ("00", "02", "03", "07", "08"):
        subprocess.run([*run[:4], number, *at], capture_output=True, text=True, check=True)
    results = study_folder / "results" / "few"
    evidence = json.loads((results / "01_relapse_timing" / "claims.json").read_text())
    own = [e for e in evidence if e["data"] == "cohort few"]
    assert len(own) == 3
    assert all(e["value"] is None for e in own)
    page = (results / "00_study_overview" / "notebook.html").read_text()
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
