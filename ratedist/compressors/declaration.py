"""What a compressor says of itself: read once, and refused in words where it cannot be true."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, get_args

from ratedist.compressors.base import CONTEXT_NAMES, HESSIAN_NAMES, Compressor, RateKind
from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.quantities import RISK_NAMES

METHODS = ("prepare", "heavy_tailed", "fixed_rates")


def check_declaration(name: str, compressor: Any) -> None:
    """Refuse what is no compressor, and declarations that contradict themselves.

    The name comes from whoever runs it, as a key of the mapping given to ``simulate``.

    Raises:
        ValueError: a name that is no text, a class or a function in place of a compressor, missing
            attributes, ``markov`` that is no bool, unknown ``needs``, or ``markov=True`` beside a Hessian.
    """
    if not isinstance(name, str):
        raise ValueError(f"names of compressors must be strings, got {name!r}")
    if isinstance(compressor, type):
        raise ValueError(
            f"compressor {name!r} must be one such as rd.KMeans(2), got the class {compressor!r} itself"
        )
    missing = [attribute for attribute in ("markov", "needs", *METHODS) if not hasattr(compressor, attribute)]
    if missing:
        if callable(compressor) and len(missing) == len(METHODS) + 2:
            raise ValueError(
                f"compressor {name!r} is a plain function, {compressor!r}: "
                "wrap it as rd.compressor(function, markov=...)"
            )
        raise ValueError(
            f"compressor {name!r} must be one such as rd.KMeans(2) or rd.compressor(function, markov=...); "
            f"{compressor!r} lacks {', '.join(missing)}"
        )
    for method in METHODS:
        if not callable(getattr(compressor, method)):
            raise ValueError(
                f"{method} of compressor {name!r} must be a method, got {getattr(compressor, method)!r}"
            )
    if not isinstance(compressor.needs, set | frozenset):
        raise ValueError(f"needs of compressor {name!r} must be a frozenset, got {compressor.needs!r}")
    check_markov_and_needs(f"compressor {name!r}", compressor.markov, compressor.needs)


def check_markov_and_needs(owner: str, markov: Any, needs: Any) -> frozenset[str]:
    """``needs`` as a frozen set, or ``ValueError``: unknown names, or S → W → Ŵ claimed beside a Hessian."""
    if not isinstance(markov, bool):
        raise ValueError(f"markov of {owner} must be True or False, got {markov!r}")
    known = names_in(f"needs of {owner}", needs, sorted(CONTEXT_NAMES))
    if markov and known & HESSIAN_NAMES:
        raise ValueError(
            f"{owner} needs {', '.join(sorted(known & HESSIAN_NAMES))}, so it sees the data besides W and "
            "S → W → Ŵ does not hold: markov must be False, got True"
        )
    return known


def names_in(what: str, names: Any, allowed: Iterable[str]) -> frozenset[str]:
    """``names`` as a frozen set of names that are all ``allowed``, or ``ValueError``."""
    allowed = list(allowed)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"{what} must be a set of names, such as {{{allowed[0]!r}}}, got {names!r}")
    found = list(names)  # what is no text need not be hashable
    if unknown := sorted(str(name) for name in found if name not in allowed):
        raise ValueError(f"{what} must be of {', '.join(allowed)}; got {', '.join(unknown)}")
    return frozenset(found)


def checked_heavy_tailed(name: str, compressor: Compressor, model: LinearModel) -> frozenset[str]:
    """The heavy-tailed risks that the compressor declares, or ``ValueError`` for names that no risk has."""
    declared = compressor.heavy_tailed(model)
    return names_in(f"heavy_tailed of compressor {name!r}", declared, RISK_NAMES)


def checked_fixed_rates(name: str, compressor: Compressor, model: LinearModel) -> dict[str, float]:
    """The rates known beforehand, or ``ValueError``: not numbers by name, NaN, or negative."""
    return check_rates(f"fixed_rates of compressor {name!r}", compressor.fixed_rates(model))


def check_rates(what: str, rates: Any) -> dict[str, float]:
    """``rates`` as floats by name; infinite ones are legitimate (nothing is compressed)."""
    if not isinstance(rates, Mapping) or not all(isinstance(rate, str) for rate in rates):
        raise ValueError(f"{what} must be numbers by name, got {rates!r}")
    for rate, value in rates.items():
        try:
            number = math.nan if isinstance(value, str | bytes | complex | bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not number >= 0:
            raise ValueError(f"{what} must be at least 0 nats, got {value!r} for {rate!r}")
    return {rate: float(value) for rate, value in rates.items()}


def bounding_rates(name: str, compressor: Any, model: LinearModel) -> dict[str, RateKind]:
    """Which rates bound an information and how, empty for a compressor that does not say.

    Raises:
        ValueError: not kinds by name, or "information" where S → W → Ŵ does not hold.
    """
    declared = compressor.bounding_rates(model) if hasattr(compressor, "bounding_rates") else {}
    return check_bounding_rates(f"compressor {name!r}", declared, compressor.markov)


def check_bounding_rates(owner: str, rates: Any, markov: bool) -> dict[str, RateKind]:
    """``rates`` as kinds by name, or ``ValueError``."""
    if not isinstance(rates, Mapping) or not all(isinstance(rate, str) for rate in rates):
        raise ValueError(f"bounding_rates of {owner} must be kinds by the names of rates, got {rates!r}")
    for rate, kind in rates.items():
        names_in(f"bounding_rates of {owner} for {rate!r}", [kind], get_args(RateKind))
        if kind == "information" and not markov:
            raise ValueError(
                f"bounding_rates of {owner} calls {rate!r} a bound on I(W; Ŵ), which bounds nothing where "
                "S → W → Ŵ does not hold: only a code length or a bound on I(S; Ŵ), data_information, does"
            )
    return dict(rates)


def refuse_rate_names(
    owner: str, fixed: Collection[str], counted: Collection[str], bounding: Collection[str]
) -> None:
    """Refuse a rate both fixed and counted in every trial, and kinds for rates that are not reported."""
    if both := sorted({*fixed} & {*counted}):
        raise ValueError(
            f"a rate is either fixed or counted in every trial, got both for {', '.join(both)} of {owner}"
        )
    if unknown := sorted({*bounding} - {*fixed} - {*counted}):
        raise ValueError(
            f"bounding_rates of {owner} must name rates that are reported, got {', '.join(unknown)}"
        )
