"""Answers against the key: points and feedback, and the files that are written of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse.classroom.key import Expectation, same

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet (OWASP, CSV injection)."""
COLUMNS = ["student", "name", "exercise", "question", "points", "of", "feedback"]
LETTERS = 300
RIGHT = "Right."
OTHER = "`{}` is not what the reference solution gives on your cohort."
Answers = Mapping[str, Any]


def judged(
    expected: Sequence[Expectation], answers: Answers, errors: Sequence[str], points: int
) -> tuple[float, str]:
    """Points and feedback of one question.

    Parameters
    ----------
    expected : its part of the key; each answer counts the same
    answers : by name, with `value`, `unusable` or `missing`
    errors : what its cells raised, in order
    points : of the question
    """
    verdicts = [(_verdict(about, answers.get(about["name"], {}))) for about in expected]
    right = sum(not verdict for verdict in verdicts)
    told = list(dict.fromkeys(verdict for verdict in verdicts if verdict))
    if told and errors:
        told.append(f"When run: {errors[0]}")
    return round(points * right / len(expected), 2), " ".join(told) or RIGHT


def _verdict(about: Expectation, answer: Any) -> str:  # noqa: ANN401
    """Empty if the answer is right, else the likely slip."""
    name = about["name"]
    answer = answer if isinstance(answer, dict) else {}
    if "unusable" in answer:
        return f"`{name}` {str(answer['unusable'])[:LETTERS]}."
    if "value" not in answer:
        return f"`{name}` has no answer."
    value = answer["value"]
    if same(value, about["value"], about):
        return ""
    for message, wrong in about["slips"]:
        if any(same(value, one, about) for one in wrong):
            return f"`{name}`: {message}"
    return OTHER.format(name)


def write(rows: list[dict[str, Any]], notes: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Write `gradebook.csv`, `totals.csv`, and `feedback/STUDENT.txt` to hand back.

    Parameters
    ----------
    rows : of all questions, with `COLUMNS`
    notes : by student, what was amiss with what was handed in
    folder : an empty one
    """
    book = pd.DataFrame(rows, columns=COLUMNS)
    _csv(book, folder / "gradebook.csv")
    wide = book.pivot_table(
        index=["student", "name"], columns="exercise", values="points", aggfunc="sum", sort=False
    )
    wide["total"] = wide.sum(axis=1).round(2)
    wide["of"] = book.groupby(["student", "name"], sort=False)["of"].sum()
    wide = wide.reset_index()
    wide["notes"] = ["; ".join(notes.get(one, ())) for one in wide["student"]]
    _csv(wide, folder / "totals.csv")
    (folder / "feedback").mkdir()
    for student, part in book.groupby("student", sort=False):
        text = _letter(part, notes.get(str(student), ()))
        (folder / "feedback" / f"{student}.txt").write_text(text, encoding="utf-8")


def safe(text: object) -> object:
    """A text that no spreadsheet takes for a formula; anything else as it is."""
    return f"'{text}" if isinstance(text, str) and text.startswith(FORMULA) else text


def _csv(table: pd.DataFrame, path: Path) -> None:
    table.map(safe).rename(columns=safe).to_csv(path, index=False, lineterminator="\n")


def _letter(part: pd.DataFrame, notes: Sequence[str]) -> str:
    lines = [f"{part['points'].sum():g} of {part['of'].sum():g} points"]
    lines += ["", *(f"Note: {note}" for note in notes)] if notes else []
    for exercise, questions in part.groupby("exercise", sort=False):
        points, of = questions["points"].sum(), questions["of"].sum()
        lines += ["", f"{exercise}: {points:g} of {of:g}"]
        for row in questions.to_dict("records"):
            lines.append(
                f"  {row['question']}: {row['points']:g} of {row['of']:g}. {row['feedback']}"
            )
    return "\n".join(lines) + "\n"
