"""Likelihoods of the routes by which a relapse arises; see `origin`, which compares them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, log_expit, log_ndtr, logsumexp, xlogy
from scipy.stats import norm

Floats = NDArray[np.float64]

ROUTES = ("pre-existing", "acquired", "regrowth")
FOUNDER_SD = np.pi / np.sqrt(6)
"""Of the log of a clone's size by the chance of its first divisions: that of a Gumbel law, nats."""
CELLS_SD = 0.9
"""Of the log of the cells at which relapse is found, nats: .4 powers of ten; an assumption."""
NEVER = -745.0  # log of less than the smallest number


@dataclass(frozen=True)
class Protocol:
    """What is known of treatment and growth, not learned from the cohort.

    therapy_end : last day of therapy
    windows : days from and to which the drugs with a signature are given
    growth_before : net growth before diagnosis, per day (Br J Haematol 1997;98:999: 6.9 %)
    cells : leukaemia cells when relapse is found (1e11 to 1e12)
    """

    therapy_end: float = 910.0
    windows: tuple[tuple[float, float], ...] = ((36.0, 134.0), (197.0, 910.0))
    growth_before: float = 0.069
    cells: float = 1e11

    def exposed(self, day: Floats) -> Floats:
        """Days up to a day on which a drug with a signature was given."""
        spans = [np.clip(day - start, 0, end - start) for start, end in self.windows]
        return np.asarray(sum(spans, np.zeros_like(day)))


PRIORS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "acquired": (0.0, 1.0),  # log odds against pre-existing, at average residual disease
        "regrowth": (0.0, 1.0),
        "doubling": (np.log(7.4), 0.05),  # log of the median, days: Li 2020, as Sentís 2020 quotes
        "spread": (np.log(0.15), 0.2),  # log of the sd of the log: 95 % within their 5 to 9 days
        "doubling regrowth": (np.log(7.4), 0.3),  # they wake up without drugs
        "spread regrowth": (np.log(0.3), 0.4),
        "late": (0.0, 0.2),  # log of the doubling time when serial samples see it, over the mean
        "uneven": (np.log(0.2), 0.5),  # sd of that log over clones
        "slow": (np.log(0.4), 0.5),  # mean log of the slowing of an acquired clone by therapy
        "induced": (np.log(2.0), 0.5),  # log of mutations per day with such a drug over without
        "decline": (np.log(0.02), 0.7),  # of persisters, per day: when mutations are acquired
        "awakening": (np.log(300.0), 0.7),  # mean rest after therapy, days
        "base": (np.log(30.0), 1.5),  # gained mutations that are older than therapy
        "clock": (np.log(0.5), 1.5),  # further mutations per day of therapy
        "base shape": (np.log(10.0), 0.7),  # of the gamma law of the first
        "clock shape": (np.log(3.0), 0.5),  # and of the others
        "prone": (0.0, 1.5),  # log odds that the drugs mutate in a patient
        "therapy": (np.log(1.0), 1.5),  # their mutations per day, where they do
        "therapy shape": (np.log(2.0), 0.7),
        "noise": (np.log(1.0), 1.0),  # mutations that are attributed to them by mistake
        "mistaken": (-3.5, 0.7),  # log odds that a whole process is taken for them
        "polyclonal": (0.0, 1.5),  # log odds that regrowth has no mutations in common
        "residual": (0.5, 0.5),  # exponent of residual disease in the odds of acquired
    }
)
"""Mean and standard deviation of the normal prior of each parameter of a cohort.

Where no source is named they are assumptions. Those of pace are narrow, as the day of relapse alone
cannot tell a slow early founder from a quick late one. Their form and widths were chosen while
looking at simulated cohorts (seeds 1, 11 to 16 and 101 to 130), so that only others can judge them.
"""


def joint(parts: list[Floats]) -> Floats:
    """Log of weight times likelihood, patients x routes."""
    # scipy's logsumexp checks more than it adds
    tops = [part.max(axis=1, keepdims=True) for part in parts]
    sums = [np.exp(part - top).sum(axis=1) for part, top in zip(parts, tops, strict=True)]
    return np.stack([np.log(x) + top[:, 0] for x, top in zip(sums, tops, strict=True)], axis=1)


def grids(setting: Protocol) -> list[Floats]:
    """Days t0 of each route, at the middle of equal shares of its range."""
    before = -(np.linspace(0.5, 5, 20) ** 3)
    under = (np.arange(80) + 0.5) / 80
    after = setting.therapy_end + ((np.arange(40) + 0.5) / 40) ** 2 * 3000
    return [before, setting.therapy_end * under**1.5, after]


def by_route(
    p: Mapping[str, float],
    data: Mapping[str, Floats],
    grids: list[Floats],
    setting: Protocol,
    use: Sequence[str],
) -> list[Floats]:
    """Log of prior times likelihood by route, patients x days t0.

    The prior is the share of each day of the grid, so that sums over days are integrals.
    """
    odds = np.zeros((3, len(data["relapse_day"])))
    odds[1], odds[2] = p["acquired"], p["regrowth"]
    if "residual" in use:
        odds[1] = odds[1] + p["residual"] * data["residual"]
    odds -= logsumexp(odds, axis=0)
    found = []
    for number, (route, t0) in enumerate(zip(ROUTES, grids, strict=True)):
        part = odds[number][:, None] + _founding(p, route, t0, setting)
        if "timing" in use:
            part = part + _timing(p, route, data, t0, setting, "serial" in use)
        if "mutations" in use:
            part = part + _mutations(p, route, data, t0, setting)
        found.append(part)
    return found


def _founding(p: Mapping[str, float], route: str, t0: Floats, setting: Protocol) -> Floats:
    """Log of the prior share of each day of the grid."""
    width = np.abs(np.gradient(t0))
    if route == "pre-existing":
        density = np.exp(setting.growth_before * t0)
    elif route == "acquired":
        given = np.any([(t0 > a) & (t0 <= b) for a, b in setting.windows], axis=0)
        density = np.exp(p["induced"] * given - np.exp(p["decline"]) * t0)
    else:
        density = np.exp(-(t0 - setting.therapy_end) / np.exp(p["awakening"]))
    share = density * width
    return np.asarray(np.log(share / share.sum() + 1e-300))


def _timing(
    p: Mapping[str, float],
    route: str,
    data: Mapping[str, Floats],
    t0: Floats,
    setting: Protocol,
    serial: bool,
) -> Floats:
    """Log density of the day of relapse, patients x days t0: growth from one cell takes its time.

    Doubling times are log-normal; where serial samples measured one, late in growth, it tells of
    the mean over the clone's life, within the error and as far as growth is even. The doublings
    needed vary by chance at the start (`FOUNDER_SD`) and by the cells at detection (`CELLS_SD`).
    Who resists one drug of several grows more slowly than who resists all, never faster: the log
    of an acquired clone's slowing is exponential.
    """
    nats = np.log(setting.cells) + np.euler_gamma
    own = " regrowth" if route == "regrowth" else ""
    middle = np.full(len(data["doubling"]), p[f"doubling{own}"])
    spread = np.full(len(data["doubling"]), np.exp(p[f"spread{own}"]))
    measured = np.zeros(len(middle))
    if serial:
        seen = np.log(data["doubling"]) - p["late"]
        measured, middle, spread = _measured(
            seen, np.hypot(data["doubling_se"], np.exp(p["uneven"])), middle, spread
        )
    spread = np.hypot(spread, np.hypot(FOUNDER_SD, CELLS_SD) / nats)[:, None]
    age = data["relapse_day"][:, None] - t0
    log_age = np.log(np.where(age > 0, age, 1.0))
    off = log_age - middle[:, None] - np.log(nats / np.log(2))
    if route == "acquired":
        density = _normal_and_exponential(off, spread, np.exp(p["slow"]))
    else:
        density = -0.5 * (off / spread) ** 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)
    return np.where(age > 0, density - log_age, NEVER) + measured[:, None]


def _measured(
    seen: Floats, error: Floats, middle: Floats, spread: Floats
) -> tuple[Floats, Floats, Floats]:
    """Log density of measured log doubling times, and what is left open: mean and sd.

    Both are normal around the pace of a clone's whole life, which is itself normal over clones;
    where nothing was measured the density is 1 and nothing is learned.
    """
    known = np.isfinite(seen)
    off, both = np.where(known, seen - middle, 0.0), np.hypot(spread, np.where(known, error, 1.0))
    density = np.where(known, norm.logpdf(off, scale=both), 0.0)
    weight = np.where(known, (spread / both) ** 2, 0.0)
    return density, middle + weight * off, spread * np.sqrt(1 - weight)


def _normal_and_exponential(x: Floats, sd: Floats, mean: float) -> Floats:
    """Log density of a normal plus an exponential variable.

    Source: Grushka 1972, Anal Chem 44:1733.
    """
    ratio = sd / mean
    return np.asarray(ratio**2 / 2 - x / mean - np.log(mean) + log_ndtr(x / sd - ratio))


def _mutations(
    p: Mapping[str, float], route: str, data: Mapping[str, Floats], t0: Floats, setting: Protocol
) -> Floats:
    """Log probability of the gained mutations with and without a therapy signature."""
    # before diagnosis and after therapy no day differs from another
    lived = np.clip(t0 if route == "acquired" else t0[:1], 0, setting.therapy_end)
    whole = _counts(p, data, lived, setting.exposed(lived))
    if route != "regrowth":
        return whole
    none = _counts(p, data, lived, 0 * lived, clonal=False)
    return np.asarray(
        np.logaddexp(log_expit(-p["polyclonal"]) + whole, log_expit(p["polyclonal"]) + none)
    )


def _counts(
    p: Mapping[str, float],
    data: Mapping[str, Floats],
    lived: Floats,
    exposed: Floats,
    clonal: bool = True,
) -> Floats:
    """Log probability of both counts after days lived and days exposed, patients x days."""
    base, clock = np.exp(p["base"]) * clonal, np.exp(p["clock"]) * lived * clonal
    variance = base**2 / np.exp(p["base shape"]) + clock**2 / np.exp(p["clock shape"])
    mean = base + clock + 1.0  # one that is there by mistake
    others = _negative_binomial(data["other"], mean, mean**2 / (variance + 1.0))
    therapy, shape = data["therapy"], np.exp(p["therapy shape"])
    noise = np.full_like(lived, np.exp(p["noise"]))
    hit = _negative_binomial(therapy, noise + np.exp(p["therapy"]) * exposed, shape)
    spared = _negative_binomial(therapy, noise[:1], shape)
    strange = _negative_binomial(therapy, np.exp(p["base"]) + noise[:1], 1.0)
    spared = np.logaddexp(log_expit(-p["mistaken"]) + spared, log_expit(p["mistaken"]) + strange)
    mixed = np.logaddexp(log_expit(p["prone"]) + hit, log_expit(-p["prone"]) + spared)
    return np.asarray(others + mixed)


def _negative_binomial(count: Floats, mean: Floats, shape: Floats | float) -> Floats:
    """Log probability, counts x means; 0 where the count is missing."""
    missing = np.isnan(count)[:, None]
    n = np.where(missing, 0.0, count[:, None])
    log_p = (
        gammaln(n + shape) - gammaln(shape) - gammaln(n + 1)
        + shape * np.log(shape / (shape + mean)) + xlogy(n, mean / (shape + mean))
    )  # fmt: skip
    return np.where(missing, 0.0, log_p)
