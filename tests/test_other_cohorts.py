"""The committed notebooks on other cohorts than the simulated one, and without open data."""

import json

import cbioportal_folder
import pandas as pd
import pytest
from study_copy import FEWER, copied, reproduce, run, scorecard

from allrelapse import simulate
from allrelapse.data import cohort


@pytest.fixture(autouse=True)
def nothing_at_hand(tmp_path, monkeypatch):
    """No open data, and no network to fetch them from."""
    monkeypatch.delenv("ALLRELAPSE_MIRROR", raising=False)
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")  # the discard port: nobody listens


def test_without_data_and_network_the_study_still_ends_well(tmp_path):
    # these use no open data or leave them out as notebook 01 does; 09 and 10 run without below
    others = ("00_study_overview", "02_mutation_landscape", "03_gene_enrichment")
    others += ("06_mutation_attribution", "07_clonal_evolution", "09_survival", "10_drug_response")
    least = {"04_signature_extraction": "{other_cohorts: 0, replicates: 2, most: 3}"}
    copied(tmp_path, without=others, fewer=FEWER | least)
    reproduce(tmp_path)
    verdicts = scorecard(tmp_path).groupby("claim")["verdict"].agg(set)
    assert verdicts["prevalence_early"] == {"agrees"}
    assert verdicts["early_share"] == {"agrees", "data not at hand"}
    assert verdicts["signature_relapse"] == {"data not at hand"}
    assert verdicts["doubling_time"] == {"agrees", "data not at hand"}


def test_a_cbioportal_folder_goes_through_the_notebooks_that_it_has_data_for(
    tmp_path, nothing_at_hand
):
    study_folder = copied(tmp_path / "study")
    portal = tmp_path / "portal-30"
    gained = cbioportal_folder.write(portal, patients=30, seed=5)
    for number in ("00", "01"):
        run(study_folder, number, "--cohort", portal)
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


def test_a_cohort_of_b_lineage_without_serial_samples_goes_through_the_genes(
    tmp_path, nothing_at_hand
):
    study_folder = copied(tmp_path / "study")
    whole = simulate.cohort(4, patients=24, serial_patients=0)
    people = whole.patients[whole.patients["lineage"] == "B"]
    taken = whole.samples[whole.samples["patient"].isin(people["patient"])]
    called = whole.mutations[whole.mutations["sample"].isin(taken["sample"])]
    # real patients as far as the study knows: no planted truth comes with them
    real = people.assign(protocol="another")
    cohort.write(cohort.Cohort("only-b", real, taken, called), tmp_path / "only-b")
    for number in ("02", "03", "09"):
        run(study_folder, number, "--cohort", tmp_path / "only-b")
    results = study_folder / "results" / "only-b"
    burden = pd.read_csv(results / "02_mutation_landscape" / "figures" / "burden.csv")
    assert set(burden["patient"]) == set(people["patient"])
    evidence = json.loads((results / "03_gene_enrichment" / "claims.json").read_text())
    own = [e for e in evidence if e["data"] == "cohort only-b"]
    assert [e["kind"] for e in own] == ["replicated"]
    # so few relapses cannot exclude any of the 12 genes: what cannot fail gets no verdict
    assert own[0]["value"] is None
    assert "too few relapses to exclude" in own[0]["note"]
    found = pd.read_csv(results / "03_gene_enrichment" / "tables" / "gained_against_lost.csv")
    assert found["gained"].sum() > 0


def test_a_cohort_without_mutations_is_told_and_the_rest_still_runs(tmp_path):
    study_folder = copied(tmp_path / "study")
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "patients.csv").write_text("patient,relapse_day\n<b>A</b>,100\n")
    few = "--cohort", tmp_path / "few"
    refused = run(study_folder, "01", *few, check=False)
    assert refused.returncode == 2
    assert "line 2, column patient" in refused.stderr
    (tmp_path / "few" / "patients.csv").write_text("patient,relapse_day,subtype\nA,100,<b>x</b>\n")
    for number in ("01", "00", "02", "03", "07", "08", "09", "10"):
        run(study_folder, number, *few)
    results = study_folder / "results" / "few"
    evidence = json.loads((results / "01_relapse_timing" / "claims.json").read_text())
    own = [e for e in evidence if e["data"] == "cohort few"]
    assert len(own) == 3
    assert all(e["value"] is None for e in own)
    page = (results / "00_study_overview" / "notebook.html").read_text()
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
