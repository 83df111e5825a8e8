"""Derivatives, the robust standard error and the ends of profiles against other libraries."""

import numpy as np
import pytest
import statsmodels.api as sm
from drug_plates import plate
from scipy.differentiate import jacobian
from scipy.stats import t as student

from allrelapse import drugs
from allrelapse.drugs.fit import least
from allrelapse.drugs.model import Model
from allrelapse.drugs.profile import profile, profile_ends, sandwich
from allrelapse.drugs.wells import together, wells

PAIR = together(wells(plate(tops=(1.0, 0.7))), wells(plate(ic50=20.0)))
DEFAULT = {"outliers": 0.01, "uneven": True}


@pytest.mark.parametrize(
    "model",
    [
        Model(wells(plate(tops=(1.0, 0.7)))),
        Model(wells(plate()), lowest=-1.0),
        Model(wells(plate()), aim=0.4),
        Model(PAIR),
        Model(PAIR, parallel=False),
    ],
    ids=["plates", "growth", "aim", "parallel", "free"],
)
def test_derivatives_are_those_of_finite_differences(model):
    theta = np.random.default_rng(1).normal(0.7, 0.3, model.size)

    def mean(columns):
        flat = columns.reshape(model.size, -1)
        return np.array([model.mean(one)[0] for one in flat.T]).T.reshape(-1, *columns.shape[1:])

    expected = jacobian(mean, theta).df
    assert model.mean(theta)[1] == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(("noise", "lowest", "highest"), [("even", 0.7, 1.0), ("uneven", 0, 0.5)])
def test_wells_that_scatter_with_their_cells_are_seen_to(noise, lowest, highest):
    """Scatter of the emptiest over that of the fullest wells: planted 1, or .2 to .3."""
    table = plate(repeats=12)
    size = 0.05 * (table["viability"] if noise == "uneven" else 1)
    table["viability"] += size * np.random.default_rng(4).normal(size=len(table))
    scatter = least(table, **DEFAULT)[0].data.scatter
    assert lowest <= scatter.min() / scatter.max() <= highest


def test_the_robust_standard_error_is_hc2():
    model, theta, _, _ = least(plate(noise=0.05, tops=(1.0, 0.8)), **DEFAULT)
    slopes = model.slopes(theta)
    straight = sm.OLS(-model.residual(theta), slopes).fit()
    for place in range(model.size):
        naive, robust, _ = sandwich(model, theta, np.eye(model.size)[place])
        assert naive == pytest.approx(straight.bse[place], rel=1e-4)
        assert robust == pytest.approx(straight.HC2_se[place], rel=1e-4)


def test_of_several_directions_the_mean_variance_counts_whatever_basis_they_are_given_in():
    """Trace of one covariance in the other, over their number, from statsmodels."""
    model, theta, _, _ = least(plate(noise=0.05, tops=(1.0, 0.8)), **DEFAULT)
    straight = sm.OLS(-model.residual(theta), model.slopes(theta)).fit()
    asked = np.eye(model.size)[-3:-1]
    usual, robust = asked @ straight.cov_params() @ asked.T, asked @ straight.cov_HC2 @ asked.T
    ratio = np.trace(np.linalg.solve(usual, robust)) / 2
    for basis in (np.eye(2), np.array([[3.0, 1.0], [-1.0, 0.5]])):
        found = sandwich(model, theta, basis @ asked)
        assert (found.robust / found.naive) ** 2 == pytest.approx(ratio, rel=1e-4)


def test_the_robust_error_has_the_freedom_of_its_quadratic_form():
    """Satterthwaite's degrees from the first two moments, which simulated residuals have."""
    model, theta, _, _ = least(plate(noise=0.05, tops=(1.0, 0.8)), **DEFAULT)
    direction = np.eye(model.size)[-1]
    found = sandwich(model, theta, direction)
    slopes = model.slopes(theta)
    rng = np.random.default_rng(1)
    variances = []
    for _ in range(400):
        noise = rng.standard_normal(len(slopes))
        variances.append(sm.OLS(noise, slopes).fit().HC2_se[-1] ** 2)
    freedom = 2 * np.mean(variances) ** 2 / np.var(variances)
    assert found.freedom == pytest.approx(freedom, rel=0.25)
    assert found.freedom < model.freedom / 2  # as few wells tell where the middle is


def test_profiles_are_brought_to_the_scale_of_the_robust_error_where_scatter_is_known():
    table = plate(noise=0.05, tops=(1.0, 0.8))
    known, plain = least(table, **DEFAULT), least(table, outliers=0.0, uneven=False)
    for (model, theta, squares, _), name in ((known, "robust"), (plain, "naive")):
        errors = sandwich(model, theta, np.eye(model.size)[-1])
        near = theta[-1] + 0.01 * getattr(errors, name)  # where it is as good as straight
        found = profile(model, theta, squares)
        assert found.distance(near) == pytest.approx(0.01, rel=0.02)
        freedom = errors.freedom if name == "robust" else model.freedom
        assert found.freedom == pytest.approx(freedom)


def test_ends_are_found_and_open_where_a_profile_does_not_rise():
    assert profile_ends(abs, 0.0, -9, 9, 2.0) == pytest.approx((-2, 2), abs=1e-5)
    assert profile_ends(abs, 0.0, -1, 9, 2.0) == pytest.approx((-np.inf, 2), abs=1e-5)
    assert profile_ends(abs, 0.0, -1, 1, 2.0) == (-np.inf, np.inf)
    # the best place lies beyond the doses, and even the nearest of them is too far from it
    assert profile_ends(abs, 0.0, 3, 9, 2.0) == (-np.inf, 3)
    assert profile_ends(abs, 0.0, -9, -3, 2.0) == (-3, np.inf)
    assert profile_ends(abs, 0.0, 1, 9, 2.0) == pytest.approx((-np.inf, 2), abs=1e-5)


def test_the_area_of_a_flat_curve_is_worked_by_hand():
    """Dose means over the untreated mean, trapezoids; here doses are equally far apart."""
    table = plate(ic50=1e9, noise=0.04, seed=2)
    fit = drugs.fit_curve(table, outliers=0.0, uneven=False)
    assert fit.status == drugs.FLAT
    means = table.groupby("dose")["viability"].mean()
    share = means.iloc[1:].to_numpy() / means.iloc[0]
    area = np.trapezoid(share) / (len(share) - 1)
    assert fit.auc.value == pytest.approx(area, rel=1e-9)
    spread = table["viability"].std() / means.iloc[0]
    weights = np.r_[0.5, np.ones(6), 0.5] / 7
    error = spread * np.sqrt((weights**2).sum() / 3 + 1 / 3)
    assert fit.auc.upper - fit.auc.value == pytest.approx(student.ppf(0.975, 25) * error, rel=0.1)
