"""Recurrence against chance: scipy's Poisson-binomial, closed forms, planted and empty cohorts."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom, poisson_binom
from statsmodels.discrete.discrete_model import NegativeBinomial

from allrelapse import enrichment, signatures, simulate
from allrelapse.data import genome
from allrelapse.data.reference import CHANNELS
from allrelapse.enrichment.background import _scatter
from allrelapse.enrichment.recurrence import tail_probability
from allrelapse.enrichment.tails import tails
from allrelapse.errors import InputError

GENES = [f"G{i:03d}" for i in range(300)]
LENGTHS = pd.Series(np.geomspace(300, 30_000, 300).round(), GENES)
OPPORTUNITIES = pd.DataFrame(np.outer(LENGTHS, np.full(96, 1 / 32)), GENES, list(CHANNELS))
GENOME = pd.Series(3e9 / 32, list(CHANNELS))
CHANGED = 0.75  # of the substitutions in exons


def passengers(rng, patients=80, scatter=0.0, burden=20_000):
    """Gains by chance alone: patients with very unequal burdens, and genes with own factors."""
    people = [f"P{i}" for i in range(patients)]
    load = burden * rng.lognormal(0, 0.8, patients)
    factor = rng.gamma(1 / scatter, scatter, len(GENES)) if scatter else np.ones(len(GENES))
    mean = np.outer(load, LENGTHS * factor) / 3e9 * CHANGED
    number = rng.poisson(mean)
    i, g = np.nonzero(number)
    times = number[i, g]
    table = pd.DataFrame({"patient": np.array(people)[i], "gene": np.array(GENES)[g]})
    table = table.loc[table.index.repeat(times)].assign(kind="missense")
    rates = pd.DataFrame(np.outer(np.full(96, 1 / 96), load), list(CHANNELS), people)
    return table.reset_index(drop=True), rates


def learned(gained, rates, tested=()):
    return enrichment.background(gained, rates, OPPORTUNITIES, GENOME, tested=tested)


def test_expected_gains_are_rate_times_length():
    """80 patients x L / 3e9 x burden x share that changes a protein; the share is learned."""
    gained, rates = passengers(np.random.default_rng(1))
    found = learned(gained, rates)
    assert found.shares["missense"] == pytest.approx(CHANGED, rel=0.1)
    expected = found.expected(["G100"])["G100"]
    by_hand = rates.sum() * LENGTHS["G100"] / 3e9 * found.shares.sum()
    np.testing.assert_allclose(expected[rates.columns], by_hand)


def test_a_channel_counts_by_its_own_places():
    """All mutations are T[C>G]T, of which one gene has four times the places."""
    places = OPPORTUNITIES.copy()
    places.loc["G000", "T[C>G]T"] *= 4
    rates = pd.DataFrame(0.0, list(CHANNELS), ["P0"])
    rates.loc["T[C>G]T"] = 1000
    gained = pd.DataFrame({"patient": ["P0"], "gene": ["G299"], "kind": ["missense"]})
    expected = (
        enrichment.background(gained, rates, places, GENOME, tested=()).expected(GENES).loc["P0"]
    )
    assert expected["G000"] / expected["G001"] == pytest.approx(
        4 * LENGTHS["G000"] / LENGTHS["G001"]
    )


def test_a_channel_with_more_places_in_the_genome_hits_each_of_them_less():
    """1,000 mutations, all T[C>G]T: a gene with n places of N is hit 1,000 n / N times."""
    genome_places = GENOME.copy()
    genome_places["T[C>G]T"] *= 5
    rates = pd.DataFrame(0.0, list(CHANNELS), ["P0"])
    rates.loc["T[C>G]T"] = 1000
    gained = pd.DataFrame({"patient": ["P0"], "gene": ["G299"], "kind": ["missense"]})
    found = enrichment.background(gained, rates, OPPORTUNITIES, genome_places, tested=())
    by_site = found.expected(["G100"]).loc["P0", "G100"] / found.shares.sum()
    n, everywhere = OPPORTUNITIES.loc["G100", "T[C>G]T"], 5 * GENOME["T[C>G]T"]
    assert by_site == pytest.approx(1000 * n / everywhere)


def test_both_tails_are_scipys_poisson_binomial():
    chances = np.random.default_rng(2).beta(0.5, 4, (40, 6))
    successes = np.array([0, 1, 3, 9, 15, 40])
    at_least, at_most = tails(chances, successes)
    for k, p, q, column in zip(successes, at_least, at_most, chances.T, strict=True):
        law = poisson_binom(column)
        assert p == pytest.approx(law.sf(k - 1), rel=1e-6, abs=1e-15)
        assert q == pytest.approx(law.cdf(k), rel=1e-6)


@pytest.mark.parametrize("scatter", [0.005, 0.3, 4.0])
def test_mixed_over_the_gene_factor_it_is_the_negative_binomial_of_rare_hits(scatter):
    """Many patients, each rarely hit: carriers are mutations, whose law is negative binomial."""
    expected = np.full((1000, 1), 2.0 / 1000)
    shape = 1 / scatter
    for carriers in (1, 4, 8):
        p = tail_probability(expected, np.array([carriers]), scatter)[0]
        law = nbinom(shape, shape / (shape + 2.0))
        assert p == pytest.approx(law.sf(carriers - 1), rel=0.05)


def test_scatter_is_that_of_statsmodels_negative_binomial():
    rng = np.random.default_rng(3)
    mean = rng.uniform(0.5, 5, 3000)
    observed = rng.poisson(mean * rng.gamma(2, 0.5, 3000)).astype(float)
    fit = NegativeBinomial(observed, np.ones(3000), offset=np.log(mean)).fit(disp=0)
    assert _scatter(observed, mean) == pytest.approx(fit.params[1], rel=0.05)
    assert _scatter(rng.poisson(mean).astype(float), mean) < 0.02


@pytest.mark.parametrize("scatter", [0.0, 0.5])
def test_recurrence_is_valid_under_chance(scatter):
    """P of all genes, hit or not; discrete, so no larger than nominal (4 standard errors).

    The mid-P, which halves the chance of what was seen, must be .5 on average.
    """
    rng = np.random.default_rng(4)
    p, beyond = [], []
    for _ in range(12):
        gained, rates = passengers(rng, scatter=scatter)
        found = learned(gained, rates)
        carriers = gained.drop_duplicates(["patient", "gene"])["gene"].value_counts()
        carriers = carriers.reindex(GENES, fill_value=0).to_numpy()
        expected = found.expected(GENES)[GENES].to_numpy()
        p.append(tail_probability(expected, carriers, found.scatter))
        beyond.append(tail_probability(expected, carriers + 1, found.scatter))
    p, beyond = np.concatenate(p), np.concatenate(beyond)
    for alpha in (0.01, 0.05, 0.2):
        assert (p <= alpha).mean() <= alpha + 4 * np.sqrt(alpha * (1 - alpha) / len(p))
    assert ((p + beyond) / 2).mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / len(p)) + 0.01)


def test_without_the_scatter_of_genes_the_test_would_find_too_much():
    rng = np.random.default_rng(6)
    gained, rates = passengers(rng, scatter=1.0, burden=60_000)
    found = learned(gained, rates)
    carriers = gained.drop_duplicates(["patient", "gene"])["gene"].value_counts()
    carriers = carriers.reindex(GENES, fill_value=0).to_numpy()
    expected = found.expected(GENES)[GENES].to_numpy()
    assert (tail_probability(expected, carriers, 0.0) <= 0.01).mean() > 0.05
    assert (tail_probability(expected, carriers, found.scatter) <= 0.01).mean() < 0.03


def test_a_planted_gene_is_found_and_its_ratio_is_right():
    rng = np.random.default_rng(7)
    gained, rates = passengers(rng)
    hit = pd.DataFrame({"patient": rates.columns[:12], "gene": "G050", "kind": "truncating"})
    table = enrichment.recurrence(pd.concat([gained, hit]), learned(gained, rates, ["G050"]))
    first = table.iloc[0]
    assert (first["gene"], first["carriers"] >= 12, first["q_value"] < 1e-6) == ("G050", True, True)
    assert first["ratio"] == pytest.approx(first["carriers"] / first["expected"])
    assert first["lower"] < first["ratio"] < first["upper"]
    assert (table["q_value"].iloc[1:] > 0.05).all()


def test_genes_without_a_gain_count_for_q():
    gained, rates = passengers(np.random.default_rng(8), burden=200)
    table = enrichment.recurrence(gained, learned(gained, rates))
    assert len(table) < len(GENES)
    best = table["p_value"].iloc[0]
    assert table["q_value"].iloc[0] <= best * len(GENES)
    assert table["q_value"].min() >= table["p_value"].min()
    assert (table["q_value"] >= table["p_value"]).all()


def test_a_group_is_hit_where_any_of_its_genes_is():
    gained, rates = passengers(np.random.default_rng(9))
    found = learned(gained, rates)
    with pytest.raises(InputError, match="without known exons: NSD2"):
        enrichment.recurrence(gained, found, {"NSD2": ["NSD2"]})
    group = enrichment.recurrence(gained, found, {"three": GENES[-3:], "none": []})
    group = group.set_index("gene")
    members = gained[gained["gene"].isin(GENES[-3:])]
    assert group.loc["three", "carriers"] == members["patient"].nunique()
    expected = found.expected(GENES[-3:]).sum(axis=1)
    assert group.loc["three", "expected"] == pytest.approx((1 - np.exp(-expected)).sum())
    assert group.loc["none", "p_value"] == 1


def test_dropping_changes_anew_gives_the_poisson_binomial_of_lengths():
    """Patient i with b_i changes hits a gene of share s with 1 - (1 - s)^b_i."""
    gained, _ = passengers(np.random.default_rng(10), burden=60_000)
    gene = GENES[-1]
    found = enrichment.dropped_anew(gained, LENGTHS, [gene], replicates=20_000, seed=1).iloc[0]
    burden = gained.groupby("patient").size()
    chance = 1 - (1 - LENGTHS[gene] / LENGTHS.sum()) ** burden
    p = poisson_binom(chance.to_numpy()).sf(found["carriers"] - 1)
    assert found["p_value"] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 20_000) + 1e-4)
    assert found["mean"] == pytest.approx(chance.sum(), rel=0.01)
    assert found["p_any"] == pytest.approx(found["p_value"], abs=1e-3)


def test_p_of_any_gene_lies_between_its_own_and_bonferronis():
    gained, _ = passengers(np.random.default_rng(11))
    table = enrichment.dropped_anew(gained, LENGTHS, GENES[-10:], replicates=4000, seed=2)
    assert (table["p_any"] >= table["p_value"] - 1e-9).all()
    assert (table["p_any"] <= 10 * table["p_value"] + 0.01).all()
    again = enrichment.dropped_anew(gained, LENGTHS, GENES[-10:], replicates=4000, seed=2)
    pd.testing.assert_frame_equal(table, again)


def test_the_number_of_enriched_genes_lies_between_what_is_sure_and_what_is_not_excluded():
    """Holm at .025 by hand: .005 x 4, .008 x 3, .03 x 2 (not); 1 of 2,000 is below 1 %."""
    table = pd.DataFrame({"p_value": [0.005, 0.008, 0.03, 1], "carriers": [30, 30, 30, 1]})
    table["q_value"] = [0.016, 0.016, 0.04, 1]
    assert tuple(enrichment.genes_enriched(table, 2000)) == (3, 2, 3)
    assert tuple(enrichment.genes_enriched(table, 103)) == (3, 2, 4)


def test_planted_genes_are_found_in_a_simulated_cohort_and_few_others():
    """At q < .05 one false find in 20 is allowed; two would be none of ours in all likelihood."""
    cohort = simulate.cohort(2, serial_patients=0)
    seen = signatures.occurrence(cohort.mutations, cohort.samples)
    counts = pd.crosstab(seen["channel"], seen["patient"][seen["when"] == "relapse only"])
    rates = counts.reindex(list(CHANNELS), fill_value=0)
    gained = enrichment.gains(seen)
    places = genome.gene_opportunities()
    found = enrichment.background(gained, rates, places, genome.opportunities())
    table = enrichment.recurrence(gained, found)
    sure = set(table.loc[table["q_value"] < 0.05, "gene"])
    planted = set(cohort.truth["clones"]["gene"].dropna())
    carriers = table.set_index("gene")["carriers"]
    assert {gene for gene in planted if carriers.get(gene, 0) >= 5} <= sure
    assert len(sure - planted) <= 1


def test_what_cannot_be_learned_is_refused():
    gained, rates = passengers(np.random.default_rng(12), patients=5)
    with pytest.raises(InputError, match="same 96 channels"):
        enrichment.background(gained, rates.iloc[:90], OPPORTUNITIES, GENOME)
    with pytest.raises(InputError, match="without rates: P0"):
        enrichment.background(gained, rates.drop(columns="P0"), OPPORTUNITIES, GENOME)
    with pytest.raises(InputError, match="cannot be learned"):
        enrichment.background(gained.head(0), rates, OPPORTUNITIES, GENOME)


def test_genes_of_the_genome_have_the_length_of_their_exons():
    """PRPS1's coding sequence has 957 bases (318 codons): its exons are longer, not shorter."""
    places = genome.gene_opportunities()
    length = places.sum(axis=1) / 3
    assert 957 < length["PRPS1"] < 5000
    assert length.sum() == pytest.approx(genome.opportunities(exome=True).sum() / 3, rel=0.3)
