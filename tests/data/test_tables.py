"""The tables of a cohort: what they accept, what they refuse, and what must fit between them."""

import numpy as np
import pandas as pd
import pytest

from allrelapse.data import schemas, tables
from allrelapse.errors import InputError

GOOD = {
    "patients": {
        "patient": "P1", "timing": "early", "relapse_day": 500.0, "lineage": "B",
        "subtype": "ETV6::RUNX1", "age_years": 4.5, "sex": "female", "wbc": 12.0,
        "mrd_percent": 0.01, "mrd_below": True, "protocol": "ALL 2015", "follow_up_day": 900.0,
        "status": "alive", "second_relapse_day": 700.0, "transplant_day": 650.0,
    },
    "samples": {
        "sample": "P1-D", "patient": "P1", "stage": "diagnosis", "day": 0.0, "purity": 0.9,
        "platform": "genome",
    },
    "mutations": {
        "sample": "P1-D", "Hugo_Symbol": "NT5C2", "Chromosome": "10", "Start_Position": 104852955,
        "Reference_Allele": "C", "Tumor_Seq_Allele2": "T", "HGVSp_Short": "p.R367Q",
        "t_alt_count": 4, "t_depth": 60, "Variant_Classification": "Missense_Mutation",
        "context": "TCG", "copy_number": 2.0,
    },
    "serial_samples": {
        "serial_sample": "P1-S01", "patient": "P1", "day": 30.0, "mrd_percent": 0.3,
        "mrd_below": False, "depth": 5000.0,
    },
    "serial_variants": {
        "serial_sample": "P1-S01", "Hugo_Symbol": "NT5C2", "Chromosome": "10",
        "Start_Position": 104852955, "Reference_Allele": "C", "Tumor_Seq_Allele2": "T",
        "HGVSp_Short": "p.R367Q", "t_alt_count": 0, "t_depth": 5000,
    },
    "drug_response": {
        "line": "REH", "genotype": "wild type", "drug": "6-thioguanine", "dose": 0.5,
        "viability": 0.9, "time_zero": 0.125, "replicate": 1, "plate": 1,
    },
}  # fmt: skip


def one(name, **changed):
    """A table of one good row, with some cells changed."""
    types = {c: str(a.dtype) for c, a in tables.SCHEMAS[name].columns.items()}
    frame = pd.DataFrame([GOOD[name] | changed])
    return frame.astype({c: t for c, t in types.items() if t in ("Int64", "boolean")})


def told(frame, name):
    """What is refused in a table, or nothing."""
    try:
        schemas.validate(frame, tables.SCHEMAS[name], name)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", tables.SCHEMAS)
def test_a_full_row_is_accepted(name):
    assert set(GOOD[name]) == set(tables.SCHEMAS[name].columns)
    assert told(one(name), name) == ""


@pytest.mark.parametrize("name", tables.SCHEMAS)
def test_only_what_is_needed_must_be_there(name):
    columns = tables.SCHEMAS[name].columns
    needed = [column for column, about in columns.items() if about.required]
    assert told(one(name)[needed], name) == ""
    for column in needed:
        assert f"column {column}" in told(one(name).drop(columns=column), name)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("patients", "timing", "soon"),
        ("patients", "relapse_day", 40_000.0),  # days of a spreadsheet's calendar
        ("patients", "lineage", "b"),
        ("patients", "age_years", 121.0),
        ("patients", "age_years", -0.1),
        ("patients", "sex", "F"),
        ("patients", "wbc", 5001.0),
        ("patients", "mrd_percent", 100.1),
        ("patients", "status", "0"),
        ("samples", "stage", "Relapse"),
        ("samples", "purity", 1.01),
        ("samples", "platform", "WGS"),
        ("mutations", "Chromosome", "chr10"),
        ("mutations", "Chromosome", "23"),
        ("mutations", "Start_Position", 0),
        ("mutations", "Start_Position", 300_000_001),
        ("mutations", "Reference_Allele", "c"),
        ("mutations", "Tumor_Seq_Allele2", ""),
        ("mutations", "Tumor_Seq_Allele2", "A,T"),
        ("mutations", "Tumor_Seq_Allele2", "A" * 1001),
        ("mutations", "t_alt_count", -1),
        ("mutations", "context", "TC"),
        ("mutations", "context", "tcg"),
        ("mutations", "copy_number", -1.0),
        ("mutations", "Hugo_Symbol", "1-Mar"),
        ("mutations", "Hugo_Symbol", "Sep-02"),
        ("mutations", "Hugo_Symbol", "2024-03-01"),
        ("serial_samples", "mrd_percent", -0.01),
        ("serial_samples", "depth", -1.0),
        ("serial_variants", "t_depth", -5),
        ("drug_response", "dose", -1.0),
        ("drug_response", "viability", 10.5),
        ("drug_response", "time_zero", 0.0),
        ("drug_response", "replicate", 0),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_column(name, column, value):
    assert f"column {column}" in told(one(name, **{column: value}), name)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("patients", "relapse_day", 36_525.0),
        ("patients", "mrd_percent", 0.0),
        ("mutations", "Chromosome", "MT"),
        ("mutations", "Reference_Allele", "-"),
        ("mutations", "context", "NCG"),
        ("mutations", "Hugo_Symbol", "MARCH1"),
        ("mutations", "Hugo_Symbol", "SEPT9"),
        ("mutations", "Hugo_Symbol", "HLA-A"),
        ("drug_response", "viability", -1.0),
    ],
)
def test_a_value_at_the_limit_or_that_looks_odd_but_is_right_is_accepted(name, column, value):
    assert told(one(name, **{column: value}), name) == ""


HOSTILE = [
    "<script>alert(1)</script>", "P1\n", "P1\nP2", "../../etc/passwd", "P/1", "P\\1", ".hidden",
    "-rf", "=1+1", "+1", "@SUM(A1)", "P 1", "", "P" * 65, "P\x001", "Pé", "P1;rm",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_ids_that_could_act_in_a_page_a_path_or_a_spreadsheet_are_refused(value):
    for name in ("patients", "samples", "serial_samples", "drug_response"):
        first = next(iter(tables.SCHEMAS[name].columns))
        assert f"column {first}" in told(one(name, **{first: value}), name)


@pytest.mark.parametrize("value", ["=HYPERLINK(1)", "+1", "-1", "@x", "a\nb", "\tb", "x" * 201])
def test_texts_that_a_spreadsheet_would_run_are_refused(value):
    for name, column in (
        ("patients", "subtype"), ("patients", "protocol"), ("mutations", "HGVSp_Short"),
        ("drug_response", "drug"), ("drug_response", "genotype"),
    ):  # fmt: skip
        assert f"column {column}" in told(one(name, **{column: value}), name)


@pytest.mark.parametrize("name", ["patients", "samples", "serial_samples"])
def test_ids_do_not_occur_twice(name):
    twice = pd.concat([one(name), one(name)], ignore_index=True)
    assert "must not occur twice" in told(twice, name)


@pytest.mark.parametrize("name", ["mutations", "serial_variants", "drug_response"])
def test_what_identifies_a_row_does_not_occur_twice(name):
    twice = pd.concat([one(name), one(name)], ignore_index=True)
    assert told(twice, name) != ""
    key = {"drug_response": "dose"}.get(name, "Start_Position")
    twice.loc[1, key] += 1
    assert told(twice, name) == ""


def test_more_reads_with_the_variant_than_reads_are_refused():
    for name in ("mutations", "serial_variants"):
        assert "more reads with the variant" in told(one(name, t_alt_count=61, t_depth=60), name)
        assert told(one(name, t_alt_count=60, t_depth=60), name) == ""
        assert told(one(name, t_alt_count=61, t_depth=pd.NA), name) == ""


def test_the_context_is_that_of_the_plus_strand():
    purine = {"Reference_Allele": "G", "Tumor_Seq_Allele2": "A"}
    assert told(one("mutations", **purine, context="CGA"), "mutations") == ""
    fault = told(one("mutations", **purine, context="TCG"), "mutations")
    assert "the middle base of context is not Reference_Allele: give it on the + strand" in fault
    longer = {"Reference_Allele": "CG", "Tumor_Seq_Allele2": "TA", "context": "TTG"}
    assert told(one("mutations", **longer), "mutations") == ""  # no substitution of one base
    assert told(one("mutations", context=None), "mutations") == ""


@pytest.mark.parametrize(
    ("day", "group"),
    # 9 months of 365.25 / 12 days are 273.94 days, 36 are 1095.75
    [(0, "very early"), (273, "very early"), (274, "early"), (1095, "early"), (1095.75, "early"),
     (1096, "late"), (273.9375, "early"), (273.93, "very early")],
)  # fmt: skip
def test_timing_groups_end_before_9_and_at_36_months(day, group):
    assert tables.timing(pd.Series([float(day)])).tolist() == [group]


@pytest.mark.parametrize(
    ("day", "group"), [(365, "very early"), (366, "early"), (913, "early"), (914, "late")]
)
def test_timing_groups_may_end_at_other_months(day, group):
    # 12 and 30 months of 365.25 / 12 days are 365.25 and 913.1 days
    assert tables.timing(pd.Series([day]), (12, 30))[0] == group


def test_an_unknown_day_has_no_timing_group():
    assert tables.timing(pd.Series([None, 500.0], dtype=float)).tolist() == [pd.NA, "early"]


def whole(**changed):
    found = {name: one(name) for name in tables.SCHEMAS}
    return found | changed


def test_tables_that_fit_together_have_no_misfits():
    assert tables.misfits(whole()) == []
    assert tables.misfits({"patients": one("patients")}) == []


@pytest.mark.parametrize(
    ("name", "key", "other"),
    [("samples", "patient", "patients"), ("mutations", "sample", "samples"),
     ("serial_samples", "patient", "patients"),
     ("serial_variants", "serial_sample", "serial_samples")],
)  # fmt: skip
def test_what_a_table_names_must_be_in_the_other(name, key, other):
    faults = tables.misfits(whole(**{name: one(name, **{key: "P9"})}))
    assert f"{name}: row 1, column {key}: 'P9' is not in {other}: add it" in faults
    if other != "patients":
        lacking = {n: frame for n, frame in whole().items() if n != other}
        assert f"{name}: needs the table {other}: add it" in tables.misfits(lacking)


def test_each_missing_name_is_told_once_with_its_first_row():
    samples = pd.concat([one("samples", sample=s, patient="P9") for s in "ab"], ignore_index=True)
    assert tables.misfits({"patients": one("patients"), "samples": samples}) == [
        "samples: row 1, column patient: 'P9' is not in patients: add it"
    ]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"timing": "late"}, "column timing: 'late' does not fit relapse_day 500"),
        ({"timing": "very early"}, "column timing: 'very early' does not fit relapse_day 500"),
        ({"follow_up_day": 499.0}, "column relapse_day: is after follow_up_day"),
        ({"second_relapse_day": 901.0}, "column second_relapse_day: is after follow_up_day"),
    ],
)
def test_times_of_a_patient_out_of_order_are_told_by_row(changed, words):
    people = pd.concat(
        [one("patients", patient="P0"), one("patients", **changed)], ignore_index=True
    )
    faults = [f for f in tables.misfits({"patients": people}) if words in f]
    assert len(faults) == 1
    assert faults[0].startswith("patients: row 2, ")


def test_gaps_in_times_are_no_misfits():
    people = one("patients", relapse_day=np.nan, follow_up_day=np.nan, timing=None)
    assert tables.misfits({"patients": people}) == []


@pytest.mark.parametrize("name", tables.SCHEMAS)
def test_a_completed_table_has_every_column_in_order_and_stays_valid(name):
    needed = [c for c, about in tables.SCHEMAS[name].columns.items() if about.required]
    full = tables.complete(one(name)[needed[::-1]], name)
    assert list(full) == list(tables.SCHEMAS[name].columns)
    pd.testing.assert_frame_equal(full[needed], one(name)[needed])
    assert full.drop(columns=needed).isna().all(axis=None)
    assert told(full, name) == ""


@pytest.mark.parametrize("name", tables.SCHEMAS)
def test_every_column_says_what_it_means_and_in_which_unit(name):
    for column, about in tables.SCHEMAS[name].columns.items():
        assert about.description, column
        number = str(about.dtype) in ("float64", "Int64")
        bare = column in ("replicate", "plate")
        assert bool(about.metadata["unit"]) == (number and not bare), column


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"relapse_day": 500.0, "follow_up_day": 400.0}, "relapse_day: is after follow_up_day"),
        ({"relapse_day": 500.0, "second_relapse_day": 400.0}, "is after second_relapse_day"),
        ({"relapse_day": 500.0, "transplant_day": 400.0}, "is after transplant_day"),
        ({"transplant_day": 500.0, "follow_up_day": 400.0}, "is after follow_up_day"),
    ],
)
def test_events_that_come_in_the_wrong_order_are_told(columns, fault):
    people = tables.complete(pd.DataFrame({"patient": ["A"], **columns}), "patients")
    [told] = tables.misfits({"patients": people})
    assert told.startswith("patients: row 1, column ")
    assert told.endswith(fault)


def test_a_sample_that_was_taken_after_the_last_contact_is_told():
    people = pd.DataFrame({"patient": ["A"], "follow_up_day": [400.0]})
    samples = pd.DataFrame(
        {"sample": ["A-R"], "patient": ["A"], "stage": ["relapse"], "day": [9e3]}
    )
    found = {"patients": tables.complete(people, "patients")}
    found["samples"] = tables.complete(samples, "samples")
    assert tables.misfits(found) == [
        "samples: row 1, column day: 'A-R' is after the patient's follow_up_day"
    ]


@pytest.mark.parametrize(
    ("stage", "day", "fault"),
    [
        ("relapse", 468.0, "is long before the patient's relapse_day"),
        ("diagnosis", 501.0, "is after the patient's relapse_day"),
        ("relapse", 470.0, None),
        ("remission", 100.0, None),
    ],
)
def test_a_sample_must_be_of_the_time_that_its_stage_says(stage, day, fault):
    people = pd.DataFrame({"patient": ["A"], "relapse_day": [500.0], "follow_up_day": [900.0]})
    samples = pd.DataFrame({"sample": ["A-1"], "patient": ["A"], "stage": [stage], "day": [day]})
    found = {"patients": tables.complete(people, "patients")}
    found["samples"] = tables.complete(samples, "samples")
    told = [f"samples: row 1, column day: 'A-1' {fault}"] if fault else []
    assert tables.misfits(found) == told


@pytest.mark.parametrize("name", ["mutations", "serial_variants"])
@pytest.mark.parametrize("alleles", [("C", "C"), ("AT", "AT"), ("-", "-")])
def test_a_change_into_the_reference_is_refused(name, alleles):
    frame = one(name, Reference_Allele=alleles[0], Tumor_Seq_Allele2=alleles[1], context=None)
    if name == "serial_variants":
        frame = frame.drop(columns="context")
    assert "column Tumor_Seq_Allele2 is Reference_Allele again" in told(frame, name)


def test_a_deleted_gene_needs_no_alleles():
    frame = one("mutations", Reference_Allele=None, Tumor_Seq_Allele2=None, context=None)
    assert told(frame, "mutations") == ""
