"""A class of 30 made and graded, with planted mistakes: how long, and is each told by its name?

Every student hands in all exercises. Most make one of the slips that the masters name in every
question (`rehearsal.mistaken`), a few are right, and one each hands in nothing, the untouched
edition, an endless loop, a claim on all memory, a process that ends itself, edited checks with
another student's cohort, no notebook at all, and a formula for a name.

made      `allrelapse classroom make`, from its start to its end
graded    `allrelapse classroom grade`, the same
planted   answers with a slip whose value differs from the right one on that student's cohort, and
          from that of slips which are named before it
told      of these, those whose feedback names that slip, at the cost of points
right     answers of students who know all that got their points
"""

import csv
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import click
import nbformat
import pandas as pd
from branching_simulator import machine
from report import renew

from allrelapse.classroom import cells, editions, fence, gradebook, jobs, key, rehearsal

MAKE, GRADE = 120, 600
"""Seconds on 2 cores that were promised for 30 students."""
WRECKS = {
    "endless": rehearsal.STUBBORN,
    "greedy": "hoard = bytearray(10**12)",
    "ends itself": "import os\nos._exit(1)",
}


def roster(students: int) -> str:
    """Students s1, s2, ...; the last one's name is a formula."""
    rows = "".join(f"s{k},Student {k}\n" for k in range(1, students))
    return f"student,name\n{rows}s{students},=1+1\n"


def hand_in(place: Path, submissions: Path, students: int) -> dict[str, int | None]:
    """Write the submissions; gives the slip of each student who slips, None for who is right."""
    kinds: dict[str, int | None] = {}
    wrecks = ["nothing", "untouched", "tampered", "no notebook", *WRECKS]
    for k in range(1, students + 1):
        who = f"s{k}"
        kind = wrecks[k - 1] if k <= len(wrecks) else ""
        if not kind:
            kinds[who] = None if k % 6 == 0 else k % 6 - 1
        if kind != "nothing":
            write(kind, kinds.get(who), place, submissions / who)
    return kinds


def write(kind: str, which: int | None, place: Path, folder: Path) -> None:
    """The submission of one student."""
    folder.mkdir(parents=True)
    for master in editions.masters():
        notebook = rehearsal.solved(master)
        if kind == "untouched":
            notebook = editions.exercise(master).given
        elif which is not None:
            notebook = rehearsal.mistaken(master, which)
        for cell in notebook.cells:
            about = editions.about(cell)
            if kind in WRECKS and about.get("grade_id") == "q2-answer":
                cell.source = WRECKS[kind]
            if kind == "tampered" and about.get("grade"):
                cell.source = "pass"
        if kind == "no notebook":
            (folder / master.name).write_text("my answers: 42", encoding="utf-8")
        else:
            nbformat.write(notebook, folder / master.name)
    if kind == "tampered":
        shutil.copytree(place / "students" / "s1" / "cohort", folder / "cohort")


def timed(*command: object) -> dict[str, float]:
    """Seconds by the clock and of processors, and the largest process in MB, of one command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", "allrelapse", "classroom", *command], check=True)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "CPU-s": used, "MB": after.ru_maxrss / 1024}


def told(place: Path, kinds: dict[str, int | None]) -> dict[str, float]:
    """How many planted slips are in the feedback, and how many right answers got their points."""
    with (place / "grades" / "gradebook.csv").open(newline="", encoding=gradebook.ENCODING) as file:
        rows = {(r["student"], r["exercise"], r["question"]): r for r in csv.DictReader(file)}
    masters = {path.stem: path for path in editions.masters()}
    work = (
        jobs.Job(
            (who, name),
            partial(cells.expectations, path),
            fenced=False,
            copied=tuple(place / "students" / who / part for part in ("cohort", "student.json")),
        )
        for who in kinds
        for name, path in masters.items()
    )
    counts = dict.fromkeys(("planted", "told", "known", "right"), 0)
    for end in jobs.run(work, fence.Limits(seconds=300), cores=2):
        for line in map(json.loads, end.output.splitlines()):
            row = rows[*end.name, line["question"]]
            for about in line["expected"]:
                judge(counts, row, about, kinds[end.name[0]])
    return counts


def judge(counts: dict[str, int], row: dict[str, str], about: key.Expectation, which) -> None:
    """Count one answer."""
    full = float(row["points"]) == float(row["of"])
    if which is None:
        counts["known"] += 1
        counts["right"] += full
    elif about["slips"]:
        message, wrong = about["slips"][which % len(about["slips"])]
        if key.same(wrong[0], about["value"], about):
            return
        same = [
            m for m, values in about["slips"] if any(key.same(wrong[0], v, about) for v in values)
        ]
        counts["planted"] += 1
        counts["told"] += any(m in row["feedback"] for m in (message, same[0])) and not full


@click.command()
@click.option("--students", type=click.IntRange(10), default=30, show_default=True)
@click.option("--write", "writes", is_flag=True, help="Renew README.md and results/.")
def main(students: int, writes: bool) -> None:
    """Make and grade a class, and say whether it was quick and whether slips were told."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "roster.csv").write_text(roster(students), encoding="utf-8")
        place, submissions = root / "roster", root / "submissions"
        made = timed("make", root / "roster.csv", "--output", root, "--cores", "2")
        kinds = hand_in(place, submissions, students)
        graded = timed("grade", submissions, "--class", place, "--cores", "2")
        counts = told(place, kinds)
    steps = pd.DataFrame([{"step": "made"} | made, {"step": "graded"} | graded])
    steps = steps.assign(students=students, **{name: pd.NA for name in counts})
    for name, count in counts.items():
        steps.loc[1, name] = count
    shown = steps.fillna("").round(0).to_markdown(index=False)
    print(shown)
    if writes:
        renew("classroom", f"{machine().replace('one core', '2 cores')}\n\n{shown}", steps)
    broken = [s for s, most in ((made, MAKE), (graded, GRADE)) if s["seconds"] > most]
    if broken or counts["told"] < counts["planted"] or counts["right"] < counts["known"]:
        raise SystemExit("Slower than promised, or a planted slip was not told, or a right answer")


if __name__ == "__main__":
    main()
