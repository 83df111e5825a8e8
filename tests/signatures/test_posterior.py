"""Draws of exposures: coverage on planted truth, with what the model does and does not assume."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import binom

from allrelapse import signatures
from allrelapse.data import reference
from allrelapse.errors import InputError

COSMIC = reference.cosmic()
MENU = COSMIC[["SBS1", "SBS2", "SBS5", "SBS6", "SBS13", "SBS18", "SBS44", "SBS86", "SBS87"]]
TARGET = ["SBS87"]


def planted(seed, hard, patients=40):
    """Spectra, and one row per mutation with whether SBS87 made it; in two fifths it made some."""
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(5.5, 0.8, patients))
    share = rng.dirichlet([5, 10, 2], patients)
    extra = np.where(rng.random(patients) < 0.4, rng.uniform(0.05, 0.6, patients), 0)
    w = COSMIC[["SBS1", "SBS5", "SBS18", "SBS87"]].to_numpy()
    e = size[:, None] * np.column_stack([share * (1 - extra)[:, None], extra])
    rates = e[:, None] * w
    if hard:  # a process of no catalogue makes 8 %, and rates scatter by 25 %
        strange = 0.08 * size[:, None] * rng.dirichlet(np.full(96, 0.3))
        rates = np.concatenate([0.92 * rates, strange[:, :, None]], axis=2)
        rates *= rng.gamma(16, 1 / 16, rates.shape[:2])[:, :, None]
    made = rng.poisson(rates)
    counts = pd.DataFrame(made.sum(axis=2).T, COSMIC.index).add_prefix("s")
    i, c, s = np.nonzero(made)
    times = made[i, c, s]
    rows = {"sample": counts.columns[i], "channel": COSMIC.index[c], "true": s == 3}
    return counts, pd.DataFrame(rows).loc[np.repeat(np.arange(len(times)), times)]


@pytest.mark.parametrize("hard", [False, True])
def test_the_share_of_a_set_of_mutations_is_covered_and_its_probabilities_are_calibrated(hard):
    held, values, truths, events = 0, [], [], []
    for seed in range(10):
        counts, rows = planted(seed, hard)
        draws = signatures.exposure_draws(counts, MENU, replicates=100, burn_in=150, seed=seed)
        chosen = rows[rows["channel"].str.endswith("[C>T]G")].sample(100, random_state=seed)
        found = signatures.attributed_share(chosen, draws, TARGET)
        held += found.lower <= chosen["true"].mean() <= found.upper
        values.append(found.value)
        truths.append(chosen["true"].mean())
        table = signatures.attribute(chosen, draws.mean, MENU, bootstraps=draws)
        events.append(pd.DataFrame({"p": table["probability"]["SBS87"], "true": chosen["true"]}))
    assert binom.cdf(held, 10, 0.93) > 0.01
    assert np.sqrt(np.mean(np.subtract(values, truths) ** 2)) < 0.05
    assert sum(values) / sum(truths) == pytest.approx(1, abs=0.18)  # three standard errors
    both = pd.concat(events)
    bins = signatures.reliability(both["p"], both["true"], bins=4, level=0.998)
    assert bins["predicted"].between(bins["lower"] - 0.05, bins["upper"] + 0.05).all()


def test_draws_repeat_with_the_seed_and_do_not_depend_on_the_order_of_samples():
    counts, _ = planted(1, hard=False, patients=6)
    few = {"replicates": 8, "burn_in": 10}
    first, again, other = (
        signatures.exposure_draws(counts, MENU, seed=seed, **few).exposures for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    turned = signatures.exposure_draws(counts.iloc[:, ::-1], MENU, seed=1, **few)
    assert np.array_equal(first, turned.exposures[:, ::-1])
    assert list(turned.samples) == list(counts.columns[::-1])


def test_a_signature_that_most_samples_lack_is_hardly_given_to_them():
    # with a prior of its own per sample each would get some: 6 % at this size
    rng = np.random.default_rng(5)
    mean = MENU[["SBS1", "SBS5"]] @ [40.0, 80.0]
    counts = pd.DataFrame(rng.poisson(mean.to_numpy()[:, None], (96, 40)), MENU.index)
    draws = signatures.exposure_draws(counts.add_prefix("s"), MENU, replicates=100, seed=1)
    assert draws.mean["SBS87"].sum() / counts.to_numpy().sum() < 0.02


def test_exposures_with_the_unknown_add_up_to_the_mutations():
    counts, _ = planted(2, hard=True, patients=10)
    draws = signatures.exposure_draws(counts, MENU, replicates=100, seed=1)
    fitted = draws.exposures.sum(axis=2).mean(axis=0) + draws.unknown.sum(axis=2).mean(axis=0)
    assert fitted == pytest.approx(counts.sum().to_numpy(), rel=0.15)


def test_mutations_of_no_signature_are_called_unknown():
    stranger = np.zeros(96)
    stranger[[5, 50]] = 0.5
    mean = 200 * MENU["SBS5"].to_numpy() + 100 * stranger
    counts = np.random.default_rng(4).poisson(mean[:, None], (96, 12))
    counts = pd.DataFrame(counts, MENU.index).add_prefix("s")
    draws = signatures.exposure_draws(counts, MENU, replicates=60, seed=1)
    rows = pd.DataFrame({"sample": ["s0", "s1"], "channel": MENU.index[[5, 50]]})
    found = signatures.attribute(rows, draws.mean, MENU, bootstraps=draws)
    assert (found["probability"]["unknown"] > 0.8).all()


def test_the_chance_of_a_share_counts_the_draws_beyond_it():
    # 100 mutations a draw, 10 of them unknown: a fifth of them is passed by 30 and by 21, not by 20
    known = np.array([30.0, 21.0, 20.0, 0.0])[:, None, None]
    exposures = np.concatenate([known, 90 - known], axis=2)
    unknown = np.full((4, 1, 96), 10 / 96)
    names = (pd.Index(["s"]), MENU.index, pd.Index(["SBS87", "SBS5"]))
    draws = signatures.Draws(exposures, unknown, np.zeros((4, 96, 2)), *names)
    assert draws.chance(0.2).loc["s"].to_dict() == {"SBS87": 0.5, "SBS5": 1.0}
    assert draws.chance(0).loc["s", "SBS87"] == 0.75
    with pytest.raises(InputError, match="share is 1"):
        draws.chance(1)


def test_the_chance_of_a_share_tells_carriers_from_others():
    found = []
    for seed in (8, 9, 10):
        counts, rows = planted(seed, hard=True)
        draws = signatures.exposure_draws(counts, MENU, replicates=200, burn_in=150, seed=1)
        true = rows.groupby("sample")["true"].mean()
        found.append(pd.DataFrame({"chance": draws.chance()["SBS87"], "true": true}))
    found = pd.concat(found)
    assert (found.loc[found["true"] > 0.2, "chance"] >= 0.7).mean() > 0.9
    assert (found.loc[found["true"] == 0, "chance"] >= 0.7).mean() < 0.05


def test_weighted_draws_hold_less_of_a_process_that_acted_at_another_time():
    counts, _ = planted(3, hard=False, patients=4)
    draws = signatures.exposure_draws(counts, MENU, replicates=8, burn_in=10)
    half = draws.weighted(pd.Series({"SBS5": 0.5}))
    assert half.mean["SBS5"].to_numpy() == pytest.approx(draws.mean["SBS5"].to_numpy() / 2)
    assert half.mean["SBS1"].equals(draws.mean["SBS1"])
    with pytest.raises(InputError, match="SBS99"):
        draws.weighted(pd.Series({"SBS99": 0.5}))


def test_a_sample_without_mutations_and_a_lone_sample_are_no_obstacle():
    counts, _ = planted(6, hard=False, patients=1)
    counts["none"] = 0
    draws = signatures.exposure_draws(counts, MENU, replicates=20, burn_in=50)
    assert np.isfinite(draws.exposures).all()
    assert draws.mean.loc["none"].sum() < 5


@pytest.mark.parametrize(
    "wrong",
    [{"replicates": 0}, {"replicates": 2.5}, {"burn_in": -1}, {"inexact": 1.0}, {"seed": -1}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))} is"):
        signatures.exposure_draws(planted(1, hard=False, patients=2)[0], MENU, **wrong)


def test_convergence_tells_a_process_of_known_memory_and_chains_that_disagree():
    # an autoregression with coefficient a has (1 - a) / (1 + a) independent draws in each
    rng = np.random.default_rng(3)
    chains, size, memory = 4, 5000, 0.8
    steps = rng.normal(size=(chains, size))
    walk = lfilter([1], [1, -memory], steps, axis=1)
    noise = rng.normal(size=(chains, size))
    apart = noise + np.arange(chains)[:, None] * 10
    exposures = np.stack([walk, noise, apart], axis=2).reshape(-1, 1, 3)
    names = (pd.Index(["s"]), MENU.index, pd.Index(["walk", "noise", "apart"]))
    empty = np.zeros((chains * size, 1, 1)), np.zeros((chains * size, 1, 3))
    told = signatures.Draws(exposures, *empty, *names, chains).convergence()
    each = (1 - memory) / (1 + memory)
    assert told.loc["walk", "effective"] == pytest.approx(chains * size * each, rel=0.15)
    assert told.loc["noise", "effective"] == pytest.approx(chains * size, rel=0.1)
    assert told.loc[["walk", "noise"], "r_hat"].to_numpy() == pytest.approx(1, abs=0.01)
    assert told.loc["apart", "r_hat"] > 5
    assert told.loc["apart", "effective"] < 3 * chains
