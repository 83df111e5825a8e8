"""When mutations are seen, and in what part of the cells."""

import pandas as pd
import pytest
from scipy.stats import binomtest

from allrelapse import signatures

SAMPLES = pd.DataFrame(
    {
        "sample": ["D", "R", "G"],
        "patient": ["P"] * 3,
        "stage": ["diagnosis", "relapse", "germline"],
        "day": [0.0, 500, 60],
        "purity": [0.9, 0.8, 0.0],
    }
)


def table(rows):
    """Rows of sample, position, reads, depth."""
    found = pd.DataFrame(rows, columns=["sample", "Start_Position", "t_alt_count", "t_depth"])
    about = {
        "Chromosome": "1", "Reference_Allele": "C", "Tumor_Seq_Allele2": "T", "context": "ACG",
        "Hugo_Symbol": None, "HGVSp_Short": None, "Variant_Classification": None,
        "copy_number": 2.0,
    }  # fmt: skip
    return found.astype({"t_alt_count": "Int64", "t_depth": "Int64"}).assign(**about)


def test_a_mutation_is_shared_or_of_one_sample_by_the_reads_that_show_it():
    rows = [("D", 1, 30, 60), ("R", 1, 25, 60), ("D", 2, 20, 60), ("R", 2, 2, 60)]
    rows += [("D", 3, 0, 60), ("R", 3, 12, 60), ("D", 4, 0, 60), ("R", 4, 1, 60)]
    found = signatures.occurrence(table(rows), SAMPLES).set_index("Start_Position")
    assert found["when"].to_dict() == {1: "shared", 2: "diagnosis only", 3: "relapse only"}
    assert (found["channel"] == "A[C>T]G").all()


def test_the_fraction_of_cells_is_that_of_one_copy_in_the_relapse():
    # purity .8, two copies everywhere: c = 2 v / .8; the limit is Clopper and Pearson's
    rows = [("D", 1, 30, 60), ("R", 1, 24, 60), ("D", 2, 0, 60), ("R", 2, 6, 60)]
    found = signatures.occurrence(table(rows), SAMPLES).set_index("Start_Position")
    assert found.loc[1, "ccf"] == pytest.approx(1.0)
    assert found.loc[2, "ccf"] == pytest.approx(0.25)
    high = binomtest(6, 60).proportion_ci(method="exact").high
    assert found.loc[2, "ccf_upper"] == pytest.approx(2 * high / 0.8)
    assert found["clonality"].to_dict() == {1: "clonal", 2: "subclonal"}


def test_the_fractions_at_diagnosis_and_relapse_stand_side_by_side():
    rows = [("D", 1, 27, 60), ("R", 1, 24, 60), ("R", 2, 6, 60), ("D", 3, 9, 60)]
    lost = table([("D", 9, 18, 60)]).assign(Reference_Allele=None, Tumor_Seq_Allele2=None)
    rows = pd.concat([table(rows), lost])
    found = signatures.occurrence(rows, SAMPLES).set_index("Start_Position")
    assert found["ccf_diagnosis"].to_dict() == pytest.approx({1: 1.0, 2: 0.0, 3: 1 / 3, 9: 2 / 3})
    assert found["ccf_relapse"].to_dict() == pytest.approx({1: 1.0, 2: 0.25, 3: 0.0, 9: 0.0})


def test_mutations_without_reads_were_called_but_have_no_fraction():
    rows = table([("D", 1, 30, 60), ("R", 2, None, None)])
    found = signatures.occurrence(rows, SAMPLES).set_index("Start_Position")
    assert found.loc[2, "when"] == "relapse only"
    assert pd.isna(found.loc[2, "clonality"])


def test_a_patient_without_both_samples_is_left_out():
    found = signatures.occurrence(table([("R", 1, 20, 60)]), SAMPLES)
    assert found.empty
    assert {"patient", "channel", "when", "ccf", "clonality"} <= set(found)


def test_a_relapse_gains_what_its_diagnosis_did_not_show():
    rows = [("D", 1, 30, 60), ("R", 1, 25, 60), ("D", 2, 20, 60), ("R", 2, 2, 60)]
    rows += [("D", 3, 2, 60), ("R", 3, 12, 60), ("R", 4, 15, 60), ("G", 5, 9, 60)]
    counts = signatures.gained_spectra(table(rows), SAMPLES)
    assert counts.sum().to_dict() == {"D": 2, "R": 2}
    assert counts.loc["A[C>T]G"].to_dict() == {"D": 2, "R": 2}
