"""Where measurements go: a table between two marks in README.md, and a file in results/."""

import re
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent


def renew(name: str, section: str, table: pd.DataFrame) -> None:
    """Put a section between its marks in README.md, and its numbers into results/NAME.csv.

    Raises
    ------
    ValueError
        If README.md does not have the marks once.
    """
    readme = HERE / "README.md"
    marks = rf"(<!-- {name} -->\n).*(<!-- /{name} -->)"
    text, times = re.subn(
        marks,
        lambda m: f"{m[1]}\n{section}\n\n{m[2]}",
        readme.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    if times != 1:
        raise ValueError(f"{readme}: there must be one section <!-- {name} -->, not {times}")
    (HERE / "results").mkdir(exist_ok=True)
    table.to_csv(HERE / "results" / f"{name}.csv", index=False, float_format="%.6g")
    readme.write_text(text, encoding="utf-8")
