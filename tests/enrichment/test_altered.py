"""Genes hit between diagnosis and relapse."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse import enrichment, simulate
from allrelapse.data import tables

SAMPLES = tables.complete(
    pd.DataFrame(
        {
            "sample": ["A-D", "A-R", "A-R2", "B-D", "B-R", "C-R"],
            "patient": ["A", "A", "A", "B", "B", "C"],
            "stage": ["diagnosis", "relapse", "relapse", "diagnosis", "relapse", "relapse"],
            "day": [0, 300, 900, 0, 500, 200],
        }
    ),
    "samples",
)
PATIENTS = tables.complete(
    pd.DataFrame({"patient": ["A", "B", "C"], "timing": ["early", "early", "very early"]}),
    "patients",
)


def mutations(*rows):
    table = pd.DataFrame(
        rows, columns=["sample", "Hugo_Symbol", "Variant_Classification", "t_alt_count"]
    )
    table["t_alt_count"] = table["t_alt_count"].astype("Int64")
    # one silent mutation each, as a sample without any counts as not sequenced
    quiet = pd.DataFrame({"sample": SAMPLES["sample"], "Variant_Classification": "Silent"})
    table = pd.concat([table, quiet], ignore_index=True)
    return tables.complete(table.assign(Chromosome="1", Start_Position=1), "mutations")


def found(*rows, **options):
    table = enrichment.altered_genes(mutations(*rows), SAMPLES, **options)
    return {(r.patient, r.gene): (r.diagnosis, r.relapse) for r in table.itertuples()}


def test_a_gene_is_told_with_the_stages_at_which_it_is_altered():
    assert found(
        ("A-R", "NT5C2", "Missense_Mutation", 20),
        ("B-D", "TP53", "Nonsense_Mutation", 9),
        ("B-R", "TP53", "Nonsense_Mutation", 8),
        ("B-D", "FPGS", "Frame_Shift_Del", 8),
    ) == {
        ("A", "NT5C2"): (False, True),
        ("B", "TP53"): (True, True),
        ("B", "FPGS"): (True, False),
    }


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("A-R", "NT5C2", "Silent", 20), "the protein stays as it is"),
        (("A-R", "NT5C2", None, 20), "it is in no gene's exon"),
        (("A-R", "NRAS", "Missense_Mutation", 20), "not one of the genes"),
        (("A-R", "NT5C2", "Missense_Mutation", 2), "fewer reads than errors make"),
        (("A-R2", "NT5C2", "Missense_Mutation", 20), "not the first relapse"),
        (("C-R", "NT5C2", "Missense_Mutation", 20), "no diagnosis to compare with"),
    ],
)
def test_what_does_not_count(row, why):
    assert found(row) == {}, why


def test_a_mutation_without_reads_was_called_and_a_lost_gene_counts():
    assert found(("A-R", "NR3C1", "Gene_Deletion", None)) == {("A", "NR3C1"): (False, True)}


def test_a_patient_whose_diagnosis_has_no_mutation_at_all_does_not_count():
    """It was hardly sequenced: everything at relapse would look gained."""
    table = mutations(("A-R", "NT5C2", "Missense_Mutation", 20))
    table = table[table["sample"] != "A-D"]
    assert enrichment.altered_genes(table, SAMPLES).empty
    counts = enrichment.gained_by_timing(table, SAMPLES, PATIENTS)
    assert counts.to_dict("records") == [{"group": "early", "carriers": 0, "patients": 1}]


def test_other_genes_and_thresholds_can_be_asked_for():
    row = ("A-R", "NRAS", "Missense_Mutation", 2)
    assert found(row, genes=["NRAS"], reads=2) == {("A", "NRAS"): (False, True)}


def test_gained_by_timing_counts_patients_with_both_samples_once():
    table = enrichment.gained_by_timing(
        mutations(
            ("A-R", "NT5C2", "Missense_Mutation", 20),
            ("A-R", "PRPS1", "Missense_Mutation", 20),
            ("B-D", "TP53", "Missense_Mutation", 20),
            ("B-R", "TP53", "Missense_Mutation", 20),
        ),
        SAMPLES,
        PATIENTS,
    )
    assert table.to_dict("records") == [{"group": "early", "carriers": 1, "patients": 2}]


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(shuffle):
    rows = [
        ("A-R", "NT5C2", "Missense_Mutation", 20),
        ("B-D", "TP53", "Missense_Mutation", 20),
        ("B-R", "FPGS", "Missense_Mutation", 20),
    ]
    expected = found(*rows)
    shuffle.shuffle(rows)
    assert found(*rows) == expected


def test_planted_alterations_are_found_again():
    """Of the patients with a planted clone of 30 % or more at most 15 % may be missed.

    At depth 60 and purity .85 such a clone gives 7 to 8 reads; P(fewer than 4) is about 5 %, so
    15 of 100 missed would be more than four standard errors away.
    """
    cohort = simulate.cohort(3, patients=100, serial_patients=0)
    table = enrichment.altered_genes(cohort.mutations, cohort.samples)
    gained = set(table.loc[table["relapse"] & ~table["diagnosis"], "patient"])
    clones = cohort.truth["clones"]
    large = clones[clones["gene"].notna() & (clones["ccf_relapse"] >= 0.3)]
    planted = set(large["patient"])
    assert len(planted) > 20
    assert len(planted - gained) <= 0.15 * len(planted)
    false = gained - set(clones.loc[clones["gene"].notna(), "patient"])
    false -= set(cohort.truth["patients"].query("altered")["patient"])
    assert len(false) <= 2  # passengers in 12 of 20,000 genes: about 0.2 a cohort
