"""``ratedist verify``: a verdict on every claim."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro

from ratedist import _checks
from ratedist.cli.closing import Closing, Example
from ratedist.cli.process_options import ALONE, ProcessOptions
from ratedist.experiments.model_options import (
    CovarianceOption,
    NumTrials,
    WeightsOption,
    input_files,
    linear_model,
)
from ratedist.experiments.stopwatch import Stopwatch
from ratedist.files import require_writable, write_together

if TYPE_CHECKING:
    from ratedist.claims import CheckedClaim
    from ratedist.linear_model.model import GaussianLinearModel

MISMATCH = 1
MAX_WIDTH = 120


@dataclasses.dataclass(frozen=True)
class VerifyCommand:
    """Check every claim of the papers and print the verdicts.

    Exit status 0 when every verdict is the one the package documents, 1 when any is another. Claims that are
    undecided, and not documented to be, are listed apart with what a decision needs. Judged is by intervals:
    none of a run misses what it estimates but with probability 0.001.
    """

    closing: ClassVar = Closing(
        "Forty seconds on two cores for all claims.",
        (
            Example("One claim", "ratedist verify --only corollary-1 --out mine"),
            Example("Two claims as JSON", "ratedist verify --only remark-2 zero-rate --json --out mine"),
        ),
    )

    num_trials: NumTrials = 10_000
    """Monte Carlo trials of every simulation."""
    only: tuple[str, ...] = ()
    """Check these claims only, by id."""
    json: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")] = 0
    """Print JSON on standard output in place of the table."""
    field: Annotated[tyro.conf.UseCounterAction[int], tyro.conf.arg(help_behavior_hint="")] = 0
    """Judge published numbers of quantisers in place of the claims: what is possible, what is beaten here.
    Nothing is simulated. Written are field.csv and field.json."""
    seed: int = 0
    """Seed of every random draw."""
    out: Path = Path("figures")
    """Folder for verify.csv and verify.json; made if it is missing."""
    tables: Path = Path("figures")
    """Folder with mnist/networks.csv and cifar10/networks.csv, for the claims about trained networks. Where
    it has none, those claims are undecided."""
    w_star: WeightsOption | None = None
    """True weights of a model of your own, a .npy file. What holds for every model is then checked on it, not
    on the built-in one with six weights; the setting of Figure 2 stays."""
    covariance: CovarianceOption | None = None
    """Covariance of the inputs of that model: "identity" (default), "ar1:RHO", or a .npy file."""
    n: int | None = None
    """Number of training samples of that model, above d + 3: below, one trial has an infinite variance and no
    standard error judges it."""
    noise_variance: float | None = None
    """Variance of the noise of that model; 1 if not given."""
    processes: ProcessOptions = ALONE

    def run(self) -> int:
        """Check, print, write, and return the exit status."""
        if self.field:
            if self.only or self._own_options():
                raise ValueError("--field has no claims and no model: it goes with --out and --json alone")
            from ratedist.cli.verify_field import run_field

            return run_field(self.out, bool(self.json))
        _checks.integer("num_trials", self.num_trials, 2)
        _checks.seed(self.seed)
        own_model = self._own_model()
        inputs = input_files(*(one for one in (self.w_star, self.covariance) if one is not None))
        stopwatch = Stopwatch()
        self.processes.join()
        self.processes.by_first(lambda: require_writable(self.out, ["verify.csv", "verify.json"], inputs))

        import jax

        from ratedist.claims import verification
        from ratedist.claims.evidence import Evidence
        from ratedist.experiments.table import versions

        claims = verification.select(self.only)
        jax.config.update("jax_enable_x64", True)
        stopwatch.lap("import")
        from tqdm import tqdm

        with tqdm(total=len(claims), unit="claim", disable=not sys.stderr.isatty(), leave=False) as bar:
            checked = verification.verify(
                Evidence(self.num_trials, self.seed, self.tables, own_model),
                self.only,
                lambda claim: _announce(bar, claim.id),
            )
        stopwatch.lap("checks")
        record = {
            "command": "verify",
            "configuration": {
                "num_trials": self.num_trials,
                "only": list(self.only),
                "seed": self.seed,
                "tables": str(self.tables),
                "own_model": None if own_model is None else self._own_options(),
            },
            "family": dataclasses.asdict(checked[0].family),
            "versions": versions(),
            "precision": str(jax.numpy.result_type(float)),
            "duration_seconds": stopwatch.seconds,
            "all_as_documented": all(one.as_documented for one in checked),
        }
        as_json = verification.rows_as_json(checked, record)
        csv = verification.frame(checked).to_csv(index=False)
        files = {self.out / "verify.csv": csv.encode(), self.out / "verify.json": as_json.encode()}
        first = self.processes.by_first(lambda: write_together(files))
        if first and self.json:
            print(as_json, end="")
        elif first:
            print(render(checked, min(shutil.get_terminal_size().columns, MAX_WIDTH)))
            print(f"written: {self.out}/verify.csv, .json")
            print(stopwatch)
        return 0 if record["all_as_documented"] else MISMATCH

    def _own_options(self) -> dict[str, Any]:
        names = ("w_star", "covariance", "n", "noise_variance")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def _own_model(self) -> GaussianLinearModel | None:
        """The model that the options describe, ``None`` where they are not given."""
        given = self._own_options()
        if not given:
            return None
        if self.w_star is None or self.n is None:
            raise ValueError(f"a model of your own needs w_star and n, got {', '.join(given)} alone")
        noise_variance = 1.0 if self.noise_variance is None else self.noise_variance
        return linear_model(
            self.w_star, self.covariance or "identity", None, self.n, noise_variance, self.seed
        )


def render(checked: list[CheckedClaim], width: int) -> str:
    """The table: a line of numbers and the verdict for every claim, and below it what it says."""
    from ratedist.claims import verification

    columns = f"  {'claim':<27}{'prediction':>12} {'found':>12} {'error':>9}  verdict"
    lines = [columns, "─" * width]
    for one in checked:
        claim, finding = one.claim, one.finding
        error = finding.gap if finding.standard_error is None else finding.standard_error
        error_text = (
            "" if error is None else f"{'±' if finding.standard_error is not None else '≤'} {error:.1g}"
        )
        mark = " " if one.as_documented else "!"
        verdict = str(finding.verdict) + ("" if one.as_documented else f" (documented: {claim.expected})")
        numbers = f"{finding.prediction:>12.5g} {finding.estimate:>12.5g} {error_text:>9}"
        lines.append(f"{mark} {claim.id:<27}{numbers}  {verdict}")
        premise = f"premise{'' if claim.premise_met else ' (not met)'}: {claim.premise}"
        several = f" (the nearest of {one.num_checks} checks)" if one.num_checks > 1 else ""
        judged = f"judged by: {finding.judged_by}{several}" if finding.judged_by else ""
        for text in (
            f"{claim.statement} [{claim.source}; {premise}]",
            finding.measured + (f": {finding.comment}" if finding.comment else ""),
            judged + (f"; a decision needs {finding.needs}" if finding.needs and judged else ""),
        ):
            lines += textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="      ")
    lines.append("─" * width)
    as_documented = sum(one.as_documented for one in checked)
    lines.append("E: Entropy 2021; A: AAAI 2020; error: ± standard error, ≤ certified gap or numerical error")
    family = checked[0].family
    lines.append(
        f"all intervals of the {family.comparisons} simulated comparisons hold, "
        f"but with probability {family.error:g}"
    )
    lines.append(f"{as_documented} of {len(checked)} verdicts are the documented ones")
    for one in verification.undecided(checked):
        lines += textwrap.wrap(f"undecided: {one.claim.id} – needs {one.finding.needs}", width)
    contradicting = verification.contradicting(checked)
    if contradicting:
        lines.append(f"contradicting the documentation: {', '.join(one.claim.id for one in contradicting)}")
    return "\n".join(lines)


def _announce(bar: Any, name: str) -> None:
    bar.set_postfix_str(name, refresh=False)
    bar.update()
