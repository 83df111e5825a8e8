"""The bars of routes show the shares that they are given."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from allrelapse.errors import InputError
from allrelapse.evolution.routes import ROUTES
from allrelapse.plots.routes import COLOURS, route_bars

TOLD = pd.DataFrame(
    [[10, 0.8, 0.2, 0.0], [40, 0.1, 0.6, 0.3]],
    ["very early", "late"],
    ["relapses", *ROUTES],
)
PLANTED = TOLD.assign(
    **{
        "planted pre-existing": [0.9, 0],
        "planted acquired": [0.1, 0.5],
        "planted regrowth": [0, 0.5],
    }
)


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_each_bar_is_as_long_as_its_share(ax):
    table = route_bars(PLANTED, ax=ax)
    assert len(table) == len(ax.patches) == 12
    assert [p.get_width() for p in ax.patches] == pytest.approx(100 * table["share"])
    ends = [0, *(100 * table["share"][:2]).cumsum()]
    assert [p.get_x() for p in ax.patches[:3]] == pytest.approx(ends)  # end to end
    told = table[(table["timing"] == "late") & (table["source"] == "told")]
    assert dict(zip(told["route"], told["share"], strict=True)) == dict(
        TOLD.loc["late", list(ROUTES)]
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "very early\n(n = 10)", "late\n(n = 40)",
    ]  # fmt: skip
    assert "hatched: planted" in ax.get_xlabel()


def test_without_truth_nothing_is_hatched(ax):
    route_bars(TOLD, ax=ax)
    assert len(ax.patches) == 6
    assert not any(p.get_hatch() for p in ax.patches)
    assert "planted" not in ax.get_xlabel()


def test_earlier_founders_are_darker():
    light = [sum(int(COLOURS[r][k : k + 2], 16) for k in (1, 3, 5)) for r in ROUTES]
    assert light == sorted(light)


def test_a_missing_route_is_told(ax):
    with pytest.raises(InputError, match="no column acquired"):
        route_bars(TOLD.drop(columns="acquired"), ax=ax)
