"""Exact risks of the empirical risk minimiser of the Gaussian linear model."""

from __future__ import annotations

from ratedist.linear_model.model import GaussianLinearModel, require_model


def erm_empirical_risk(model: GaussianLinearModel) -> float:
    """``E L_S(W) = σ²(n − d)/n``, in units of the loss.

    Source: the residual sum of squares is σ²χ² with n − d degrees of freedom; Entropy 2021 eq. (A2).
    """
    require_model(model)
    return model.noise_variance * (model.n - model.d) / model.n


def erm_population_risk(model: GaussianLinearModel) -> float:
    """``E L_μ(W) = σ²(1 + d/(n − d − 1))``, in units of the loss.

    Raises:
        ValueError: n <= d + 1, where E‖W − w*‖² is infinite.

    Source: Entropy 2021 eq. (A2)–(A3), from ``E A⁻¹ = Σ⁻¹/(n − d − 1)``.
    """
    require_model(model)
    model.require_finite_risk("the population risk of ERM")
    return model.noise_variance * (1 + model.d / (model.n - model.d - 1))


def erm_generalization_error(model: GaussianLinearModel) -> float:
    """``gen = (σ²d/n)(2 + (d + 1)/(n − d − 1))``, in units of the loss.

    Raises:
        ValueError: n <= d + 1, where E‖W − w*‖² is infinite.

    Source: Lemma 3, Entropy 2021 eq. (19); AAAI 2020 eq. (17).
    """
    require_model(model)
    model.require_finite_risk("the generalisation error of ERM")
    n, d = model.n, model.d
    return model.noise_variance * d / n * (2 + (d + 1) / (n - d - 1))


def erm_weight_variance(model: GaussianLinearModel) -> float:
    """``σ²/(n − d − 1)``, the factor of Σ⁻¹ in Cov W; for Σ = I the variance of one weight.

    Raises:
        ValueError: n <= d + 1, where the variance is infinite.

    Source: Entropy 2021, appendix C, after eq. (A11).
    """
    require_model(model)
    model.require_finite_risk("the covariance of the ERM weights")
    return model.noise_variance / (model.n - model.d - 1)
