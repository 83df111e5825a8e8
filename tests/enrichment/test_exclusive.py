"""Together or apart: margins kept, burden allowed for, Fisher's test where burden is equal."""

import numpy as np
import pandas as pd
import pytest

from allrelapse import enrichment
from allrelapse.enrichment.exclusive import margins_kept
from allrelapse.errors import InputError


def drawn(rng, patients=90, genes=200, spread=1.5):
    """Independent hits where patients and genes have very unequal rates."""
    a, b = rng.normal(-3, spread, patients), rng.normal(0, 1, genes)
    chance = 1 / (1 + np.exp(-a[:, None] - b))
    columns = [f"G{i}" for i in range(genes)]
    return pd.DataFrame(rng.random((patients, genes)) < chance, columns=columns)


def test_chances_keep_the_sums_of_patients_and_genes():
    found = drawn(np.random.default_rng(1)).to_numpy()
    found[0], found[:, 0] = False, True  # a patient with one hit only, a gene hit in all
    chance = margins_kept(found)
    np.testing.assert_allclose(chance.sum(axis=1), found.sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(chance.sum(axis=0), found.sum(axis=0), atol=1e-6)
    assert ((chance >= 0) & (chance <= 1)).all()


def test_equal_burdens_give_the_product_of_prevalences():
    """Each patient has the same number of hits: the chance of a gene is its prevalence."""
    rng = np.random.default_rng(2)
    found = np.array([rng.permutation(10) < 3 for _ in range(60)])
    np.testing.assert_allclose(margins_kept(found), np.tile(found.mean(axis=0), (60, 1)), atol=1e-6)


def test_burden_alone_does_not_bring_genes_together_but_misleads_fisher():
    """One-sided P of independent genes under unequal burdens, at nominal .05 (4 s.e.)."""
    rng = np.random.default_rng(3)
    together, fisher = [], []
    for _ in range(25):
        hits = drawn(rng)
        common = hits.sum().nlargest(12).index
        table = enrichment.cooccurrence(hits, common)
        together.append((table["p_together"] <= 0.05).mean())
        fisher.append(((table["p_fisher"] <= 0.1) & (table["both"] > table["expected"])).mean())
    error = np.std(together, ddof=1) / 5
    assert np.mean(together) <= 0.05 + 4 * error
    assert np.mean(fisher) > 0.15


def test_planted_pairs_are_found():
    rng = np.random.default_rng(4)
    hits = drawn(rng, spread=0.8)
    hits["A"] = rng.random(90) < 0.4
    hits["B"] = hits["A"] & (rng.random(90) < 0.9)
    hits["C"] = ~hits["A"] & (rng.random(90) < 0.6)
    table = enrichment.cooccurrence(hits, [], pairs=[("A", "B"), ("A", "C")]).set_index("other")
    assert table.loc["B", "p_together"] < 1e-4 < table.loc["C", "p_together"]
    assert table.loc["C", "p_apart"] < 1e-4 < table.loc["B", "p_apart"]
    assert table.loc["B", "q_together"] == pytest.approx(2 * table.loc["B", "p_together"])


def test_genes_of_one_group_do_not_belong_together_within_it():
    """Both genes are hit in half of one group and in nobody else."""
    rng = np.random.default_rng(5)
    hits = drawn(rng, patients=120, spread=0.2)
    group = pd.Series(np.where(np.arange(120) < 40, "early", "late"))
    for gene in ("A", "B"):
        hits[gene] = (group == "early") & (rng.random(120) < 0.5)
    plain = enrichment.cooccurrence(hits, ["A", "B"]).iloc[0]
    within = enrichment.cooccurrence(hits, ["A", "B"], strata=group).iloc[0]
    assert plain["p_together"] < 0.05 < 0.2 < within["p_together"]


def test_a_gene_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="not in the table: XYZ"):
        enrichment.cooccurrence(pd.DataFrame({"A": [True]}), ["A", "XYZ"])
