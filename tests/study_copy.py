"""A copy of the study that tests may run and change, through the same door as `make reproduce`."""

import json
import re
import shutil
import subprocess
import sys

import pandas as pd

from allrelapse import paths

FEWER = {
    "00_study_overview": "{spread_seeds: 12}",
    "03_gene_enrichment": "{replicates: 1000}",
    "04_signature_extraction": "{other_cohorts: 0, replicates: 20, spiked: [30.0]}",
    "05_signature_attribution": "{control_step: 200}",
    "09_survival": "{redraws: 20, shuffles: 20, made_up: 4}",
}


def copied(folder, without=(), fewer=FEWER):
    """What a study needs beside the library; of what touches no verdict, little is enough here."""
    folder.mkdir(exist_ok=True)
    text = (paths.REPOSITORY / "study.yaml").read_text()
    for name in without:
        text, times = re.subn(rf"  - id: {name}\n.*?(?=\n  - id: |\Z)", "", text, flags=re.DOTALL)
        assert times == 1
    for notebook, parameters in fewer.items():
        line = f"    notebook: notebooks/{notebook}.ipynb\n"
        assert line in text or notebook in without
        text = text.replace(line, line + f"    parameters: {parameters}\n")
    (folder / "study.yaml").write_text(text)
    for name in ("notebooks", "data"):
        shutil.copytree(paths.REPOSITORY / name, folder / name)
    return folder


def reproduce(folder, *arguments):
    command = [sys.executable, "-m", "allrelapse", "reproduce", "--study", folder / "study.yaml"]
    run = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def run(folder, number, *arguments, check=True):
    """One notebook of the copied study."""
    command = [sys.executable, "-m", "allrelapse", "run", number]
    command += ["--study", folder / "study.yaml", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check)


def scorecard(folder):
    return pd.DataFrame(json.loads((folder / "results" / "scorecard.json").read_text()))
