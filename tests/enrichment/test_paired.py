"""Gains against losses in pairs: counts by hand, P and odds by other libraries."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest
from statsmodels.stats.contingency_tables import mcnemar

from allrelapse import enrichment
from allrelapse.data import tables
from allrelapse.enrichment.altered import _odds


def cohort(gained, lost, kept, patients=12):
    """Pairs in which one gene is gained, lost or kept in so many patients."""
    names = [f"P{i}" for i in range(patients)]
    samples = pd.DataFrame(
        [
            (f"{name}-{stage[0]}", name, stage, day)
            for name in names
            for stage, day in (("diagnosis", 0), ("relapse", 400))
        ],
        columns=["sample", "patient", "stage", "day"],
    )
    late, early = names[: gained + kept], names[gained : gained + kept + lost]
    hit = [f"{n}-r" for n in late] + [f"{n}-d" for n in early]
    rows = pd.DataFrame(
        {"sample": hit, "Hugo_Symbol": "TP53", "Variant_Classification": "Missense_Mutation"}
    )
    quiet = pd.DataFrame({"sample": samples["sample"], "Variant_Classification": "Silent"})
    rows = pd.concat([rows, quiet], ignore_index=True).assign(Chromosome="1", Start_Position=1)
    return tables.complete(rows, "mutations"), tables.complete(samples, "samples")


@pytest.mark.parametrize(("gained", "lost", "kept"), [(7, 1, 2), (6, 0, 0), (0, 3, 1), (2, 2, 0)])
def test_gains_against_losses_are_mcnemars_exact_test(gained, lost, kept):
    row = enrichment.relapse_specific(*cohort(gained, lost, kept)).iloc[0]
    assert tuple(row[["gene", "gained", "lost", "kept", "patients"]]) == (
        "TP53", gained, lost, kept, 12,
    )  # fmt: skip
    table = [[kept, lost], [gained, 12 - gained - lost - kept]]
    assert row["p_value"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    interval = binomtest(gained, gained + lost).proportion_ci(method="exact")
    low, high = (x / (1 - x) if x < 1 else np.inf for x in interval)
    assert row["odds_ratio_lower"] == pytest.approx(low)
    assert row["odds_ratio_upper"] == pytest.approx(high)


def test_six_gains_without_a_loss_are_the_fewest_that_are_significant():
    """As stated in our facts: exact McNemar needs six relapse-only pairs."""
    five, six = (enrichment.relapse_specific(*cohort(n, 0, 0)).iloc[0]["p_value"] for n in (5, 6))
    assert six < 0.05 < five


def test_a_bystander_is_gained_as_often_as_other_genes_are():
    """Other genes: 9 gained, 3 lost. P(5 or more of 5 gained) is .75^5, by McNemar 2 x .5^5."""
    mutations, samples = cohort(5, 0, 0)
    more, _ = cohort(9, 3, 0)
    both = pd.concat([mutations, more.assign(Hugo_Symbol="TTN")], ignore_index=True)
    row = enrichment.relapse_specific(both, samples, ["TP53"]).iloc[0]
    assert row["p_value"] == pytest.approx(2 / 2**5)
    assert row["p_burden"] == pytest.approx(0.75**5)


def test_genes_that_nobody_has_count_for_q():
    table = enrichment.relapse_specific(*cohort(7, 0, 0), genes=["TP53", "NT5C2"])
    assert table["q_value"].to_list() == pytest.approx([2 * 2 / 2**7, 1])
    assert table.set_index("gene").loc["NT5C2", ["gained", "lost", "kept"]].sum() == 0


def test_p_is_valid_where_gain_and_loss_are_as_likely():
    """An exact test may reject less often than its level, never more (4 standard errors)."""
    rng = np.random.default_rng(5)
    changing = rng.integers(1, 25, 20_000)
    gained = rng.binomial(changing, 0.5)
    p = _odds(gained, changing - gained, 0.95)["p_value"]
    for alpha in (0.01, 0.05, 0.2, 0.5):
        assert (p <= alpha).mean() <= alpha + 4 * np.sqrt(alpha * (1 - alpha) / len(p))
    assert (p <= 0.2).mean() > 0.08


@pytest.mark.parametrize(
    ("maf", "kind"),
    [
        ("Missense_Mutation", "missense"),
        ("Frame_Shift_Del", "truncating"),
        ("Gene_Deletion", "deletion"),
        ("In_Frame_Ins", "other"),
        ("Silent", None),
        (None, None),
    ],
)
def test_kinds_of_change(maf, kind):
    assert enrichment.kind_of_change(pd.Series([maf], dtype="object")).to_list() == [kind]


def test_power_is_the_share_of_drawn_cohorts_that_are_significant():
    """Against 4,000 drawn cohorts, within 4 standard errors."""
    power = enrichment.gain_power(60, [0.08, 0.2], lost=0.02, alpha=0.01)["power"]
    rng = np.random.default_rng(1)
    for share, expected in zip((0.08, 0.2), power, strict=True):
        drawn = rng.multinomial(60, [share, 0.02, 0.98 - share], size=4000)
        kinds, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
        p = np.array([binomtest(int(g), int(g + n)).pvalue if g + n else 1 for g, n in kinds])
        found = times[p <= 0.01].sum() / 4000
        assert found == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 4000))


def test_power_never_falls_with_the_share_and_is_small_without_any():
    power = enrichment.gain_power(103, np.linspace(0, 0.5, 30), alpha=0.05)["power"]
    assert (power.diff().dropna() > -1e-12).all()
    assert power.iloc[0] == 0
    table = enrichment.recurrence_power(103, [0, 0.1], chance=0.01, alpha=0.001)
    assert table["power"].iloc[0] <= 0.001 < table["power"].iloc[1]
    assert table["carriers"].iloc[0] == binom.isf(0.001, 103, 0.01) + 1
    scattered = enrichment.recurrence_power(103, [0.1], chance=0.01, scatter=0.5, alpha=0.001)
    assert scattered["carriers"].iloc[0] > table["carriers"].iloc[0]
