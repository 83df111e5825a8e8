"""Put the tables of a cohort into data/README.md, and draw how they hang together."""

import re
from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandera.pandas as pa
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from allrelapse import figures, paths, study
from allrelapse.data.forms.cbioportal import COLUMNS
from allrelapse.data.tables import REFERENCES, SCHEMAS

README = paths.DATA / "README.md"
PICTURE = paths.REPOSITORY / "docs" / "pictures" / "cohort_tables.png"
WIDEST = 110
"""Characters of a line."""

PLACES: Mapping[str, tuple[float, float]] = {
    "patients": (0.0, 0.0),
    "drug_response": (0.0, 17.0),
    "samples": (2.6, 0.0),
    "serial_samples": (2.6, 15.0),
    "mutations": (5.2, 0.0),
    "serial_variants": (5.2, 15.0),
}
"""Upper left corners of the boxes: inches from the left, rows from the top."""
WIDTH, ROW, EDGE = 1.98, 0.17, 0.01
"""Inches: of a box, of a row in it, and around all."""
HEAD, LINE = "#E3EDF5", "#0072B2"


def sections() -> dict[str, str]:
    """Parts of data/README.md that are made here, by the name between their markers."""
    return {
        "columns": "\n\n".join(map(columns, SCHEMAS)),
        "analyses": analyses(),
        "cbioportal": their_columns(),
    }


def columns(name: str) -> str:
    """The columns of a table of the cohort, as Markdown."""
    schema = SCHEMAS[name]
    lines = ["| column | meaning | unit | holds | needed |", "|---|---|---|---|---|"]
    for column, about in schema.columns.items():
        needed = "yes" if about.required else ""
        if about.unique:
            needed = "**key**"
        elif REFERENCES.get(name, ("",))[0] == column:
            needed = f"yes, from `{REFERENCES[name][1]}`"
        cells = [f"`{column}`", about.description, about.metadata["unit"]]
        told = (_row([*cells, holds, needed]) for holds in _holds(about))
        lines.append(next(line for line in told if len(line) <= WIDEST))
    if isinstance(schema.unique, list) and schema.unique:
        together = ", ".join(f"`{column}`" for column in schema.unique)
        lines += ["", f"No two rows may agree in all of\n{together}."]
    return "\n".join([f"### `{name}`", "", *lines])


def analyses() -> str:
    """Which tables of the cohort each analysis reads, as Markdown."""
    lines = ["| analysis | cannot do without | uses if there |", "|---|---|---|"]
    for analysis in study.load().analyses:
        needed, wanted = analysis.cohort.required, analysis.cohort.optional
        told = [", ".join(f"`{name}`" for name in names) or "–" for names in (needed, wanted)]
        told[1] = "all others" if {*needed, *wanted} == set(SCHEMAS) and needed else told[1]
        lines.append(_row([f"`{analysis.id}`", *told]))
    return "\n".join(lines)


def their_columns() -> str:
    """The columns of a cBioPortal study that are read for each of ours, as Markdown."""
    lines = ["| ours | theirs |", "|---|---|"]
    for ours, theirs in COLUMNS.items():
        lines.append(_row([f"`{ours}`", ", ".join(f"`{name}`" for name in theirs)]))
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return re.sub(" {2,}", " ", f"| {' | '.join(cells)} |")


def _holds(column: pa.Column) -> list[str]:
    """What the cells of a column may be, and the same in fewer words."""
    kind = {"str": "text", "Int64": "whole number", "boolean": "true or false"}
    short = kind.get(str(column.dtype), "number")
    told = [short]
    for check in column.checks:
        limits = check.statistics or {}
        if "allowed_values" in limits:
            words = list(limits["allowed_values"])
            repeated = len(words) > 6 or column.description == ", ".join(words)
            told = [] if repeated else [", ".join(f"`{word}`" for word in words)]
            short = "one of these"
        elif "max_value" in limits:
            told = [f"{short}, {limits['min_value']:,} to {limits['max_value']:,}"]
        elif "min_value" in limits:
            told = [f"{short}, {limits['min_value']} or more"]
    return [*told, short]


def draw() -> None:
    """Draw the six tables, and which column of one is to be found in which other."""
    figures.style()
    rows = max(top + len(SCHEMAS[name].columns) + 1 for name, (_, top) in PLACES.items())
    height = rows * ROW + 2 * EDGE
    with plt.rc_context({"figure.constrained_layout.use": False}):
        figure = plt.figure(figsize=(figures.PAGE, height))
        axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-EDGE, figures.PAGE - EDGE), ylim=(rows * ROW + EDGE, -EDGE))
    axes.axis("off")
    for name in SCHEMAS:
        _box(axes, name)
    for name, (key, other) in REFERENCES.items():
        _arrow(axes, name, key, other)
    note = (
        "bold: needed in every row\none row on the side of the bar,\nany number on that of the fork"
    )
    axes.text(PLACES["samples"][0], (PLACES["samples"][1] + 8) * ROW, note, va="top", color="#444")
    figure.savefig(PICTURE, dpi=200, metadata={"Software": None})
    plt.close(figure)


def _box(axes: Axes, name: str) -> None:
    """A table with its columns; on the right what its keys are."""
    left, top = PLACES[name][0], PLACES[name][1] * ROW
    found = SCHEMAS[name].columns
    key, other = REFERENCES.get(name, ("", ""))
    frame = {"facecolor": "white", "edgecolor": LINE, "linewidth": 0.8}
    axes.add_patch(Rectangle((left, top), WIDTH, (len(found) + 1) * ROW, **frame))
    axes.add_patch(Rectangle((left, top), WIDTH, ROW, **frame | {"facecolor": HEAD}))
    middle = {"va": "center_baseline", "fontsize": 8}
    axes.text(left + 0.06, top + ROW / 2, name, weight="bold", **middle)
    for row, (column, about) in enumerate(found.items(), 1):
        y = top + (row + 0.5) * ROW
        weight = "bold" if about.required else "normal"
        axes.text(left + 0.06, y, column, weight=weight, **middle)
        mark = "key" if about.unique else f"in {other}" if column == key else ""
        axes.text(left + WIDTH - 0.06, y, mark, ha="right", color=LINE, **middle)


def _arrow(axes: Axes, name: str, key: str, other: str) -> None:
    """From the key of a table, marked by a bar, to where it is used, marked by a fork."""
    start, begin = PLACES[other][0] + WIDTH, _height(other, key)
    end, finish = PLACES[name][0], _height(name, key)
    half = (start + end) / 2
    style = {"color": LINE, "linewidth": 1.0, "solid_capstyle": "butt"}
    axes.plot([start, half, half, end], [begin, begin, finish, finish], **style)
    axes.plot([start + 0.08] * 2, [begin - 0.05, begin + 0.05], **style)
    for side in (-0.05, 0.05):
        axes.plot([end - 0.12, end], [finish, finish + side], **style)


def _height(name: str, column: str) -> float:
    """Where the middle of a row is, in inches from the top."""
    row = list(SCHEMAS[name].columns).index(column) + 1
    return (PLACES[name][1] + row + 0.5) * ROW


def main() -> None:
    """Rewrite data/README.md and docs/pictures."""
    text = README.read_text(encoding="utf-8")
    for name, content in sections().items():
        between = re.compile(rf"(?<=<!-- {name} -->\n).*(?=<!-- /{name} -->)", re.DOTALL)
        text = between.sub(lambda _, new=content: f"\n{new}\n\n", text)
    README.write_text(text, encoding="utf-8")
    draw()


if __name__ == "__main__":
    main()
