"""Convergent evolution: small cases by hand, larger ones by summing over every placement."""

import itertools

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, poisson_binom

from allrelapse.errors import InputError
from allrelapse.evolution import convergence
from allrelapse.evolution.clones import Clones, cluster
from allrelapse.evolution.convergence import convergent
from allrelapse.evolution.trees import Trees, admissible

CHAIN, FORK = [(1, 2), (2, 3)], [(1, 2), (1, 3)]


def placed(*shares):
    """Clones of which only the responsibilities for v0, v1, ... are known."""
    names = pd.Index([f"v{k}" for k in range(len(shares))], name="variant")
    table = pd.DataFrame(shares, names, range(1, len(shares[0]) + 1))
    nothing = pd.DataFrame()
    return Clones(nothing, nothing, pd.Series(dtype=float), np.empty(0), np.empty(0), table)


def trees_of(*weighted):
    graphs = tuple(nx.DiGraph(edges) for edges, _ in weighted)
    return Trees(graphs, np.array([w for _, w in weighted]), True, "", (1, 2, 3))


def hits(number, gene="NT5C2"):
    return pd.DataFrame({"variant": [f"v{k}" for k in range(number)], "gene": gene})


@pytest.mark.parametrize(
    ("first", "second", "tree", "different", "apart"),
    [
        (2, 3, FORK, 1, 1),  # two branches
        (2, 3, CHAIN, 1, 0),  # one follows the other
        (1, 3, FORK, 1, 0),  # founder and descendant
        (2, 2, FORK, 0, 0),  # both copies of one clone
    ],
)
def test_hits_converge_on_two_branches_only(first, second, tree, different, apart):
    sure = np.eye(3)[[first - 1, second - 1]]
    found = convergent(hits(2), placed(*sure), trees_of((tree, 1.0))).iloc[0]
    assert found["p_different_clones"] == pytest.approx(different)
    assert found["p_convergent"] == pytest.approx(apart)


def test_trees_count_by_their_weights():
    """Weights .6 and .2: three of four."""
    sure = np.eye(3)[[1, 2]]
    found = convergent(hits(2), placed(*sure), trees_of((FORK, 0.6), (CHAIN, 0.2)))
    assert found["p_convergent"][0] == pytest.approx(0.75)


def test_hits_in_doubt_are_placed_in_every_way():
    """Three hits in five clones: summed over all 5^3 placements."""
    shares = np.random.default_rng(1).dirichlet(np.ones(5), 3)
    tree = [(1, 2), (1, 3), (3, 4), (3, 5)]
    line = {1: {1}, 2: {1, 2}, 3: {1, 3}, 4: {1, 3, 4}, 5: {1, 3, 5}}
    apart = different = 0.0
    for way in itertools.product(range(5), repeat=3):
        chance = np.prod(shares[range(3), way])
        clones = {k + 1 for k in way}
        different += chance * (len(clones) > 1)
        pairs = itertools.combinations(clones, 2)
        apart += chance * any(a not in line[b] and b not in line[a] for a, b in pairs)
    found = convergent(hits(3), placed(*shares), trees_of((tree, 1.0))).iloc[0]
    assert found["p_different_clones"] == pytest.approx(different, rel=1e-9)
    assert found["p_convergent"] == pytest.approx(apart, rel=1e-9)


def test_genes_with_one_hit_are_not_listed():
    table = pd.concat([hits(2), hits(2).iloc[[0]], hits(3, "TP53").iloc[[2]]])
    found = convergent(table, placed(*np.eye(3)), trees_of((FORK, 1.0)))
    assert found["gene"].tolist() == ["NT5C2"]
    assert found["hits"].tolist() == [2]


def test_without_a_tree_convergence_is_not_known():
    none = Trees((), np.array([]), True, "no tree", (1, 2, 3))
    found = convergent(hits(2), placed(*np.eye(3)[:2]), none)
    assert found["p_convergent"].isna().all()
    assert found["p_different_clones"][0] == 1


def test_reads_of_two_branches_show_convergence():
    """From reads to the verdict: NT5C2 on two branches, TP53 twice in one line of descent."""
    rng = np.random.default_rng(2)
    ccf = np.array([[1, 1, 1], [0.6, 0, 0], [0.2, 1, 1], [0, 0.1, 0.55], [0, 0.5, 0.3]])
    driver = {"v30": "NT5C2", "v40": "NT5C2", "v20": "TP53", "v31": "TP53"}
    rows = [
        (f"v{clone}{k}", sample, rng.binomial(200, 0.5 * ccf[clone, s]), 200, 1.0, 2)
        for clone in range(5)
        for k in range(10)
        for s, sample in enumerate("DMR")
    ]
    names = ["variant", "sample", "t_alt_count", "t_depth", "purity", "copy_number"]
    table = pd.DataFrame(rows, columns=names)
    found = cluster(table)
    result = convergent(
        pd.DataFrame(driver.items(), columns=["variant", "gene"]), found, admissible(found)
    ).set_index("gene")["p_convergent"]
    assert result["NT5C2"] > 0.9
    assert result["TP53"] < 0.1


def test_hits_that_are_not_among_the_variants_are_refused():
    with pytest.raises(InputError, match="no reads of v2"):
        convergent(hits(3), placed(*np.eye(3)[:2]), trees_of((FORK, 1.0)))
    with pytest.raises(InputError, match="no column gene"):
        convergent(hits(2).drop(columns="gene"), placed(*np.eye(3)), trees_of((FORK, 1.0)))


@pytest.mark.parametrize("chances", [[0.1, 0.5, 0.9, 0.2], [0.0, 1.0, 1.0], [0.025], [0.6] * 40])
def test_the_interval_of_a_number_is_scipys_poisson_binomial(chances):
    expected = poisson_binom(chances).ppf([0.025, 0.975])
    assert convergence.number_interval(pd.Series(chances)) == tuple(expected)


def test_a_number_of_many_things_has_an_interval_too():
    expected = binom(500, 0.3).ppf([0.025, 0.975])
    assert convergence.number_interval(pd.Series([0.3] * 500)) == tuple(expected)
