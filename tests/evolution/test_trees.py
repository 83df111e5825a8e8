"""Clone trees: textbook cases of the sum and crossing rules, counts and weights in closed form."""

import dataclasses
import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from allrelapse.errors import InputError
from allrelapse.evolution.clones import Clones, ccf_grid
from allrelapse.evolution.trees import ROOT, admissible

GRID = ccf_grid()


def clones_with(posterior):
    """Clones of one variant each with given posteriors, clones x samples x grid."""
    posterior = np.asarray(posterior, float)
    number, samples = posterior.shape[:2]
    index = pd.RangeIndex(1, number + 1, name="cluster")
    clusters = pd.DataFrame(
        {
            "cluster": np.repeat(index, samples),
            "sample": list("ABCDE"[:samples]) * number,
            "ccf": (posterior @ GRID).ravel(),
            "variants": 1,
            "measured": 1,
        }
    )
    sure = pd.DataFrame(np.eye(number), [f"v{k}" for k in index], index)
    return Clones(clusters, sure, pd.Series(dtype=float), posterior, GRID, sure)


def clones_at(ccf, spread=0.01):
    """Clones with normal posteriors around CCFs, clones x samples; surely 0 where that is 0."""
    ccf = np.asarray(ccf, float)[:, :, None]
    width = np.r_[0, np.diff(np.r_[0, (GRID[1:-1] + GRID[2:]) / 2, 1])]
    law = width * np.exp(-0.5 * ((GRID - ccf) / spread) ** 2)
    law = np.where(ccf == 0, GRID == 0, law)
    return clones_with(law / law.sum(axis=2, keepdims=True))


def flat(number):
    """A founder at CCF 1 and clones of which nothing is known, in one sample."""
    width = np.r_[0, np.diff(np.r_[0, (GRID[1:-1] + GRID[2:]) / 2, 1])]
    return clones_with([[GRID == 1], *[[width]] * number])


def edges(trees):
    return [set(graph.edges) for graph in trees.graphs]


def test_two_clones_that_do_not_fit_side_by_side_are_nested():
    """.6 + .5 > 1: the smaller descends from the larger."""
    trees = admissible(clones_at([[1.0], [0.6], [0.5]]))
    assert edges(trees) == [{(1, 2), (2, 3)}]
    assert trees.weights[0] > 0.99


def test_two_clones_that_fit_side_by_side_may_be_either():
    trees = admissible(clones_at([[1.0], [0.6], [0.3]]))
    assert sorted(map(sorted, edges(trees))) == [[(1, 2), (1, 3)], [(1, 2), (2, 3)]]
    assert trees.probability == pytest.approx([0.5, 0.5], abs=0.01)


def test_clones_that_cross_between_samples_are_on_two_branches():
    trees = admissible(clones_at([[1.0, 1.0], [0.6, 0.2], [0.3, 0.5]]))
    assert edges(trees) == [{(1, 2), (1, 3)}]


def test_a_second_sample_may_show_that_clones_are_nested():
    """Side by side in the first sample, too large for that in the second."""
    trees = admissible(clones_at([[1.0, 1.0], [0.4, 0.9], [0.2, 0.7]]))
    assert edges(trees) == [{(1, 2), (2, 3)}]


def test_clones_that_cross_and_do_not_fit_have_no_tree():
    trees = admissible(clones_at([[1.0, 1.0], [0.6, 0.3], [0.5, 0.6]]))
    assert len(trees) == 0
    assert trees.complete
    assert "no tree keeps the sum and crossing rules" in trees.note
    assert trees.ancestry().isna().all(axis=None)


def test_the_tolerance_forgives_a_small_excess():
    crowded = clones_at([[1.0, 1.0], [0.6, 0.2], [0.43, 0.5]], spread=0.003)
    assert len(admissible(crowded, tolerance=0)) == 0
    assert edges(admissible(crowded, tolerance=0.05)) == [{(1, 2), (1, 3)}]


def test_the_tolerance_is_a_share_of_the_highest_fraction_of_a_sample():
    """In residual disease fractions of all cells are small, and so is what is forgiven."""
    residual = clones_at([[0.01], [0.008], [0.005]], spread=1e-4)
    assert edges(admissible(residual)) == [{(1, 2), (2, 3)}]


def test_the_tolerance_does_not_add_up_along_a_line():
    """Each step of .50, .52, .545 is forgiven, but not that the last exceeds the first by .045."""
    trees = admissible(clones_at([[1.0], [0.5], [0.52], [0.545]], spread=1e-3), tolerance=0.03)
    assert {(1, 4), (4, 3), (3, 2)} in edges(trees)
    assert {(1, 2), (2, 3), (3, 4)} not in edges(trees)


def measured_where(clones, measured):
    """The same clones, with the number of their variants that each sample measured."""
    table = clones.clusters.assign(measured=np.ravel(measured))
    return dataclasses.replace(clones, clusters=table)


def test_a_child_that_a_sample_did_not_measure_may_be_anywhere():
    """In sample B clone 2 would be too large for any parent but the founder, and beside clone 3."""
    known = clones_at([[1.0, 0.5], [0.3, 0.9], [0.4, 0.4]])
    assert len(admissible(known)) == 0
    trees = admissible(measured_where(known, [[1, 1], [1, 0], [1, 1]]))
    assert sorted(map(sorted, edges(trees))) == [[(1, 2), (1, 3)], [(1, 3), (3, 2)]]
    assert trees.weights == pytest.approx(1, abs=0.01)


def test_a_parent_that_a_sample_did_not_measure_has_room():
    """Sample A shows that clone 3 descends from 2, which would be too small for it in B."""
    known = clones_at([[1.0, 1.0], [0.6, 0.1], [0.5, 0.4]])
    assert len(admissible(known)) == 0
    trees = admissible(measured_where(known, [[1, 1], [1, 0], [1, 1]]))
    assert edges(trees) == [{(1, 2), (2, 3)}]


@pytest.mark.parametrize("tolerance", [0, 0.05])
def test_the_founder_need_not_be_measured_in_every_sample(tolerance):
    """Clones 2 and 3 are nested, as only sample B tells, where the founder lacks."""
    known = clones_at([[1.0, 0.0, 0.0], [0.4, 0.1, 0.9], [0.3, 0.2, 0.9]], spread=0.005)
    crossing = measured_where(known, [[1, 0, 0], [1, 1, 1], [1, 1, 1]])
    assert edges(admissible(crossing, tolerance=tolerance)) == [{(1, 2), (1, 3)}]


@pytest.mark.parametrize("number", [2, 3, 4])
def test_clones_that_are_absent_may_be_anywhere(number):
    """Cayley: n^(n-2) trees on n labelled nodes, one of them the root."""
    trees = admissible(clones_at([[1.0], *[[0.0]] * number]))
    assert len(trees) == (number + 1) ** (number - 1)
    assert (trees.weights == 1).all()
    assert len(set(map(frozenset, edges(trees)))) == len(trees)


@pytest.mark.parametrize("number", [2, 3])
def test_clones_of_which_nothing_is_known_weigh_every_tree_alike(number):
    """The CCFs that a tree of n clones below a founder allows fill a volume of 1/n!."""
    trees = admissible(flat(number), tolerance=0, draws=4000)
    volume = 1 / math.factorial(number)
    assert len(trees) == (number + 1) ** (number - 1)
    error = np.sqrt(volume * (1 - volume) / 4000)
    # cells of the grid are .01 wide, and the founder fills the last: a bias of that order
    assert trees.weights == pytest.approx(volume, abs=4 * error + 0.01)


def test_a_chain_in_doubt_weighs_as_the_normal_law_says():
    """P(child <= parent) for means .7 and .68, both with standard deviation .05."""
    trees = admissible(clones_at([[1.0], [0.7], [0.68]], spread=0.05), tolerance=0, least=0.01)
    weight = dict(zip(map(frozenset, edges(trees)), trees.weights, strict=True))
    z = 0.02 / (0.05 * math.sqrt(2))
    below = 0.5 * math.erfc(-z / math.sqrt(2))
    error = 4 * math.sqrt(0.25 / 2000)
    assert weight[frozenset({(1, 2), (2, 3)})] == pytest.approx(below, abs=error)
    assert weight[frozenset({(1, 3), (3, 2)})] == pytest.approx(1 - below, abs=error)


def test_the_best_trees_are_kept_when_there_are_too_many():
    every = admissible(flat(3), tolerance=0)
    some = admissible(flat(3), tolerance=0, most_trees=5)
    assert not some.complete
    assert "more trees" in some.note
    assert edges(some) == edges(every)[:5]
    assert (np.diff(every.weights) <= 0).all()


def test_ancestry_adds_up_the_trees():
    """Side by side or nested, alike: clone 3 descends from 2 with probability one half."""
    ancestry = admissible(clones_at([[1.0], [0.6], [0.3]])).ancestry()
    assert ancestry.loc[1].tolist() == [0, 1, 1]
    assert ancestry.loc[2, 3] == pytest.approx(0.5, abs=0.01)
    assert ancestry.loc[3].tolist() == [0, 0, 0]


def test_a_root_stands_above_clones_without_their_founder():
    trees = admissible(clones_at([[0.5], [0.4]]), founder=False)
    assert sorted(map(sorted, edges(trees))) == [[(ROOT, 1), (ROOT, 2)], [(ROOT, 1), (1, 2)]]
    assert trees.graphs[0].nodes[ROOT]["ccf"] == {"A": 1.0}
    assert list(trees.ancestry().index) == [1, 2]


def test_graphs_are_trees_that_know_their_clones():
    trees = admissible(clones_at([[1.0, 1.0], [0.6, 0.0], [0.1, 0.8], [0.0, 0.4]]))
    assert all(nx.is_arborescence(graph) for graph in trees.graphs)
    node = trees.graphs[0].nodes[3]
    assert node["ccf"] == pytest.approx({"A": 0.1, "B": 0.8}, abs=0.01)
    assert node["variants"] == 1


def test_one_clone_is_a_tree():
    trees = admissible(clones_at([[0.97]]))
    assert [list(graph.nodes) for graph in trees.graphs] == [[1]]
    assert trees.weights.tolist() == [1.0]


@pytest.mark.parametrize(
    "setting", [{"tolerance": -0.1}, {"least": 0}, {"most_trees": 0}, {"draws": 10}]
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(InputError, match=next(iter(setting))):
        admissible(clones_at([[1.0]]), **setting)
