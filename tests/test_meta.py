"""Pooled proportions against quadrature, closed forms, statsmodels and simulation."""

import math
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binom, chi2, chi2_contingency, multivariate_hypergeom, t
from statsmodels.stats.meta_analysis import combine_effects

from allrelapse import exact, meta
from allrelapse.errors import InputError

NT5C2 = pd.DataFrame(  # data/published/relapse_genes.csv, at relapse
    {
        "study": ["Barz 2020", "Tzoneva 2013", "Tzoneva 2013", "Blood 124:3789", "Yu 2020"],
        "lineage": ["B", "T", "B", "B", None],
        "carriers": [75, 20, 1, 15, 6],
        "samples": [455, 103, 35, 259, 73],
    }
)
COUNTS = NT5C2["carriers"].to_numpy(), NT5C2["samples"].to_numpy()
DROP = chi2.ppf(0.95, 1) / 2
LARGE = np.full(6, 40_000)  # so large that only the spread between series matters
LOGITS = np.array([-2.6, -2.2, -2.1, -1.7, -1.6, -0.8])


def by_quadrature(k, n, mu, tau):
    """The marginal probability of a series, integrated in the logit about its peak."""

    def density(x):
        normal = np.exp(-(((x - mu) / tau) ** 2) / 2) / (tau * math.sqrt(2 * math.pi))
        return math.comb(n, k) * expit(x) ** k * expit(-x) ** (n - k) * normal

    grid = np.linspace(mu - 12 * tau, mu + 12 * tau, 20_001)
    peak = grid[density(grid).argmax()]
    edges = sorted([grid[0], *(peak + np.array([-0.2, -0.05, 0, 0.05, 0.2])), grid[-1]])
    parts = [quad(density, *ends, epsabs=0, epsrel=1e-10, limit=200)[0] for ends in pairwise(edges)]
    return sum(parts)


@pytest.mark.parametrize(
    ("k", "n", "mu", "tau"),
    [
        (75, 455, -1.6, 0.01),
        (250, 500, 0.3, 5),
        (0, 500, -4, 5),
        (500, 500, -1, 2),
        (3, 500, -3, 1),
        (0, 1, 0.5, 5),  # nothing is narrow here but the logistic itself
        (1, 35, -2, 0.6),
    ],
)
def test_marginal_likelihood_is_the_integral(k, n, mu, tau):
    found = np.exp(meta.log_marginal([k], [n], mu, tau)[0])
    assert found == pytest.approx(by_quadrature(k, n, mu, tau), rel=1e-8)


def test_marginal_likelihood_without_spread_is_binomial():
    found = meta.log_marginal(*COUNTS, -2.0, 0.0)
    assert found == pytest.approx(binom.logpmf(*COUNTS, expit(-2.0)), abs=1e-10)


def test_no_step_from_the_estimates_raises_the_likelihood_by_quadrature():
    def loglik(mu, tau):
        return sum(np.log(by_quadrature(k, n, mu, tau)) for k, n in zip(*COUNTS, strict=True))

    pooled = meta.pooled_proportion(*COUNTS)
    mu, tau = logit(pooled.proportion.value), pooled.tau.value
    top = loglik(mu, tau)
    assert pooled.loglik == pytest.approx(top, abs=1e-6)
    for d_mu, d_tau in [(0.003, 0), (0, 0.003), (0.003, 0.003), (-0.003, 0.003)]:
        assert loglik(mu + d_mu, tau + d_tau) < top
        assert loglik(mu - d_mu, tau - d_tau) < top


def test_heterogeneity_p_is_half_the_chi_squared_tail():
    # Self & Liang 1987: under tau = 0 the ratio is 0 in half of all cases
    alike = binom.logpmf(*COUNTS, sum(COUNTS[0]) / sum(COUNTS[1])).sum()
    pooled = meta.pooled_proportion(*COUNTS)
    expected = chi2.sf(2 * (pooled.loglik - alike), 1) / 2
    assert pooled.heterogeneity_p == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("series", [1, 6])
def test_identical_proportions_give_the_binomial_likelihood_ratio_interval(series):
    k, n = 6 * series, 30 * series
    # six: as far down as Student's interval of five degrees of freedom is for normal values
    drop = DROP if series == 1 else 3 * np.log1p(t.ppf(0.975, 5) ** 2 / 5)
    target = binom.logpmf(k, n, 0.2) - drop
    lower = brentq(lambda p: binom.logpmf(k, n, p) - target, 1e-9, 0.2)
    upper = brentq(lambda p: binom.logpmf(k, n, p) - target, 0.2, 1 - 1e-9)
    pooled = meta.pooled_proportion([6] * series, [30] * series)
    assert pooled.proportion == pytest.approx((0.2, lower, upper), abs=1e-6)
    assert pooled.tau.value == 0


def test_two_alike_series_leave_more_open_than_one_binomial_does():
    pair = meta.pooled_proportion([6, 6], [30, 30]).proportion
    together = meta.pooled_proportion([12], [60]).proportion
    assert pair.value == pytest.approx(together.value)
    assert pair.lower < together.lower < together.upper < pair.upper


def test_intervals_of_large_series_are_those_of_a_normal_sample():
    # Student's interval of the mean, and the profile likelihood of the sd, of k normal values
    k, centre, spread = len(LOGITS), LOGITS.mean(), LOGITS.std()
    reach = t.ppf(0.975, k - 1) * LOGITS.std(ddof=1) / np.sqrt(k)
    pooled = meta.pooled_proportion(np.round(LARGE * expit(LOGITS)), LARGE)
    assert logit(pooled.proportion) == pytest.approx(
        (centre, centre - reach, centre + reach), abs=2e-3
    )

    def excess(tau):
        ratio = (spread / tau) ** 2
        return k * (ratio - 1 - np.log(ratio)) / 2 - DROP

    lower, upper = brentq(excess, 0.1, spread), brentq(excess, spread, 9)
    assert pooled.tau == pytest.approx((spread, lower, upper), abs=2e-3)


def test_prediction_of_large_series_is_t_of_two_degrees_of_freedom_less_than_series():
    # Higgins, Thompson & Spiegelhalter 2009: mean, t of k - 2, tau^2 + se^2; here se^2 = tau^2 / k
    k, spread = len(LOGITS), LOGITS.std()
    reach = t.ppf(0.975, k - 2) * spread * np.sqrt(1 + 1 / k)
    pooled = meta.pooled_proportion(np.round(LARGE * expit(LOGITS)), LARGE)
    expected = (LOGITS.mean() - reach, LOGITS.mean() + reach)
    assert logit(pooled.prediction) == pytest.approx(expected, abs=2e-3)


def test_large_series_agree_with_moment_estimates_on_logits():
    samples = np.array([2000, 3000, 2500, 4000, 3500, 2000, 3000, 2800])
    logits = np.array([-2.5, -2.2, -2.1, -1.7, -1.6, -0.9, -1.8, -2.0])
    carriers = np.round(samples * expit(logits))
    effects = logit(carriers / samples), 1 / carriers + 1 / (samples - carriers)
    laird, mandel = (combine_effects(*effects, method_re=method) for method in ("dl", "pm"))
    pooled = meta.pooled_proportion(carriers, samples)
    for moments in (laird, mandel):
        assert logit(pooled.proportion.value) == pytest.approx(moments.mean_effect_re, abs=0.005)
    # Paule and Mandel divide by k - 1, maximum likelihood by k; DerSimonian and Laird's weights
    # are those of no spread, which is far from so here
    assert pooled.tau.value**2 == pytest.approx(mandel.tau2 * 7 / 8, rel=0.01)


def test_95_per_cent_interval_of_six_series_covers_as_often_as_it_says(monkeypatch):
    monkeypatch.setattr(meta, "_exact_p", lambda cells: 1.0)  # not asked here, and slow
    rng, runs = np.random.default_rng(0), 120
    samples, truth = np.array([20, 25, 30, 35, 40, 50]), expit(-1.5)
    hits = 0
    for _ in range(runs):
        carriers = rng.binomial(samples, expit(rng.normal(-1.5, 0.5, 6)))
        _, lower, upper = meta.pooled_proportion(carriers, samples).proportion
        hits += lower <= truth <= upper
    # three Monte Carlo errors; it may cover more, as tau is at its edge of 0 in some
    assert hits / runs > 0.95 - 3 * np.sqrt(0.05 * 0.95 / runs)
    assert hits < runs


def test_a_series_without_carriers_counts_with_all_its_samples():
    # the two are alike within chance, so that they pool to carriers over samples
    pooled = meta.pooled_proportion([0, 2], [30, 40])
    assert pooled.tau.value == 0
    assert pooled.proportion.value == pytest.approx(2 / 70, abs=1e-6)


def test_no_carrier_at_all_leaves_a_bound_and_says_nothing_of_the_spread():
    pooled = meta.pooled_proportion([0, 0, 0], [10, 20, 30])
    # chance of none in 60 is .025 at the bound
    assert pooled.proportion == pytest.approx((0, 0, 1 - 0.025 ** (1 / 60)))
    assert pooled.tau == (0, 0, np.inf)
    assert (pooled.heterogeneity_p, pooled.exact_p, pooled.loglik) == (1, 1, 0)
    assert np.isnan(pooled.prediction).all()


def test_all_carriers_mirror_no_carrier():
    pooled = meta.pooled_proportion([10, 20], [10, 20])
    assert pooled.proportion == pytest.approx((1, 0.025 ** (1 / 30), 1))


@pytest.mark.parametrize("carriers", [0, 5])
def test_one_series_tells_nothing_of_the_spread(carriers):
    pooled = meta.pooled_proportion([carriers], [10])
    assert pooled.tau.value == 0
    unknown = [*pooled.tau.interval, *pooled.prediction, pooled.heterogeneity_p, pooled.exact_p]
    assert np.isnan(unknown).all()


def test_a_spread_that_counts_cannot_bound_has_an_infinite_bound():
    # all of one series and none of the other: the likelihood rises for ever with tau
    pooled = meta.pooled_proportion([0, 10], [10, 10])
    assert pooled.proportion.value == pytest.approx(0.5)
    assert pooled.tau.value == meta.LARGEST_TAU
    assert np.isinf(pooled.tau.upper)


def test_single_samples_say_nothing_of_the_spread_and_little_of_the_proportion():
    # by symmetry the likelihood is a quarter at even odds, whatever tau
    pooled = meta.pooled_proportion([0, 1], [1, 1], level=1 - 1e-9)
    assert pooled.proportion == pytest.approx((0.5, 0, 1), abs=1e-12)
    assert (pooled.tau, pooled.heterogeneity_p) == ((0, 0, np.inf), 1)
    assert pooled.loglik == pytest.approx(np.log(1 / 4))


def test_order_of_series_does_not_matter():
    one = meta.pooled_proportion(*COUNTS)
    other = meta.pooled_proportion(*(x[[3, 0, 4, 2, 1]] for x in COUNTS))
    assert other.proportion == pytest.approx(one.proportion, abs=1e-6)
    assert other.tau == pytest.approx(one.tau, abs=1e-4)
    assert other.exact_p == pytest.approx(one.exact_p, rel=1e-6)


def test_counting_those_who_do_not_carry_mirrors_the_result():
    k, n = np.array([0, 4, 9, 3]), np.array([12, 15, 14, 30])
    one, other = meta.pooled_proportion(k, n), meta.pooled_proportion(n - k, n)
    value, lower, upper = other.proportion
    assert (1 - value, 1 - upper, 1 - lower) == pytest.approx(one.proportion, abs=1e-6)
    assert other.tau == pytest.approx(one.tau, abs=1e-4)
    assert 1 - np.array(other.prediction[::-1]) == pytest.approx(one.prediction, abs=1e-5)
    assert other.exact_p == pytest.approx(one.exact_p)


def test_exact_p_sums_all_tables_that_are_no_likelier(monkeypatch):
    k, n = [1, 5, 2, 6], [6, 8, 9, 7]
    law = multivariate_hypergeom(n, sum(k))
    grid = product(*(range(m + 1) for m in n))
    chances = law.pmf([x for x in grid if sum(x) == sum(k)])
    expected = chances[chances <= law.pmf(k) * (1 + 1e-7)].sum()
    assert meta.pooled_proportion(k, n).exact_p == pytest.approx(expected)
    monkeypatch.setattr(meta, "TABLES", 0)  # draw them, as if there were too many
    error = 4 * np.sqrt(expected * (1 - expected) / meta.SAMPLED)
    drawn = meta.pooled_proportion(k, n).exact_p
    assert drawn == pytest.approx(expected, abs=error)
    assert meta.pooled_proportion(k[::-1], n[::-1]).exact_p == drawn
    assert meta.pooled_proportion([1, 2], [6, 6]).exact_p == 1  # (2, 1) is as likely, no more so


@pytest.mark.parametrize(
    ("carriers", "samples", "message"),
    [
        ([], [], "need 1 or more"),
        ([1, 2], [3], "2 counts of carriers and 1"),
        ([1, 4], [5, 3], "4 carriers of 3 samples in series 2"),
        ([-1], [3], "cannot be"),
        ([0], [0], "cannot be"),
        ([1.5], [3], "cannot be"),
        ([pd.NA], [3], "nan carriers"),
    ],
)
def test_impossible_counts_are_refused(carriers, samples, message):
    with pytest.raises(InputError, match=message):
        meta.pooled_proportion(carriers, samples)


def test_a_pooled_proportion_prints_in_one_line():
    text = repr(meta.pooled_proportion([0, 0], [10, 20]))
    assert text == "<0 % (0 to 11.6) pooled over 2 series, tau 0 (0 to inf), P 1>"


def test_of_two_series_on_one_cohort_the_larger_is_pooled():
    table = pd.DataFrame(
        {
            "gene": ["NT5C2", "NT5C2", "NT5C2", "NT5C2", "TP53"],
            "study": ["Barz 2020", "ASH 2014", "Tzoneva 2013", "Tzoneva 2013", "ASH 2014"],
            "lineage": ["B", "B", "B", "T", None],
            "cohort": ["ALL-REZ", "ALL-REZ", None, None, "ALL-REZ"],
            "samples": [455, 259, 35, 103, 259],
        }
    )
    assert meta.independent(table).to_list() == [True, False, True, True, True]


def test_leaving_a_study_out_pools_all_series_of_the_others():
    result = meta.leave_one_out(NT5C2, level=0.9).set_index("without")
    assert list(result.index) == ["Barz 2020", "Tzoneva 2013", "Blood 124:3789", "Yu 2020"]
    rest = meta.pooled_proportion([75, 15, 6], [455, 259, 73], level=0.9)
    row = result.loc["Tzoneva 2013"]
    assert tuple(row) == pytest.approx((*rest.proportion, rest.tau.value))


def test_subgroups_without_spread_differ_by_the_likelihood_ratio_of_their_sums():
    table = pd.DataFrame(
        {"lineage": list("BBBBTTTT"), "carriers": [3, 4, 3, 4, 5, 6, 5, 6], "samples": 30}
    )
    result, p_value = meta.subgroups(table, "lineage")
    sums = [[14, 120 - 14], [22, 120 - 22]]
    ratio = chi2_contingency(sums, correction=False, lambda_="log-likelihood")
    assert p_value == pytest.approx(ratio.pvalue, rel=1e-5)
    assert list(result["value"]) == pytest.approx([14 / 120, 22 / 120], abs=1e-6)
    assert list(result["series"]) == [4, 4]


def test_subgroups_of_large_series_differ_by_the_likelihood_ratio_of_normal_means():
    # k log(total / residual sum of squares), with one variance for all groups
    table = pd.DataFrame({"carriers": np.round(LARGE * expit(LOGITS)), "samples": LARGE})
    table["region"] = ["a", "b", "b", "c", "a", "c"]
    means = pd.Series(LOGITS).groupby(table["region"]).transform("mean")
    ratio = 6 * np.log(LOGITS.var() / ((LOGITS - means) ** 2).mean())
    result, p_value = meta.subgroups(table, "region")
    assert p_value == pytest.approx(chi2.sf(ratio, 2), rel=5e-3)
    assert list(result["region"]) == ["a", "b", "c"]


def test_a_subgroup_without_carriers_is_the_bound_of_its_samples():
    table = pd.DataFrame({"stage": ["d", "d", "r"], "carriers": [0, 0, 1], "samples": [50, 60, 80]})
    result, p_value = meta.subgroups(table, "stage")
    row = result.set_index("stage").loc["d", ["value", "lower", "upper"]]
    assert tuple(row) == pytest.approx(exact.proportion(0, 110))
    ratio = chi2_contingency([[0, 110], [1, 79]], correction=False, lambda_="log-likelihood")
    assert p_value == pytest.approx(ratio.pvalue, rel=1e-5)


def test_subgroups_of_one_series_each_cannot_be_told_from_spread():
    result, p_value = meta.subgroups(NT5C2.iloc[[0, 1]], "lineage")
    assert np.isnan(p_value)
    assert list(result["value"]) == pytest.approx([75 / 455, 20 / 103], abs=1e-6)


def test_series_of_no_subgroup_are_left_out():
    known = NT5C2.dropna(subset=["lineage"])
    result, p_value = meta.subgroups(NT5C2, "lineage")
    expected, expected_p = meta.subgroups(known, "lineage")
    pd.testing.assert_frame_equal(result, expected)
    assert p_value == expected_p


def test_faults_of_a_table_are_named():
    with pytest.raises(InputError, match=r"lacks \{'samples'\}"):
        meta.leave_one_out(NT5C2.drop(columns="samples"))
    with pytest.raises(InputError, match="2 or more values of study"):
        meta.leave_one_out(NT5C2.head(1))
    with pytest.raises(InputError, match="2 or more values of lineage"):
        meta.subgroups(NT5C2[NT5C2["lineage"] == "B"], "lineage")
