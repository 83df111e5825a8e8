"""Least-squares fits of the log-logistic law to one curve, or to two at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, leastsq
from scipy.special import expit, logit

from allrelapse.drugs.law import Array
from allrelapse.drugs.wells import Wells

HILL = (0.1, 10.0)
"""Slopes that are told: shallower is no curve, steeper is a step between two doses."""
SLOPES = float(np.log(HILL[1] / HILL[0]))
CLOSE = 1e-9
"""By how much the bottom of a curve is below the viability at which a dose is asked for."""
EDGE = 4.0  # a fit begins within these logits of its limits, where it can still move


@dataclass(frozen=True)
class Model:
    """What is fitted; all parameters may be any real number.

    Parameters are the height of each plate, a pair for the bottom and the slope (one pair per
    curve if not `parallel`), the logarithm of the IC50, and of two curves the logarithm of their
    ratio.

    lowest : least bottom: 0 for viability, -1 for growth rates
    aim : if above 0, the IC50 is the dose at which viability falls to this fraction, so that the
        bottom lies below it; one curve only
    """

    data: Wells
    lowest: float = 0.0
    aim: float = 0.0
    parallel: bool = True

    @cached_property
    def plates(self) -> int:
        """Number of plates of all curves."""
        return int(self.data.plate.max()) + 1

    @cached_property
    def curves(self) -> int:
        """Number of curves."""
        return int(self.data.curve.max()) + 1

    @cached_property
    def shapes(self) -> int:
        """Number of pairs of bottom and slope."""
        return 1 if self.parallel else self.curves

    @cached_property
    def size(self) -> int:
        """Number of parameters."""
        return self.plates + 2 * self.shapes + self.curves

    @cached_property
    def freedom(self) -> int:
        """Wells less parameters."""
        return len(self.data.viability) - self.size

    def pairs(self, theta: Array) -> tuple[Array, Array]:
        """Where each bottom and slope lies within its limits, fractions."""
        u, v = expit(theta[self.plates : self.plates + 2 * self.shapes].reshape(-1, 2)).T
        return u, v

    def shape(self, theta: Array, curve: int = 0) -> tuple[float, float]:
        """Bottom and slope of a curve."""
        (u, v), (low, high) = self.pairs(theta), self.bottoms
        one = min(curve, self.shapes - 1)
        return float(low + (high - low) * u[one]), float(HILL[0] * np.exp(SLOPES * v[one]))

    @property
    def bottoms(self) -> tuple[float, float]:
        """Limits of the bottom."""
        return self.lowest, self.aim - CLOSE if self.aim else 1.0

    @cached_property
    def _fixed(self) -> tuple[Array, Array, Array, NDArray[np.int64], NDArray[np.int64]]:
        """What does not change with the parameters, by well."""
        treated = np.isfinite(self.data.log_dose)
        which = self.data.curve if self.shapes == 2 else np.zeros_like(self.data.curve)
        dose = np.where(treated, self.data.log_dose, 0.0)
        return treated, dose, (self.data.curve == 1).astype(float), which, np.arange(len(dose))

    def mean(self, theta: Array) -> tuple[Array, Array]:
        """Expected viability of each well, and its derivatives, wells x parameters."""
        treated, dose, second, which, rows = self._fixed
        (u, v), (low, high) = self.pairs(theta), self.bottoms
        bottoms, hills = low + (high - low) * u, HILL[0] * np.exp(SLOPES * v)
        bottom, hill = bottoms[which], hills[which]
        at = self.plates + 2 * self.shapes
        log_ic50 = theta[at] + (second * theta[-1] if self.curves == 2 else 0.0)
        if self.aim:
            share = np.log((1 - self.aim) / (self.aim - bottom))
            log_ic50 = log_ic50 - share / hill
        gap = dose - log_ic50
        dead = treated * expit(hill * gap)
        top = theta[self.data.plate]
        height = 1 - (1 - bottom) * dead
        steep = top * (1 - bottom) * dead * (1 - dead)
        by_x, by_hill, by_bottom = steep * hill, -steep * gap, top * dead
        if self.aim:
            by_hill = by_hill + by_x * share / hill**2
            by_bottom = by_bottom - by_x / (hill * (self.aim - bottom))
        slopes = np.zeros((len(height), self.size))
        slopes[rows, self.data.plate] = height
        where = self.plates + 2 * which
        slopes[rows, where] = by_bottom * ((high - low) * u * (1 - u))[which]
        slopes[rows, where + 1] = by_hill * (hills * SLOPES * v * (1 - v))[which]
        slopes[:, at] = by_x
        if self.curves == 2:
            slopes[:, -1] = by_x * second
        return top * height, slopes

    def solve(
        self,
        start: Array,
        fixed: float | None = None,
        *,
        precise: bool = False,
        robust: float | None = None,
    ) -> tuple[Array, float]:
        """Parameters of the least squares near a start, and the sum of squares.

        Parameters
        ----------
        fixed : value of the last parameter, if that is not free
        precise : to the last digits, for the parameters; the sum of squares needs fewer
        robust : residual from which wells count less and less (Cauchy's loss), for a robust fit
        """
        whole = slice(None) if fixed is None else slice(None, -1)
        held = np.array([] if fixed is None else [fixed])
        first = start[whole].copy()
        inner = slice(self.plates, self.plates + 2 * self.shapes)
        first[inner] = np.clip(first[inner], -EDGE, EDGE)

        def residual(free: Array) -> Array:
            return self.residual(np.concatenate([free, held]))

        def slopes(free: Array) -> Array:
            return self.slopes(np.concatenate([free, held]))[:, whole]

        if robust is None:
            # not least_squares: its way to the same MINPACK takes as long as all else
            small = 1e-13 if precise else 1e-8
            tight = {"ftol": small, "xtol": small, "gtol": small, "maxfev": 200}
            with np.errstate(over="ignore"):  # of the covariance, which is not used
                found = leastsq(residual, first, Dfun=slopes, full_output=True, **tight)[0]
        else:
            loss = {"loss": "cauchy", "f_scale": robust}
            found = least_squares(residual, first, slopes, xtol=1e-6, ftol=1e-6, **loss).x
        theta = np.concatenate([found, held])
        return theta, self.error(theta)

    def residual(self, theta: Array) -> Array:
        """What is expected less what was measured, in units of the wells' scatter."""
        return np.asarray((self.mean(theta)[0] - self.data.viability) / self.data.scatter)

    def slopes(self, theta: Array) -> Array:
        """Derivatives of the residuals, wells x parameters."""
        return np.asarray(self.mean(theta)[1] / self.data.scatter[:, None])

    def error(self, theta: Array) -> float:
        """The sum of squares, weighted."""
        away = self.residual(theta)
        return float(away @ away)

    def starts(self) -> list[Array]:
        """Where to begin with one curve: the best of a grid, in each half of the doses."""
        data = self.data
        tops = np.array([self._top(plate) for plate in range(self.plates)])
        low, high = self.bottoms
        share = data.viability / tops[data.plate]
        treated = np.isfinite(data.log_dose)
        log_dose = np.where(treated, data.log_dose, 0)
        first, last = data.range()
        found = []
        for hill in (0.8, 1.6, 4.0):
            for x in np.linspace(first, last, 9):
                dead = np.where(treated, expit(hill * (log_dose - x)), 0.0)
                drop = float(np.clip((dead @ (1 - share)) / max(dead @ dead, 1e-9), 0.02, 0.98))
                u = np.clip((1 - drop - low) / (high - low), 0.02, 0.98)
                v = np.log(hill / HILL[0]) / SLOPES
                error = float(((share - 1 + drop * dead) ** 2).sum())
                theta = np.r_[tops, logit([u, v]), x]
                found.append((error, bool(x > (first + last) / 2), theta))
        found.sort(key=lambda one: one[0])
        return [next(one[2] for one in found if one[1] is upper) for upper in (False, True)]

    def _top(self, plate: int) -> float:
        """Rough height of a plate: its untreated wells, or else its highest ones."""
        mine = self.data.plate == plate
        none = mine & np.isinf(self.data.log_dose)
        if none.any():
            height = float(np.median(self.data.viability[none]))
        else:
            height = float(np.quantile(self.data.viability[mine], 0.9))
        return max(height, 1e-3)

    def best(self, starts: list[Array] | None = None) -> tuple[Array, float]:
        """Parameters of the least squares from all starts, and the sum of squares."""
        found = [self.solve(start) for start in starts or self.starts()]
        return self.solve(min(found, key=lambda one: one[1])[0], precise=True)
