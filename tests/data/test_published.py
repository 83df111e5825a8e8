"""The published facts are well typed, sourced, and nothing is counted twice."""

import pytest

from allrelapse import claims, paths
from allrelapse.data import published
from allrelapse.errors import InputError


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


def test_an_unknown_table_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="claims"):
        published.read("guesses")
