"""Contexts from small FASTA files whose bases are written here; expectations by hand."""

import gzip
import os

import numpy as np
import pandas as pd
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allrelapse.data import contexts
from allrelapse.errors import InputError

#        123456789012
CHR1 = "ACGTTGCAcgGN"
MITO = "GATCAC"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLRELAPSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fasta"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One file for the many runs of a random test, with its index beside it."""
    path = tmp_path_factory.mktemp("shared") / "genome.fa"
    path.write_text(f">1\n{CHR1}\n")
    pysam.faidx(str(path))
    return path


@pytest.fixture
def fasta(tmp_path):
    """Chromosome 1 in lines of 5 bases, named as UCSC does."""
    folder = tmp_path / "genome"
    folder.mkdir()
    path = folder / "genome.fa"
    lines = [CHR1[i : i + 5] for i in range(0, len(CHR1), 5)]
    path.write_text("\n".join([">chr1 the first", *lines, ">chrM", MITO, ""]))
    return path


def read(chromosomes, positions, fasta):
    return contexts.trinucleotides(pd.Series(chromosomes), pd.Series(positions), fasta).tolist()


def mutations(*rows):
    """A table of rows such as ("1", 3, "G", "A")."""
    names = ["Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
    return pd.DataFrame(list(rows), columns=names).assign(sample="S1")


def test_the_context_is_the_base_between_its_neighbours(fasta):
    assert read(["1"] * 4, [2, 5, 6, 8], fasta) == ["ACG", "TTG", "TGC", "CAC"]


def test_small_letters_are_read_as_large_ones(fasta):
    assert read(["1"], [10], fasta) == ["CGG"]


def test_beyond_an_end_and_for_no_base_the_context_has_n(fasta):
    assert read(["1"] * 5, [1, 11, 12, 13, 0], fasta) == ["NAC", "GGN", "GNN", "NNN", "NNN"]


@pytest.mark.parametrize("name", ["1", "chr1", "Chr1"])
def test_names_of_chromosomes_with_and_without_chr_are_the_same(name, fasta):
    assert read([name], [2], fasta) == ["ACG"]


@pytest.mark.parametrize("name", ["MT", "M", "chrM", "chrMT"])
def test_the_mitochondrion_is_known_by_all_its_names(name, fasta):
    assert read([name], [2], fasta) == ["GAT"]


def test_a_chromosome_that_the_fasta_lacks_gives_a_gap_and_so_does_a_gap(fasta):
    found = contexts.trinucleotides(
        pd.Series(["2", "GL000192.1", None, "1", "1"], list("abcde")),
        pd.Series([2, 2, 2, pd.NA, 3], list("abcde"), dtype="Int64"),
        fasta,
    )
    assert found.isna().tolist() == [True, True, True, True, False]
    assert found["e"] == "CGT"


def test_of_two_names_for_one_chromosome_the_first_counts(tmp_path):
    # as in hg19 with both mitochondria
    path = tmp_path / "two.fa"
    path.write_text(">MT\nACG\n>chrM\nTTT\n")
    assert read(["chrM", "MT"], [2, 2], path) == ["ACG", "ACG"]


def test_plain_names_are_ours():
    found = contexts.plain(pd.Series(["chr7", "23", "24", "chrX", "GL000192.1", "M"]))
    assert found.fillna("none").tolist() == ["7", "X", "Y", "X", "none", "MT"]


def test_contexts_across_the_borders_of_what_is_read_at_once_are_right(tmp_path):
    bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 250_003))
    path = tmp_path / "long.fa"
    path.write_text(">1\n" + "\n".join(bases[i : i + 60] for i in range(0, len(bases), 60)) + "\n")
    border = [99_999, 100_000, 100_001, 200_000, 200_001, 250_002, 250_003, 2]
    expected = [(bases + "N")[p - 2 : p + 1] for p in border]
    assert read(["1"] * len(border), border, path) == expected


@given(st.lists(st.integers(1, 11), max_size=30))
def test_any_positions_in_any_order_give_what_the_text_has(shared, positions):
    expected = [f"N{CHR1}N".upper()[p - 1 : p + 2] for p in positions]
    assert read(["1"] * len(positions), positions, shared) == expected


def test_no_index_appears_beside_the_file_but_one_in_the_cache(fasta, cache):
    read(["1"], [2], fasta)
    assert [path.name for path in fasta.parent.iterdir()] == ["genome.fa"]
    assert [path.suffix for path in cache.iterdir()] == [".fai"]


def test_a_changed_file_is_indexed_anew(fasta, cache):
    read(["1"], [2], fasta)
    fasta.write_text(">1\nTTTTTTTT\n")
    assert read(["1"], [2], fasta) == ["TTT"]
    assert len(list(cache.iterdir())) == 2


def test_an_index_beside_the_file_is_used_unless_it_is_older(fasta, cache):
    pysam.faidx(str(fasta))
    read(["1"], [2], fasta)
    assert not cache.exists()
    index = fasta.with_name("genome.fa.fai")
    os.utime(index, ns=(0, 0))
    assert read(["1"], [2], fasta) == ["ACG"]
    assert cache.exists()


def test_bgzip_is_read_in_part(fasta, cache):
    packed = fasta.with_name("genome.fa.gz")
    pysam.tabix_compress(str(fasta), str(packed))
    assert read(["1", "MT"], [2, 2], packed) == ["ACG", "GAT"]
    assert sorted(path.suffix for path in cache.iterdir()) == [".fai", ".gzi"]
    assert not list(fasta.parent.glob("*.gz.*"))


def test_plain_gzip_is_refused_with_the_mend(fasta):
    packed = fasta.with_name("genome.fa.gz")
    packed.write_bytes(gzip.compress(fasta.read_bytes()))
    with pytest.raises(InputError, match=r"genome\.fa\.gz is compressed by gzip.*bgzip"):
        read(["1"], [2], packed)


@pytest.mark.parametrize("content", ["", "ACGT\n", ">1\nACGT\nAC\nACGT\n", "\0\1\2"])
def test_what_is_no_fasta_is_refused(content, tmp_path):
    path = tmp_path / "no.fa"
    path.write_text(content)
    with pytest.raises(InputError, match=r"no\.fa"):
        read(["1"], [2], path)


def test_an_absent_fasta_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none\.fa"):
        read(["1"], [2], tmp_path / "none.fa")


def test_htslib_stays_as_talkative_as_it_was(fasta, capfd):
    before = pysam.get_verbosity()
    read(["1"], [2], fasta)
    assert pysam.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_only_substitutions_of_one_base_get_a_context(fasta):
    table = mutations(("1", 2, "C", "T"), ("1", 3, "GT", "AC"), ("1", 2, "C", "-"))
    found, note = contexts.add(table, fasta)
    assert found["context"].isna().tolist() == [False, True, True]
    assert found["context"][0] == "ACG"
    assert "contexts of 1 of 1 substitutions" in note
    assert "context" not in table


def test_mutations_of_another_genome_are_refused_with_counts_and_examples(fasta):
    table = mutations(("1", 2, "C", "T"), ("1", 3, "A", "C"), ("1", 500, "A", "C"))
    with pytest.raises(InputError) as caught:
        contexts.add(table, fasta)
    told = str(caught.value)
    assert "2 of 3 substitutions have another reference base" in told
    assert "another genome build?" in told
    assert "row 2, 1:3: Reference_Allele 'A', but the FASTA has 'G'" in told
    assert "row 3, 1:500: Reference_Allele 'A', but the FASTA has 'N'" in told


@pytest.mark.parametrize(("right", "refused"), [(99, False), (98, True)])
def test_up_to_one_in_a_hundred_may_differ_and_gets_no_context(right, refused, fasta):
    table = mutations(*[("1", 2, "C", "T")] * right, ("1", 3, "A", "C"))
    if refused:
        with pytest.raises(InputError, match="1 of 99"):
            contexts.add(table, fasta)
        return
    found, note = contexts.add(table, fasta)
    assert found["context"].isna().tolist() == [False] * 99 + [True]
    assert "1 have another reference base than the genome" in note


def test_chromosomes_that_the_fasta_lacks_keep_what_was_given(fasta):
    table = mutations(("2", 2, "A", "T"), ("1", 2, "C", "T")).assign(context=["CAC", "TCT"])
    found, note = contexts.add(table, fasta)
    assert found["context"].tolist() == ["CAC", "ACG"]
    assert "1 are on chromosomes that the FASTA lacks" in note
    assert "1 had another context, which was replaced" in note


def test_a_table_without_mutations_stays_one(fasta):
    found, note = contexts.add(mutations().astype({"Start_Position": "Int64"}), fasta)
    assert len(found) == 0
    assert "0 of 0" in note
