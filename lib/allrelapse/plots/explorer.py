"""When does resistance appear, and when is it seen as a relapse? A view with sliders.

The model is that of `evolution`, in closed form. Before diagnosis the leukaemia grows; a division
makes a cell that resists all drugs at once, very seldom. Under therapy most cells die fast; a few
persist, decline slowly, and may gain resistance when they divide. The first of these lineages that
lasts grows at one pace until it is found. Relapses that regrow without resistance are not shown.
"""

import os
from dataclasses import dataclass, replace

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import ArrayLike

from allrelapse import figures
from allrelapse.data.published import TIMING
from allrelapse.data.tables import EARLY, LATE
from allrelapse.evolution import branching, growth, therapy
from allrelapse.plots.drawing import (
    HALO,
    LINE,
    Drawn,
    Floats,
    label_right,
    phase_band,
    size_in_points,
)
from allrelapse.simulate.settings import Settings

_USUAL = Settings()
FIRST, LAST = -150, 2200  # days that are looked at
SHOWN = (-100, 1500)  # days that are drawn
MIDDLE, OUTER = 0.5, (0.1, 0.9)  # quantiles that are told and drawn
LEVELS = (0.4, 1.0)  # shades from the lowest to the highest value of a slider
IN_AXES = {"xycoords": "axes fraction"}
PERSISTING = figures.NEUTRAL[0]


@dataclass(frozen=True)
class Scenario:
    """One leukaemia and its therapy; rates per cell and day, the usual ones of `simulate`.

    doubling_days : of resistant cells under therapy
    mutation_rate : to resistance, per division of a persisting cell under therapy (an assumption)
    kill_rate : net loss of the cells that do not persist
    persisters : share of cells at diagnosis that persist
    persister_loss : their net loss
    burden, detection : leukaemia cells at diagnosis, and when a relapse is found
    multidrug_rate : to resistance against all drugs, per division
    birth, death : before diagnosis
    persister_division : divisions of persisting cells
    survives : chance that the line of a resistant cell never dies out
    """

    doubling_days: float = _USUAL.doubling
    mutation_rate: float = 1e-7
    kill_rate: float = _USUAL.sensitive_kill
    persisters: float = _USUAL.persisters
    persister_loss: float = _USUAL.persister_decline
    burden: float = _USUAL.burden
    detection: float = _USUAL.detection
    multidrug_rate: float = _USUAL.multidrug_rate
    birth: float = _USUAL.birth
    death: float = _USUAL.death
    persister_division: float = _USUAL.persister_division
    survives: float = 1 - _USUAL.turnover
    therapy_end: float = _USUAL.phases[-1].end


@dataclass(frozen=True)
class Slider:
    """What a slider says, its ends, if it is logarithmic, and the values in small panels."""

    words: str
    low: float
    high: float
    log: bool
    shown: tuple[float, float]


SLIDERS = {
    "doubling_days": Slider("doubling time, days", 2, 30, False, (5, 15)),
    "mutation_rate": Slider("mutation rate, per division", 1e-10, 1e-4, True, (1e-9, 1e-5)),
    "kill_rate": Slider("kill rate, per day", 0.04, 0.6, False, (0.05, 0.5)),
    "persisters": Slider("persisters, share of cells", 1e-10, 1e-3, True, (4.5e-9, 4.5e-5)),
    "persister_loss": Slider("loss of persisters, per day", 0.002, 0.1, True, (0.005, 0.06)),
}


def lineages(scenario: Scenario, days: ArrayLike) -> Floats:
    """Mean number of lasting resistant lineages that have arisen until each day; a Poisson law.

    Source: `branching.mean_lasting_lineages` (before diagnosis), `therapy.two_step` (after it).
    """
    s, t = scenario, np.asarray(days, float)
    size = np.maximum(s.burden * np.exp((s.birth - s.death) * np.minimum(t, 0)), 1)
    before = branching.mean_lasting_lineages(size, s.multidrug_rate, s.birth, s.death)
    given = np.clip(t, 0, s.therapy_end)
    number = s.persisters * s.burden
    dying = therapy.two_step(
        s.burden - number, s.multidrug_rate, s.birth, s.survives, -s.kill_rate, given
    )
    resting = therapy.two_step(
        number, s.mutation_rate, s.persister_division, s.survives, -s.persister_loss, given
    )
    return np.asarray(before + dying + resting)


def relapse_days(scenario: Scenario, founded: ArrayLike) -> Floats:
    """Day on which a lineage that was founded on a day has grown to detection, on average.

    Before diagnosis it grows as the leukaemia does, after it at its doubling time.

    Source: `growth.founder_day`.
    """
    s, t0 = scenario, np.asarray(founded, float)
    age = -growth.founder_day(s.detection, 0, s.doubling_days, s.survives).mean
    pace = (s.birth - s.death) * s.doubling_days / np.log(2)  # of days before diagnosis
    return np.asarray(age + np.where(t0 < 0, pace * t0, t0))


def course(scenario: Scenario) -> pd.DataFrame:
    """Cells and probabilities on each day.

    Returns
    -------
    `day`, `sensitive` and `persisters` (cells), `appeared` and `relapsed` (probability that
    resistance has appeared, or was found as a relapse, by then).
    """
    s, days = scenario, np.arange(FIRST, LAST + 1.0)
    growing = np.exp((s.birth - s.death) * np.minimum(days, 0))
    given = np.maximum(days, 0)
    appeared = -np.expm1(-lineages(s, days))
    relapsed = np.interp(days, relapse_days(s, days), appeared, left=0)
    return pd.DataFrame(
        {
            "day": days,
            "sensitive": s.burden * (1 - s.persisters) * growing * np.exp(-s.kill_rate * given),
            "persisters": s.burden * s.persisters * growing * np.exp(-s.persister_loss * given),
            "appeared": appeared,
            "relapsed": relapsed,
        }
    )


def answer(scenario: Scenario) -> pd.DataFrame:
    """When resistance appears, if it does, and when it is found.

    Returns
    -------
    One row: `appears` (probability); `day`, `lower`, `upper` (median and 80% range of the day on
    which it does); `relapse_day` of the median; and the probability of a relapse by resistance in
    each group of timing.
    """
    table = course(scenario)
    final = float(table["appeared"].iloc[-1])
    shares = final * np.array([MIDDLE, *OUTER])
    day, lower, upper = np.interp(shares, table["appeared"], table["day"])
    early, late = np.interp([EARLY, LATE], table["day"], table["relapsed"])
    groups = dict(zip(TIMING, (early, late - early, final - late), strict=True))
    relapse = float(relapse_days(scenario, day))
    about = {"appears": final, "day": day, "lower": lower, "upper": upper, "relapse_day": relapse}
    return pd.DataFrame([about | groups])


def picture(scenario: Scenario | None = None) -> Drawn:
    """Cells over time, and when resistance appears and is found, for one setting of the sliders.

    Returns
    -------
    The figure, and the rows of `course`.
    """
    s = scenario or Scenario()
    figure, axes = plt.subplots(2, 1, figsize=(figures.MIDDLE, 4.2), sharex=True)
    table, found = course(s), answer(s).iloc[0]
    _draw_cells(s, table, axes[0])
    _draw_chances(table, found, axes[1])
    used = phase_band(pd.DataFrame([p.model_dump() for p in _USUAL.phases]), ax=axes[0])
    words = (
        f"Resistance appears with P = {found['appears']:.2g}, on day {found['day']:.0f} "
        f"({found['lower']:.0f} to {found['upper']:.0f} in 80 %)\nand is found "
        f"{found['relapse_day'] - found['day']:.0f} days later"
    )
    axes[0].set_title(words.replace("-", "−"), pad=6 + used)
    return figure, table


def _draw_cells(s: Scenario, table: pd.DataFrame, ax: Axes) -> None:
    """Sensitive and persisting cells, and the first resistant lineage with its 80% range."""
    found, resistant = answer(s).iloc[0], figures.STAGE["relapse"]
    sizes = np.geomspace(1, s.detection, 3)
    ends = found[["day", "lower", "upper"]].to_numpy(float)
    middle, early, late = np.linspace(ends, relapse_days(s, ends), 3).T
    ax.plot(
        table["day"], table["sensitive"], color=figures.STAGE["diagnosis"], lw=1.5,
        label="sensitive",
    )  # fmt: skip
    ax.plot(table["day"], table["persisters"], "--", color=PERSISTING, lw=1.2, label="persisting")
    ax.plot(middle, sizes, color=resistant, lw=1.5, label="resistant")
    ax.fill_betweenx(sizes, early, late, color=resistant, alpha=0.25, lw=0)
    for height, words in ((1, "one cell"), (s.detection, "found")):
        ax.axhline(height, color=figures.PUBLISHED, lw=0.8, ls="--", zorder=1)
        ax.annotate(
            words, (1, height), (0, 2), ax.get_yaxis_transform(), "offset points", ha="right",
            path_effects=[HALO],
        )  # fmt: skip
    ax.set(yscale="log", ylim=(0.1, 30 * s.burden), xlim=SHOWN, ylabel="leukaemia cells")
    ax.yaxis.set_major_locator(LogLocator(numticks=6))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.legend(loc="center right", handlelength=1.2, borderaxespad=0)


def _draw_chances(table: pd.DataFrame, found: "pd.Series[float]", ax: Axes) -> None:
    """Probability that resistance has appeared, and that it was found, by each day."""
    ax.plot(table["day"], 100 * table["appeared"], color=PERSISTING, ls="--", lw=1.2)
    ax.plot(table["day"], 100 * table["relapsed"], color=figures.STAGE["relapse"], lw=1.5)
    ax.set(xlim=SHOWN, ylim=(0, max(140 * found["appears"], 1e-6)), ylabel="probability so far, %")
    ax.set_xlabel("days since diagnosis")
    ax.set_yticks([tick for tick in ax.get_yticks() if tick <= 100])
    edges = [0, EARLY, LATE, SHOWN[1]]
    for group, left, right in zip(TIMING, edges, edges[1:], strict=False):
        percent = 100 * found[group]
        words = f"{percent:.2g} %" if percent >= 0.1 or percent == 0 else "< 0.1 %"
        ax.axvline(left, color=LINE, lw=0.6, ls=":")
        ax.annotate(
            f"{group}\n{words}", ((left + right) / 2, 1), (0, -1), ax.get_xaxis_transform(),
            "offset points", ha="center", va="top", color=figures.TIMING[group], weight="bold",
        )  # fmt: skip
    last = table[table["day"] == SHOWN[1]].iloc[0]
    heights = [100 * last["appeared"], 100 * last["relapsed"]]
    colours = [PERSISTING, figures.STAGE["relapse"]]
    label_right(["resistance", "relapse"], [SHOWN[1]] * 2, heights, colours, ax=ax)


def static(scenario: Scenario | None = None) -> Drawn:
    """What each slider does, in small panels, for pages without sliders.

    The first panel has the cells in the usual setting; in the others one slider is low, usual and
    high: dashed the probability that resistance has appeared, solid that it was found.

    Returns
    -------
    The figure, and `setting` (slider), `value`, and the columns of `answer`, one row per setting.
    """
    s = scenario or Scenario()
    figure, axes = plt.subplots(2, 3, figsize=(figures.PAGE, 4.4))
    _draw_cells(s, course(s), axes.flat[0])
    axes.flat[0].set_title("usual setting\n(band: 80 %)")
    rows, tall = [], size_in_points(axes.flat[0])[1]
    for name, ax in zip(SLIDERS, axes.flat[1:], strict=True):
        slider = SLIDERS[name]
        values = sorted({*slider.shown, getattr(s, name)})
        settings = [replace(s, **{name: value}) for value in values]
        _draw_setting(slider, values, [course(setting) for setting in settings], tall, ax)
        told = pd.concat([answer(setting) for setting in settings], ignore_index=True)
        told.insert(0, "setting", name)
        told.insert(1, "value", values)
        rows.append(told)
    for ax in axes[1]:
        ax.set_xlabel("days since diagnosis")
    for ax in (axes[0, 1], axes[1, 0]):
        ax.set_ylabel("probability so far, %")
    axes[0, 1].annotate("dashed: resistance\nsolid: relapse", (0.05, 0.98), va="top", **IN_AXES)
    table = pd.concat(rows, ignore_index=True)
    figure.suptitle(_finding(table))
    return figure, table


def _finding(table: pd.DataFrame) -> str:
    """Which sliders change the chance of resistance by a factor of 5, and which its day most."""
    ends = table.groupby("setting", sort=False)[["appears", "relapse_day"]].agg(["min", "max"])
    ratio = ends["appears"]["max"] / ends["appears"]["min"]
    days = ends["relapse_day"]["max"] - ends["relapse_day"]["min"]
    words = {name: slider.words.split(",")[0] for name, slider in SLIDERS.items()}
    whether = " and ".join(words[name] for name in ratio.index[ratio >= 5]) or "no setting"
    return f"{whether} decide whether, {words[days.idxmax()]} when".capitalize()


def _draw_setting(
    slider: Slider, values: list[float], tables: list[pd.DataFrame], tall: float, ax: Axes
) -> None:
    """Probabilities for some values of one slider; `tall` is the height of the axes in points."""
    shades = [to_hex(figures.SEQUENTIAL(level)) for level in np.linspace(*LEVELS, len(values))]
    ends = []
    for shade, table in zip(shades, tables, strict=True):
        ax.plot(table["day"], 100 * table["appeared"], "--", color=shade, lw=0.9)
        ax.plot(table["day"], 100 * table["relapsed"], color=shade, lw=1.5)
        ends.append(100 * table.loc[table["day"] == SHOWN[1], "relapsed"].iloc[0])
    ax.set(yscale="log", ylim=(1, 130), xlim=SHOWN)
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set_title(slider.words.replace(", ", ",\n", 1))
    words = [_short(value) for value in values]
    label_right(words, [SHOWN[1]] * len(values), ends, shades, ax=ax, tall=tall)


def _short(value: float) -> str:
    """A number in few letters, as a power of ten if it is small."""
    if value >= 1e-3:
        return f"{value:.2g}"
    digits, power = f"{value:.1e}".split("e")
    factor = "" if digits == "1.0" else rf"{float(digits):g}\times"
    return f"${factor}10^{{{int(power)}}}$"


def live() -> bool:
    """Whether somebody can move sliders: in JupyterLab, but not where `make` runs a notebook."""
    kernel = getattr(get_ipython(), "kernel", None) is not None
    return kernel and "JPY_SESSION_NAME" in os.environ and "ALLRELAPSE_OUTPUT" not in os.environ


def explore(scenario: Scenario | None = None) -> widgets.VBox | None:
    """Sliders and the picture that follows them, in JupyterLab; None elsewhere, see `static`.

    Parameters
    ----------
    scenario : where the sliders begin
    """
    return panel(scenario or Scenario()) if live() else None


def panel(scenario: Scenario) -> widgets.VBox:
    """Sliders, and below them the picture, drawn again whenever one is let go."""
    sliders = {name: _slider(name, scenario) for name in SLIDERS}

    def show(**values: float) -> None:
        figure, _ = picture(replace(scenario, **values))
        display(figure)
        plt.close(figure)

    return widgets.VBox([*sliders.values(), widgets.interactive_output(show, sliders)])


def _slider(name: str, scenario: Scenario) -> widgets.FloatSlider | widgets.FloatLogSlider:
    """One slider, at the value of the scenario."""
    about, value = SLIDERS[name], getattr(scenario, name)
    shared = {
        "value": value, "description": about.words, "continuous_update": False,
        "readout_format": ".2g", "style": {"description_width": "13em"},
        "layout": widgets.Layout(width="36em"),
    }  # fmt: skip
    if about.log:
        low, high = np.log10([about.low, about.high])
        return widgets.FloatLogSlider(min=low, max=high, step=0.05, **shared)
    return widgets.FloatSlider(min=about.low, max=about.high, step=about.low / 4, **shared)
