"""One simulated patient: the tables that a study would have, and the truth behind them."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from allrelapse.data import genome, tables
from allrelapse.data.published import TIMING
from allrelapse.simulate import clinic, disease, sequencing
from allrelapse.simulate.clinic import Person
from allrelapse.simulate.clones import Clones, clones
from allrelapse.simulate.disease import KINDS, Disease
from allrelapse.simulate.settings import T_LINEAGE, Settings
from allrelapse.simulate.targets import CAUSES, SIGNATURES, Targets, targets
from allrelapse.simulate.variants import Columns, variants

THERAPY = [SIGNATURES.index(name) for name in ("SBS86", "SBS87")]
PRESENT = 0.05
"""Share of the founder's mutations from which a relapse is said to have the signatures."""
ATTEMPTS = 100_000
VARIANT_OF = dict(
    zip(tables.VARIANT, ("chromosome", "position", "reference", "alternative"), strict=True)
)


@dataclass(frozen=True)
class History:
    """A patient's disease up to the relapse.

    treated : leukaemias that were drawn until one came back, this one included
    """

    treated: int
    person: Person
    case: Disease
    tree: Clones

    @property
    def timing(self) -> str:
        """Group of the relapse."""
        return TIMING[int(self.day >= tables.EARLY) + int(self.day > tables.LATE)]

    @property
    def day(self) -> float:
        """Day of the relapse, whole."""
        return float(round(self.case.day))

    def genes(self, where: Targets) -> set[str]:
        """Genes that a visible lineage has altered, with the lost gene of mismatch repair."""
        hit = self.case.lineages.target
        names = set(where.gene[hit[hit >= 0]])
        return names | ({self.case.traits.mmr} - {""})

    @property
    def therapy_share(self) -> float:
        """Share of SBS86 and SBS87 among the mutations of the largest lineage's founder (mean)."""
        clone, load = int(np.flatnonzero(self.tree.lineage == 0)[0]), 0.0 * self.tree.load[0]
        while clone >= 0:
            load = load + self.tree.load[clone]
            clone = int(self.tree.parent[clone])
        return float(load[THERAPY].sum() / max(load.sum(), 1e-9))

    @property
    def convergent(self) -> bool:
        """Whether two or more visible lineages resist by different mutations."""
        hit = self.case.lineages.target
        return len(set(hit[hit >= 0])) > 1


def history(settings: Settings, rng: Generator) -> History:
    """Draw leukaemias until one comes back."""
    where = targets()
    for treated in range(1, ATTEMPTS + 1):
        traits = disease.traits(settings, rng)
        case = disease.relapse(traits, settings, where, rng)
        if case is not None:
            person = clinic.person(settings, rng)
            return History(treated, person, case, clones(case, person.age, settings, rng))
    raise RuntimeError(f"none of {ATTEMPTS:,} leukaemias came back: change the settings")


def simulated(
    number: int, serial_samples: int, settings: Settings, rng: Generator
) -> dict[str, Columns]:
    """All tables of one patient as columns; those of the truth are named `truth/...`.

    Parameters
    ----------
    number : of the patient, from 1
    serial_samples : how many serial samples there are of this patient
    """
    past, where = history(settings, rng), targets()
    patient = f"P{number:05d}"
    found = variants(past.case, past.tree, settings, where, rng)
    male = past.person.male
    hyperdiploid = past.person.subtype == "high hyperdiploid"
    copies = sequencing.copy_numbers(male, hyperdiploid, rng)
    seen = sequencing.sequenced(found, copies, male, settings, rng)
    features = past.genes(where) | ({T_LINEAGE} if past.person.lineage == "T" else set())
    later = clinic.outcome(past.timing, features, settings, rng)
    result = {
        "patients": _patient(patient, past, later, settings, rng),
        "samples": _samples(patient, past, seen),
        "mutations": _mutations(patient, found, seen),
        "truth/patients": _truth(patient, past, where, later),
        "truth/clones": _clones(patient, past, where),
        "truth/mutations": _origins(patient, past, found, seen),
    }
    if serial_samples:
        result |= _serial(patient, past, found, seen, serial_samples, settings, rng)
    return result


def _patient(
    patient: str, past: History, later: clinic.Outcome, settings: Settings, rng: Generator
) -> Columns:
    """The patient's row: what the clinic would know."""
    end_of_induction = np.array([settings.phases[0].end])
    cells = past.case.sensitive(end_of_induction)[0] + past.case.cells(end_of_induction).sum()
    share = cells / settings.marrow * rng.lognormal(0, settings.mrd_noise)
    percent = min(100 * share, 100.0)
    below = percent < settings.mrd_limit
    return {
        "patient": np.array([patient]),
        "timing": np.array([past.timing]),
        "relapse_day": np.array([past.day]),
        "lineage": np.array([past.person.lineage]),
        "subtype": np.array([past.person.subtype]),
        "age_years": np.array([past.person.age]),
        "sex": np.array(["male" if past.person.male else "female"]),
        "wbc": np.array([past.person.wbc]),
        "mrd_percent": np.array([settings.mrd_limit if below else float(f"{percent:.2g}")]),
        "mrd_below": np.array([below]),
        "protocol": np.array(["simulated"]),
        "follow_up_day": np.array([past.day + later.follow_up]),
        "status": np.array(["dead" if later.dead else "alive"]),
        "second_relapse_day": np.array([past.day + later.second_relapse]),
        "transplant_day": np.array([past.day + later.transplant]),
    }


def _samples(patient: str, past: History, seen: Columns) -> Columns:
    return {
        "sample": np.array([f"{patient}-{letter}" for letter in "DRG"]),
        "patient": np.full(3, patient),
        "stage": np.array(["diagnosis", "relapse", "germline"]),
        "day": np.array([0.0, past.day, 60.0]),
        "purity": np.r_[seen["purity"], 0.0],
        "platform": np.full(3, "genome"),
    }


def _mutations(patient: str, found: Columns, seen: Columns) -> Columns:
    """Rows for both samples of every called variant; the one of a lost gene where it is lost."""
    rows: list[Columns] = []
    deleted = found["class"] == "Gene_Deletion"
    for stage, letter in enumerate("DR"):
        keep = seen["called"] & (~deleted | seen["visible"][stage])
        reads = {
            "t_alt_count": np.where(deleted, np.nan, seen["alternative"][stage])[keep],
            "t_depth": np.where(deleted, np.nan, seen["depth"][stage])[keep],
        }
        rows.append(
            {
                "sample": np.full(keep.sum(), f"{patient}-{letter}"),
                "Hugo_Symbol": found["gene"][keep],
            }
            | _variant(found, keep)
            | {"HGVSp_Short": found["protein"][keep]}
            | reads
            | {
                "Variant_Classification": found["class"][keep],
                "context": found["context"][keep],
                "copy_number": seen["copies"][stage][keep],
            }
        )
    return {name: np.concatenate([part[name] for part in rows]) for name in rows[0]}


def _variant(found: Columns, keep: np.ndarray) -> Columns:
    """What identifies a variant."""
    columns = {name: found[column][keep] for name, column in VARIANT_OF.items()}
    return columns | {"Chromosome": np.array(genome.NAMES, object)[columns["Chromosome"]]}


def _truth(patient: str, past: History, where: Targets, later: clinic.Outcome) -> Columns:
    """What was planted in the patient."""
    case, genes = past.case, past.genes(where)
    net = case.lineages.birth[0] - case.lineages.death[0]
    row = {
        "patient": patient,
        "mechanism": KINDS[case.lineages.kind[0]],
        "treated": past.treated,
        "founded_day": case.lineages.born[0],
        "founded_before_diagnosis": case.lineages.born[0] < 0,
        "doubling_days": np.log(2) / net[net > 0].max(),
        "burden_cells": case.traits.burden,
        "persister_cells": case.traits.persisters,
        "persister_decline": case.traits.decline,
        "thiopurine_per_day": case.traits.thiopurine,
        "sbs86_per_day": case.traits.sbs86,
        "mismatch_repair": case.traits.mmr or None,
        "altered": bool(genes),
        "altered_genes": " ".join(sorted(genes)) or None,
        "convergent": past.convergent,
        "therapy_share": past.therapy_share,
        "therapy_signature": past.therapy_share >= PRESENT,
        "log_hazard": later.log_hazard,
        "death_day": past.day + later.death,
    }
    return {name: np.array([value]) for name, value in row.items()}


def _clones(patient: str, past: History, where: Targets) -> Columns:
    """The clones of a patient, and what makes each lineage resist."""
    tree, lineages = past.tree, past.case.lineages
    names = [tree.name(clone) for clone in range(len(tree.parent))]
    mine = tree.lineage >= 0
    target = np.where(mine, lineages.target[tree.lineage], -1)
    cause = np.where(mine, lineages.cause[tree.lineage], -1)
    table = where.table
    return {
        "patient": np.full(len(names), patient),
        "clone": np.array(names),
        "parent": np.array([names[p] if p >= 0 else None for p in tree.parent], object),
        "founded_day": tree.founded,
        "ccf_diagnosis": tree.at_diagnosis,
        "ccf_relapse": tree.at_relapse,
        "mechanism": np.array(
            [KINDS[lineages.kind[k]] if k >= 0 else None for k in tree.lineage], object
        ),
        "gene": np.array([table["gene"].iloc[t] if t >= 0 else None for t in target], object),
        "protein": np.array(
            [_text(table["protein"].iloc[t]) if t >= 0 else None for t in target], object
        ),
        "cause": np.array([CAUSES[c] if c >= 0 else None for c in cause], object),
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _origins(patient: str, past: History, found: Columns, seen: Columns) -> Columns:
    """Clone and signature of every called variant."""
    keep = seen["called"]
    names = [past.tree.name(clone) for clone in range(len(past.tree.parent))]
    clone = np.array([*names, "tail"], object)[found["clone"][keep]]
    return (
        {"patient": np.full(keep.sum(), patient)}
        | _variant(found, keep)
        | {
            "clone": clone,
            "cause": np.array(CAUSES, object)[found["cause"][keep]],
            "ccf_diagnosis": found["at_diagnosis"][keep],
            "ccf_relapse": found["at_relapse"][keep],
        }
    )


def _serial(
    patient: str,
    past: History,
    found: Columns,
    seen: Columns,
    number: int,
    settings: Settings,
    rng: Generator,
) -> dict[str, Columns]:
    """Serial samples of a patient, their variants, and the cells behind them."""
    days = sequencing.series_days(past.day, number, rng)
    chosen = sequencing.panel(found, seen["called"], settings.serial_panel, rng)
    measured = sequencing.serial(past.case, past.tree, found, chosen, days, settings, rng)
    names = np.array([f"{patient}-S{k:02d}" for k in range(1, len(days) + 1)], object)
    sample = np.repeat(names, len(chosen))
    variant = _variant(found, np.tile(chosen, len(days)))
    return {
        "serial_samples": {
            "serial_sample": names,
            "patient": np.full(len(days), patient),
            "day": days,
            "mrd_percent": np.array([float(f"{m:.3g}") for m in measured["mrd"]]),
            "mrd_below": measured["below"],
            "depth": measured["depth"].astype(float),
        },
        "serial_variants": {
            "serial_sample": sample,
            "Hugo_Symbol": np.tile(found["gene"][chosen], len(days)),
        }
        | variant
        | {
            "HGVSp_Short": np.tile(found["protein"][chosen], len(days)),
            "t_alt_count": measured["alternative"].T.ravel(),
            "t_depth": measured["total"].T.ravel(),
        },
        "truth/serial_samples": {"serial_sample": names, "leukaemia_cells": measured["cells"]},
        "truth/serial_variants": {"serial_sample": sample}
        | variant
        | {"carrying_cells": measured["carrying"].T.ravel()},
    }
