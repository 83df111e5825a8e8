"""Answers against the key: points and feedback, and the files that are written of them."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from allrelapse.classroom import cells
from allrelapse.classroom.editions import Exercise
from allrelapse.classroom.jobs import End
from allrelapse.classroom.key import Expectation, Key, same

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in a spreadsheet (OWASP, CSV injection)."""
COLUMNS = ["student", "name", "exercise", "question", "points", "of", "feedback"]
LETTERS = 300
DIGITS = 20
RIGHT = "Right."
ENCODING = "utf-8-sig"
"""With the mark by which spreadsheets know UTF-8, or they garble names."""
OTHER = "not what the reference solution gives on your cohort."
NONE = "no answer."
UNANSWERED = re.compile(rf"(`\w+`(, )?)+: {NONE}")
PER_CENT = "This looks like per cent. Give a fraction, from 0 to 1."
UNGRADED = "could not be graded on your cohort, for no fault of yours; it does not count"
ASSERTION = "AssertionError: "
Answers = Mapping[str, Any]


def rows(
    one: Mapping[str, Any],
    exercise: Exercise,
    amiss: Sequence[str],
    end: End | None,
    key: Key | None,
    fault: str = "",
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of one exercise of one student, with `COLUMNS`, and what was amiss with it.

    Parameters
    ----------
    one : `student` and `name`
    amiss : with what was handed in
    end : of the process in which it ran; None if there was nothing to run
    key : what was expected, by question; None for the same reason
    fault : why there is no key although there was something to run: then no points are given or
        asked for
    """
    who = one["student"], one["name"], exercise.name
    if fault:
        return [_row(*who, "all", 0.0, 0, sentence(UNGRADED))], [*amiss, UNGRADED]
    notes = [*amiss, *([f"it {end.fault}"] if end and end.fault else [])]
    told = _told(end.output) if end else {}
    found = []
    for question, points in exercise.points.items():
        if key is None:
            score, feedback = 0.0, sentence(notes[0])
        elif question not in told:
            why = notes[-1] if notes else "it broke off"
            score, feedback = 0.0, f"No answer was reached: {why}."
        else:
            score, feedback = judged(key[question], *told[question], points)
        found.append(_row(*who, question, score, points, feedback))
    return found, notes


def _row(*values: object) -> dict[str, Any]:
    return dict(zip(COLUMNS, values, strict=True))


def _told(output: bytes) -> dict[str, tuple[Answers, list[str]]]:
    """Answers and errors by question, of whatever a process wrote; the first line counts."""
    found: dict[str, tuple[Answers, list[str]]] = {}
    for line in output.splitlines():
        try:
            entry = json.loads(line, parse_int=_whole)
            question, answers = entry["question"], entry["answers"]
            errors = [str(error)[: cells.LETTERS + 2] for error in entry["errors"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if isinstance(question, str) and isinstance(answers, dict):
            found.setdefault(question, (answers, errors))
    return found


def _whole(digits: str) -> float:
    """A whole number of JSON; one of very many digits as a decimal, which cannot overflow."""
    return int(digits) if len(digits) < DIGITS else float(digits)


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
    errors = [error.removeprefix(ASSERTION) for error in errors]
    failed = [error for error in errors if error.startswith("`")]  # of a check, see `check`
    broken = [error for error in errors if error not in failed]
    verdicts = [_verdict(about, answers.get(about["name"], {}), failed) for about in expected]
    right = sum(is_right for is_right, _ in verdicts)
    told: dict[str, list[str]] = {}
    for about, (_, words) in zip(expected, verdicts, strict=True):
        told.setdefault(words, []).append(f"`{about['name']}`")
    told.pop("", None)
    lines = [w if w.startswith("`") else f"{', '.join(names)}: {w}" for w, names in told.items()]
    if right < len(expected) and broken:
        lines.append(f"When run: {broken[0]}")
    return round(points * right / len(expected), 2), " ".join(lines) or RIGHT


def _verdict(
    about: Expectation,
    answer: Any,  # noqa: ANN401
    failed: Sequence[str],
) -> tuple[bool, str]:
    """Whether an answer is right, and the likely slip or what the check of its kind said."""
    answer = answer if isinstance(answer, dict) else {}
    if "unusable" in answer:
        return False, f"{str(answer['unusable'])[:LETTERS]}."
    if "value" not in answer:
        return False, NONE
    value = answer["value"]
    if same(value, about["value"], about):
        return True, ""
    for is_right, pairs in ((False, about["slips"]), (True, about["follows"])):
        for message, wrong in pairs:
            if any(same(value, one, about) for one in wrong):
                return is_right, str(message)
    if _are_fractions(about["value"]) and same(value, _in_per_cent(about["value"]), about):
        return False, PER_CENT
    named = (f"`{about['name']}` ", f"`{about['name']}, ")  # of the answer, or of an entry of it
    return False, next((words for words in failed if words.startswith(named)), OTHER)


def _are_fractions(value: Any) -> bool:  # noqa: ANN401
    """Whether an expected value could be told in per cent: within 0 and 1, and not all whole."""
    entries = list(value.values()) if isinstance(value, dict) else value
    entries = entries if isinstance(entries, list) else [entries]
    within = all(isinstance(one, float) and 0 <= one <= 1 for one in entries)
    return within and any(one % 1 for one in entries)


def _in_per_cent(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: 100 * one for key, one in value.items()}
    return [100 * one for one in value] if isinstance(value, list) else 100 * value


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
    table.map(safe).rename(columns=safe).to_csv(
        path, index=False, lineterminator="\n", encoding=ENCODING
    )


def sentence(note: str) -> str:
    """A note with a capital and a full stop."""
    return f"{note[0].upper()}{note[1:]}."


def _letter(part: pd.DataFrame, notes: Sequence[str]) -> str:
    """Points and feedback of one student; what holds for a whole exercise is said once."""
    who, name = part[["student", "name"]].iloc[0]
    begins = {name: f"{name}: " for name in part["exercise"].unique()}
    said = [sentence(note) for note in notes if not note.startswith(tuple(begins.values()))]
    lines = [f"{name} ({who})" if name else who]
    lines += [f"{part['points'].sum():g} of {part['of'].sum():g} points", *said]
    for exercise, questions in part.groupby("exercise", sort=False):
        points, of = questions["points"].sum(), questions["of"].sum()
        lines += ["", f"{exercise}: {points:g} of {of:g}"]
        begin = begins[exercise]
        own = [note.removeprefix(begin) for note in notes if note.startswith(begin)]
        told = [*questions["feedback"].unique()]
        if all(map(UNANSWERED.fullmatch, told)):
            told = ["No answers."]
        if len(told) > 1 or told == [RIGHT]:
            told = [
                f"{row['question']}: {row['points']:g} of {row['of']:g}. {row['feedback']}"
                for row in questions.to_dict("records")
            ]
        own = [note for note in map(sentence, own) if note[1:] not in told[0]]
        lines += [f"  {line}" for line in (*own, *told) if line not in said]
    return "\n".join(lines) + "\n"
