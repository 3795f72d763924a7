"""``ratedist verify``: verdicts, files and exit status."""

import dataclasses
import json
import pathlib

import numpy as np
import pandas as pd
import pytest

from ratedist.claims import verification
from ratedist.claims.claim import Verdict
from ratedist.cli import main

QUICK = ("remark-1", "equation-36", "sub-gaussian-loss")
COLUMNS = [
    "id", "statement", "entropy_2021", "aaai_2020", "premise", "premise_met", "measured", "prediction",
    "estimate", "standard_error", "gap", "verdict", "judged_by", "num_checks", "needs", "comment",
    "documented_verdict", "as_documented",
]  # fmt: skip


def verify(tmp_path: pathlib.Path, *arguments: str) -> int:
    return main(["verify", "--out", str(tmp_path / "out"), *arguments])


def test_table_csv_and_json(tmp_path, capsys) -> None:
    assert verify(tmp_path, "--only", *QUICK) == 0
    text = capsys.readouterr().out
    assert "3 of 3 verdicts are the documented ones" in text
    assert "premise not met" in text
    assert "judged by: estimate ≤ prediction, exact up to rounding" in text
    assert "[E Algorithm 1 (36);" in text
    frame = pd.read_csv(tmp_path / "out" / "verify.csv")
    assert list(frame.columns) == COLUMNS
    assert list(frame["id"]) == ["remark-1", "sub-gaussian-loss", "equation-36"]  # in the order of the list
    assert frame["as_documented"].all()
    record = json.loads((tmp_path / "out" / "verify.json").read_text())
    configuration = {
        "num_trials": 10_000,
        "only": list(QUICK),
        "seed": 0,
        "tables": "figures",
        "own_model": None,
    }
    assert record["configuration"] == configuration
    assert record["family"] == {"comparisons": 1, "error": 0.001}
    assert record["all_as_documented"] is True
    assert [list(row) for row in record["claims"]] == [COLUMNS] * 3
    assert record["claims"][0]["standard_error"] is None


def test_json_on_standard_output_is_json_alone(tmp_path, capsys) -> None:
    assert verify(tmp_path, "--json", "--only", "equation-36") == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["claims"][0]["verdict"] == "fails"
    assert printed == (tmp_path / "out" / "verify.json").read_text()


def test_undecided_is_said_apart_and_is_not_success(tmp_path, capsys) -> None:
    assert verify(tmp_path, "--trials", "20", "--only", "student-law", "equation-36") == 1
    text = capsys.readouterr().out
    assert "undecided: student-law – needs at least 50 trials of finite variance, here 20" in text
    assert "contradicting" not in text
    assert "all intervals of the 3 simulated comparisons hold, but with probability 0.001" in text


def test_without_tables_of_networks(tmp_path, capsys) -> None:
    arguments = ("--tables", str(tmp_path), "--only", "figure-3-better", "equation-36")
    assert verify(tmp_path, *arguments) == 1
    text = capsys.readouterr().out
    assert "undecided: figure-3-better – needs those tables" in " ".join(text.split())
    assert f"tables not found: {tmp_path}/mnist/networks.csv" in "".join(text.split("\n      "))
    frame = pd.read_csv(tmp_path / "out" / "verify.csv")
    assert frame["verdict"].tolist() == ["fails", "undecided"]
    record = json.loads((tmp_path / "out" / "verify.json").read_text())
    assert record["claims"][1]["estimate"] is None


def test_a_contradiction_is_not_success(tmp_path, capsys, monkeypatch) -> None:
    changed = [dataclasses.replace(claim, expected=Verdict.HOLDS) for claim in verification.CLAIMS]
    monkeypatch.setattr(verification, "CLAIMS", tuple(changed))
    assert verify(tmp_path, "--only", *QUICK) == 1
    text = capsys.readouterr().out
    assert "contradicting the documentation: sub-gaussian-loss, equation-36" in text
    assert "fails (documented: holds)" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--only", "lemma-9"), "no claim 'lemma-9'; the claims are lemma-1-minimum, "),
        (("--trials", "9"), "--trials must be at least 10, got 9"),
        (("--seed", "-1"), "seed must be at least 0, got -1"),
        (("--out", "/dev/null/x"), "cannot write to /dev/null/x"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, capsys, arguments, message) -> None:
    assert verify(tmp_path, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    assert message in printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_ones_own(tmp_path, capsys) -> None:
    np.save(tmp_path / "w.npy", np.arange(4.0))
    np.save(tmp_path / "sigma.npy", np.diag([1.0, 2.0, 3.0, 4.0]) + 0.5)
    own = ["--w-star", str(tmp_path / "w.npy"), "--covariance", str(tmp_path / "sigma.npy"), "--n", "20"]
    assert verify(tmp_path, *own, "--only", "gram-given-weights", "--trials", "8000") == 0
    record = json.loads((tmp_path / "out" / "verify.json").read_text())
    assert record["configuration"]["own_model"]["n"] == 20
    capsys.readouterr()
    for arguments, message in [
        (["--n", "20"], "a model of your own needs w_star and n, got n alone"),
        ([*own[:4]], "a model of your own needs w_star and n, got w_star, covariance alone"),
        ([*own[:5], "5"], "a check of the closed forms needs n > d + 1 = 5, got n = 5"),
        ([*own[:5], "6"], "a check by standard errors needs n > d + 3 = 7, got n = 6"),
        ([*own[:5], "7"], "a check by standard errors needs n > d + 3 = 7, got n = 7"),
    ]:
        assert verify(tmp_path, *arguments) == 2
        assert message in capsys.readouterr().err
