"""What a student handed in, made fit to run: locked cells as they were given, own cells kept."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from allrelapse.classroom import student
from allrelapse.classroom.editions import Code, Exercise, about

UNTOUCHED = "it was handed in as it was given"
LARGEST = 20_000_000
"""Bytes of a notebook that is handed in, outputs and all."""


@dataclass(frozen=True)
class Submission:
    """One exercise of one student.

    code : cells to run; none if there is nothing to run
    notes : what was found amiss, in words for the student
    """

    code: Code
    notes: tuple[str, ...] = ()


def read(folder: Path, exercise: Exercise) -> Submission:
    """The notebook of an exercise in a student's folder, or why there is none to run."""
    found = [
        path
        for path in sorted(folder.rglob(f"{exercise.name}.ipynb"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        return Submission([], (f"the notebook {exercise.name}.ipynb was not handed in",))
    if len(found) > 1:
        places = ", ".join(path.relative_to(folder).as_posix() for path in found)
        return Submission([], (f"handed in {len(found)} times ({places}): keep one",))
    try:
        notebook = _read(found[0], folder)
        code, changed = restored(notebook, exercise.given)
    except Exception as error:  # a file of a student can be anything
        reason = " ".join(str(error).split())[:80]
        words = f"the file {exercise.name}.ipynb cannot be read as a notebook ({reason}); save it "
        return Submission([], (f"{words}again, and hand that in",))
    notes = [UNTOUCHED] if _sources(notebook) == _sources(exercise.given) else []
    if changed:
        words = "given cells were changed or missing; they were put back, which costs no points: "
        notes.append(words + ", ".join(changed))
    return Submission(code, tuple(notes))


def _sources(notebook: NotebookNode) -> list[str]:
    return [cell.source.strip() for cell in notebook.cells if cell.cell_type == "code"]


def restored(notebook: NotebookNode, given: NotebookNode) -> tuple[Code, list[str]]:
    """Code of a submission with every given cell as it was given, in the given order.

    Answer cells are the student's, and so are cells that were added; they run where they stand,
    before the next cell that was given. A second copy of a cell counts as added.

    Returns
    -------
    The code, and the ids of locked cells that were changed, missing or out of order.
    """
    wanted = {about(cell)["grade_id"]: cell for cell in given.cells if about(cell)}
    theirs, added, seen, free = dict[str, str](), dict[str, Code](), list[str](), Code()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        name = about(cell).get("grade_id", "")
        if name in wanted and name not in theirs:
            theirs[name], added[name], free = cell.source, free, []
            seen.append(name)
        elif name not in wanted or about(wanted[name])["solution"]:
            free.append(("", cell.source))
    code: Code = []
    for name, cell in wanted.items():
        locked = not about(cell)["solution"]
        source = cell.source if locked else theirs.get(name, cell.source)
        code += [*added.get(name, []), (name, source)]
    return [*code, *free], _changed(wanted, theirs, seen)


def foreign_cohort(folder: Path, own: str) -> bool:
    """Whether a student handed in another cohort than was given; it is not used either way."""
    place = folder / student.COHORT
    if not place.is_dir():
        return False
    sizes = [path.stat().st_size for path in place.iterdir() if path.is_file()]
    return sum(sizes) > LARGEST or student.digest(place) != own


def _read(path: Path, folder: Path) -> NotebookNode:
    """A notebook, if it is a plain file of the student's own."""
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError("it is a link; hand in the file itself")
    if not path.is_file():
        raise ValueError("it is no file")
    if (size := os.path.getsize(path)) > LARGEST:
        raise ValueError(
            f"{size / 1e6:.0f} MB are more than {LARGEST / 1e6:.0f}: clear the outputs"
        )
    notebook: NotebookNode = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    return notebook


def _changed(
    wanted: dict[str, NotebookNode], theirs: dict[str, str], seen: Sequence[str]
) -> list[str]:
    order = [name for name in wanted if name in theirs]
    moved = {name for name, other in zip(order, seen, strict=True) if name != other}
    return [
        name
        for name, cell in wanted.items()
        if not about(cell)["solution"]
        and (theirs.get(name, "").strip() != cell.source.strip() or name in moved)
    ]
