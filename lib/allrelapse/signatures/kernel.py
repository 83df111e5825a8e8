"""Compiled fits of one spectrum: exposures of highest Poisson likelihood, all or the few that pay.

The count in channel c is Poisson with mean sum_j e_j w_jc + o_c: signatures w (each sums to 1),
exposures e >= 0, fixed part o. Arrays are signatures x channels, so that the inner loops run over
contiguous channels. Everything here works on one sample and lets go of the interpreter, so that
samples can be spread over threads. It is one file because numba's cache of compiled code does not
see a change in another one.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

TINY = 1e-12  # mean of a channel that nothing can make: a low likelihood, not NaN
RIDGE = 1e-10  # keeps the Hessian of near-identical signatures invertible
SEARCHES = 30  # of the line towards a new signature, at most
NEAR = 0.01  # of the share that is shifted: near enough to end the search
STEPS = 500
CONVERGED = 1e-9  # of Newton's decrement, twice the distance to the maximum in log-likelihood
SAFE, LAST = 0.04, 1e-5  # decrements; a step from the second leaves at most its square or so
AT_ONCE = 5  # signatures that are let in together by a fit of all
ROUNDS = 3  # of estimating the dispersion and selecting again
STEEP = 3.0  # observed over fitted counts, as a signature sees them
CANDIDATES = 5  # most promising signatures that are really tried before one is added
FAR = 2  # times less promising than the best: not tried


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def mean_of(e: Array, w: Array, fixed: Array) -> Array:
    """Expected counts."""
    mean = fixed + TINY
    for j in range(len(e)):
        if e[j] > 0:
            for c in range(w.shape[1]):
                mean[c] += e[j] * w[j, c]
    return mean


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def log_likelihood(x: Array, mean: Array) -> float:
    """Poisson log-likelihood without the term that depends on the counts alone."""
    total = 0.0
    for c in range(len(x)):
        total -= mean[c]
        if x[c] > 0:
            total += x[c] * np.log(mean[c])
    return total


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def ratios(x: Array, mean: Array, w: Array) -> Array:
    """Observed over fitted counts as each signature sees them: 1 where the likelihood is flat."""
    share = x / mean
    result = np.zeros(len(w))
    for j in range(len(w)):
        total = 0.0
        for c in range(w.shape[1]):
            total += w[j, c] * share[c]
        result[j] = total
    return result


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def product(a: Array, b: Array) -> float:
    """Inner product."""
    total = 0.0
    for c in range(len(a)):
        total += a[c] * b[c]
    return total


@njit(nogil=True, cache=True)
def factor(v: Array, w: Array) -> tuple[Array, Array]:
    """Cholesky factor of the Hessian of minus the log-likelihood, scaled to a unit diagonal.

    v is counts over mean squared, w the active signatures.
    """
    m = len(w)
    root = np.zeros((m, m))
    scale = np.zeros(m)
    for a in range(m):
        weighted = v * w[a]
        for b in range(a + 1):
            root[a, b] = product(weighted, w[b])
        scale[a] = 1 / np.sqrt(root[a, a] + 1e-300)
    for a in range(m):
        for b in range(a + 1):
            entry = root[a, b] * scale[a] * scale[b] + (RIDGE if a == b else 0.0)
            for k in range(b):
                entry -= root[a, k] * root[b, k]
            root[a, b] = np.sqrt(max(entry, RIDGE)) if a == b else entry / root[b, b]
    return root, scale


@njit(nogil=True, cache=True)
def forward_substitution(root: Array, y: Array) -> None:
    """Solution z of root z = y, in place."""
    for a in range(len(y)):
        for k in range(a):
            y[a] -= root[a, k] * y[k]
        y[a] /= root[a, a]


@njit(nogil=True, cache=True)
def newton_step(root: Array, scale: Array, slope: Array) -> Array:
    """Minus the inverse Hessian times the slope."""
    y = -slope * scale
    forward_substitution(root, y)
    for a in range(len(y) - 1, -1, -1):
        for k in range(a + 1, len(y)):
            y[a] -= root[k, a] * y[k]
        y[a] /= root[a, a]
    return y * scale


@njit(nogil=True, cache=True)
def climb(x: Array, w: Array, fixed: Array, e: Array) -> None:
    """Best exposures of the signatures that are above zero, by damped Newton steps; in place.

    Poisson likelihoods of whole counts are self-concordant, so that these steps converge from
    anywhere (Nesterov & Nemirovskii 1994). A signature that reaches zero is left there.
    """
    for _ in range(STEPS):
        active = np.flatnonzero(e > 0)
        if len(active) == 0:
            return
        mean = mean_of(e, w, fixed)
        there = w[active]
        slope = 1 - ratios(x, mean, there)
        root, scale = factor(x / mean**2, there)
        step = newton_step(root, scale, slope)
        decrement = -np.sum(slope * step)
        if decrement < CONVERGED:
            return
        length, blocked = reach(e, active, step)
        if decrement > SAFE or blocked >= 0:
            direction = change_of(step, active, w)
            shorter = shortened(x, mean, direction, length, decrement)
            blocked = blocked if shorter == length else -1
            length = shorter
        for a in range(len(active)):
            e[active[a]] = max(e[active[a]] + length * step[a], 0.0)
        if blocked >= 0:
            e[active[blocked]] = 0.0
        elif decrement < LAST:
            return


@njit(nogil=True, cache=True)
def reach(e: Array, active: NDArray[np.int64], step: Array) -> tuple[float, int]:
    """Longest part of the step that keeps exposures at zero or above, and which one ends it."""
    length, blocked = 1.0, -1
    for a in range(len(active)):
        if e[active[a]] + length * step[a] <= 0:
            length, blocked = -e[active[a]] / step[a], a
    return length, blocked


@njit(nogil=True, cache=True)
def shortened(x: Array, mean: Array, direction: Array, length: float, decrement: float) -> float:
    """The first of length, a half, a quarter ... that raises the likelihood as it should."""
    before = log_likelihood(x, mean)
    rounding = 1e-12 * abs(before)
    while (
        log_likelihood(x, mean + length * direction) < before + 1e-4 * length * decrement - rounding
    ):
        length /= 2
    return length


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def change_of(step: Array, active: NDArray[np.int64], w: Array) -> Array:
    """Change of the expected counts by a step of the active exposures."""
    change = np.zeros(w.shape[1])
    for a in range(len(active)):
        for c in range(w.shape[1]):
            change[c] += step[a] * w[active[a], c]
    return change


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc"})
def admit(x: Array, w: Array, fixed: Array, e: Array, j: int) -> None:
    """Shift mutations from the present mixture to signature j as far as pays; in place.

    Newton's method for the share that is shifted, with halving where it leaves the bracket.
    """
    mean = mean_of(e, w, fixed)
    total = x.sum()
    towards = total * w[j] - (mean - fixed)
    all_towards = towards.sum()
    low, high, share = 0.0, 1.0, 0.0
    for _ in range(SEARCHES):
        slope, bend = -all_towards, 0.0
        for c in range(len(x)):
            each = towards[c] / (mean[c] + share * towards[c])
            slope += x[c] * each
            bend += x[c] * each * each
        if slope > 0:
            low = share
        else:
            high = share
        step = slope / (bend + 1e-300)
        share += step
        if not low < share < high:
            share = (low + high) / 2
        elif abs(step) < NEAR * share:
            break
    for k in range(len(e)):
        e[k] *= 1 - share
    e[j] += share * total


@njit(nogil=True, cache=True)
def maximise(x: Array, w: Array, fixed: Array, e: Array, free: Flags, tolerance: float) -> float:
    """Exposures of highest likelihood among the free signatures, from `e` on, in place.

    Returns the log-likelihood. It lies within `tolerance` of the maximum: the log-likelihood is
    concave and its maximum lies where exposures sum to at most the number of mutations, so its
    tangent plane bounds it there (Lindsay 1983, Ann Stat 11:86). Where signatures are too alike for
    that, it is enough that Rao's statistic promises less than a tenth of `tolerance`, or that a
    round has gained less than a hundredth of it. Signatures come in a few
    at a time, the most promising first. NaN if `STEPS` do not suffice.
    """
    total = x.sum()
    if total == 0:
        e[:] = 0.0
        return log_likelihood(x, fixed + TINY)
    e[~free] = 0.0
    before = -np.inf
    for _ in range(STEPS):
        climb(x, w, fixed, e)
        mean = mean_of(e, w, fixed)
        now = log_likelihood(x, mean)
        if now - before < tolerance / 100:
            return now
        before = now
        idle = np.flatnonzero(free & (e == 0))
        steepest = ratios(x, mean, w[idle]).max() if len(idle) else 0.0
        if (steepest - 1) * total <= tolerance:
            return now
        gain = promise(x, w, fixed, e, free)
        least = gain.max() / 4
        if least < tolerance / 40:
            return now
        for _ in range(AT_ONCE):
            j = np.argmax(gain)
            if gain[j] > least:
                admit(x, w, fixed, e, int(j))
            gain[j] = 0.0
    return np.nan


@njit(nogil=True, cache=True)
def promise(x: Array, w: Array, fixed: Array, e: Array, free: Flags) -> Array:
    """Approximate rise of the log-likelihood, doubled, by each free signature at zero.

    Rao's score statistic, with the active exposures as nuisance parameters.
    """
    active = np.flatnonzero(e > 0)
    mean = mean_of(e, w, fixed)
    v = x / mean**2
    ratio = ratios(x, mean, w)
    there = w[active]
    root, scale = factor(v, there)
    cross = np.zeros(len(active))
    weighted = np.zeros(w.shape[1])
    result = np.zeros(len(e))
    for j in range(len(e)):
        if free[j] and e[j] == 0 and ratio[j] > 1:
            for c in range(w.shape[1]):
                weighted[c] = v[c] * w[j, c]
            for a in range(len(active)):
                cross[a] = product(weighted, there[a]) * scale[a]
            forward_substitution(root, cross)
            own = product(weighted, w[j])
            left = max(own - product(cross, cross), 1e-9 * own)
            result[j] = (ratio[j] - 1) ** 2 / left
    return result


@njit(nogil=True, cache=True)
def variance_ratio(x: Array, mean: Array, fitted: int) -> float:
    """Variance over mean, at least 1, by an estimator that holds for small counts.

    Source: Fletcher 2012, Biometrika 99:230.
    """
    channels, pearson, skew = 0, 0.0, 0.0
    for c in range(len(x)):
        if mean[c] > 1e-6:
            channels += 1
            pearson += (x[c] - mean[c]) ** 2 / mean[c]
            skew += (x[c] - mean[c]) / mean[c]
    freedom = max(len(x) - fitted, 1)
    return max(pearson / freedom / (1 + skew / max(channels, 1)), 1.0)


@njit(nogil=True, cache=True)
def variance_ratios(x: Array, w: Array, exposures: Array, least: float) -> Array:
    """`variance_ratio` of each row about its fit; exposures above `least` count as fitted."""
    ratio = np.ones(len(x))
    for i in range(len(x)):
        mean = mean_of(exposures[i], w, np.zeros(w.shape[1]))
        ratio[i] = variance_ratio(x[i], mean, int(np.sum(exposures[i] > least)))
    return ratio


@njit(nogil=True, cache=True)
def with_one_more(
    x: Array, w: Array, e: Array, free: Flags, required: Flags, threshold: float, now: float
) -> tuple[Array, float, float]:
    """Best fit with one of the most promising signatures added: exposures, likelihood, gain.

    Gain is twice the rise of the log-likelihood less `threshold` for each more signature that is
    not required; the fit is the one handed in if nothing gains.
    """
    fixed = np.zeros(w.shape[1])
    best_e, best, best_gain = e, now, 0.0
    size = int(np.sum((e > 0) & ~required))
    gains = promise(x, w, fixed, e, free)
    # Rao's statistic is no guide to a channel that the active signatures can hardly make; the
    # steepest rise is
    idle = free & (e == 0)
    slopes = np.where(idle, ratios(x, mean_of(e, w, fixed), w), 0.0)
    least = max(threshold / 4, gains.max() / FAR)  # Rao's statistic errs, but not as far as this
    if slopes.max() > STEEP:
        gains[np.argmax(slopes)] = np.inf
    for _ in range(CANDIDATES):
        j = np.argmax(gains)
        if gains[j] < least:
            break
        gains[j] = 0.0
        allowed = (e > 0) | required
        allowed[j] = True
        trial = e.copy()
        admit(x, w, fixed, trial, int(j))
        found = maximise(x, w, fixed, trial, allowed, slack(x))
        gain = 2 * (found - now) - threshold * (int(np.sum((trial > 0) & ~required)) - size)
        if gain > best_gain:
            best_e, best, best_gain = trial, found, gain
    return best_e, best, best_gain


@njit(nogil=True, cache=True)
def losses(
    x: Array, w: Array, e: Array, required: Flags, now: float, limit: float
) -> tuple[Array, Array]:
    """Twice the log-likelihood lost without each signature, and the fit without the weakest.

    The weakest is not a required one. The loss is infinite of signatures that are not active, and
    of those that are sure to lose `limit` or more, which are not fitted: with z the exposure over
    its standard error, the loss is at least 2 (z - log(1 + z)) (Nesterov & Nemirovskii 1994, as the
    likelihood is self-concordant).
    """
    taken = np.flatnonzero((e > 0) | required)
    fixed = np.zeros(w.shape[1])
    loss = np.full(len(e), np.inf)
    fit, least = e, np.inf
    if len(taken) == 1:  # nothing is left without it
        return loss, fit
    z = significance(x, w, e, taken)
    for a in range(len(taken)):
        j = taken[a]
        if e[j] == 0 or 2 * (z[a] - np.log1p(z[a])) >= limit:
            continue
        allowed = (e > 0) | required
        allowed[j] = False
        trial = e.copy()
        found = maximise(x, w, fixed, trial, allowed, slack(x))
        loss[j] = max(2 * (now - found), 0.0)
        if loss[j] < least and not required[j]:
            fit, least = trial, loss[j]
    return loss, fit


@njit(nogil=True, cache=True)
def significance(x: Array, w: Array, e: Array, taken: NDArray[np.int64]) -> Array:
    """Each exposure over its standard error, by the Hessian of those that are taken."""
    mean = mean_of(e, w, np.zeros(w.shape[1]))
    root, scale = factor(x / mean**2, w[taken])
    z = np.zeros(len(taken))
    for a in range(len(taken)):
        unit = np.zeros(len(taken))
        unit[a] = 1.0
        forward_substitution(root, unit)
        z[a] = e[taken[a]] / (scale[a] * np.sqrt(product(unit, unit)))
    return z


@njit(nogil=True, cache=True)
def slack(x: Array) -> float:
    """Distance to the maximum log-likelihood that a fit may keep: rounding allows no better."""
    return float(max(1e-4, 1e-9 * x.sum()))


@njit(nogil=True, cache=True)
def settle(
    x: Array, w: Array, e: Array, free: Flags, required: Flags, threshold: float
) -> tuple[Array, float]:
    """Add and drop signatures until neither pays: exposures and log-likelihood."""
    now = maximise(x, w, np.zeros(w.shape[1]), e, (e > 0) | required, slack(x))
    for _ in range(STEPS):
        loss, fit = losses(x, w, e, required, now, threshold)
        weakest = np.where(required, np.inf, loss).min()
        if weakest < threshold:
            e, now = fit, now - weakest / 2
        else:
            e, now, gain = with_one_more(x, w, e, free, required, threshold, now)
            if gain <= 0:
                break
    return e, now


@njit(nogil=True, cache=True)
def first_guess(x: Array, w: Array, free: Flags, required: Flags, threshold: float) -> Array:
    """Signatures that pay beside a flat remainder, which stands for all not yet found.

    Without the remainder, the first signatures would be chosen for the channels that the others
    cannot make at all.
    """
    k = len(w)
    wider = np.zeros((k + 1, w.shape[1]))
    wider[:k] = w
    for c in range(w.shape[1]):
        wider[k, c] = w[:, c].mean()
    open_, none = np.zeros(k + 1, np.bool_), np.zeros(k + 1, np.bool_)
    open_[:k] = free
    e = np.zeros(k + 1)
    e[k] = x.sum()
    now = log_likelihood(x, mean_of(e, wider, np.zeros(w.shape[1])))
    for _ in range(k):
        e, now, gain = with_one_more(x, wider, e, open_, none, threshold, now)
        if gain <= 0:
            break
    guess = e[:k].copy()
    guess[required & (guess == 0)] = x.sum() / k
    if guess.sum() == 0:
        fits = np.full(k, -np.inf)
        for j in np.flatnonzero(free):
            fits[j] = log_likelihood(x, x.sum() * w[j] + TINY)
        guess[np.argmax(fits)] = x.sum()
    return guess


@njit(nogil=True, cache=True)
def select(
    x: Array, w: Array, free: Flags, required: Flags, threshold: float
) -> tuple[Array, float, float]:
    """The few signatures that pay, by forward and backward steps.

    Returns exposures, log-likelihood and dispersion.

    A signature pays if it raises twice the log-likelihood by more than threshold times the
    dispersion, which is estimated from the fit and then held against it (quasi-likelihood;
    McCullagh & Nelder 1989, section 9.2): unknown processes and noise in the channels would
    otherwise be explained by signatures that are not there.
    """
    dispersion = 1.0
    if x.sum() == 0:
        return np.zeros(len(w)), 0.0, dispersion
    e = first_guess(x, w, free, required, threshold)
    e, now = settle(x, w, e, free, required, threshold)
    for _ in range(ROUNDS):
        mean = mean_of(e, w, np.zeros(w.shape[1]))
        found = variance_ratio(x, mean, int(np.sum(e > 0)))
        if found < 1.02 * dispersion:
            break
        dispersion = found
        e, now = settle(x, w, e, free, required, threshold * dispersion)
    return e, now, dispersion


@njit(nogil=True, cache=True)
def select_all(
    x: Array, w: Array, free: Flags, required: Flags, threshold: float
) -> tuple[Array, Array, Array]:
    """`select` of each row of x: exposures, losses (rows x signatures) and dispersions.

    The loss of a signature is twice the log-likelihood that the fit lacks without it; infinite
    where it is not active.
    """
    exposures = np.zeros((len(x), len(w)))
    loss = np.full((len(x), len(w)), np.inf)
    dispersion = np.ones(len(x))
    for i in range(len(x)):
        exposures[i], now, dispersion[i] = select(x[i], w, free, required, threshold)
        loss[i] = losses(x[i], w, exposures[i], required, now, np.inf)[0]
    return exposures, loss, dispersion


@njit(nogil=True, cache=True)
def maximise_all(x: Array, w: Array, fixed: Array, start: Array, free: Flags) -> Array:
    """`maximise` of each row of x from `start` on: exposures, NaN where it does not converge."""
    exposures = start.copy()
    for i in range(len(x)):
        if exposures[i].sum() == 0 and x[i].sum() > 0:
            none = np.zeros(len(w), np.bool_)
            exposures[i] = first_guess(x[i], w, free, none, 10.0)
        if np.isnan(maximise(x[i], w, fixed[i], exposures[i], free, slack(x[i]))):
            exposures[i] = np.nan
    return exposures


@njit(nogil=True, cache=True)
def compare_all(x: Array, w: Array, target: int, threshold: float) -> tuple[Array, Array, Array]:
    """Each row of x without and with the target signature.

    The null model holds the signatures that pay without the target; the full model adds it.
    Returns exposures of both (rows x signatures), and twice the log of their likelihood ratio.
    """
    free = np.ones(len(w), np.bool_)
    free[target] = False
    required = np.zeros(len(w), np.bool_)
    fixed = np.zeros(w.shape[1])
    null, full = np.zeros((len(x), len(w))), np.zeros((len(x), len(w)))
    ratio = np.zeros(len(x))
    for i in range(len(x)):
        if x[i].sum() == 0:
            continue
        null[i], _, _ = select(x[i], w, free, required, threshold)
        full[i] = null[i]
        ratio[i] = gained(x[i], w, fixed, full[i], target)
    return null, full, ratio


@njit(nogil=True, cache=True)
def gained(x: Array, w: Array, fixed: Array, e: Array, target: int) -> float:
    """Twice the rise of the log-likelihood by the target; it joins the exposures, in place.

    Zero where the rise is within the error of the fits.
    """
    before = log_likelihood(x, mean_of(e, w, fixed))
    allowed = e > 0
    allowed[target] = True
    rise = 2 * (maximise(x, w, fixed, e, allowed, slack(x)) - before)
    return rise if rise > 4 * slack(x) else 0.0


@njit(nogil=True, cache=True)
def explained_away(x: Array, w: Array, null: Array, target: int) -> Array:
    """Twice the log-likelihood ratio of the target where one more signature is in the null model.

    One number for each signature; infinite for the target and those that are there anyway.
    """
    fixed = np.zeros(w.shape[1])
    left = np.full(len(w), np.inf)
    for j in np.flatnonzero(null == 0):
        if j != target:
            allowed = null > 0
            allowed[j] = True
            e = null.copy()
            maximise(x, w, fixed, e, allowed, slack(x))
            left[j] = gained(x, w, fixed, e, target)
    return left


@njit(nogil=True, cache=True)
def refill_all(x: Array, w: Array, fixed: Array, model: Array) -> Array:
    """Best exposures of the signatures active in each row of `model`, beside a fixed part."""
    exposures = model.copy()
    for i in range(len(x)):
        maximise(x[i], w, fixed[i], exposures[i], model[i] > 0, slack(x[i]))
    return exposures
