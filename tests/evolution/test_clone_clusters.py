"""Clones from reads: planted ones come back, and small cases agree with sums by hand.

The reads here are drawn by numpy from the expected allele fraction of FACTS, written out again.
"""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln, logsumexp
from scipy.stats import betabinom

from allrelapse.errors import InputError
from allrelapse.evolution.clones import ccf_grid, cluster, multiplicity_prior

CLONES = np.array([[1.0, 1.0], [0.55, 0.0], [0.25, 0.95], [0.0, 0.5]])
SIZES = [60, 40, 30, 30]


def row(alt, depth, variant="v", sample="A", **values):
    base = {"variant": variant, "sample": sample, "t_alt_count": alt, "t_depth": depth}
    return base | {"purity": 1.0, "copy_number": 2} | values


def drawn(rng, ccf=CLONES, sizes=SIZES, depth=80, purity=0.8, error=1e-3):
    """Variants on one copy in diploid and gained regions, and the clone of each."""
    truth = np.repeat(np.arange(len(sizes)), sizes)
    rows = []
    for number, clone in enumerate(truth):
        copies = rng.choice([2, 2, 2, 3])
        for sample, c in zip("ABCD", ccf[clone], strict=False):
            v = error + (1 - error) * purity * c / (purity * copies + (1 - purity) * 2)
            n = rng.poisson(depth)
            name, alt = f"v{number:03d}", rng.binomial(n, v)
            rows.append(row(alt, n, name, sample, purity=purity, copy_number=copies))
    return pd.DataFrame(rows), truth


def adjusted_rand(a, b):
    """Hubert & Arabie 1985, J Classif 2:193, equation 5."""
    table = pd.crosstab(np.asarray(a), np.asarray(b)).to_numpy()

    def pairs(x):
        return (x * (x - 1) / 2).sum()

    both, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    chance = rows * columns / pairs(table.sum(keepdims=True))
    return (both - chance) / ((rows + columns) / 2 - chance)


@pytest.fixture(scope="module")
def planted():
    table, truth = drawn(np.random.default_rng(1))
    return table, truth, cluster(table)


def test_planted_clones_are_told_apart(planted):
    """The clones lie 5 or more standard errors of a variant apart: all but a few are certain."""
    _, truth, found = planted
    assert found.evidence.idxmax() == 4
    assert adjusted_rand(found.assignment["cluster"], truth) > 0.95


def test_planted_fractions_are_within_the_noise(planted):
    """Four standard errors of a mean over the variants, and a step of the grid."""
    _, _, found = planted
    ccf = found.clusters.pivot(index="cluster", columns="sample", values="ccf").to_numpy()
    order = np.argsort(-CLONES.sum(axis=1))
    v = 0.4 * CLONES[order]
    error = np.sqrt(v * (1 - v) / 80 / np.array(SIZES)[order, None]) / 0.4
    assert (np.abs(ccf - CLONES[order]) < 4 * error + 0.01).all()


def test_the_order_of_the_rows_does_not_matter(planted):
    table, _, found = planted
    other = cluster(table.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(other.clusters, found.clusters)
    pd.testing.assert_frame_equal(other.responsibility, found.responsibility)


def test_intervals_hold_the_fraction_as_often_as_they_say():
    """One clone of 3 variants in 1,000 samples, its CCFs drawn from the prior.

    They hold 95 % with a standard error of .7 %.
    """
    rng = np.random.default_rng(5)
    truth = rng.uniform(size=1000)
    rows = [
        row(rng.binomial(40, 0.5 * c), 40, f"v{k}", f"S{place:03d}")
        for place, c in enumerate(truth)
        for k in range(3)
    ]
    found = cluster(pd.DataFrame(rows), most=1, absent=0, error=0).clusters
    assert found["lower"].le(truth).mul(found["upper"].ge(truth)).mean() == pytest.approx(
        0.95, abs=3 * 0.007
    )


@pytest.mark.parametrize(
    ("copies", "normal", "several", "purity"),
    [(2, 2, 1, 1.0), (3, 2, 2, 0.6), (1, 2, 1, 0.4), (4, 2, 3, 0.7), (1, 1, 1, 0.5)],
)
def test_fraction_is_the_closed_form_of_the_share_of_reads(copies, normal, several, purity):
    """FACTS 4: c = (v - e)/(1 - e) (p C + (1 - p) N)/(p m); half a step of the grid."""
    alt, depth, error = 30_000, 200_000, 0.01
    cells = purity * copies + (1 - purity) * normal
    expected = (alt / depth - error) / (1 - error) * cells / (purity * several)
    values = {"purity": purity, "copy_number": copies, "normal_copies": normal}
    table = pd.DataFrame([row(alt, depth, multiplicity=several, **values)])
    assert cluster(table, error=error).clusters["ccf"][0] == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("reads", [50, 500, 5000])
def test_no_read_in_n_bounds_the_fraction(reads):
    """With a flat prior the share of reads is Beta(1, n + 1): its 95 % point is 1 - .05^(1/(n+1)),
    and the shortest interval starts at 0.

    FACTS 4 has the classical limit 2(1 - .05^(1/n)), of which this is the Bayesian counterpart.
    """
    found = cluster(pd.DataFrame([row(0, reads)]), error=0, absent=0)
    upper = found.clusters["upper"][0]
    assert upper == pytest.approx(2 * (1 - 0.05 ** (1 / (reads + 1))), rel=0.01)
    assert upper == pytest.approx(2 * (1 - 0.05 ** (1 / reads)), rel=0.01 + 1 / reads)


def test_zero_reads_are_data_and_missing_rows_are_not():
    """Two clones that differ in sample B alone, where one of them is absent."""
    table, _ = drawn(np.random.default_rng(3), np.array([[0.5, 0.5], [0.5, 0.0]]), [20, 20])
    absent = table["sample"].eq("B") & table["variant"].ge("v020")
    assert cluster(table).evidence.idxmax() == 2
    assert cluster(table[~absent]).evidence.idxmax() == 1


def test_a_variant_that_lacks_in_a_sample_is_placed_by_the_others():
    table, truth = drawn(np.random.default_rng(1))
    lacking = table["variant"].isin(["v000", "v070", "v110"]) & table["sample"].eq("B")
    gaps = table.assign(t_depth=table["t_depth"].mask(lacking))
    placed = cluster(gaps).assignment["cluster"]
    assert adjusted_rand(placed, truth) > 0.95
    assert placed["v000"] == placed["v001"]
    assert placed["v070"] == placed["v071"]


def test_a_panel_of_few_variants_joins_those_of_the_genome():
    """Five clones; two variants of each are followed at depth 5,000 in seven more samples."""
    rng, sizes = np.random.default_rng(3), [80, 50, 50, 50, 50]
    genome = np.array([[1, 1], [0.72, 0], [0.1, 0.95], [0, 0.6], [0, 0.33]])
    later = np.array(
        [
            [0.90, 0.20, 0.010, 0, 0.010, 0.100, 0.60],
            [0.65, 0.14, 0.000, 0, 0.000, 0.000, 0.00],
            [0.09, 0.05, 0.010, 0, 0.010, 0.100, 0.58],
            [0.00, 0.00, 0.004, 0, 0.006, 0.060, 0.37],
            [0.00, 0.00, 0.003, 0, 0.004, 0.035, 0.20],
        ]
    )
    table, truth = drawn(rng, genome, sizes, depth=60, purity=0.9)
    rows = [
        row(rng.binomial(5000, 0.5 * c), 5000, f"v{number:03d}", f"S{place}", multiplicity=1)
        for number in np.flatnonzero(np.arange(280) - np.searchsorted(truth, truth) < 2)
        for place, c in enumerate(later[truth[number]])
    ]
    found = cluster(pd.concat([table, pd.DataFrame(rows)]), error=1e-6)
    assert found.evidence.idxmax() == 5
    measured = found.clusters.pivot(index="sample", columns="cluster", values="measured")
    assert measured.loc["S0"].tolist() == [2] * 5
    assert measured.loc["A"].sum() == 280


def prior_of(grid, absent):
    ends = np.r_[0, (grid[1:-1] + grid[2:]) / 2, 1]
    return np.r_[absent, (1 - absent) * np.diff(ends)]


@pytest.mark.parametrize("scatter", [50, 2000])
def test_evidence_of_one_variant_is_its_marginal_likelihood(scatter):
    """Summed by hand over the grid and the multiplicity, with scipy's beta-binomial law."""
    table = pd.DataFrame([row(9, 70, copy_number=3, purity=0.7)])
    grid, chance = ccf_grid(), multiplicity_prior(3)
    total = 0.0
    for m in (1, 2, 3):
        v = 0.01 + 0.99 * 0.7 * m * grid / (0.7 * 3 + 0.3 * 2)
        total += chance[m - 1] * betabinom.pmf(9, 70, v * scatter, (1 - v) * scatter)
    found = cluster(table, precision=scatter, error=0.01, absent=0.3)
    assert found.evidence[1] == pytest.approx(np.log(prior_of(grid, 0.3) @ total), rel=1e-9)


def test_evidence_is_a_close_lower_bound_of_the_marginal_likelihood():
    """Five variants of two clones: exact by summing over all 32 ways to place them."""
    alt = [40, 45, 42, 9, 12]
    table = pd.DataFrame([row(k, 100, variant=f"v{i}") for i, k in enumerate(alt)])
    grid = ccf_grid()
    v = 0.001 + 0.999 * np.array([0.5, 1.0])[:, None, None] * grid
    law = betabinom.pmf(np.array(alt)[:, None], 100, v * 300, (1 - v).clip(1e-9) * 300)
    logs = np.log(np.tensordot(multiplicity_prior(2), law, 1))
    ways = []
    for way in itertools.product([False, True], repeat=5):
        second = np.array(way)
        both = [logs[mine].sum(axis=0) + np.log(prior_of(grid, 0.2)) for mine in (second, ~second)]
        sizes = np.array([second.sum(), (~second).sum()])
        shares = gammaln(sizes + 1).sum() - gammaln(5 + 2)
        ways.append(logsumexp(both[0]) + logsumexp(both[1]) + shares)
    bound = cluster(table, precision=300).evidence[2]
    assert logsumexp(ways) - 0.05 < bound < logsumexp(ways) + 1e-9


def test_one_clone_of_gained_chromosomes_stays_one():
    """Half of the mutations came before the gain, on two of three copies."""
    rng = np.random.default_rng(6)
    depth = rng.poisson(100, 60)
    several = np.repeat([1, 2], 30)
    alt = rng.binomial(depth, 0.9 * several / (0.9 * 3 + 0.1 * 2))
    rows = [
        row(k, n, f"v{i}", purity=0.9, copy_number=3)
        for i, (k, n) in enumerate(zip(alt, depth, strict=True))
    ]
    found = cluster(pd.DataFrame(rows))
    assert found.evidence.idxmax() == 1
    assert found.clusters["lower"][0] > 0.95


@pytest.mark.parametrize(
    ("copies", "chance"),
    [(1, [1]), (2, [0.99, 0.01]), (3, [0.74, 0.25, 0.01]), (4, [0.74, 0.125, 0.125, 0.01])],
)
def test_the_prior_of_the_multiplicity_prefers_one_copy(copies, chance):
    """As its docstring says: .01 on every copy of several, .25 on 2 to all but one, else on one."""
    assert multiplicity_prior(copies) == pytest.approx(chance)


def test_reads_that_scatter_make_no_clones_if_the_law_allows_for_it():
    """One clone, beta-binomial with a precision of 60: told so it is one, else it is several."""
    rng = np.random.default_rng(7)
    v = rng.beta(0.3 * 60, 0.7 * 60, 100)
    alt = rng.binomial(300, v)
    table = pd.DataFrame([row(k, 300, f"v{i:03d}") for i, k in enumerate(alt)])
    assert cluster(table, precision={"A": 60}).evidence.idxmax() == 1
    assert cluster(table).evidence.idxmax() > 1


def test_other_seeds_find_the_same_clones(planted):
    """Starts differ, so that the two runs agree only if each finds the same optimum."""
    table, _, found = planted
    other = cluster(table, seed=11)
    assert other.evidence.max() == pytest.approx(found.evidence.max(), abs=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t_alt_count": 11}, "t_alt_count of variant v in sample A is 11"),
        ({"t_depth": 9.5}, "t_depth of variant v"),
        ({"purity": 0}, "purity of variant v in sample A is 0"),
        ({"copy_number": 1.5}, "copy_number of variant v"),
        ({"multiplicity": 3}, "multiplicity of variant v"),
        ({"normal_copies": -1}, "normal_copies of variant v"),
        ({"t_depth": None}, "without reads in any sample: v"),
        ({"purity": "high"}, "give numbers"),
    ],
)
def test_values_that_cannot_be_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        cluster(pd.DataFrame([row(3, 10) | change]))


def test_tables_that_cannot_be_are_refused():
    table = pd.DataFrame([row(3, 10)])
    with pytest.raises(InputError, match="no column purity"):
        cluster(table.drop(columns="purity"))
    with pytest.raises(InputError, match="two rows of sample A"):
        cluster(pd.concat([table, table]))
    with pytest.raises(InputError, match="none is given"):
        cluster(table.iloc[:0])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"most": 0}, "most, starts"),
        ({"absent": 1}, "absent"),
        ({"precision": 0}, "precision of sample A is 0"),
        ({"precision": {"B": 9}}, "precision of sample A is None"),
        ({"error": 1}, "error of sample A is 1"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(InputError, match=message):
        cluster(pd.DataFrame([row(3, 10)]), **setting)
