"""The presence test: calibration, power, intervals, and the real exomes of FACTS section 3."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy
from scipy.stats import binom, chi2, poisson

from allrelapse import signatures
from allrelapse.data import open_spectra, reference
from allrelapse.errors import InputError
from allrelapse.signatures import kernel, nulls
from tests.signatures.test_refit import FEW, draw


def controls(noise, seed, samples=1000):
    """Genomes of 5,000 mutations without SBS87; each channel's mean scatters by `noise`."""
    rng = np.random.default_rng(seed)
    mean = (FEW[["SBS1", "SBS5", "SBS18"]] @ [750.0, 3250.0, 1000.0]).to_numpy()[:, None]
    scatter = rng.gamma(1 / noise**2, noise**2, size=(96, samples)) if noise else 1.0
    counts = rng.poisson(mean * scatter, size=(96, samples))
    return pd.DataFrame(counts, index=FEW.index, columns=[f"c{i}" for i in range(samples)])


def within_monte_carlo_error(hits, size, rate):
    return binom.cdf(hits, size, rate) > 1e-3 and binom.sf(hits - 1, size, rate) > 1e-3


def test_presence_is_calibrated_on_clean_controls():
    law = {"overdispersed": False, "level": None, "replicates": 0}
    p = signatures.presence(controls(0, 1), FEW, "SBS87", **law)
    assert within_monte_carlo_error((p["p_value"] < 0.05).sum(), 1000, 0.05)


def test_presence_is_calibrated_on_overdispersed_controls():
    counts = controls(0.25, 2)
    law = {"level": None, "replicates": 0}
    plain = signatures.presence(counts, FEW, "SBS87", overdispersed=False, **law)
    corrected = signatures.presence(counts, FEW, "SBS87", **law)
    assert not within_monte_carlo_error((plain["p_value"] < 0.05).sum(), 1000, 0.05)
    assert (corrected["p_value"] < 0.05).mean() < 0.07
    assert corrected["dispersion"].median() > 1.2


def test_presence_finds_a_fifth_of_sbs87_in_nearly_every_genome():
    counts = draw({"SBS1": 150, "SBS5": 650, "SBS87": 200}, samples=200)
    found = signatures.presence(counts, FEW, "SBS87", level=None)
    assert (found["p_value"] < 0.01).mean() > 0.95


def test_profile_interval_covers_the_planted_exposure_in_95_per_cent():
    counts = draw({"SBS1": 150, "SBS5": 650, "SBS87": 200}, samples=400, seed=4)
    found = signatures.presence(counts, FEW, "SBS87", overdispersed=False)
    covered = ((found["lower"] <= 200) & (found["upper"] >= 200)).sum()
    assert within_monte_carlo_error(covered, 400, 0.95)


def test_profile_interval_widens_where_counts_scatter():
    rng = np.random.default_rng(5)
    mean = (FEW[["SBS1", "SBS5", "SBS87"]] @ [150, 650, 200]).to_numpy()[:, None]
    counts = pd.DataFrame(rng.poisson(rng.gamma(mean / 1.5, 1.5, (96, 300))), FEW.index)
    counts = counts.add_prefix("s")
    found = signatures.presence(counts, FEW, "SBS87", replicates=0)
    covered = ((found["lower"] <= 200) & (found["upper"] >= 200)).mean()
    assert 0.9 < covered < 0.99  # dispersion 2.5 is itself an estimate
    plain = signatures.presence(counts, FEW, "SBS87", replicates=0, overdispersed=False)
    assert ((plain["lower"] <= 200) & (plain["upper"] >= 200)).mean() < 0.85


def test_profile_limits_of_a_lone_signature_solve_the_poisson_likelihood():
    # Disjoint signatures: the target's share of the likelihood is x log t - t.
    w = pd.DataFrame(np.kron(np.eye(2), np.full((48, 1), 1 / 48)), columns=["other", "target"])
    counts = pd.DataFrame({"s": np.repeat([1, 2], 48)})
    found = signatures.presence(counts, w, "target", overdispersed=False).loc["s"]
    for t in (found["lower"], found["upper"]):
        fall = 2 * (96 * np.log(96 / t) - (96 - t))
        assert fall == pytest.approx(chi2.ppf(0.95, 1), abs=5e-3)
    assert found["lower"] < 96 < found["upper"]


def test_upper_limit_of_an_absent_lone_signature_is_half_the_quantile():
    w = pd.DataFrame(np.kron(np.eye(2), np.full((48, 1), 1 / 48)), columns=["other", "target"])
    counts = pd.DataFrame({"s": np.repeat([1, 0], 48)})
    found = signatures.presence(counts, w, "target", overdispersed=False).loc["s"]
    assert found["exposure"] == 0
    assert found["p_value"] == 1
    assert found["upper"] == pytest.approx(chi2.ppf(0.95, 1) / 2, abs=0.02)


def test_an_empty_sample_says_nothing():
    found = signatures.presence(draw({"SBS5": 60}).assign(empty=0), FEW, "SBS87").loc["empty"]
    assert (found["exposure"], found["p_value"]) == (0, 1)
    assert found["upper"] == pytest.approx(chi2.ppf(0.95, 1) / 2, rel=0.05)


def test_q_values_are_benjamini_hochberg_by_hand():
    found = signatures.presence(draw({"SBS5": 60, "SBS87": 20}, samples=6), FEW, "SBS87")
    p = np.sort(found["p_value"])
    by_hand = np.minimum.accumulate((p * 6 / np.arange(1, 7))[::-1])[::-1].clip(max=1)
    assert np.sort(found["q_value"]) == pytest.approx(by_hand)


def test_unknown_target_is_refused_with_the_names_there_are():
    with pytest.raises(InputError, match=r"SBS999.*SBS87"):
        signatures.presence(draw({"SBS5": 60}), FEW, "SBS999")


def test_sbs87_is_in_half_of_the_relapse_exomes_and_in_no_diagnosis_exome(mirror):
    exomes = open_spectra.target_exomes("ALL")
    exome = reference.cosmic(exome=True)
    wanted = ["SBS1", "SBS2", "SBS5", "SBS8", "SBS13", "SBS18", "SBS40", "SBS86", "SBS87"]
    wanted += sorted(reference.MISMATCH_REPAIR)
    catalogue = exome[reference.named(exome, wanted)]
    found = signatures.presence(exomes.counts, catalogue, "SBS87")
    called = (found["p_value"] < 0.05).groupby(exomes.samples["stage"]).sum()
    assert 4 <= called["relapse"] <= 5  # FACTS section 3: 5 of 10; the candidates decide on one
    assert called["diagnosis"] == 0
    pair = found[exomes.samples["patient"] == "PAPZNK"]["p_value"]
    assert pair.groupby(exomes.samples["stage"]).first()["relapse"] < 1e-3
    pooled = signatures.pool(exomes.counts, exomes.samples["stage"])
    sums = signatures.presence(pooled, catalogue, "SBS87")
    assert sums.loc["relapse", "mutations"] == 491
    assert sums.loc["diagnosis", "mutations"] == 130
    assert sums.loc["relapse", "p_value"] < 1e-3
    assert sums.loc["diagnosis", "exposure"] == 0


def test_dispersion_is_the_ratio_of_variance_to_mean_and_steadier_than_pearson_s():
    # A negative binomial with as many failures as its mean has a variance of twice the mean.
    mean = np.full((4000, 96), 0.5)
    counts = np.random.default_rng(8).negative_binomial(mean, 0.5).astype(float)
    estimate = kernel.variance_ratios(counts, mean[:1], np.ones((4000, 1)), 2.0)
    pearson = np.maximum(((counts - mean) ** 2 / mean).mean(axis=1), 1)
    assert estimate.mean() == pytest.approx(2, rel=0.05)
    assert estimate.std() < 0.8 * pearson.std()


def test_bootstrap_p_values_are_calibrated_at_the_size_of_an_exome():
    counts = draw({"SBS1": 12, "SBS5": 18, "SBS18": 10}, samples=300, seed=9)
    plain = signatures.presence(counts, FEW, "SBS87", level=None, replicates=199, seed=1)
    assert within_monte_carlo_error((plain["p_value"] < 0.05).sum(), 300, 0.05)
    assert within_monte_carlo_error((plain["p_value"] < 0.2).sum(), 300, 0.2)


def test_bootstrap_p_values_repeat_with_the_seed():
    counts = draw({"SBS1": 12, "SBS5": 18, "SBS87": 10}, samples=5)
    first, again, other = (
        signatures.presence(counts, FEW, "SBS87", level=None, replicates=99, seed=seed)["p_value"]
        for seed in (1, 1, 2)
    )
    pd.testing.assert_series_equal(first, again)
    assert not first.equals(other)


def test_p_values_depend_on_the_spectrum_alone():
    counts = draw({"SBS1": 12, "SBS5": 18, "SBS87": 10}, samples=5)
    table = signatures.presence(counts, FEW, "SBS87", level=None)["p_value"]
    turned = signatures.presence(counts.iloc[:, ::-1], FEW, "SBS87", level=None)["p_value"]
    alone = signatures.presence(counts[["s3"]], FEW, "SBS87", level=None)["p_value"]
    renamed = signatures.presence(counts.add_prefix("x"), FEW, "SBS87", level=None)["p_value"]
    assert turned[table.index].equals(table)
    assert alone["s3"] == table["s3"]
    assert renamed.to_numpy() == pytest.approx(table.to_numpy(), abs=0)


def test_drawn_p_by_hand():
    # 19 draws, the tenth largest is 1.0: above it P falls as chi-squared with one degree
    drawn = np.array([[0.0] * 9 + [1.0, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6]])
    inf = np.array([np.inf])
    for ratio, expected in ((0.9, 11 / 20), (6.5, 0.5 * chi2.sf(6.5, 1) / chi2.sf(1, 1))):
        p, critical = nulls.drawn_p(np.array([ratio]), inf, drawn, 0.05)
        assert p[0] == pytest.approx(expected)
        assert chi2.sf(critical[0], 1) / chi2.sf(1, 1) * 0.5 == pytest.approx(0.05)
    tied, _ = nulls.drawn_p(np.array([2.0]), inf, np.array([[0.0] * 4 + [2.0] * 15]), 0.05)
    assert tied[0] == pytest.approx(16 / 20)  # all ties come as far


def test_few_of_the_candidates_are_named_as_confounders_whatever_the_law_says():
    # by drawn spectra some are significant that the limiting law would not call
    counts = null_spectra({"SBS1": 0.22, "SBS5": 0.5, "SBS18": 0.18, "SBS87": 0.1}, 300, 1.0, 60)
    found = signatures.presence(counts, WIDE, "SBS87", level=None)
    law = signatures.presence(counts, WIDE, "SBS87", level=None, replicates=0)
    differ = (found["p_value"] < 0.05) & (law["p_value"] >= 0.05)
    assert differ.any()
    named = found.loc[found["p_value"] < 0.05, "confounders"].str.split().str.len()
    assert named.max() < WIDE.shape[1] / 3


@pytest.mark.parametrize(
    "option", [{"replicates": -1}, {"replicates": 2.5}, {"seed": -1}, {"alpha": 0.7}, {"level": 95}]
)
def test_options_out_of_range_are_refused(option):
    name, value = next(iter(option.items()))
    with pytest.raises(InputError, match=f"{name} is {value}"):
        signatures.presence(draw({"SBS5": 60}), FEW, "SBS87", **option)


def test_beyond_the_drawn_ratios_p_falls_as_the_limiting_law_does():
    # with a tenth more of the target at a time, P is told far below one in 199 draws
    counts = pd.concat(
        [draw({"SBS5": 300, "SBS87": n}).set_axis([str(n)], axis=1) for n in (60, 120)], axis=1
    )
    drawn, law = (
        signatures.presence(
            counts, FEW, "SBS87", overdispersed=False, level=None, replicates=replicates
        )["p_value"]
        for replicates in (199, 0)
    )
    assert drawn["120"] < drawn["60"] < 1e-3
    assert drawn["120"] / drawn["60"] == pytest.approx(law["120"] / law["60"], rel=1)
    assert (drawn / law).between(0.2, 5).all()


def test_bootstrap_p_value_is_the_chance_under_each_sample_s_own_null():
    # Other makes all channels alike, target the first half of them. Four mutations in that half:
    # without the target each half has Poisson(2), and the ratio is that of k and m mutations.
    w = pd.DataFrame({"other": np.full(96, 1 / 96), "target": np.repeat([1 / 48, 0], 48)})
    few = np.r_[np.ones(4), np.zeros(92)]
    counts = pd.DataFrame({"large": np.full(96, 20), "few": few})
    k, m = np.meshgrid(np.arange(30), np.arange(30))
    half = (k + m) / 2
    ratio = 2 * (xlogy(k, k / np.maximum(half, 1e-9)) + xlogy(m, m / np.maximum(half, 1e-9)))
    chance = poisson.pmf(k, 2) * poisson.pmf(m, 2)
    expected = chance[(k > m) & (ratio >= 8 * np.log(2) - 1e-9)].sum()
    found = signatures.presence(counts, w, "target", level=None, replicates=9999)["p_value"]
    assert expected == pytest.approx(0.0196, abs=5e-4)  # the limiting law would say .0093
    assert found["few"] == pytest.approx(expected, abs=4 * np.sqrt(expected / 9999))
    assert found["large"] == 1


COSMIC = reference.cosmic()
WIDE = COSMIC.drop(columns=sorted(reference.ARTEFACTS))
BLOOD = ["SBS1", "SBS5", "SBS18", "SBS86", "SBS87", *reference.MISMATCH_REPAIR]
LEUKAEMIA = {"SBS1": 0.25, "SBS5": 0.55, "SBS18": 0.2}


def null_spectra(mixture, size, dispersion, samples):
    """Spectra of about `size` mutations, none by a target, that scatter `dispersion` x Poisson."""
    rng = np.random.default_rng([size, int(dispersion)])
    mean = size * (COSMIC[list(mixture)] @ list(mixture.values())).to_numpy()[:, None]
    mean = mean * np.ones(samples)
    rates = rng.gamma(mean / (dispersion - 1), dispersion - 1) if dispersion > 1 else mean
    return pd.DataFrame(rng.poisson(rates), COSMIC.index, [f"c{i}" for i in range(samples)])


@pytest.mark.parametrize("dispersion", [1.0, 2.0])
@pytest.mark.parametrize("size", [30, 100, 1000])
def test_presence_is_calibrated_at_any_number_of_mutations(size, dispersion):
    table = WIDE[reference.named(WIDE, BLOOD)]
    counts = null_spectra(LEUKAEMIA, size, dispersion, 300)
    p = signatures.presence(counts, table, "SBS87", level=None)["p_value"]
    for alpha in (0.05, 0.2):
        assert within_monte_carlo_error((p <= alpha).sum(), 300, alpha)


@pytest.mark.parametrize(
    ("target", "mixture"),
    [
        ("SBS87", LEUKAEMIA),
        ("SBS87", {"SBS1": 0.6, "SBS6": 0.2, "SBS98": 0.2}),
        ("SBS86", {"SBS39": 0.3, "SBS13": 0.3, "SBS3": 0.2, "SBS5": 0.2}),
    ],
)
@pytest.mark.parametrize("size", [30, 1000])
def test_presence_keeps_its_size_beside_near_neighbours_in_the_whole_catalogue(
    target, mixture, size
):
    # so few mutations do not fill 79 signatures: then the test finds the target more rarely
    counts = null_spectra(mixture, size, 1.0, 200)
    p = signatures.presence(counts, WIDE, target, level=None)["p_value"]
    for alpha in (0.05, 0.2):
        hits = (p <= alpha).sum()
        assert binom.sf(hits - 1, 200, alpha) > 1e-3
        assert size < 100 or binom.cdf(hits, 200, alpha) > 1e-3


def test_a_near_neighbour_among_the_candidates_takes_evidence_away():
    # SBS1 and SBS87 share their C>T peaks (cosine .74); SBS2 and SBS18 have none of them.
    counts = pd.DataFrame({"s": (60 * FEW["SBS87"]).round().astype(int)}).assign(
        s=lambda t: t["s"].where(t.index.str.contains("C>T"), 0)
    )
    found = signatures.presence(counts, FEW[["SBS2", "SBS18", "SBS87", "SBS1"]], "SBS87").loc["s"]
    without = signatures.presence(counts, FEW[["SBS2", "SBS18", "SBS87"]], "SBS87").loc["s"]
    assert without["p_value"] < 0.01
    assert without["confounders"] == ""
    assert found["p_value"] > without["p_value"]


def test_confounders_are_those_whose_admission_takes_the_significance_away():
    counts = draw({"SBS1": 40, "SBS5": 60, "SBS87": 25}, samples=40, seed=12)
    found = signatures.presence(
        counts, WIDE, "SBS87", overdispersed=False, level=None, replicates=0
    )
    assert (found.loc[found["p_value"] >= 0.05, "confounders"] == "").all()
    named = found[found["confounders"] != ""]
    assert len(named)
    checked = 0
    for sample, row in named.iterrows():
        null = signatures.refit(
            counts[[sample]], WIDE.drop(columns="SBS87"), threshold=chi2.isf(0.05, 1)
        ).exposures
        if signatures.refit(counts[[sample]], WIDE).dispersion.iloc[0] > 1:
            continue  # refit's choice then knows of the dispersion, the null model's as well
        model = [*null.columns[null.iloc[0] > 0], row["confounders"].split()[0]]
        ratio = [
            signatures.refit(counts[[sample]], WIDE[names], sparse=False).log_likelihood.iloc[0]
            for names in (model, [*model, "SBS87"])
        ]
        assert chi2.sf(2 * (ratio[1] - ratio[0]), 1) / 2 >= 0.05 - 1e-3
        checked += 1
    assert checked
