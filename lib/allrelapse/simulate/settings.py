"""What the simulated cohort is made from: every number with its unit and where it comes from.

A setting without a source is an assumption and says so. They are chosen so that the published
aggregates lie inside the spread of simulated cohorts; no aggregate is itself a setting.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)  # fmt: skip

from allrelapse import yamls
from allrelapse.data.published import GENES
from allrelapse.errors import InputError

ASSUMED = "assumption"
Drug = Literal[
    "glucocorticoid", "vincristine", "anthracycline", "asparaginase", "methotrexate",
    "thiopurine", "cytarabine", "cyclophosphamide",
]  # fmt: skip


def _set(
    default: Any,  # noqa: ANN401
    about: str,
    unit: str = "",
    source: str = ASSUMED,
    **limits: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """A setting with its meaning, unit, source and limits."""
    extra: dict[str, Any] = {"unit": unit, "source": source}
    return Field(default=default, description=about, json_schema_extra=extra, **limits)


class Phase(BaseModel):
    """A phase of treatment: its days since diagnosis and the drugs that are given."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1)
    start: float
    end: float
    drugs: tuple[Drug, ...] = ()


PHASES = (
    Phase(
        name="induction", start=0, end=36,
        drugs=("glucocorticoid", "vincristine", "anthracycline", "asparaginase"),
    ),
    Phase(
        name="consolidation", start=36, end=134,
        drugs=("thiopurine", "methotrexate", "cytarabine", "cyclophosphamide"),
    ),
    Phase(
        name="re-induction", start=134, end=197,
        drugs=("glucocorticoid", "vincristine", "anthracycline", "asparaginase"),
    ),
    Phase(
        name="maintenance", start=197, end=910,
        drugs=("thiopurine", "methotrexate", "glucocorticoid", "vincristine"),
    ),
)  # fmt: skip

T_LINEAGE = "T lineage"
Share = Annotated[float, Field(gt=0, lt=1)]
Ratio = Annotated[float, Field(gt=0, le=1000)]
Weight = Annotated[float, Field(ge=0, le=1000)]
LI = "Li 2020, Blood 135:41"
BOZIC = "Bozic 2013, eLife 2:e00747"


class Settings(BaseModel):
    """All settings of the simulated cohort; unknown names and values out of range are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    # who
    patients: int = _set(103, "patients with a relapse", "patients", LI, ge=1, le=1_000_000)
    horizon: float = _set(3652.5, "relapses are looked for until then", "days", ge=365)
    boys: float = _set(
        0.592, "share of boys", "fraction", "CCCG-ALL-2015, 4,521 of 7,640", ge=0, le=1
    )
    t_lineage: float = _set(
        0.12, "share of T-cell leukaemia", "fraction", "10 to 15 %, Blood 124:251", ge=0, le=1
    )

    # disease at diagnosis
    burden: float = _set(
        5e11,
        "median leukaemia cells at diagnosis",
        "cells",
        ASSUMED + ", 1e11 to 1e12 is usual",
        gt=1e6,
        le=1e14,
    )
    burden_sd: float = _set(0.25, "its standard deviation", "log10", ge=0, le=2)
    birth: float = _set(
        0.105, "divisions before diagnosis", "per cell and day", "Br J Haematol 1997;98:999", gt=0
    )
    death: float = _set(
        0.04, "deaths before diagnosis", "per cell and day", "Br J Haematol 1997;98:999", ge=0
    )
    mutations_per_division: float = _set(
        3.0,
        "new mutations of a division before and without therapy",
        "per genome",
        ASSUMED + ", of the order of 1e-9 per base pair (" + BOZIC + ")",
        ge=0,
        le=1000,
    )

    # therapy
    phases: tuple[Phase, ...] = _set(PHASES, "phases of treatment, in order", "days")
    sensitive_kill: float = _set(0.29, "net loss of sensitive cells in induction", "per day", gt=0)
    sensitive_kill_sd: float = _set(0.05, "its spread between patients", "per day", ge=0)

    # cells that therapy does not kill at once
    persisters: float = _set(
        4.5e-7, "median share of cells that persist through induction", "fraction", gt=0, le=1
    )
    persisters_sd: float = _set(1.0, "its spread between patients", "log10", ge=0, le=3)
    persisters_kill: float = _set(
        0.5, "correlation of persisting with slow killing in induction", "", ge=0, le=1
    )
    persister_division: float = _set(
        0.05, "divisions of persisters under therapy", "per cell and day", gt=0, le=2
    )
    persister_decline: float = _set(0.021, "their net loss under therapy", "per day", ge=0, le=2)
    persister_decline_sd: float = _set(0.007, "its spread between patients", "per day", ge=0)
    awakening: float = _set(
        300, "mean rest of persisters that outlive therapy", "days after therapy", gt=0
    )
    regrowth_doubling: float = _set(8, "median doubling time of what regrows", "days", gt=0)

    # resistant clones
    doubling: float = _set(
        7.4,
        "median doubling time of resistant clones",
        "days",
        LI + ", as quoted by Sentis 2020",
        gt=0,
    )
    doubling_sd: float = _set(
        0.15, "its spread between patients; 95 % lie between 5 and 9 to 10", "log", ge=0, le=2
    )
    turnover: float = _set(0.4, "deaths per division of growing clones", "ratio", ge=0, lt=1)
    detection: float = _set(1e11, "median leukaemia cells when relapse is found", "cells", gt=1e3)
    detection_sd: float = _set(0.4, "its spread between patients", "log10", ge=0, le=2)
    multidrug_rate: float = _set(
        1.5e-13,
        "rate of mutants that withstand the whole therapy, before diagnosis",
        "per division",
        ge=0,
        le=1e-6,
    )
    multidrug_in_genes: float = _set(
        0.12, "share of them that one of the 12 genes causes", "fraction", ge=0, le=1
    )
    other_rate: float = _set(
        8e-8, "rate of resistance under therapy outside the 12 genes", "per division", ge=0, le=1e-3
    )
    escape: float = _set(
        0.5,
        "share of mutants of the 12 genes that outgrow the combination",
        "fraction",
        ge=0,
        le=1,
    )
    escape_of: Mapping[str, Weight] = _set(
        {"TP53": 0.15, "CREBBP": 0.3, "WHSC1": 0.3}, "the same against the others, by gene", "ratio"
    )
    second_hit: float = _set(
        0.01,
        "share of cells that lost one copy of a gene and lose the other in time",
        "fraction",
        ge=0,
        le=1,
    )
    weakest: float = _set(
        0.25,
        "growth of the weakest resistant clone under therapy, against growth without it",
        "ratio",
        gt=0,
        le=1,
    )
    dormant: float = _set(
        0.16, "share of resistant mutants that rest until therapy is over", "fraction", ge=0, le=1
    )
    deletion_rate: float = _set(
        1e-8,
        "rate of deletions of a gene whose loss resists",
        "per gene and division",
        ge=0,
        le=1e-3,
    )
    standing: float = _set(
        0.4,
        "generations of mutants that persisters bring along from before diagnosis",
        "generations",
        ge=0,
        le=1000,
    )

    # mutational processes
    clock: float = _set(
        25,
        "mutations of the founder cell",
        "per year of age",
        "17 a year in blood stem cells (Mitchell 2022), 46 in lymphocytes (Tomasetti 2013)",
        ge=0,
    )
    prenatal: float = _set(
        180,
        "mutations of the founder cell beside these",
        "mutations",
        "chosen so that genomes have 415 (276 to 646) in all, as in stjude-mtsg",
        ge=0,
    )
    prenatal_sd: float = _set(0.5, "their spread between patients", "log", ge=0, le=2)
    ancestors: Mapping[Literal["minor", "major", "several", "unseen"], Weight] = _set(
        {"minor": 0.5, "major": 0.27, "several": 0.18, "unseen": 0.05},
        "clone at diagnosis from which the relapse descends",
        "weights",
        "Waanders 2020; the rest as unseen",
    )
    subclonal: float = _set(60, "private mutations of a subclone at diagnosis", "mutations", ge=0)
    apobec: float = _set(
        0.1, "share of leukaemias with SBS2 and SBS13", "fraction", "stjude-mtsg", ge=0, le=1
    )
    apobec_load: float = _set(400, "their mean number in these", "mutations", "stjude-mtsg", ge=0)
    therapy_load: float = _set(
        0.6, "mutations of persisters without a signature of their own", "per day of therapy", ge=0
    )
    thiopurine_prone: float = _set(
        0.7, "share of leukaemias in which thiopurines mutate", "fraction", ge=0, le=1
    )
    thiopurine_load: float = _set(
        1.3, "median SBS87 in these, while thiopurines are given", "mutations per day", ge=0
    )
    thiopurine_load_sd: float = _set(0.6, "its spread between patients", "log", ge=0, le=3)
    sbs86_prone: float = _set(
        0.1, "share of leukaemias in which the cause of SBS86 mutates", "fraction", ge=0, le=1
    )
    sbs86_load: float = _set(
        1.5, "median SBS86 in these, in consolidation and re-induction", "mutations per day", ge=0
    )
    mmr_deficient: float = _set(
        0.02, "share of leukaemias whose persisters lost mismatch repair", "fraction", ge=0, le=1
    )
    mmr_load: float = _set(15, "mutations per division then, as against normal", "ratio", ge=1)

    # sequencing
    purity: float = _set(0.85, "mean tumour purity of a sample", "fraction", gt=0, lt=1)
    depth: float = _set(60, "mean depth of a genome", "reads", gt=0, le=1e5)
    depth_dispersion: float = _set(25, "shape of its gamma-Poisson law", "", gt=0)
    error: float = _set(1e-3, "share of wrong bases in reads", "fraction", ge=0, lt=0.5)
    reads_to_call: int = _set(4, "reads with a variant that are needed to call it", "reads", ge=1)
    serial_patients: int = _set(16, "patients with serial samples", "patients", LI, ge=0)
    serial_samples: int = _set(208, "serial samples of them together", "samples", LI, ge=0)
    serial_depth: float = _set(5000, "mean depth of serial samples", "reads", gt=0, le=1e7)
    serial_error: float = _set(1e-4, "share of wrong bases there", "fraction", ge=0, lt=0.5)
    serial_precision: float = _set(2e4, "beta-binomial precision there", "", gt=0)
    serial_panel: int = _set(12, "variants that are followed in a patient", "variants", ge=1)
    marrow: float = _set(
        7.5e11,
        "whole-body burden that is 100 % of cells",
        "cells",
        LI + ", as quoted by Sentis 2020",
        gt=0,
    )
    mrd_limit: float = _set(0.01, "limit of detection of flow cytometry", "% of cells", gt=0)
    mrd_noise: float = _set(0.25, "spread of a measurement", "log", ge=0, le=2)

    # after relapse
    survival_5y: tuple[Share, Share, Share] = _set(
        (0.258, 0.495, 0.664),
        "5-year survival after very early, early and late relapse, without the features below",
        "fraction",
        "Rheingold 2024, B-ALL, whose groups end at 18 and 36 months",
    )
    survival_shape: float = _set(0.7, "shape of the Weibull law of death", "", gt=0, le=5)
    hazard_ratios: Mapping[str, Ratio] = _set(
        {"NT5C2": 1.89, "TP53": 2.36, "T lineage": 1.6},
        "hazard ratios of death",
        "ratio",
        "NT5C2: Barz 2020 (subclonal); TP53: Irving 2016; T lineage: assumption",
    )
    transplant: float = _set(0.5, "share of patients meant for transplant", "fraction", ge=0, le=1)
    transplant_day: float = _set(150, "mean day of it", "days since relapse", gt=0)
    censoring: tuple[float, float] = _set(
        (365, 3650), "last seen if alive, evenly between", "days since relapse"
    )

    # in the dish
    doses: int = _set(9, "doses of a curve", "doses", ge=4, le=100)
    replicates: int = _set(3, "repeats of a dose on a plate", "wells", ge=1, le=1000)
    plates: int = _set(2, "plates of a curve", "plates", ge=1, le=1000)
    viability_noise: float = _set(0.05, "spread of a well", "fraction of untreated", ge=0, le=1)
    outliers: float = _set(0.01, "share of wells that went wrong", "fraction", ge=0, le=1)

    @field_validator("phases")
    @classmethod
    def _one_after_another(cls, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        ends = [day for phase in phases for day in (phase.start, phase.end)]
        if not phases or ends != sorted(ends) or ends[0] != 0:
            raise ValueError("phases must follow each other from day 0; correct their days")
        gaps = zip(phases[1:], phases, strict=False)
        if any(after.start != before.end for after, before in gaps):
            raise ValueError("each phase must start on the day on which the one before ends")
        return phases

    @field_validator("escape_of", "hazard_ratios")
    @classmethod
    def _known(cls, values: Mapping[str, float], info: ValidationInfo) -> Mapping[str, float]:
        known = [*GENES, *([T_LINEAGE] if info.field_name == "hazard_ratios" else [])]
        if strange := sorted(set(values) - set(known)):
            raise ValueError(f"{', '.join(strange)} is none of {', '.join(known)}")
        return values

    @field_validator("ancestors")
    @classmethod
    def _some(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        if not sum(weights.values()):
            raise ValueError("one of the weights must be above 0")
        return weights

    @field_validator("censoring")
    @classmethod
    def _forwards(cls, days: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= days[0] <= days[1]:
            raise ValueError("the first day must be 0 or later, and not after the second")
        return days

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        if self.horizon <= self.phases[-1].end:
            raise ValueError("horizon must lie after the last of the phases")
        if self.serial_patients and self.serial_samples < 4 * self.serial_patients:
            raise ValueError("serial_samples: at least 4 for each of serial_patients are needed")
        if self.death >= self.birth:
            raise ValueError("death must be below birth, or no leukaemia would grow")
        return self


def make(values: Mapping[str, Any]) -> Settings:
    """Settings with these values, all others as they are by default.

    Raises
    ------
    InputError
        One line per name that is unknown or value that is out of range.
    """
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        words = {"extra_forbidden": "no such setting; `allrelapse simulate --list` names them"}
        told = []
        for fault in error.errors():
            place = ".".join(map(str, fault["loc"]))
            text = words.get(fault["type"], fault["msg"].removeprefix("Value error, "))
            told.append(f"{place}: {text}" if place else text)
        raise InputError("\n  ".join(["settings of the simulated cohort:", *told])) from None


def read(path: Path) -> dict[str, Any]:
    """The settings that a YAML file gives, by name.

    Raises
    ------
    InputError
        If the file is no list of names and values.
    """
    content = yamls.read(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: lines such as `patients: 200` are needed")
    return content


def table() -> pd.DataFrame:
    """Every setting with its default, unit, meaning and source."""
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        value = field.default
        if name == "phases":
            value = ", ".join(f"{p.name} {p.start:g}-{p.end:g}" for p in value)
        elif isinstance(value, Mapping):
            value = ", ".join(f"{key} {ratio:g}" for key, ratio in value.items())
        rows.append((name, value, extra["unit"], field.description, extra["source"]))
    return pd.DataFrame(rows, columns=["setting", "default", "unit", "meaning", "source"])
