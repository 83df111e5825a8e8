"""What follows from published numbers: by hand, by statsmodels, and from large samples."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.meta_analysis import combine_effects

from allrelapse import survival
from allrelapse.data import published
from allrelapse.errors import InputError

COG = published.read("survival_after_relapse").query("study == 'Rheingold 2024'")
B = COG[COG["lineage"] == "B"]


def test_normal_intervals_by_hand():
    # 25.8 ± 2.4 and 66.4 ± 1.8 (Rheingold 2024), 1.959964 errors to either side
    lower, upper = survival.wald([25.8, 66.4], [2.4, 1.8])
    assert lower == pytest.approx([21.096086, 62.872065])
    assert upper == pytest.approx([30.503914, 69.927935])


def test_the_difference_of_early_and_late_b_all_by_hand():
    # 66.4 ± 1.8 against 25.8 ± 2.4 (Rheingold 2024): 40.6 ± 3
    table = survival.differences(B["group"], B["percent"], B["standard_error"])
    row = table[table["group"].str.startswith("late") & table["against"].str.startswith("early")]
    assert row["difference"].iloc[0] == pytest.approx(40.6)
    assert row["standard_error"].iloc[0] == pytest.approx(3.0)
    assert row["upper"].iloc[0] == pytest.approx(40.6 + 3 * norm.ppf(0.975))
    assert table["lower"].dtype == table["upper"].dtype == float
    assert row["p_value"].iloc[0] == pytest.approx(2 * norm.sf(40.6 / 3))
    assert len(table) == 3
    assert table["p_holm"].max() == table["p_value"].max()


def test_heterogeneity_is_cochrans_q_of_statsmodels():
    found = survival.heterogeneity(B["percent"], B["standard_error"])
    other = combine_effects(B["percent"].to_numpy(), B["standard_error"].to_numpy() ** 2)
    assert found.q == pytest.approx(other.q)
    assert found.degrees_of_freedom == 2
    assert found.p_value < 1e-30


def test_two_estimates_differ_by_q_as_by_z():
    q = survival.heterogeneity([1.0, 3.0], [0.5, 0.7])
    z = survival.differences(["a", "b"], [1.0, 3.0], [0.5, 0.7])
    assert q.p_value == pytest.approx(z["p_value"][0])


def test_a_published_interval_gives_its_standard_error_back():
    log, error = 0.858, 0.23
    ratio, lower, upper = np.exp(log + np.array([0, -1, 1]) * norm.ppf(0.975) * error)
    found = survival.from_interval(ratio, lower, upper)
    assert found["standard_error"] == pytest.approx(error)
    assert found["p_value"] == pytest.approx(2 * norm.sf(log / error))
    assert found["centre"] == pytest.approx(ratio)


def test_allr3_intervals_are_wald_and_that_of_barz_is_not_quite():
    ratios = published.read("hazard_ratios").set_index("feature")
    drift = {}
    for name, row in ratios.iterrows():
        found = survival.from_interval(row["hazard_ratio"], row["lower"], row["upper"])
        drift[name] = abs(np.log(found["centre"] / row["hazard_ratio"]))
    assert drift["TP53"] < 0.005  # within the rounding of two decimals
    assert drift["NR3C1/BTG1 deletion"] < 0.005
    assert drift["NT5C2 subclonal"] > 0.015


def test_survival_at_one_time_implies_the_ratio_of_exponential_hazards():
    ratio = survival.implied_hazard_ratio(np.exp(-1.5), 0.01, np.exp(-0.5), 0.01)
    assert ratio.value == pytest.approx(3)
    # delta method: relative error of H is se / (S H)
    reach = norm.ppf(0.975) * np.hypot(0.01 / (np.exp(-1.5) * 1.5), 0.01 / (np.exp(-0.5) * 0.5))
    assert np.log(ratio.interval) == pytest.approx([np.log(3) - reach, np.log(3) + reach])


def test_the_implied_interval_holds_the_ratio_as_often_as_it_says():
    rng, runs, n = np.random.default_rng(8), 2000, 300
    first, other = rng.binomial(n, 0.3, runs) / n, rng.binomial(n, 0.6, runs) / n
    truth, held = np.log(0.3) / np.log(0.6), 0
    for a, b in zip(first, other, strict=True):
        errors = (np.sqrt(s * (1 - s) / n) for s in (a, b))
        error_a, error_b = errors
        ratio = survival.implied_hazard_ratio(a, error_a, b, error_b)
        held += ratio.lower < truth < ratio.upper
    assert abs(held / runs - 0.95) < 4 * np.sqrt(0.95 * 0.05 / runs)


def test_effective_numbers_of_the_groups_add_up_to_that_of_all():
    # independent of each other: 5-year survival of 2,053 relapses and of its six parts
    parts = COG.dropna(subset=["lineage"])
    numbers = [
        survival.effective_number(row.percent / 100, row.standard_error / 100)
        for row in parts.itertuples()
    ]
    everyone = COG[COG["group"] == "all"].iloc[0]
    total = survival.effective_number(everyone["percent"] / 100, everyone["standard_error"] / 100)
    assert sum(numbers) == pytest.approx(total, rel=0.05)
    assert total < 2053


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: survival.differences(["a"], [1.0], [0.1]), "two estimates or more"),
        (lambda: survival.differences("ab", [1.0, 2.0], [0.1, 0.0]), "standard error above 0"),
        (lambda: survival.heterogeneity([1.0, np.nan], [0.1, 0.1]), "an estimate is missing"),
        (lambda: survival.from_interval(1.0, 1.2, 3.0), "must be in that order"),
        (lambda: survival.implied_hazard_ratio(1.0, 0.1, 0.5, 0.1), "fractions between 0 and 1"),
        (lambda: survival.effective_number(48.9, 1.2), "must be between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
