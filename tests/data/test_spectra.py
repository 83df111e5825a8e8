"""Spectra in three forms; sizes of the open files from their owners (SOURCES, FACTS 3)."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse.data.reference import CHANNELS
from allrelapse.data.spectra import channel, from_mutations, read_spectra
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


OTHER_STRAND = str.maketrans("ACGT", "TGCA")
BASES = st.sampled_from("ACGT")
SUBSTITUTIONS = st.tuples(BASES, BASES, BASES, BASES).filter(lambda s: s[1] != s[3])
"""Base before, reference, base after, alternative."""


def substitutions(rows, samples=None):
    """A table of mutations from (before, reference, after, alternative)."""
    return pd.DataFrame(
        {
            "sample": samples or ["S1"] * len(rows),
            "Chromosome": "1",
            "Start_Position": range(100, 100 + len(rows)),
            "Reference_Allele": [row[1] for row in rows],
            "Tumor_Seq_Allele2": [row[3] for row in rows],
            "context": ["".join(row[:3]) for row in rows],
        }
    )


def other_strand(row):
    before, reference, after, alternative = (base.translate(OTHER_STRAND) for base in row)
    return after, reference, before, alternative


@pytest.mark.parametrize(
    ("reference", "alternative", "context", "expected"),
    [
        ("C", "T", "ACG", "A[C>T]G"),
        ("G", "A", "CGG", "C[C>T]G"),  # CGG read backwards on the other strand is CCG
        ("A", "C", "TAC", "G[T>G]A"),
        ("T", "G", "GTA", "G[T>G]A"),
    ],
)
def test_a_mutation_has_the_channel_of_its_pyrimidine_strand(
    reference, alternative, context, expected
):
    found = channel(*(pd.Series([text]) for text in (reference, alternative, context)))
    assert found.tolist() == [expected]


@pytest.mark.parametrize(
    ("reference", "alternative", "context"),
    [
        ("C", "-", "ACG"),
        ("-", "C", "ACG"),
        ("CA", "TG", "ACG"),
        ("C", "C", "ACG"),
        ("C", "T", None),
        ("C", "T", "NCG"),
        ("C", "T", "AGG"),
        (None, "T", "ACG"),
    ],
)
def test_what_is_no_substitution_in_a_known_context_has_no_channel(reference, alternative, context):
    table = pd.DataFrame({"r": [reference, "C"], "a": [alternative, "T"], "c": [context, "ACG"]})
    assert channel(table["r"], table["a"], table["c"]).isna().tolist() == [True, False]


def test_every_substitution_in_every_context_falls_into_the_96_channels_twice():
    rows = [(b, r, a, x) for b in "ACGT" for r in "ACGT" for a in "ACGT" for x in "ACGT" if x != r]
    assert (from_mutations(substitutions(rows))["S1"] == 2).all()


@given(st.lists(SUBSTITUTIONS, min_size=1, max_size=40))
def test_the_strand_on_which_a_mutation_is_written_makes_no_difference(rows):
    turned = [other_strand(row) for row in rows]
    pd.testing.assert_frame_equal(
        from_mutations(substitutions(rows)), from_mutations(substitutions(turned))
    )


@given(st.lists(SUBSTITUTIONS, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(rows, random):
    table = substitutions(rows, [f"S{random.randint(0, 3)}" for _ in rows])
    order = random.sample(range(len(table)), len(table))
    pd.testing.assert_frame_equal(from_mutations(table), from_mutations(table.iloc[order]))


def test_counts_are_per_sample_in_the_order_of_the_channels():
    rows = [("A", "C", "G", "T")] * 3 + [("T", "T", "T", "G")]
    found = from_mutations(substitutions(rows, ["S2", "S1", "S2", "S2"]))
    assert tuple(found.index) == CHANNELS
    assert (found.index.name, found.columns.name) == ("channel", "sample")
    assert found.columns.tolist() == ["S1", "S2"]
    assert found.loc[["A[C>T]G", "T[T>G]T"]].to_numpy().tolist() == [[1, 2], [0, 1]]
    assert found.to_numpy().sum() == 4
    assert (found.dtypes == "int64").all()


def test_what_was_looked_for_and_not_found_is_not_counted_but_its_sample_stays():
    table = substitutions([("A", "C", "G", "T")] * 3, ["S1", "S2", "S3"])
    reads = pd.Series([5, 0, pd.NA], dtype="Int64")
    found = from_mutations(table.assign(t_alt_count=reads))
    assert found.sum().to_dict() == {"S1": 1, "S2": 0, "S3": 1}


def test_fewer_reads_than_errors_make_are_no_mutation():
    table = substitutions([("A", "C", "G", "T")] * 2, ["S1", "S2"])
    table = table.assign(t_alt_count=pd.Series([3, 2], dtype="Int64"))
    assert from_mutations(table).sum().to_dict() == {"S1": 1, "S2": 0}
    assert from_mutations(table, reads=1).sum().to_dict() == {"S1": 1, "S2": 1}


def test_a_sample_with_indels_only_has_zeros():
    table = substitutions([("A", "C", "G", "T"), ("A", "-", "G", "T")], ["S1", "S2"])
    assert from_mutations(table).sum().to_dict() == {"S1": 1, "S2": 0}


def test_the_column_names_of_maf_and_small_letters_are_read():
    table = substitutions([("A", "c", "G", "t")]).assign(context="ACG")
    found = from_mutations(table.rename(columns={"sample": "Tumor_Sample_Barcode"}))
    assert found.loc["A[C>T]G"].to_dict() == {"S1": 1}
    assert found.columns.name == "sample"


def test_contexts_come_from_a_fasta_where_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\n" + "A" * 98 + "ACGG\n")  # C is base 100, the first G base 101
    table = substitutions([("A", "C", "G", "T"), ("C", "G", "G", "A")])
    found = from_mutations(table.drop(columns="context"), path)
    assert found["S1"][found["S1"] > 0].to_dict() == {"A[C>T]G": 1, "C[C>T]G": 1}


@pytest.mark.parametrize("name", ["sample", "Chromosome", "Tumor_Seq_Allele2", "context"])
def test_an_absent_column_of_mutations_is_told(name):
    with pytest.raises(InputError, match=f"column {name} is absent: add it"):
        from_mutations(substitutions([("A", "C", "G", "T")]).drop(columns=name))


def test_a_mutation_without_a_sample_is_told_with_its_row():
    table = substitutions([("A", "C", "G", "T")] * 2, ["S1", None])
    with pytest.raises(InputError, match="row 2, column sample"):
        from_mutations(table)


def test_no_mutations_give_no_samples():
    assert from_mutations(substitutions([])).shape == (96, 0)
