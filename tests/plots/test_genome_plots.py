"""Changes lie at their place along a protein, and at the shares of cells that carry them."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from allrelapse import figures
from allrelapse.errors import InputError
from allrelapse.plots import genomes


@pytest.fixture(autouse=True)
def style():
    figures.style()
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ("p.R367Q", 367),
        ("p.Arg367Gln", 367),
        ("p.(R367Q)", 367),
        ("R367Q", 367),
        ("p.K700Rfs*12", 700),
        ("p.*394R", 394),
        ("p.X125_splice", 125),
        ("ENSP00000339479.1:p.Arg367Gln", 367),
        ("p.?", None),
        ("p.0", None),
        ("c.1100G>A", None),
        ("", None),
        (None, None),
        (np.nan, None),
        (pd.NA, None),
    ],
)
def test_the_position_of_a_protein_change_is_its_first_residue(change, position):
    assert genomes.protein_position(change) == position


SITES = pd.DataFrame(
    [
        *((f"p{i}", "p.R248Q", "relapse only") for i in range(5)),
        *((f"q{i}", "p.R248W", "relapse only") for i in range(3)),
        *((f"r{i}", "p.R273H", "shared") for i in range(2)),
        ("p0", "p.R248Q", "relapse only"),  # by another change of the same codon
        ("r9", "p.R273H", "relapse only"),
        ("s", "p.R175H", "diagnosis only"),
        ("t", None, "relapse only"),
    ],
    columns=["patient", "protein", "when"],
)


def lollipop(sites=SITES, **options):
    figure, ax = plt.subplots(figsize=(figures.COLUMN, 2.4))
    genomes.lollipop(sites, **{"length": 393, "ax": ax, "title": "TP53"} | options)
    figure.draw_without_rendering()
    return ax


def heads(ax):
    return {
        points.get_label(): [tuple(point) for point in points.get_offsets()]
        for points in ax.collections
    }


def test_stems_rise_from_the_position_to_the_number_of_patients():
    ax = lollipop()
    stems = [line.get_xydata() for line in ax.lines]
    assert sorted((stem[0][0], stem[0][1], stem[1][1]) for stem in stems) == [
        (175, 0, 1), (248, 0, 3), (248, 0, 5), (273, 0, 1), (273, 0, 2),
    ]  # fmt: skip
    tops = sorted(tuple(stem[1]) for stem in stems)
    assert tops == sorted(point for points in heads(ax).values() for point in points)


def test_heads_have_the_colour_of_when_the_mutation_is_seen():
    ax = lollipop()
    found = {when: sorted(y for _, y in points) for when, points in heads(ax).items()}
    assert found == {"shared": [2], "diagnosis only": [1], "relapse only": [1, 3, 5]}
    for points in ax.collections:
        assert to_hex(points.get_edgecolor()[0]) == figures.WHEN[points.get_label()].lower()


def test_recurrent_changes_are_named_without_overlap():
    ax = lollipop()
    assert [text.get_text() for text in ax.texts] == ["R248Q", "R248W", "R273H"]
    boxes = [text.get_window_extent() for text in ax.texts]
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))
    assert max(box.y1 for box in boxes) <= ax.get_window_extent().y1
    assert [text.get_text() for text in lollipop(labelled=1).texts] == ["R248Q"]


def test_axes_of_a_protein_show_its_length_whole_patients_and_what_is_not_placed():
    ax = lollipop()
    assert ax.get_xlim() == (0, 393)
    assert ax.get_xlabel() == "amino acid (1 not placed)"
    assert all(tick == int(tick) and tick <= 5 for tick in ax.get_yticks())
    assert lollipop(SITES.dropna()).get_xlabel() == "amino acid"


def test_known_sites_are_marked_below_the_axis():
    ax = lollipop(known=["p.R273C", "p.R248Q", "p.R248W", "p.?"])
    (marks,) = [line for line in ax.lines if line.get_label() == "known hot spot"]
    assert list(marks.get_xdata()) == [248, 273]
    assert set(marks.get_ydata()) == {0}


def test_what_lies_at_a_known_site_is_told():
    _, ax = plt.subplots()
    table = genomes.lollipop(SITES, length=393, ax=ax, title="", known=["p.R273C", "p.?"])
    there = table[table["known"]].sort_values("patients")
    assert there[["protein", "patients"]].to_numpy().tolist() == [["p.R273H", 1], ["p.R273H", 2]]
    assert table["patients"].sum() == 5 + 3 + 2 + 1 + 1


def test_a_gene_without_mutations_has_an_empty_protein():
    ax = lollipop(SITES.iloc[:0])
    assert not ax.lines
    assert not ax.texts
    assert ax.get_xlim() == (0, 393)


def test_changes_crowd_within_the_protein_where_there_is_no_room():
    changes = [f"p.R{390 + i % 4}{letter}" for i, letter in enumerate("ACDEFGHIKLMNPQSTVWY" * 3)]
    crowd = pd.DataFrame({"protein": changes, "when": "shared"})
    crowd["patient"] = [f"p{i}" for i in range(len(crowd))]
    points = heads(lollipop(crowd))["shared"]
    assert all(0 <= x <= 393 for x, _ in points)


def test_changes_beyond_the_protein_are_of_another_isoform_and_not_placed():
    ax = lollipop(SITES.assign(protein="p.R400Q"))
    assert not any(heads(ax).values())
    assert f"({len(SITES)} not placed)" in ax.get_xlabel()


def test_an_unknown_word_for_when_is_refused():
    with pytest.raises(InputError, match="one of"):
        lollipop(SITES.assign(when="later"))


CELLS = pd.DataFrame(
    {
        "diagnosis": [0, 0, 0.9, 1.0, 0.5, 1.8, 0, np.nan],
        "relapse": [0.9, 0.91, 0, 1.0, 0.4, 1.0, 0, 0.3],
        "gene": ["TP53", "NT5C2", None, "KRAS", None, None, None, "FPGS"],
    }
)


def ccf_scatter(table=CELLS):
    figure, ax = plt.subplots(figsize=(figures.COLUMN, figures.COLUMN))
    genomes.ccf_scatter(table, ax=ax)
    figure.draw_without_rendering()
    return ax


def test_mutations_of_one_sample_lie_on_the_axes_as_open_symbols():
    found = {points.get_label(): points for points in ccf_scatter().collections}
    later, lost = found["relapse only (n = 2)"], found["diagnosis only (n = 1)"]
    assert later.get_offsets().tolist() == [[0, 0.9], [0, 0.91]]
    assert lost.get_offsets().tolist() == [[0.9, 0]]
    shared = found["shared (n = 3)"]
    assert [len(p.get_facecolor()) for p in (later, lost, shared)] == [0, 0, 1]
    assert shared.get_alpha() < 1


def test_fractions_above_the_limit_are_drawn_at_the_edge_and_the_axis_says_so():
    ax = ccf_scatter()
    assert ax.get_xlim() == ax.get_ylim() == (0, 1.5)
    shared = next(points for points in ax.collections if "shared" in points.get_label())
    assert [1.5, 1.0] in shared.get_offsets().tolist()
    assert "1.5 or more" in ax.get_xlabel()
    assert "1.5" not in ccf_scatter(CELLS[CELLS["diagnosis"] < 1.5]).get_xlabel()


def test_named_drivers_are_labelled_without_overlap():
    ax = ccf_scatter()
    assert {text.get_text() for text in ax.texts} == {"TP53", "NT5C2", "KRAS"}
    where = {text.get_text(): text.xy for text in ax.texts}
    assert where == {"TP53": (0, 0.9), "NT5C2": (0, 0.91), "KRAS": (1, 1)}
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    heights = [(box.y0 + box.y1) / 2 for box in boxes]
    assert (np.diff(heights) > 8 * ax.figure.dpi / 72).all()


def test_a_patient_without_drivers_or_mutations_is_drawn():
    assert not ccf_scatter(CELLS.assign(gene=None)).texts
    labels = [points.get_label() for points in ccf_scatter(CELLS.iloc[:0]).collections[:3]]
    assert labels == ["shared (n = 0)", "diagnosis only (n = 0)", "relapse only (n = 0)"]
