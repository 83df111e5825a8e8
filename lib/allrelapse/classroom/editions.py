"""One master, two editions: what students get is what nbgrader leaves of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator, ValidationError
from nbgrader.preprocessors import (
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)
from traitlets.config import Config

from allrelapse import paths
from allrelapse.errors import InputError

MASTERS = paths.REPOSITORY / "notebooks" / "exercises"
STEPS = (LockCells, ClearSolutions, ClearHiddenTests, ClearOutput, ComputeChecksums)
SETTINGS = Config({"ClearSolutions": {"code_stub": {"python": ""}}})
Code = list[tuple[str, str]]
"""`grade_id` (or empty) and source of every code cell, in order."""


@dataclass(frozen=True)
class Exercise:
    """What students get of a master.

    name : of the notebook, without its ending
    given : the notebook, without solutions and hidden tests
    points : of each question, by its id, in order
    """

    name: str
    given: NotebookNode
    points: dict[str, int]


def masters(folder: Path = MASTERS, only: Sequence[str] = ()) -> list[Path]:
    """Every master of a folder, by name, or those that are asked for.

    Parameters
    ----------
    only : numbers such as `1` or `01`, or names such as `01_relapse_timing`

    Raises
    ------
    InputError
        If there is none, or none of a number or name.
    """
    found = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    if not found:
        raise InputError(f"{folder}: no exercises (*.ipynb) here")
    chosen = {name for one in only for name in found if _is_called(name, one)}
    if odd := [one for one in only if not any(_is_called(name, one) for name in found)]:
        raise InputError(f"no exercise is called {odd[0]!r}; there are {', '.join(found)}")
    return [path for name, path in found.items() if name in chosen or not only]


def _is_called(name: str, asked: str) -> bool:
    number = name.partition("_")[0]
    return asked == name or (asked.isdecimal() and number.isdecimal() and int(asked) == int(number))


def exercise(path: Path) -> Exercise:
    """What students get of one master, which is checked.

    Raises
    ------
    InputError
        If it is no notebook, or its cells are not marked as `docs/teaching.md` says.
    """
    with _refusing(path):
        given = _read(path)
        for step in STEPS:
            given, _ = step(config=SETTINGS).preprocess(given, {})
        return Exercise(path.stem, given, _points(given))


def handed_out(path: Path) -> Exercise:
    """A student edition that was made before, as it is.

    Raises
    ------
    InputError
        If it is none.
    """
    with _refusing(path):
        given = _read(path)
        return Exercise(path.stem, given, _points(given))


def code(notebook: NotebookNode) -> Code:
    """What is to run of a notebook."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(about(cell).get("grade_id", ""), cell.source) for cell in cells]


def about(cell: NotebookNode) -> dict[str, Any]:
    """What nbgrader's metadata say of a cell; empty for a free one or a damaged one."""
    found = cell.get("metadata", {}).get("nbgrader", {})
    return dict(found) if isinstance(found, dict) and found.get("grade_id") else {}


def _read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    return notebook


def _points(notebook: NotebookNode) -> dict[str, int]:
    """Points of each question; each needs a cell for the answer before its check."""
    marked = [about(cell) for cell in notebook.cells if about(cell)]
    order = [one["grade_id"] for one in marked if one["solution"] or one["grade"]]
    points = {one["grade_id"]: int(one["points"]) for one in marked if one["grade"]}
    if not points or order != [f"{q}{end}" for q in points for end in ("-answer", "")]:
        raise ValueError(
            "each question needs one answer cell `q1-answer` and then one check `q1`; found "
            f"{', '.join(order) or 'none'}"
        )
    return points


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, ValidationError) as error:
        raise InputError(f"{path}: {error}") from None
