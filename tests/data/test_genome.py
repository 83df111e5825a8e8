"""The genome without its sequence: known counts and places, GRCh37."""

import numpy as np
import pandas as pd
import pytest

from allrelapse.data import genome, reference
from allrelapse.errors import InputError


def at(*places):
    """Genes at places such as ("17", 7577539)."""
    chromosomes = np.array([genome.NAMES.index(name) for name, _ in places])
    return list(genome.exons().gene_at(chromosomes, np.array([place for _, place in places])))


@pytest.mark.parametrize("exome", [False, True])
def test_contexts_are_the_32_pyrimidine_trinucleotides(exome):
    counts = genome.context_counts(exome=exome)
    assert sorted(counts.index) == sorted(a + b + c for a in "ACGT" for b in "CT" for c in "ACGT")
    assert (counts > 0).all()


def test_contexts_add_up_to_the_bases_of_the_genome_that_are_known():
    """GRCh37 has 3,095,677,412 bases on 1-22, X and Y, of which 234,350,278 or so are N."""
    total = sum(genome.LENGTHS["GRCh37"])
    assert total == 3_095_677_412
    assert genome.context_counts().sum() == pytest.approx(2.861e9, rel=2e-3)
    exome = genome.context_counts(exome=True).sum()
    assert 30e6 < exome < 80e6  # a capture, with the ends of its targets


def test_cpg_is_depleted_in_the_genome_and_less_in_exons():
    """A fifth of what the frequencies of C and G foretell (Lander 2001, Nature 409:860)."""
    genome_wide, exome = genome.context_counts(), genome.context_counts(exome=True)

    def cpg(counts):
        return counts[counts.index.str[1:] == "CG"].sum() / counts.sum()

    gc = 0.41
    assert cpg(genome_wide) / (2 * (gc / 2) ** 2) == pytest.approx(0.22, abs=0.04)
    assert cpg(exome) > 2 * cpg(genome_wide)


def test_opportunities_are_those_of_each_channel_s_context_in_cosmic_s_order():
    found = genome.opportunities()
    assert list(found.index) == list(reference.cosmic("3.4", "GRCh37").index)
    counts = genome.context_counts()
    for channel, number in found.items():
        assert number == counts[channel[0] + channel[2] + channel[6]]
    assert found.sum() == 3 * counts.sum()  # three substitutions of each


def test_genes_are_found_at_known_places():
    """TP53 R248W and NT5C2 R367Q (CIViC), KRAS G12 and WHSC1 E1099K; none in between genes."""
    assert at(("17", 7577539), ("10", 104852955), ("12", 25398285), ("4", 1962801)) == [
        "TP53", "NT5C2", "KRAS", "WHSC1",
    ]  # fmt: skip
    assert at(("1", 1), ("8", 128_000_000), ("Y", 59_373_566)) == [None, None, None]


def test_an_exon_ends_with_its_last_base():
    places = genome.exons()
    tp53 = np.flatnonzero(places.genes == "TP53")[3]
    chromosome = genome.NAMES.index("17")
    first, last = (int(x[tp53] - places.offsets[chromosome]) for x in (places.starts, places.ends))
    assert at(("17", first), ("17", last)) == ["TP53", "TP53"]
    assert at(("17", first - 1), ("17", last + 1)) == [None, None]


def test_asking_for_genes_leaves_the_exons_as_they_are():
    before = genome.exons().genes.copy()
    at(("1", 1), ("17", 7577539))
    assert (genome.exons().genes == before).all()


def test_exons_are_sorted_disjoint_and_within_their_chromosomes():
    places = genome.exons()
    assert (places.starts <= places.ends).all()
    assert (places.starts[1:] > places.ends[:-1] + 1).all()
    assert pd.notna(places.genes).all()
    edges = np.append(places.offsets, sum(genome.LENGTHS["GRCh37"]))
    first, last = (np.searchsorted(edges, x, side="left") for x in (places.starts, places.ends))
    assert (first == last).all()
    total = (places.ends - places.starts + 1).sum()
    assert 25e6 < total < 80e6


def test_genes_span_what_ensembl_says():
    """Ensembl 75 (GRCh37): TP53 17:7565097-7590856 reverse, NT5C2 10:104845940-104953056."""
    genes = genome.genes().set_index("gene")
    row = genes.loc["TP53"]
    assert (row["chromosome"], row["strand"]) == ("17", -1)
    assert row["start"] == pytest.approx(7_565_097, abs=10)
    assert row["end"] == pytest.approx(7_590_856, abs=10)
    row = genes.loc["NT5C2"]
    assert row["start"] == pytest.approx(104_845_940, abs=2000)
    assert row["end"] == pytest.approx(104_953_056, abs=2000)
    assert 18_000 < len(genes) < 24_000
    lengths = genome.genes().eval("end - start")
    assert lengths.is_monotonic_decreasing


def test_touching_stretches_are_one_and_others_stay_apart():
    starts, ends = genome._merged(np.array([40, 1, 11, 13, 60]), np.array([50, 10, 20, 15, 61]))
    assert starts.tolist() == [1, 40, 60]
    assert ends.tolist() == [20, 50, 61]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(genome.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"sigprofilermatrixgenerator.*is not installed"):
        genome.context_counts()
