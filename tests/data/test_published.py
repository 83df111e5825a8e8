"""The published facts are well typed, sourced, and nothing is counted twice."""

import pytest

from allrelapse import claims, paths
from allrelapse.data import published
from allrelapse.errors import InputError
from allrelapse.simulate import dish


@pytest.mark.parametrize("name", published.SCHEMAS)
def test_every_table_is_as_its_schema_and_sourced_in_each_row(name):
    table = published.read(name)
    assert len(table) > 1
    assert table["source"].str.len().min() > 3


def test_every_file_has_a_schema():
    files = {path.stem for path in (paths.DATA / "published").glob("*.csv")}
    assert files == set(published.SCHEMAS)


def test_the_ledger_counts_the_genes_of_the_abstract():
    assert claims.value("relapse_genes") == len(set(published.GENES)) == 12


def test_carriers_never_exceed_samples():
    genes = published.read("relapse_genes").dropna(subset=["carriers"])
    assert (genes["carriers"] <= genes["samples"]).all()


def test_the_published_fold_changes_of_msh6_are_those_that_the_dish_plants():
    folds = published.read("fold_changes").dropna(subset=["fold"])
    assert set(folds["gene"]) == {"MSH6"}
    found = folds.groupby("drug", sort=False)["fold"].agg(tuple).to_dict()
    assert found == dish.FOLD["MSH6 knock-down"]


def test_an_unknown_table_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="claims"):
        published.read("guesses")
