"""Tables of a cohort in the form that the methods of evolution take."""

import numpy as np
import pandas as pd
import pytest

from allrelapse.evolution.evidence import (
    cells_by_clone,
    founder_reads,
    gained,
    nested,
    paired_reads,
    variant_names,
)

PLACE = {"Reference_Allele": "C", "Tumor_Seq_Allele2": "T"}


def mutations(rows):
    columns = ["sample", "Chromosome", "Start_Position", "t_alt_count", "t_depth", "copy_number"]
    return pd.DataFrame(rows, columns=columns).assign(**PLACE)


SAMPLES = pd.DataFrame(
    {
        "sample": ["A-D", "A-R", "A-G"],
        "patient": "A",
        "stage": ["diagnosis", "relapse", "germline"],
        "purity": [0.8, 0.9, 0.0],
    }
)


def test_pairs_are_named_by_place_and_stage():
    table = paired_reads(
        mutations([("A-D", "17", 100, 3, 60, 2.0), ("A-R", "17", 100, 0, 50, np.nan)]), SAMPLES
    )
    assert table["variant"].tolist() == ["17:100 C>T"] * 2
    assert table["sample"].tolist() == ["diagnosis", "relapse"]
    assert table["purity"].tolist() == [0.8, 0.9]
    assert table["copy_number"].tolist() == [2.0, 2.0]  # two where it is not known
    assert table["ccf"].tolist() == pytest.approx([3 / 60 * 2 / 0.8, 0])


@pytest.mark.parametrize(("sex", "copies"), [("male", [1, 2]), ("female", [2, 2]), (None, [2, 2])])
def test_a_males_x_has_one_copy_in_normal_cells(sex, copies):
    rows = [("A-D", "X", 1, 1, 30, 1.0), ("A-D", "1", 1, 1, 30, 2.0)]
    table = paired_reads(mutations(rows), SAMPLES, sex)
    assert table["normal_copies"].tolist() == copies
    of_all = [
        1 * 0.8 + copies[0] * 0.2,
        2 * 0.8 + copies[1] * 0.2,
    ]  # copies in a cell of the sample
    assert table["ccf"].tolist() == pytest.approx([n / 30 / 0.8 for n in of_all])


def test_germline_and_deletions_without_reads_are_no_evidence_of_clones():
    rows = [
        ("A-D", "1", 1, np.nan, np.nan, 1.0),
        ("A-G", "1", 2, 0, 30, 2.0),
        ("A-D", "1", 3, 0, 9, 2.0),
    ]
    assert paired_reads(mutations(rows), SAMPLES)["Start_Position"].tolist() == [3]


def test_cells_of_a_clone_are_twice_the_share_of_its_pooled_reads():
    """Heterozygous: (10 + 30)/(100 + 100) of reads is 40 % of cells; 60 % of reads is all."""
    samples = pd.DataFrame({"serial_sample": ["S1", "S2"], "day": [0.0, 50.0]})
    reads = pd.DataFrame(
        {
            "serial_sample": ["S1", "S1", "S1", "S2"],
            "Chromosome": "1",
            "Start_Position": [1, 2, 3, 1],
            "t_alt_count": [10, 30, 60, 30],
            "t_depth": [100, 100, 100, 500],
        }
    ).assign(**PLACE)
    clone = pd.Series({"1:1 C>T": 1, "1:2 C>T": 1, "1:3 C>T": 2, "9:9 C>T": 3})
    cells = cells_by_clone(samples, reads, clone, 1e12, error=1e-6)
    assert cells.loc[0, 1] == pytest.approx(4e11, rel=1e-5)
    assert cells.loc[0, 2] == pytest.approx(1e12)
    assert cells.loc[50, 1] == pytest.approx(1e12 * 2 * 30 / 500, rel=1e-3)
    few = reads.assign(t_alt_count=[10, 30, 60, 1])  # as many as wrong bases give
    assert cells_by_clone(samples, few, clone, 1e12).loc[50, 1] == 0
    assert np.isnan(cells.loc[50, 2])  # not read on that day
    assert list(cells.columns) == [1, 2]


def test_a_doubling_time_without_an_upper_limit_is_not_used():
    patients = pd.DataFrame({"patient": ["A", "B"], "relapse_day": [300.0, 400.0]})
    pace = pd.DataFrame(
        {"doubling_days": [8.0, 20.0], "lower": [7.0, 10.0], "upper": [9.0, np.inf]},
        index=["A", "B"],
    )
    table = gained(patients, pd.DataFrame(index=pd.Index([], name="patient")), pace)
    width = np.log(9 / 7) / (2 * 1.9599640)
    assert table.loc["A", "doubling"] == 8
    assert table.loc["A", "doubling_se"] == pytest.approx(width)
    assert table.loc["B", ["doubling", "doubling_se"]].isna().all()


def test_names_of_variants_are_unique_per_change():
    table = mutations([("A-D", "1", 1, 0, 9, 2.0)] * 2)
    table.loc[1, "Tumor_Seq_Allele2"] = "G"
    assert variant_names(table).tolist() == ["1:1 C>T", "1:1 C>G"]


def test_no_clone_is_smaller_than_its_children_together():
    cells = pd.DataFrame({1: [9.0, 5.0], 2: [4.0, 4.0], 3: [3.0, 3.0], 4: [6.0, 0.0]})
    table = nested(cells, {1: None, 2: 1, 3: 1, 4: 3})
    assert table.to_dict("list") == {1: [10, 7], 2: [4, 4], 3: [6, 3], 4: [6, 0]}


def test_founder_reads_leave_out_what_deep_reads_of_the_diagnosis_show():
    """One of 5,000 is a wrong base, 50 are a subclone that the genome had missed."""
    place = {"Chromosome": "1", **PLACE}
    series = pd.DataFrame({"serial_sample": ["S1", "S2"], "patient": "A", "day": [0.0, 300.0]})
    reads = pd.DataFrame(
        {
            "serial_sample": ["S1", "S2"] * 2,
            "Start_Position": [1, 1, 2, 2],
            "t_alt_count": [1, 900, 50, 900],
            "t_depth": 5000,
        }
    ).assign(**place)
    seen = pd.DataFrame(
        {
            "patient": "A",
            "Start_Position": [1, 2],
            "when": "relapse only",
            "ccf_relapse": 1.0,
            "HGVSp_Short": None,
        }
    ).assign(**place)
    table = founder_reads(series, reads, seen)
    assert table[["t_alt_count", "t_depth"]].to_numpy().tolist() == [[1, 5000], [900, 5000]]
