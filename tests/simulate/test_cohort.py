"""The whole simulated cohort: valid, the same for a seed, and true to what was planted."""

import hashlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, chi2, t

from allrelapse import claims, simulate
from allrelapse.data import cohort as data
from allrelapse.data import schemas, tables
from allrelapse.data.published import TIMING
from allrelapse.errors import InputError
from allrelapse.simulate.write import write

KEY = ["patient", *tables.VARIANT]
SMALL = {"patients": 10}


def same(one, other, **how):
    assert set(one) == set(other)
    for name, table in one.items():
        pd.testing.assert_frame_equal(
            table.reset_index(drop=True), other[name].reset_index(drop=True), obj=name, **how
        )


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


# The tables


def test_every_table_keeps_its_schema_and_they_fit_together(cohort, tmp_path):
    assert set(cohort.tables) == set(tables.SCHEMAS)
    for name, table in cohort.tables.items():
        schemas.validate(table, tables.SCHEMAS[name], tmp_path / name)
        assert list(table) == list(tables.SCHEMAS[name].columns)
    assert tables.misfits(cohort.tables) == []


def test_the_default_cohort_has_the_size_of_the_study(cohort):
    """FACTS section 1: 103 trios, 208 serial samples in 16 patients."""
    assert len(cohort.patients) == 103
    assert cohort.samples.groupby("stage").size().to_dict() == {
        "diagnosis": 103, "germline": 103, "relapse": 103,
    }  # fmt: skip
    assert len(cohort.serial_samples) == 208
    assert cohort.serial_samples["patient"].nunique() == 16


@pytest.mark.parametrize(("patients", "samples"), [(5, 65), (16, 208), (40, 208)])
def test_serial_samples_are_as_many_as_set_in_every_cohort(patients, samples):
    for seed in range(200):
        dealt = simulate.serial_samples(seed, simulate.make({"patients": patients}))
        assert sum(dealt.values()) == samples
        assert len(dealt) == min(patients, 16)
        assert min(dealt.values()) >= 4
        assert max(dealt) < patients


def test_a_cohort_without_serial_patients_has_no_serial_tables():
    made = simulate.cohort(1, patients=3, serial_patients=0)
    assert made.serial_samples is None
    assert made.serial_variants is None
    assert made.mutations is not None


def test_days_are_in_order(cohort):
    people = cohort.patients
    assert (people["relapse_day"] <= people["follow_up_day"]).all()
    late = people["second_relapse_day"].fillna(np.inf)
    assert (people["relapse_day"] < late).all()
    assert (people["transplant_day"].fillna(0) <= people["follow_up_day"]).all()
    relapse = cohort.samples[cohort.samples["stage"] == "relapse"].set_index("patient")["day"]
    assert (relapse == people.set_index("patient")["relapse_day"]).all()
    last = cohort.serial_samples.groupby("patient")["day"].agg(["min", "max"])
    assert (last["min"] == 0).all()
    assert (last["max"] == relapse[last.index]).all()


# Truth and what is observed


def test_every_called_mutation_has_one_truth_and_every_truth_was_called(cohort):
    truth = cohort.truth["mutations"]
    assert not truth.duplicated(KEY).any()
    seen = cohort.mutations.merge(cohort.samples[["sample", "patient", "stage"]], on="sample")
    deleted = seen["Variant_Classification"].eq("Gene_Deletion")
    sizes = seen[~deleted].groupby(KEY).size()
    assert (sizes == 2).all()  # one row for either sample
    called = seen.drop_duplicates(KEY).merge(truth, on=KEY, how="outer", indicator=True)
    assert (called["_merge"] == "both").all()


def test_mutations_have_the_reads_that_their_share_of_cells_and_copies_foretell(cohort):
    """Carter 2012, for clones whose multiplicity is one; calls need reads, so CCFs above .5."""
    seen = cohort.mutations.merge(cohort.samples, on="sample").merge(
        cohort.patients[["patient", "sex"]], on="patient"
    )
    seen = seen.merge(cohort.truth["mutations"], on=KEY)
    seen = seen[seen["clone"].ne("trunk") & seen["t_depth"].notna()]
    ccf = np.where(seen["stage"] == "diagnosis", seen["ccf_diagnosis"], seen["ccf_relapse"])
    seen = seen.assign(ccf=ccf)[ccf > 0.5]
    normal = np.where(seen["sex"].eq("male") & seen["Chromosome"].eq("X"), 1, 2)
    p, copies = seen["purity"], seen["copy_number"]
    fraction = p * seen["ccf"] / (p * copies + (1 - p) * normal)
    fraction = fraction * (1 - 1e-3) + (1 - fraction) * 1e-3 / 3
    depth = seen["t_depth"].astype(float)
    for copy in (1, 2, 3):
        mine = copies == copy
        expected = (depth * fraction)[mine].sum()
        variance = (depth * fraction * (1 - fraction))[mine].sum()
        assert mine.sum() > 100
        assert abs(seen.loc[mine, "t_alt_count"].sum() - expected) < 4 * np.sqrt(variance)


def test_what_only_the_relapse_has_is_not_seen_at_diagnosis_beyond_error(cohort):
    truth = cohort.truth["mutations"]
    new = truth[truth["ccf_diagnosis"].eq(0) & truth["clone"].str.startswith("relapse")]
    seen = new.merge(cohort.mutations.merge(cohort.samples, on="sample"), on=KEY)
    seen = seen[seen["stage"].eq("diagnosis") & seen["t_depth"].notna()]
    depth, reads = seen["t_depth"].sum(), seen["t_alt_count"].sum()
    rate = 1e-3 / 3
    assert len(seen) > 2000
    assert abs(reads - depth * rate) < 4 * np.sqrt(depth * rate)


def test_signatures_of_therapy_come_only_with_lineages_of_the_relapse(cohort):
    truth = cohort.truth["mutations"]
    therapy = truth[truth["cause"].isin(["SBS86", "SBS87"])]
    assert len(therapy) > 500
    assert therapy["clone"].str.startswith("relapse").all()
    assert (therapy["ccf_diagnosis"] == 0).all()
    people = cohort.truth["patients"].set_index("patient")
    before = people.index[people["founded_day"] < 0]
    largest = therapy[therapy["clone"] == "relapse-1"]
    assert not set(largest["patient"]) & set(before)
    for name, column in (("SBS87", "thiopurine_per_day"), ("SBS86", "sbs86_per_day")):
        hit = set(therapy.loc[therapy["cause"] == name, "patient"])
        assert hit <= set(people.index[people[column] > 0])


def test_a_founder_has_as_many_therapy_mutations_as_days_of_thiopurine(cohort):
    """Mutations per day, over all patients: consolidation 36-134, maintenance 197-910."""
    people = cohort.truth["patients"]
    single = people[people["mechanism"].isin(["pre-existing", "standing", "acquired", "other"])]
    days = sum(np.clip(single["founded_day"] - a, 0, b - a) for a, b in ((36, 134), (197, 910)))
    expected = (days * single["thiopurine_per_day"]).sum()
    truth = cohort.truth["mutations"]
    mine = truth[truth["clone"].eq("relapse-1") & truth["cause"].eq("SBS87")]
    clone = cohort.truth["clones"].query("clone == 'relapse-1'").set_index("patient")["ccf_relapse"]
    sure = set(clone.index[clone > 0.5])  # smaller clones are not called in full
    mine = mine[mine["patient"].isin(set(single["patient"]))]
    kept = single["patient"].isin(sure)
    assert kept.mean() > 0.7
    expected = (days * single["thiopurine_per_day"])[kept].sum()
    got = mine["patient"].isin(sure).sum()
    # at depth 60 a heterozygous variant of half of the cells is missed in under 1 % of draws
    assert abs(got - expected) < 4 * np.sqrt(expected) + 0.015 * expected


def test_planted_facts_of_patients_agree_with_their_clones_and_tables(cohort):
    people = cohort.truth["patients"].set_index("patient")
    observed = cohort.patients.set_index("patient")
    clones = cohort.truth["clones"]
    first = clones[clones["clone"] == "relapse-1"].set_index("patient")
    assert (people["founded_day"] == first["founded_day"]).all()
    assert (people["founded_before_diagnosis"] == (first["founded_day"] < 0)).all()
    assert (people["mechanism"] == first["mechanism"]).all()
    hit = clones.dropna(subset="gene").groupby("patient")["gene"].agg(set)
    for patient, row in people.iterrows():
        genes = hit.get(patient, set()) | ({row["mismatch_repair"]} - {None})
        assert row["altered"] == bool(genes)
        assert (row["altered_genes"] or "") == " ".join(sorted(genes))
    assert (people["therapy_signature"] == (people["therapy_share"] >= 0.05)).all()
    assert (tables.timing(observed["relapse_day"]) == observed["timing"]).all()
    dead = observed["status"] == "dead"
    assert (people["death_day"] - observed["follow_up_day"])[dead].abs().max() <= 1
    assert (people["death_day"] >= observed["follow_up_day"] - 0.5)[~dead].all()
    risk = {"NT5C2": 1.89, "TP53": 2.36}
    for patient, row in people.iterrows():
        genes = (row["altered_genes"] or "").split()
        ratio = np.prod([risk.get(gene, 1.0) for gene in genes])
        ratio *= 1.6 if observed.loc[patient, "lineage"] == "T" else 1
        assert row["log_hazard"] == pytest.approx(np.log(ratio))


def test_shares_of_signatures_are_recovered_from_the_mutations_of_the_founder(cohort):
    """Mutations of the largest lineage and its ancestors, counted by cause."""
    truth, clones = cohort.truth["mutations"], cohort.truth["clones"]
    z = []
    for patient, row in cohort.truth["patients"].set_index("patient").iterrows():
        mine = clones[clones["patient"] == patient].set_index("clone")
        if mine.loc["relapse-1", "ccf_relapse"] < 0.5:
            continue
        line, name = [], "relapse-1"
        while name is not None:
            line.append(name)
            name = mine.loc[name, "parent"]
        found = truth[truth["patient"].eq(patient) & truth["clone"].isin(line)]
        count, share = len(found), row["therapy_share"]
        hits = found["cause"].isin(["SBS86", "SBS87"]).sum()
        if share == 0:
            assert hits == 0
        else:
            z.append((hits - count * share) / np.sqrt(count * share * (1 - share)))
    assert len(z) > 25
    assert abs(np.mean(z)) < 4 / np.sqrt(len(z))
    assert np.sum(np.square(z)) < chi2.ppf(1 - 1e-4, len(z))


def test_serial_tables_and_their_truth_have_the_same_rows(cohort):
    samples, truth = cohort.serial_samples, cohort.truth
    assert samples["serial_sample"].tolist() == truth["serial_samples"]["serial_sample"].tolist()
    key = ["serial_sample", *tables.VARIANT]
    pd.testing.assert_frame_equal(
        cohort.serial_variants[key], truth["serial_variants"][key], check_dtype=False
    )
    both = truth["serial_variants"].merge(truth["serial_samples"], on="serial_sample")
    assert (both["carrying_cells"] <= both["leukaemia_cells"] * (1 + 1e-9)).all()
    reads = cohort.serial_variants.merge(both, on=key)
    fraction = reads["carrying_cells"] / reads["leukaemia_cells"].clip(lower=7.5e11) / 2
    mean = fraction * (1 - 1e-4) + (1 - fraction) * 1e-4 / 3
    total = reads["t_depth"].astype(float)
    variance = mean * (1 - mean) * total * (1 + (total - 1) / 2e4)
    z = (reads["t_alt_count"] - total * mean) / np.sqrt(variance)
    assert abs(z.sum()) < 4 * np.sqrt(len(z))
    clear = z[total * mean > 5].astype(float)  # nearly normal, row by row
    assert len(clear) > 500
    assert (clear**2).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / len(clear)))


def test_relapse_burden_in_serial_samples_is_near_detection(cohort):
    last = cohort.serial_samples.sort_values("day").groupby("patient").tail(1)
    cells = last.merge(cohort.truth["serial_samples"], on="serial_sample")["leukaemia_cells"]
    spread = 0.4 * np.log(10)  # of detection, between patients
    assert abs(np.log(cells / 1e11).mean()) < 4 * spread / np.sqrt(len(cells)) + 0.1
    assert not last["mrd_below"].any()


def test_mrd_below_the_limit_is_the_limit(cohort):
    for table in (cohort.patients, cohort.serial_samples):
        below = table["mrd_below"].astype(bool)
        assert below.any()
        assert (table.loc[below, "mrd_percent"] == 0.01).all()
        assert (table.loc[~below, "mrd_percent"] >= 0.01).all()
        assert (table["mrd_percent"] <= 100).all()


def test_mrd_is_a_percentage_however_much_leukaemia_there_is():
    made = simulate.cohort(1, patients=20, multidrug_rate=1e-9, mrd_noise=2.0, marrow=1e9)
    assert made.patients["mrd_percent"].max() == 100


def test_boys_x_chromosomes_are_single(cohort):
    seen = cohort.mutations.merge(cohort.samples, on="sample").merge(cohort.patients, on="patient")
    x = seen[seen["Chromosome"].eq("X") & seen["Variant_Classification"].ne("Gene_Deletion")]
    plain = x[x["subtype"] != "high hyperdiploid"]
    assert set(plain.loc[plain["sex"] == "male", "copy_number"]) == {1}
    assert set(plain.loc[plain["sex"] == "female", "copy_number"]) == {2}


def test_no_thiopurine_and_no_sbs86_leave_neither_signature():
    made = simulate.cohort(4, patients=40, thiopurine_prone=0, sbs86_prone=0)
    assert not made.truth["mutations"]["cause"].isin(["SBS86", "SBS87"]).any()
    assert not made.truth["patients"]["therapy_signature"].any()
    assert (made.truth["patients"]["therapy_share"] == 0).all()


# The same for a seed


def test_a_patient_is_the_same_in_a_cohort_of_any_size():
    few, many = simulate.cohort(5, patients=10), simulate.cohort(5, patients=60)
    for name in ("patients", "samples", "mutations"):
        one, other = getattr(few, name), getattr(many, name)
        pd.testing.assert_frame_equal(one, other.iloc[: len(one)])
    for name in ("patients", "clones", "mutations"):
        one, other = few.truth[name], many.truth[name]
        pd.testing.assert_frame_equal(one, other.iloc[: len(one)])


def test_seeds_differ():
    one, other = (simulate.cohort(seed, patients=3) for seed in (6, 7))
    assert not one.patients.equals(other.patients)
    assert not one.drug_response["viability"].equals(other.drug_response["viability"])


def test_blocks_made_side_by_side_are_the_same():
    with ThreadPoolExecutor(2) as pool:
        one = simulate.cohort(8, executor=pool, patients=55)
    other = simulate.cohort(8, patients=55)
    same(one.tables, other.tables)
    same(one.truth, other.truth)


def test_files_are_the_same_byte_by_byte_on_two_cores_and_in_another_process(tmp_path):
    settings = simulate.make({"patients": 52})
    write(tmp_path / "one", 9, settings, cores=1)
    write(tmp_path / "two", 9, settings, cores=2)
    code = (
        "import sys; from pathlib import Path; from allrelapse import simulate;"
        "from allrelapse.simulate.write import write;"
        "write(Path(sys.argv[1]), 9, simulate.make({'patients': 52}))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "three")], check=True)
    first = digests(tmp_path / "one")
    assert {"patients.parquet", "truth/clones.parquet", "cohort.yaml"} <= set(first)
    assert digests(tmp_path / "two") == first
    assert digests(tmp_path / "three") == first


# Files


def test_a_written_cohort_is_read_back_with_its_truth_from_parquet_and_csv(tmp_path):
    made = simulate.cohort(10, patients=8)
    for csv in (False, True):
        folder = tmp_path / ("csv" if csv else "parquet")
        write(folder, 10, simulate.make({"patients": 8}), csv=csv)
        back = data.load(folder)
        assert back.build == "GRCh37"
        assert {path.suffix for path in folder.glob("*.*")} == {
            ".csv" if csv else ".parquet", ".yaml",
        }  # fmt: skip
        same(back.truth, made.truth, check_dtype=False)
        for name, table in made.tables.items():
            pd.testing.assert_frame_equal(
                back.tables[name], table, check_dtype=not csv, rtol=1e-9, obj=name
            )


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already: name another folder"):
        write(tmp_path, 1, simulate.make(SMALL))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(InputError, match="is there already"):
        write(tmp_path / "notes.txt", 1, simulate.make(SMALL))


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", 1, simulate.make({"patients": 2}))
    assert (tmp_path / "empty" / "patients.parquet").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_nothing_half_written_is_left_when_it_is_interrupted(error, tmp_path):
    def stop(_):
        raise error

    with pytest.raises(error):
        write(tmp_path / "cohort", 1, simulate.make(SMALL), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_the_patients(tmp_path):
    told = []
    write(tmp_path / "cohort", 1, simulate.make({"patients": 53}), progress=told.append)
    assert sum(told) == 53


def test_settings_are_kept_with_the_truth():
    kept = simulate.cohort(11, patients=2, dormant=0.3).truth["settings"].set_index("setting")
    assert kept.loc["seed", "value"] == "11"
    assert kept.loc["dormant", "value"] == "0.3"
    assert set(kept.index) == {"seed", *simulate.Settings.model_fields}


# What a study would report of it


@pytest.fixture(scope="module")
def spread():
    return simulate.aggregates(range(30), simulate.Settings())


AGGREGATES = {
    "prevalence_very_early": 17, "prevalence_early": 65, "prevalence_late": 32, "early_share": 55,
    "signature_prevalence": 27, "signature_mutations": 46, "convergent": 6,
}  # fmt: skip


@pytest.mark.parametrize("claim", AGGREGATES)
def test_published_aggregates_lie_inside_the_spread_of_simulated_cohorts(claim, spread):
    """Inside a 95 % prediction interval for one more cohort, as 30 say little of their tails."""
    published = claims.value(claim)
    assert published == AGGREGATES[claim]  # FACTS section 1
    values = spread[claim]
    reach = t.ppf(0.975, 29) * values.std() * np.sqrt(1 + 1 / 30)
    assert abs(published - values.mean()) < reach


def test_no_aggregate_is_pinned(spread):
    """A cohort's percentage scatters at least as a share of independent patients does."""
    early = spread["early_share"].mean() / 100
    sizes = {
        "prevalence_very_early": 103 * spread["very_early_share"].mean() / 100,
        "prevalence_early": 103 * early,
        "prevalence_late": 103 * (1 - early - spread["very_early_share"].mean() / 100),
        "early_share": 103,
        "signature_prevalence": 103,
    }
    least = np.sqrt(chi2.ppf(1e-3, 29) / 29)  # of a standard deviation from 30 values
    for name, size in sizes.items():
        share = spread[name].mean() / 100
        assert spread[name].std() > least * 100 * np.sqrt(share * (1 - share) / size), name
    counts = spread["convergent"]
    assert counts.std() > least * np.sqrt(counts.mean() * (1 - counts.mean() / 103))


def test_aggregates_are_those_of_the_cohort_of_that_seed(cohort):
    row = simulate.aggregates([3], simulate.Settings()).iloc[0]
    people = cohort.truth["patients"].merge(cohort.patients[["patient", "timing"]], on="patient")
    shares = 100 * people.groupby("timing")["altered"].mean()
    for group in TIMING:
        assert row[f"prevalence_{group.replace(' ', '_')}"] == pytest.approx(shares[group])
    assert row["early_share"] == pytest.approx(100 * people["timing"].eq("early").mean())
    assert row["signature_prevalence"] == pytest.approx(100 * people["therapy_signature"].mean())
    assert row["convergent"] == people["convergent"].sum()
    assert row["relapse_risk"] == pytest.approx(100 * 103 / people["treated"].sum())
    four = cohort.truth["clones"].query("gene in ['NT5C2', 'PRPS1', 'NR3C1', 'TP53']")
    caused = four["cause"].isin(["SBS86", "SBS87"])
    assert row["signature_mutations"] == pytest.approx(100 * caused.mean())


def test_signatures_of_therapy_are_as_rare_in_very_early_relapses_as_the_paper_says(cohort):
    """In early and late, not in very early relapses (Li 2020, abstract)."""
    people = cohort.truth["patients"].merge(cohort.patients[["patient", "timing"]], on="patient")
    found = people.groupby("timing")["therapy_signature"].agg(["sum", "size"])
    assert binom.cdf(found.loc["very early", "sum"], found.loc["very early", "size"], 0.27) < 0.2
    assert found.loc["early", "sum"] > 0


def test_the_settings_of_a_cohort_can_be_read_back_from_its_truth(tmp_path):
    chosen = {"patients": 3, "thiopurine_prone": 0.0, "hazard_ratios": {"TP53": 2.0}}
    write(tmp_path / "c", 1, simulate.make(chosen))
    read = data.load(tmp_path / "c")
    assert simulate.settings_of(read) == simulate.make(chosen)
    with pytest.raises(InputError, match="only a simulated one"):
        simulate.settings_of(replace(read, truth=None))


def test_simulated_patients_cannot_pass_for_real_ones(tmp_path):
    write(tmp_path / "c", 1, simulate.make({"patients": 2}))
    shutil.rmtree(tmp_path / "c" / "truth")
    with pytest.raises(InputError, match="would pass for real"):
        data.load(tmp_path / "c")
