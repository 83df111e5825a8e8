"""A cohort at a glance."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kruskal

from allrelapse import overview, simulate, study
from allrelapse.data import tables
from allrelapse.data.cohort import Cohort


@pytest.fixture(scope="module")
def cohort():
    return simulate.cohort(1, patients=40, serial_patients=4, serial_samples=30)


def test_flow_counts_patients_and_samples(cohort):
    steps = overview.flow(cohort).set_index("step")
    assert steps.loc["in the cohort", "patients"] == 40
    assert steps.loc["with diagnosis and relapse"].tolist() == [40, 80]
    assert steps.loc["with serial samples"].tolist() == [4, 30]


def test_flow_of_patients_alone_has_no_samples(cohort):
    steps = overview.flow(Cohort("few", cohort.patients))
    assert steps["step"].tolist() == ["in the cohort", "with the time of relapse", "with follow-up"]
    assert steps["samples"].isna().all()


def test_table_one_has_the_p_value_of_the_test_that_it_names(cohort):
    table = overview.table_one(cohort.patients)
    row = table[table["characteristic"] == "age_years, median [Q1,Q3]"].iloc[0]
    groups = [part["age_years"] for _, part in cohort.patients.groupby("timing")]
    assert row["Test"] == "Kruskal-Wallis"
    assert float(row["P-Value"]) == pytest.approx(kruskal(*groups).pvalue, abs=6e-4)


@pytest.mark.parametrize("columns", [["age_years"], ["sex", "subtype"], ["wbc", "mrd_percent"]])
def test_table_one_leaves_out_what_nobody_has(cohort, columns):
    people = cohort.patients.assign(**dict.fromkeys(columns, None))
    told = overview.table_one(people)["characteristic"].str.split(",").str[0]
    assert not set(columns) & set(told)


def test_table_one_of_one_group_has_no_test(cohort):
    people = cohort.patients[cohort.patients["timing"] == "early"]
    assert "P-Value" not in overview.table_one(people)


def test_courses_are_in_order_and_end_with_the_last_contact(cohort):
    courses = overview.history(cohort.patients)
    assert courses["relapse_day"].is_monotonic_increasing
    dead = courses["status"] == "dead"
    assert (courses.loc[dead, "death_day"] == courses.loc[dead, "end_day"]).all()
    assert courses.loc[~dead, "death_day"].isna().all()


def test_spread_says_where_a_published_value_lies():
    simulated = pd.DataFrame({"a": np.arange(101.0), "b": np.full(101, 7.0)})
    table = overview.spread(simulated, pd.Series({"a": 97.0, "b": 9.0}))
    assert table.loc["a", ["lower", "median", "upper"]].tolist() == [2.5, 50, 97.5]
    assert table["inside"].tolist() == [True, False]
    assert table.loc["a", "percentile"] == pytest.approx(100 * 97.5 / 101)


def test_every_column_is_told_with_its_unit(cohort):
    table = overview.columns(cohort).set_index(["table", "column"])
    assert len(table) == sum(len(schema.columns) for schema in tables.SCHEMAS.values())
    assert table.loc[("patients", "wbc"), "unit"] == "10⁹ per litre"
    assert (table["meaning"].str.len() > 0).all()


def test_open_data_name_their_readers():
    table = overview.open_data_sets(study.load()).set_index("file")
    assert table.loc["pcawg7/WES_Other.96.csv", "read by"] == "04, 05"
    assert table["licence"].ne("").all()
