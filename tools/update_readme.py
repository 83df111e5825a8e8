"""Put the scorecard and the pictures of the latest results into the README."""

import json
import re
import shutil

import pandas as pd

from allrelapse import paths

RESULTS = paths.REPOSITORY / "results" / "simulated"
PICTURES = (
    "00_study_overview/figures/spread",
    "01_relapse_timing/figures/prevalence",
    "02_mutation_landscape/figures/oncoprint",
    "03_gene_enrichment/figures/recurrence",
    "05_signature_attribution/figures/controls",
    "05_signature_attribution/figures/limits",
    "06_mutation_attribution/figures/reliability",
    "07_clonal_evolution/figures/fish",
    "08_resistance_model/figures/routes",
    "09_survival/figures/immortal",
    "10_drug_response/figures/links",
)


def table() -> str:
    """The scorecard without notes and sources, as Markdown."""
    rows = pd.DataFrame(json.loads((RESULTS.parent / "scorecard.json").read_text(encoding="utf-8")))
    rows["verdict"] = "**" + rows["verdict"] + "**"
    columns = ["statement", "published", "kind", "data", "found", "verdict", "robustness"]
    return str(rows[[name for name in columns if name in rows]].to_markdown(index=False))


def main() -> None:
    """Rewrite README.md and docs/pictures."""
    readme = paths.REPOSITORY / "README.md"
    text = readme.read_text(encoding="utf-8")
    between = re.compile(r"(?<=<!-- scorecard -->\n).*(?=<!-- /scorecard -->)", re.DOTALL)
    readme.write_text(between.sub(lambda _: f"\n{table()}\n\n", text), encoding="utf-8")
    for picture in PICTURES:
        shutil.copy(RESULTS / f"{picture}.png", paths.REPOSITORY / "docs" / "pictures")


if __name__ == "__main__":
    main()
