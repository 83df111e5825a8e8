"""Clones stand below their parents, inside them, and as large as they are."""

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from allrelapse import figures
from allrelapse.errors import InputError
from allrelapse.plots import clones, fish

PARENTS = {"trunk": None, "major": "trunk", "minor": "trunk", "relapse": "minor"}
CELLS = pd.DataFrame(
    {
        "trunk": [1e12, 1e6, 1e3, 1e11],
        "major": [6e11, 5e5, 100.0, 0.0],
        "minor": [1e11, 3e5, 800.0, 1e11],
        "relapse": [0.0, 0.0, 10.0, 1e11],
    },
    index=[0.0, 40.0, 80.0, 400.0],
)
DIAGNOSIS, RELAPSE = figures.STAGE["diagnosis"].lower(), figures.STAGE["relapse"].lower()


@pytest.fixture(autouse=True)
def style():
    figures.style()
    yield
    plt.close("all")


def test_more_clones_than_colours_are_refused():
    with pytest.raises(InputError, match="join"):
        clones.clone_colours(range(11))


@pytest.mark.parametrize("scale", ["log", "share"])
def test_every_clone_lies_inside_its_parent_and_beside_its_siblings(scale):
    _, table = fish.fish(CELLS, PARENTS, scale=scale)
    area = {name: rows.set_index("day")[["bottom", "top"]] for name, rows in table.groupby("clone")}
    for child, parent in PARENTS.items():
        if parent:
            assert (area[child]["bottom"] >= area[parent]["bottom"] - 1e-9).all()
            assert (area[child]["top"] <= area[parent]["top"] + 1e-9).all()
    assert (area["major"]["top"] <= area["minor"]["bottom"] + 1e-9).all()


def test_shares_are_heights_of_areas():
    _, table = fish.fish(CELLS, PARENTS, scale="share")
    whole = table["day"].map(CELLS["trunk"])
    assert (table["top"] - table["bottom"]).to_numpy() == pytest.approx(
        (table["carrying"] / whole).to_numpy()
    )


def test_cells_of_no_child_lie_below_between_and_above_the_children():
    _, table = fish.fish(CELLS, PARENTS, scale="share")
    first = table[table["day"] == 0].set_index("clone")
    # 60 % major, 10 % minor: the other 30 % are three gaps
    assert first.loc["major", ["bottom", "top"]].tolist() == pytest.approx([0.1, 0.7])
    assert first.loc["minor", ["bottom", "top"]].tolist() == pytest.approx([0.8, 0.9])


def test_on_a_logarithmic_scale_the_whole_is_as_high_as_the_axis_says():
    figure, table = fish.fish(CELLS, PARENTS)
    trunk = table[table["clone"] == "trunk"]
    assert trunk["top"].to_numpy() == pytest.approx(np.log10(1 + CELLS["trunk"].to_numpy()))
    ticks = dict(zip(figure.axes[0].get_yticks(), figure.axes[0].get_yticklabels(), strict=True))
    assert ticks[np.log10(1 + 1e9)].get_text() == "$10^{9}$"


def test_a_few_cells_are_seen_on_a_logarithmic_scale_and_none_are_not():
    _, table = fish.fish(CELLS, PARENTS)
    few = table[table["clone"] == "relapse"].set_index("day")
    height = few["top"] - few["bottom"]
    assert height[0] == 0
    assert height[80] > 0.1


def test_own_cells_and_cells_that_carry_the_mutations_give_the_same_picture():
    _, table = fish.fish(CELLS, PARENTS)
    alone = table.pivot_table(index="day", columns="clone", values="own")[CELLS.columns]
    assert alone.loc[0, "trunk"] == 3e11
    _, same = fish.fish(alone, PARENTS, own=True)
    columns = ["carrying", "own", "bottom", "top"]
    assert same[columns].to_numpy() == pytest.approx(table[columns].to_numpy())


def test_areas_have_the_colours_of_their_clones_and_are_drawn_as_in_the_table():
    figure, table = fish.fish(CELLS, PARENTS)
    areas = {area.get_label(): area for area in figure.axes[0].collections}
    colours = clones.clone_colours(CELLS.columns)
    for name, rows in table.groupby("clone"):
        assert to_hex(areas[name].get_facecolor()[0]).upper() == colours[name]
        outline = areas[name].get_paths()[0].vertices
        for _, row in rows[rows["top"] > rows["bottom"]].iterrows():
            at = outline[outline[:, 0] == row["day"], 1]
            assert at.max() == pytest.approx(row["top"])
            assert at.min() == pytest.approx(row["bottom"])


def test_every_clone_has_its_name_on_its_area_or_in_the_legend():
    narrow = CELLS.assign(relapse=[0.0, 0.0, 0.0, 1.0])
    figure, _ = fish.fish(narrow, PARENTS, scale="share")
    on_area = {text.get_text() for text in figure.axes[0].texts}
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert on_area | legend == set(PARENTS)
    assert not on_area & legend
    assert "relapse" in legend


def test_names_of_clones_lie_within_their_areas():
    figure, table = fish.fish(CELLS, PARENTS)
    (ax,) = figure.axes
    figure.draw_without_rendering()
    for text in ax.texts:
        box = text.get_window_extent().transformed(ax.transData.inverted())
        rows = table[table["clone"] == text.get_text()]
        for x in (box.x0, box.x1):
            assert np.interp(x, rows["day"], rows["bottom"]) <= box.y0 + 0.2
            assert np.interp(x, rows["day"], rows["top"]) >= box.y1 - 0.2


def test_therapy_lies_below_the_areas():
    phases = pd.DataFrame({"name": ["therapy"], "start": [0], "end": [300]})
    figure, _ = fish.fish(CELLS, PARENTS, phases)
    (ax,) = figure.axes
    figure.draw_without_rendering()
    (bar,) = ax.lines
    top = bar.get_window_extent().transformed(ax.transData.inverted()).y1
    assert list(bar.get_xdata()) == [0, 300]
    assert top <= 0


@pytest.mark.parametrize(
    ("cells", "parents", "words"),
    [
        (CELLS.assign(major=1e13), PARENTS, "day 0 the children of trunk"),
        (CELLS, {**PARENTS, "minor": None}, "2 clones without a parent"),
        (CELLS, {**PARENTS, "minor": "other"}, "other has no column"),
        (CELLS, {**PARENTS, "trunk": "relapse"}, "none from itself"),
        (CELLS.iloc[::-1], PARENTS, "in order"),
        (CELLS.iloc[:1], PARENTS, "two days"),
        (0 * CELLS, PARENTS, "not all 0"),
        (CELLS.assign(minor=np.nan), PARENTS, "from 0 on"),
    ],
)
def test_clones_that_are_no_family_are_refused(cells, parents, words):
    with pytest.raises(InputError, match=words):
        fish.fish(cells, parents)


def tree():
    graph = nx.DiGraph()
    graph.add_node(1, ccf={"diagnosis": 1.0, "relapse": 1.0}, variants=300)
    graph.add_node(2, ccf={"diagnosis": 0.5, "relapse": 0.0}, variants=60)
    graph.add_node(3, ccf={"relapse": 0.25}, variants=1200)
    graph.add_edges_from([(1, 2), (1, 3)])
    return graph


def halves(ax):
    return {
        (*points.get_offsets()[0], to_hex(points.get_facecolor()[0])): points.get_sizes()[0]
        for points in ax.collections
    }


def test_a_tree_has_its_root_on_top_above_the_middle_of_its_children():
    _, table = clones.clone_tree(tree())
    place = table.set_index("clone")[["x", "y"]]
    assert place.loc[1].tolist() == [0.5, 0]
    assert place.loc[2].tolist() == [0, -1]
    assert place.loc[3].tolist() == [1, -1]


def test_halves_of_discs_are_fractions_of_cells_by_area():
    figure, _ = clones.clone_tree(tree())
    full = clones.DISC**2
    assert halves(figure.axes[0]) == {
        (0.5, 0, DIAGNOSIS): full,
        (0.5, 0, RELAPSE): full,
        (0, -1, DIAGNOSIS): full / 2,
        (1, -1, RELAPSE): full / 4,
    }


def test_a_fraction_that_is_not_known_is_no_empty_half():
    figure, table = clones.clone_tree(tree())
    marks = [text for text in figure.axes[0].texts if text.get_text() == "?"]
    assert [text.xy for text in marks] == [(1, -1)]
    assert table["diagnosis"].isna().tolist() == [False, False, True]


def test_edges_and_clones_are_labelled():
    figure, table = clones.clone_tree(tree(), genes={3: "NT5C2"})
    words = {text.get_text() for text in figure.axes[0].texts}
    assert {"300 mutations", "60", "1,200", "clone 1", "clone 2", "clone 3\nNT5C2"} <= words
    edges = sorted(tuple(line.get_xydata().ravel()) for line in figure.axes[0].lines
                   if len(line.get_xdata()) == 2)  # fmt: skip
    assert (0.5, 0, 0, -1) in edges
    assert (0.5, 0, 1, -1) in edges
    assert table["parent"].tolist()[1:] == [1, 1]


def test_names_of_clones_do_not_overlap():
    graph = nx.relabel_nodes(tree(), {1: "trunk", 2: "minor", 3: "relapse-1"})
    graph.add_node("relapse-2", ccf={"diagnosis": 0.0, "relapse": 0.6}, variants=90)
    graph.add_edge("minor", "relapse-2")
    figure, _ = clones.clone_tree(graph)
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if not t.get_text()[0].isdigit()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("edges", [[(1, 2), (2, 1)], [(1, 3), (2, 3)], []])
def test_what_is_no_tree_is_refused(edges):
    with pytest.raises(InputError, match="one root"):
        clones.clone_tree(nx.DiGraph(edges))


MUTATIONS = pd.DataFrame(
    {
        "diagnosis": [1.0, 0.9, 0.0, 0.0, 2.0, 0.5],
        "relapse": [1.0, 1.1, 0.9, 1.0, 1.0, np.nan],
        "cluster": [1, 1, 2, 2, np.nan, 1],
        "gene": [None, None, "TP53", None, None, None],
    }
)
CLUSTERS = pd.DataFrame(
    [
        (1, "D", 0.95, 0.9, 1.0), (1, "R", 1.0, 0.98, 1.0),
        (2, "D", 0.0, 0.0, 0.02), (2, "R", 0.95, 0.9, 0.99),
    ],
    columns=["cluster", "sample", "ccf", "lower", "upper"],
)  # fmt: skip


def clusters():
    return clones.ccf_clusters(MUTATIONS, CLUSTERS, samples=("D", "R"))


def test_means_of_clusters_are_crosses_with_both_intervals():
    figure, table = clusters()
    (ax,) = figure.axes
    lines = [c for c in ax.collections if hasattr(c, "get_segments")]
    ends = {tuple(np.round(part.ravel(), 6)) for c in lines for part in c.get_segments()}
    assert ends == {
        (0.9, 1.0, 1.0, 1.0), (0.95, 0.98, 0.95, 1.0),
        (0.0, 0.95, 0.02, 0.95), (0.0, 0.9, 0.0, 0.99),
    }  # fmt: skip
    means = table[table["kind"] == "cluster"]
    assert means[["diagnosis", "relapse", "mutations"]].to_numpy().tolist() == [
        [0.95, 1.0, 2], [0.0, 0.95, 2],
    ]  # fmt: skip


def test_mutations_of_a_cluster_share_colour_and_shape_and_are_open_on_an_axis():
    figure, _ = clusters()
    points = [c for c in figure.axes[0].collections if not hasattr(c, "get_segments")]
    assert points.pop().get_offsets().tolist() == [[0, 0.9]]  # the ring of the driver
    drawn = {}
    for part in points:
        for x, y in part.get_offsets():
            drawn[x, y] = (to_hex(part.get_edgecolor()[0]).upper(), len(part.get_facecolor()))
    first, second = clones.CLONES[:2]
    assert drawn == {
        (1, 1): (first, 1), (0.9, 1.1): (first, 1), (0, 0.9): (second, 0), (0, 1): (second, 0),
        (1.5, 1): ("#BBBBBB", 1),
    }  # fmt: skip
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["no clone (n = 1)", "clone 1 (n = 2)", "clone 2 (n = 2)"]
    assert "1.5 or more" in figure.axes[0].get_xlabel()
    assert "TP53" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    ("samples", "rows", "words"), [(("D", "X"), 4, "sample X"), (("D", "R"), 2, "cluster 2")]
)
def test_clusters_that_lack_are_named_in_the_error(samples, rows, words):
    with pytest.raises(InputError, match=words):
        clones.ccf_clusters(MUTATIONS, CLUSTERS.iloc[:rows], samples=samples)


def test_a_clone_has_one_colour_in_every_picture_of_a_patient():
    shades = dict(zip(range(1, 6), reversed(clones.CLONES[:5]), strict=True))
    figure, _ = clones.clone_tree(tree(), colours=shades)
    rings = [to_hex(x.get_markeredgecolor()).upper() for x in figure.axes[0].lines
             if x.get_marker() == "o"]  # fmt: skip
    assert rings == [shades[clone] for clone in clones.clone_tree(tree())[1]["clone"]]
    figure, _ = clones.ccf_clusters(MUTATIONS, CLUSTERS, samples=("D", "R"), colours=shades)
    drawn = {
        to_hex(edge).upper()
        for c in figure.axes[0].collections
        if not hasattr(c, "get_segments")
        for edge in c.get_edgecolor()
    }
    assert {shades[cluster] for cluster in MUTATIONS["cluster"].dropna()} <= drawn
