"""Where relapses came from, as shares of each group of timing."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd
from matplotlib.axes import Axes

from allrelapse import figures
from allrelapse.evolution.routes import ROUTES
from allrelapse.plots.drawing import needed

COLOURS: Mapping[str, str] = MappingProxyType(dict(zip(ROUTES, figures.ROUTE, strict=True)))
"""Of the routes: the earlier the founder, the darker."""
HEIGHT = 0.36


def route_bars(shares: pd.DataFrame, *, ax: Axes) -> pd.DataFrame:
    """Stacked bars of the routes by group: as told, and hatched below it as planted.

    Parameters
    ----------
    shares : by group (index), from top to bottom: `relapses` (number), the routes (fractions), and
        if known `planted ROUTE`

    Returns
    -------
    What was drawn, one row per group, source (told or planted) and route: `share`.

    Raises
    ------
    InputError
        If a column is missing, or there is no group.
    """
    needed(shares, ["relapses", *ROUTES], "shares")
    sources = {"told": "", "planted": "planted "}
    rows = []
    for place, (group, row) in enumerate(shares.iterrows()):
        for source, prefix in sources.items():
            left = 0.0
            for route in ROUTES if f"{prefix}{ROUTES[0]}" in shares else ():
                share = 100 * float(row[prefix + route])
                ax.barh(
                    place - 0.2 if source == "told" else place + 0.2, share, HEIGHT, left,
                    color=COLOURS[route], edgecolor="#333333", linewidth=0.5,
                    hatch="" if source == "told" else "///",
                    label=route if source == "told" and not place else None,
                )  # fmt: skip
                left += share
                rows.append((group, source, route, share / 100))
    ax.set_yticks(range(len(shares)))
    ax.set_yticklabels([f"{g}\n(n = {int(n)})" for g, n in shares["relapses"].items()])
    ax.invert_yaxis()
    hatched = "; hatched: planted" if any(source == "planted" for _, source, *_ in rows) else ""
    ax.set(xlim=(0, 100), xlabel=f"relapses by route, %{hatched}")
    return pd.DataFrame(rows, columns=["timing", "source", "route", "share"])
