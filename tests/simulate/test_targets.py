"""How often a mutation of a signature hits what makes a cell resist."""

import numpy as np
import pytest

from allrelapse.data import genome, reference
from allrelapse.simulate.targets import CAUSES, DELETION, LOSS, SIGNATURES, targets

COSMIC = reference.cosmic("3.4", "GRCh37")


def hit(gene, protein, cause):
    where = targets()
    same = where.table["protein"].eq(protein) if protein else where.table["protein"].isna()
    row = np.flatnonzero(where.table["gene"].eq(gene) & same)[0]
    return where.hit[row, CAUSES.index(cause)]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_hot_spot_has_its_share_of_its_channel(signature):
    """R367Q lies at C[C>T]G: one of the places with CCG or CGG in the genome."""
    places = genome.context_counts()["CCG"]
    expected = COSMIC.loc["C[C>T]G", signature] / places
    assert hit("NT5C2", "p.R367Q", signature) == pytest.approx(expected)


def test_sbs87_hits_its_hot_spot_as_often_as_published_numbers_say():
    """C[C>T]G has .187 of SBS87 (FACTS section 3); a quarter of 28 million CpG on two strands."""
    assert hit("NT5C2", "p.R367Q", "SBS87") == pytest.approx(0.187 / (2 * 28e6 / 4), rel=0.2)


@pytest.mark.parametrize("gene", LOSS)
def test_a_gene_is_lost_by_one_in_twenty_of_the_substitutions_of_its_exons(gene):
    """For the flat SBS5 about as often as its bases among those of the genome."""
    places = genome.exons()
    mine = places.genes == gene
    bases = (places.ends[mine] - places.starts[mine] + 1).sum()
    even = 0.05 * bases / genome.context_counts().sum()
    assert hit(gene, None, "SBS5") == pytest.approx(even, rel=0.3)
    exome = genome.context_counts(exome=True)
    by_hand = 0.0  # sum over channels: share of the exome's places, times w_c / N_c
    for channel, weight in COSMIC["SBS87"].items():
        context = channel[0] + channel[2] + channel[-1]
        by_hand += exome[context] / exome.sum() * weight / genome.context_counts()[context]
    assert hit(gene, None, "SBS87") == pytest.approx(0.05 * bases * by_hand)


def test_deletions_hit_genes_whose_loss_resists_and_no_hot_spot():
    where = targets()
    assert (where.hit[:, CAUSES.index(DELETION)] == where.loss).all()
    assert set(where.gene[where.loss]) == set(LOSS)
    assert where.table["protein"].isna().equals(where.table["protein"].isna() & where.loss)
