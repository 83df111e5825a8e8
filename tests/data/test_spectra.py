"""Spectra in three forms; sizes of the open files from their owners (SOURCES, FACTS 3)."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse.data.reference import CHANNELS
from allrelapse.data.spectra import read_spectra
from allrelapse.errors import InputError

FORMS = ["pcawg7", "pcawg7 quoted", "sigprofiler", "ours"]


def random_counts(samples=3, seed=0):
    counts = np.random.default_rng(seed).poisson(20, (96, samples))
    names = [f"ALL::S{i}" for i in range(samples)]
    return pd.DataFrame(counts, pd.Index(CHANNELS, name="channel"), pd.Index(names, name="sample"))


def in_form(table, form):
    """The table as text in one of the forms, without a final newline."""
    if form.startswith("pcawg7"):
        mark = '"' if "quoted" in form else ""
        header = [f"{mark}{name}{mark}" for name in ["Mutation type", "Trinucleotide", *table]]
        keys = [f"{c[2:5]},{c[0]}{c[2]}{c[6]}" for c in table.index]
    else:
        header = ["MutationType" if form == "sigprofiler" else "channel", *table]
        keys = list(table.index)
    rows = [
        ",".join([key, *map(str, row)]) for key, row in zip(keys, table.to_numpy(), strict=True)
    ]
    text = "\n".join([",".join(header), *rows])
    return text.replace(",", "\t") if form == "sigprofiler" else text


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("spectra") / "spectra.txt"

    def write(text):
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def exomes(mirror):
    return read_spectra(mirror / "pcawg7" / "WES_Other.96.csv")


def message(path):
    with pytest.raises(InputError, match=r"spectra\.txt") as caught:
        read_spectra(path)
    return str(caught.value)


@given(st.sampled_from(FORMS), st.permutations(range(96)), st.integers(1, 4))
def test_every_form_in_any_row_order_gives_the_same_table(written, form, order, samples):
    expected = random_counts(samples)
    found = read_spectra(written(in_form(expected.iloc[list(order)], form)))
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("form", FORMS)
def test_an_absent_channel_is_told_by_name(form, written):
    assert "channel G[T>C]A is absent" in message(
        written(in_form(random_counts().drop("G[T>C]A"), form))
    )


@pytest.mark.parametrize("form", FORMS)
def test_a_channel_that_occurs_twice_is_told_with_its_lines(form, written):
    table = random_counts()
    text = message(written(in_form(pd.concat([table, table.loc[["C[C>T]G"]]]), form)))
    first = CHANNELS.index("C[C>T]G") + 2
    assert f"line {first}: channel C[C>T]G occurs 2 times" in text
    assert "line 98: channel C[C>T]G occurs 2 times" in text


@pytest.mark.parametrize("channel", ["A[C>A]N", "A[G>T]A", "a[c>a]a", "ACA", ""])
def test_an_unknown_channel_is_told_with_its_line(channel, written):
    text = in_form(random_counts(), "ours").replace("A[C>A]A", channel, 1)
    told = message(written(text))
    assert f"line 2: {channel!r} is none of the 96 channels" in told
    assert "channel A[C>A]A is absent" in told


@pytest.mark.parametrize("row", ["C>A,ATA", "C>A,AC", "G>T,AGA", ",ACA"])
def test_a_substitution_that_does_not_fit_its_context_is_refused(row, written):
    text = in_form(random_counts(), "pcawg7").replace("C>A,ACA", row, 1)
    assert "line 2: " in message(written(text))


@given(
    st.sampled_from(["-1", "2.5", "", "NaN", "1e3", "inf", "1_0", "x", "9" * 25]),
    st.integers(0, 95),
    st.integers(0, 2),
)
def test_what_is_no_count_is_told_with_line_and_column(written, cell, row, column):
    table = random_counts().astype(object)
    table.iloc[row, column] = cell
    told = message(written(in_form(table, "ours")))
    assert f"line {row + 2}, column ALL::S{column}: {cell!r} must be a whole number" in told


def test_counts_written_with_a_decimal_zero_are_whole(written):
    table = random_counts()
    found = read_spectra(written(in_form(table.astype(float), "ours")))
    pd.testing.assert_frame_equal(found, table)


def test_two_samples_of_one_name_are_refused(written):
    text = in_form(random_counts(), "sigprofiler").replace("ALL::S2", "ALL::S0", 1)
    assert "column ALL::S0: occurs 2 times" in message(written(text))


@pytest.mark.parametrize("form", FORMS)
def test_a_table_without_samples_is_refused(form, written):
    assert "no samples" in message(written(in_form(random_counts(0), form)))


def test_a_table_of_something_else_is_refused_with_the_forms_that_are_read(written):
    told = message(written("gene,count\nTP53,3\n"))
    assert "begins with columns gene, count; must begin with" in told


@pytest.mark.parametrize(
    ("name", "samples", "mutations"),
    [
        ("WGS_PCAWG", 2780, 48_276_930),
        ("WGS_Other", 1865, 27_051_875),
        ("WES_Other", 9691, 1_491_474),
    ],
)
def test_the_open_spectra_are_read_whole_within_seconds(mirror, name, samples, mutations):
    # the sums are those of the numbers in the files, added up by awk
    start = time.monotonic()
    table = read_spectra(mirror / "pcawg7" / f"{name}.96.csv")
    assert time.monotonic() - start < 5
    assert table.shape == (96, samples)
    assert table.to_numpy().sum() == mutations
    assert tuple(table.index) == CHANNELS


def test_the_open_exomes_hold_274_of_all_22_of_them_of_target(exomes):
    names = exomes.columns
    target = names[names.str.startswith("ALL::TARGET")]
    kind = target.str.extract(r"-(\d\d)[A-Z]-\d\d[A-Z]$", expand=False)
    assert names.str.startswith("ALL::").sum() == 274
    assert kind.isin(["03", "09"]).sum() == 12
    assert (kind == "04").sum() == 10


def test_the_open_exomes_hold_the_mutations_of_target_that_are_known(exomes):
    # FACTS 3: pooled relapse 491 and diagnosis 130 SNVs
    table = exomes.filter(regex="ALL::TARGET")
    relapse = table.columns.str.contains("-04A-")
    assert table.loc[:, relapse].to_numpy().sum() == 491
    assert table.loc[:, ~relapse].to_numpy().sum() == 130
