"""Factorisation against scikit-learn, closed forms and planted factors."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import dirichlet, dirichlet_multinomial
from sklearn.decomposition import NMF

from allrelapse.data import reference
from allrelapse.signatures import nmf


def planted(seed=0, samples=40, rank=3, mutations=300, evenness=0.2):
    """Poisson counts (samples x 96), the mean exposures and the signatures behind them."""
    rng = np.random.default_rng(seed)
    signatures = rng.dirichlet(np.full(96, evenness), size=rank)
    exposures = rng.gamma(0.7, mutations, size=(rank, samples))
    return rng.poisson(exposures.T @ signatures).astype(float), exposures, signatures


def started(counts, rank, seed=0):
    return nmf.random_start(counts, rank, np.random.default_rng(seed))


def divergence(counts, exposures, signatures):
    mean = np.maximum(exposures.T @ signatures, 1e-300)
    logs = counts * np.log(np.where(counts > 0, counts / mean, 1))
    return np.sum(logs - counts + mean)


@pytest.mark.parametrize("seed", range(4))
def test_likelihood_is_no_worse_than_a_long_run_of_scikit_learn_from_the_same_start(seed):
    counts, _, _ = planted(seed)
    e, w = started(counts, 3, seed)
    settings = {"solver": "mu", "beta_loss": "kullback-leibler", "tol": 0, "max_iter": 20_000}
    peer = NMF(3, init="custom", **settings)
    theirs = peer.fit_transform(counts, W=np.maximum(e.T, 1e-3), H=np.maximum(w, 1e-6))
    ours = nmf.most_likely(counts, e, w, tolerance=1e-6)
    best = divergence(counts, theirs.T, peer.components_)
    assert divergence(counts, ours.exposures, ours.signatures) <= best + 0.01


def test_at_the_default_tolerance_little_likelihood_is_left_to_gain():
    counts, _, _ = planted(5, samples=100, rank=4)
    likely = nmf.most_likely(counts, *started(counts, 4))
    further = nmf.most_likely(counts, likely.exposures, likely.signatures, tolerance=1e-9)
    assert 0 <= further.objective[-1] - likely.objective[-1] < 0.05


@pytest.mark.parametrize("fit", [nmf.most_likely, nmf.sparse])
@pytest.mark.parametrize("mutations", [3, 300, 1e6])
def test_the_objective_never_falls(fit, mutations):
    counts, _, _ = planted(1, mutations=mutations)
    path = fit(counts, *started(counts, 4)).objective
    assert np.diff(path).min() >= 0
    assert len(path) > 10


def test_the_conditions_of_an_optimum_hold():
    # Kuhn-Tucker: a factor's entry is 0 where more of it would not help, else its gain is 0
    counts, _, _ = planted(2)
    fit = nmf.most_likely(counts, *started(counts, 3), tolerance=1e-9)
    ratio = counts / np.maximum(fit.exposures.T @ fit.signatures, nmf.TINY)
    gain = ratio @ fit.signatures.T - 1
    assert gain.max() < 1e-3
    assert np.abs(gain.T * fit.exposures).max() < 1e-2
    gain = (ratio.T @ fit.exposures.T / fit.exposures.sum(axis=1) - 1).T
    assert np.abs(gain * fit.signatures).max() < 1e-5


@pytest.mark.parametrize("fit", [nmf.most_likely, nmf.sparse])
def test_one_signature_is_the_sum_of_all_counts(fit):
    counts, _, _ = planted(3)
    found = fit(counts, *started(counts, 1))
    total = counts.sum(axis=0)
    assert found.exposures[0] == pytest.approx(counts.sum(axis=1), rel=1e-3)
    assert found.signatures[0] == pytest.approx(total / total.sum(), abs=1e-4)


def test_planted_signatures_are_found_again():
    counts, _, signatures = planted(4, samples=200)
    start = nmf.most_likely(counts, *started(counts, 3))
    found = nmf.sparse(counts, start.exposures, start.signatures).signatures
    unit = [w / np.linalg.norm(w, axis=1, keepdims=True) for w in (found, signatures)]
    assert np.all((unit[0] @ unit[1].T).max(axis=0) > 0.995)


def test_a_process_never_seen_alone_is_parted_from_its_company_by_the_sparse_prior():
    # in every sample the background is at least as large as the process: any mixture fits
    rng = np.random.default_rng(6)
    background = rng.dirichlet(np.full(96, 20.0))
    process = np.zeros(96)
    process[rng.choice(96, 8, replace=False)] = 1 / 8
    amounts = np.stack([rng.uniform(300, 600, 80), np.where(np.arange(80) < 10, 150, 0)])
    counts = rng.poisson(amounts.T @ np.stack([background, process])).astype(float)
    mixed = np.stack([background, 0.7 * background + 0.3 * process])
    likely = nmf.most_likely(counts, amounts, mixed)
    sparse = nmf.sparse(counts, likely.exposures, likely.signatures)
    cosines = [
        w[1] @ process / np.linalg.norm(w[1]) / np.linalg.norm(process)
        for w in (likely.signatures, sparse.signatures)
    ]
    assert cosines[0] < 0.97
    assert cosines[1] > 0.99


def test_evidence_bound_is_that_of_its_definition():
    # the terms that a signature's Dirichlet posterior adds, drawn instead of computed
    rng = np.random.default_rng(7)
    assigned, prior = rng.gamma(2.0, 3.0, size=(2, 6)), 0.5
    draws = [rng.dirichlet(a + prior, size=200_000) for a in assigned]
    logs = np.stack([np.log(d).mean(axis=0) for d in draws])
    assert nmf._expected_logs(assigned, prior) == pytest.approx(logs, abs=0.02)
    wanted = sum(
        np.mean(dirichlet.logpdf(d.T, a + prior) - dirichlet.logpdf(d.T, np.full(6, prior)))
        for d, a in zip(draws, assigned, strict=True)
    )
    exact = nmf._information(assigned, nmf._expected_logs(assigned, prior), prior)
    assert exact == pytest.approx(wanted, abs=0.03)


def test_the_prior_is_as_sparse_as_the_signatures_of_cosmic():
    cosmic = reference.cosmic().to_numpy().T
    rng = np.random.default_rng(0)
    for mutations in (500, 10_000):
        counts = np.stack([rng.multinomial(mutations, w) for w in cosmic])
        likely = minimize_scalar(
            lambda a, c=counts, n=mutations: (
                -dirichlet_multinomial.logpmf(c, np.full(96, a), n).sum()
            ),
            bounds=(0.01, 2),
            method="bounded",
        ).x
        assert likely == pytest.approx(nmf.SPARSE, abs=0.06)


@pytest.mark.parametrize("fit", [nmf.most_likely, nmf.sparse])
def test_empty_samples_channels_and_surplus_signatures_do_no_harm(fit):
    counts = np.zeros((6, 96))
    counts[1:3, :2] = [[4, 1], [0, 7]]
    found = fit(counts, *started(counts, 5))
    assert np.isfinite(found.exposures).all()
    assert found.signatures.sum(axis=1) == pytest.approx(1)
    assert (found.signatures >= 0).all()
    assert found.exposures[:, [0, 3, 4, 5]] == pytest.approx(0)
    assert found.exposures.sum() == pytest.approx(12, abs=0.5)


def test_starts_are_left_as_they_were():
    counts, _, _ = planted(8)
    e, w = started(counts, 2)
    before = e.copy(), w.copy()
    nmf.sparse(counts, *nmf.most_likely(counts, e, w)[:2])
    assert np.array_equal(e, before[0])
    assert np.array_equal(w, before[1])
