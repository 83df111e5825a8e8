"""Resistance in a growing leukaemia, in closed form: is it there, by how many cells, since when?

Symbols (all rates per cell and day): sensitive cells divide at r and die at d, b = d/r, g = r - d;
resistant cells divide at a and die at c (by default as the sensitive ones), beta = c/a,
alpha = (a - c)/(r - d). With probability u a division of a sensitive cell gives one sensitive and
one resistant daughter: u is per division, and half of it per daughter. M is the number of
sensitive cells when the leukaemia is found. What needs u << 1 << M says so.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad, solve_ivp
from scipy.special import lambertw

from allrelapse.errors import InputError
from allrelapse.evolution.kernel import decay, survival
from allrelapse.evolution.simulator import simulate as simulate  # its public name

Floats = NDArray[np.float64]

NODES = 641
"""Of the double exponential rule, whose error is then below 1e-13 for the integrands here."""


def p_resistant_at_detection(
    M: ArrayLike, u: ArrayLike, r: float, d: float, a: float | None = None, c: float | None = None
) -> Floats:
    """P that resistant cells are alive when there are M sensitive ones: 1 - exp(-M u F).

    F = 1/(1 - b) times the integral over y from 0 to 1 of (1 - beta)/(1 - beta y^alpha); without
    an effect on fitness this is 1 - (1 - b)^(M u / b). Valid for u << 1 << M.

    Parameters
    ----------
    M : sensitive cells at detection, at least 1; any shape
    u : mutations to resistance per division, in [0, 1); broadcast against M
    r, d : divisions and deaths of sensitive cells, r > d >= 0, per day
    a, c : the same of resistant cells, by default r and d; c may exceed a

    Raises
    ------
    InputError
        If a value is out of range.

    Source: Iwasa, Nowak & Michor 2006, Genetics 172:2557, equations 3 and 5.
    """
    return np.asarray(-np.expm1(-mean_living_lineages(M, u, r, d, a, c)))


def mean_living_lineages(
    M: ArrayLike, u: ArrayLike, r: float, d: float, a: float | None = None, c: float | None = None
) -> Floats:
    """Mean number M u F of resistant lineages alive at detection; it has a Poisson law.

    Arguments and source as for `p_resistant_at_detection`.
    """
    cells, rate = _size(M), _mutation_rate(u)
    a, c = _rates(r, d, a, c)
    if a == r and c == d:
        return np.asarray(cells * rate * _neutral_factor(d / r))

    def alive(y: float) -> float:
        return float(survival(a, c, -np.log(y) / (r - d))) if y > 0 else max(1 - c / a, 0.0)

    # lineages younger than a generation have not had time to die: a corner as wide as g/r at y = 1
    corner = [1 - w * (r - d) / max(r, a, c) for w in (1.0, 10.0)]
    factor = quad(alive, 0, 1, points=[y for y in corner if 0 < y < 1], epsabs=0, epsrel=1e-11)[0]
    return np.asarray(cells * rate * factor * r / (r - d))


def mean_lasting_lineages(
    M: ArrayLike, u: ArrayLike, r: float, d: float, a: float | None = None, c: float | None = None
) -> Floats:
    """Mean number of resistant lineages founded before detection that never die out.

    M u (1 - beta)/(1 - b), which is M u without an effect on fitness, and 0 for c >= a; it has a
    Poisson law. Fewer than are alive at detection: some of those are lost later, by chance.
    Arguments as for `p_resistant_at_detection`. Valid for u << 1 << M.

    Source: Bozic & Nowak 2014, PNAS 111:15964.
    """
    cells, rate = _size(M), _mutation_rate(u)
    a, c = _rates(r, d, a, c)
    lasting = max(1 - c / a, 0.0) if a > 0 else 0.0
    return np.asarray(cells * rate * lasting * r / (r - d))


def p_no_mutation(M: ArrayLike, r: float, d: float, u: ArrayLike) -> Floats:
    """P that not one mutation happened on the way from one cell to M, exact for any u.

    Given that M is reached. With p = r(1 - u)/(r + d), q = d/(r + d), s1 > s2 the roots of
    p s^2 - s + q = 0 and b' = d/(r(1 - u)):
    [(s1 - s2)/(s1^M - s2^M)] / [(1 - b')/(1 - b'^M)].

    Parameters
    ----------
    M : cells, at least 1; any shape
    r, d, u : as for `p_resistant_at_detection`, and d < r(1 - u)

    Raises
    ------
    InputError
        If a value is out of range.

    Source: gambler's ruin of the embedded chain; Feller 1968, vol. 1, chapter XIV.
    """
    cells, rate = np.broadcast_arrays(_size(M), _mutation_rate(u))
    _rates(r, d, None, None)
    if np.any(d >= r * (1 - rate)):
        raise InputError(f"u {np.max(rate)}: must be below 1 - d/r = {1 - d / r:g}")
    w = r * rate / (r + d)
    drift = (r * (1 - 2 * rate) - d) / (r + d)  # 2p - 1
    p = r * (1 - rate) / (r + d)
    root = np.sqrt(drift**2 + 4 * p * w)
    # s1 is so near to 1 that s1^M is lost unless s1 - 1 is found without a difference
    above = np.log1p(_root_above_one(drift, root, w, p))
    ratio = np.log(d / (r + d) / p) - 2 * above if d > 0 else np.full(cells.shape, -np.inf)
    dead = d / (r * (1 - rate))
    log_p = np.log(root / p) - cells * above - np.log1p(-np.exp(cells * ratio))
    log_p -= np.log1p(-dead) - np.log1p(-(dead**cells))
    return np.asarray(np.minimum(np.exp(log_p), 1.0))


def _root_above_one(drift: Floats, root: Floats, w: Floats, p: Floats) -> Floats:
    """s1 - 1 = x with p x^2 + (2p - 1)x - w = 0, by whichever form does not cancel."""
    return np.where(drift > 0, 2 * w / np.where(drift > 0, drift + root, 1), (root - drift) / 2 / p)


def mutant_number_pmf(
    n_max: int, m: float, b: float = 0, rho: float = 1, sampled: float = 1
) -> Floats:
    """P of 0, 1, ... n_max resistant cells among those at detection (or in a sample of them).

    Lineages are a Poisson number, each with a geometric size: p0 = exp(-sum of l_k) and
    p_n = sum over k of k l_k p_(n-k) / n, with l_k the mean number of lineages of k cells. For
    b = 0, rho = 1 this is the law of Lea & Coulson, in general G(z) = exp{m/(1 - b) times the
    integral over y of (h(z, y) - 1)}, h the birth-death law of a lineage of age -ln(y)/g.
    The mean is heavy-tailed: compare quantiles.

    Parameters
    ----------
    n_max : largest number of cells, at least 0
    m : M u, at least 0
    b : deaths per division, of sensitive and of resistant cells, in [0, 1)
    rho : net growth of the sensitive over that of the resistant cells, above 0
    sampled : share of the cells that is looked at, in (0, 1]

    Returns
    -------
    n_max + 1 probabilities.

    Raises
    ------
    InputError
        If a value is out of range.

    Source: Lea & Coulson 1949, J Genet 49:264; Ma, Sandri & Sarkar 1992, J Appl Probab 29:255;
    with death Iwasa 2006, Genetics 172:2557; rho Koch 1982, Mutat Res 95:129 (and Jaeger & Sarkar
    1995, Genetica 96:217); sampling Stewart 1990, Genetics 124:175.
    """
    _check_law(n_max, m, b, rho, sampled)
    y, weight = _double_exponential()
    age = y ** (1 / rho)  # E = exp(-(a - c)t)
    alive = (1 - b) / (1 - b * age)
    stop = alive * age  # of the geometric law of those alive
    seen = sampled / (stop + sampled - stop * sampled)
    intensity, stop = weight * alive * seen * m / (1 - b), stop * seen / sampled
    sizes = np.arange(1, n_max + 1)
    # in pieces, as all sizes by all nodes need not fit into memory
    pieces = np.array_split(sizes, max(n_max // 2000, 1))
    log_more = np.log1p(-np.minimum(stop, 1 - 1e-15))  # nodes at y = 1 have no weight
    k_mean = [k * (np.exp(np.outer(k - 1, log_more)) @ (intensity * stop)) for k in pieces]
    jump = np.concatenate(k_mean)[::-1]  # k l_k, the largest first
    law = np.zeros(n_max + 1)
    law[0] = np.exp(-intensity.sum())
    for n in sizes:
        law[n] = jump[n_max - n :] @ law[:n] / n
    return law


def p_no_resistance_by(
    t: ArrayLike, r: float, d: float, u: float, a: float | None = None, c: float | None = None
) -> Floats:
    """P that t days after the first sensitive cell no resistant cell is alive, exact for any u.

    Solves p' = r(1 - u)p^2 + r u p q + d - (r + d)p, q' = a q^2 + c - (a + c)q from p = 1, q = 0;
    q has the closed form of birth and death. Leukaemias that died out count as without resistance.

    Parameters
    ----------
    t : days, at least 0; any shape
    r, d, u, a, c : as for `p_resistant_at_detection`; here d may exceed r

    Raises
    ------
    InputError
        If a value is out of range.

    Source: backward equations of the two-type process; Athreya & Ney 1972, chapter V.
    """
    days = np.asarray(t, float)
    _mutation_rate(u)
    if not (np.all(np.isfinite(days)) and np.all(days >= 0)):
        raise InputError(f"t {t!r}: must be days, 0 or more")
    a, c = _rates(r, d, a, c, grows=False)

    def slope(s: float, p: Floats) -> Floats:
        q = 1 - survival(a, c, s)
        return np.asarray(r * (1 - u) * p**2 + r * u * p * q + d - (r + d) * p)

    order = np.unique(days)
    if order[-1] == 0:
        return np.ones(days.shape)
    solved = solve_ivp(slope, (0, order[-1]), [1.0], "DOP853", t_eval=order, rtol=1e-12, atol=1e-14)
    return np.asarray(np.clip(solved.y[0], 0, 1)[np.searchsorted(order, days)])


def mean_resistant(
    t: ArrayLike, u: float, r: float, d: float, a: float | None = None, c: float | None = None
) -> Floats:
    """Mean number of resistant cells t days after the first sensitive cell.

    E[R] = u r (exp(g_R t) - exp(g_S t))/(g_R - g_S), g_R = a - c, g_S = r(1 - u) - d. Its law is
    heavy-tailed: no simulation can be tested by the mean.

    Parameters
    ----------
    t : days, any shape
    u, r, d, a, c : as for `p_no_resistance_by`
    """
    days = np.asarray(t, float)
    _mutation_rate(u)
    a, c = _rates(r, d, a, c, grows=False)
    fast, slow = a - c, r * (1 - u) - d
    gap = fast - slow
    grown = days if gap == 0 else np.expm1(gap * days) / gap
    return np.asarray(u * r * np.exp(slow * days) * grown)


def p_extinct(n: ArrayLike, a: float, c: float, t: ArrayLike) -> Floats:
    """P that n cells have no descendants after t days: [c(1 - E)/(a - c E)]^n, E = exp(-(a - c)t).

    Source: Kendall 1948, Ann Math Stat 19:1.
    """
    return np.asarray((1 - survival(a, c, t)) ** np.asarray(n, float))


def size_variance(n: ArrayLike, a: float, c: float, t: ArrayLike) -> Floats:
    """Variance of the number of descendants of n cells after t days.

    n (a + c)/(a - c) e^(gamma t)(e^(gamma t) - 1), gamma = a - c; 2 n a t where a = c.

    Source: Bailey 1964, The elements of stochastic processes, equation 8.48.
    """
    cells, days, rate = np.asarray(n, float), np.asarray(t, float), a - c
    # (e^x - 1)/x stays exact at x = 0
    return np.asarray(cells * (a + c) * np.exp(rate * days) * days / decay(-rate * days))


def fixation(s: ArrayLike) -> Floats:
    """P that the descendants of one cell with Poisson offspring of mean 1 + s never die out.

    Solves 1 - pi = exp(-(1 + s)pi), which is about 2 s for small s; 0 for s <= 0.

    Source: Haldane 1927, Proc Camb Phil Soc 23:838.
    """
    mean = 1 + np.asarray(s, float)
    root = 1 + np.real(lambertw(-mean * np.exp(-mean))) / mean
    return np.asarray(np.where(mean > 1, root, 0.0))


def _neutral_factor(b: float) -> float:
    """-ln(1 - b)/b, which is 1 at b = 0."""
    return float(-np.log1p(-b) / b) if b > 0 else 1.0


def _double_exponential() -> tuple[Floats, Floats]:
    """Nodes and weights on (0, 1) for integrands with powers or logarithms at the ends.

    Source: Takahasi & Mori 1974, Publ RIMS 9:721.
    """
    t = np.linspace(-4.6, 4.6, NODES)
    inner = np.pi * np.sinh(t)
    y = 1 / (1 + np.exp(-inner))
    weight = np.pi * np.cosh(t) * y / (1 + np.exp(inner)) * (t[1] - t[0])
    return y, weight


def _size(M: ArrayLike) -> Floats:
    cells = np.asarray(M, float)
    if not (np.all(np.isfinite(cells)) and np.all(cells >= 1)):
        raise InputError(f"M {M!r}: must be a number of cells, 1 or more")
    return cells


def _mutation_rate(u: ArrayLike) -> Floats:
    rate = np.asarray(u, float)
    if not (np.all(rate >= 0) and np.all(rate < 1)):
        raise InputError(f"u {u!r}: must be a probability per division, 0 or more and below 1")
    return rate


def _rates(
    r: float, d: float, a: float | None, c: float | None, *, grows: bool = True
) -> tuple[float, float]:
    """Rates of the resistant cells, once all are checked."""
    a, c = r if a is None else a, d if c is None else c
    for name, value in (("r", r), ("d", d), ("a", a), ("c", c)):
        if not (np.isfinite(value) and value >= 0):
            raise InputError(f"{name} {value!r}: must be a rate per cell and day, 0 or more")
    if grows and d >= r:
        raise InputError(f"d {d}: must be below r = {r}, or the leukaemia would not grow")
    return float(a), float(c)


def _check_law(n_max: int, m: float, b: float, rho: float, sampled: float) -> None:
    faults: Sequence[tuple[bool, str]] = (
        (n_max < 0 or n_max != int(n_max), f"n_max {n_max}: must be a whole number, 0 or more"),
        (not (0 <= m < np.inf), f"m {m}: must be M u, 0 or more"),
        (not 0 <= b < 1, f"b {b}: must be deaths per division, 0 or more and below 1"),
        (not 0 < rho < np.inf, f"rho {rho}: must be a ratio of growth rates, above 0"),
        (not 0 < sampled <= 1, f"sampled {sampled}: must be a share, above 0 and at most 1"),
    )
    if told := [text for wrong, text in faults if wrong]:
        raise InputError("; ".join(told))
