"""Exact risks of the empirical risk minimiser of the Gaussian linear model, of one output or several.

With several outputs σ² stands for tr MΓ, the population risk of the true weights: every direction of the
noise adds its own.
"""

from __future__ import annotations

from ratedist.linear_model.base import LinearModel
from ratedist.linear_model.model import GaussianLinearModel, require_model
from ratedist.linear_model.multi_output import require_linear_model


def erm_empirical_risk(model: LinearModel) -> float:
    """``E L_S(W) = σ²(n − d)/n``, the expected empirical risk of ERM, in units of the loss.

    Args:
        model: the linear model of one output or several (σ² is then tr MΓ), any n ≥ d.

    Source: the residual sum of squares is σ²χ² with n − d degrees of freedom; Entropy 2021 eq. (A2).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> rd.theory.erm_empirical_risk(model)
        0.375
    """
    require_linear_model(model)
    return model.bayes_risk * (model.n - model.num_inputs) / model.n


def erm_population_risk(model: LinearModel) -> float:
    """``E L_μ(W) = σ²(1 + d/(n − d − 1))``, the expected population risk of ERM, in units of the loss.

    Args:
        model: the linear model of one output or several (σ² is then tr MΓ), n > d + 1.

    Raises:
        ValueError: n <= d + 1, where E‖W − w*‖² is infinite.

    Source: Entropy 2021 eq. (A2)–(A3), from ``E A⁻¹ = Σ⁻¹/(n − d − 1)``.

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.erm_population_risk(model), 4)
        2.7241
    """
    require_linear_model(model)
    model.require_finite_risk("the population risk of ERM")
    return model.bayes_risk * (1 + model.num_inputs / (model.n - model.num_inputs - 1))


def erm_generalization_error(model: LinearModel) -> float:
    """``gen = (σ²d/n)(2 + (d + 1)/(n − d − 1))``, population minus empirical risk of ERM, units of loss.

    Args:
        model: the linear model of one output or several (σ² is then tr MΓ), n > d + 1.

    Raises:
        ValueError: n <= d + 1, where E‖W − w*‖² is infinite.

    Source: Lemma 3, Entropy 2021 eq. (19); AAAI 2020 eq. (17).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.erm_generalization_error(model), 4)
        2.3491
    """
    require_linear_model(model)
    model.require_finite_risk("the generalisation error of ERM")
    n, d = model.n, model.num_inputs
    return model.bayes_risk * d / n * (2 + (d + 1) / (n - d - 1))


def erm_weight_variance(model: GaussianLinearModel) -> float:
    """``σ²/(n − d − 1)``, the factor of Σ⁻¹ in the covariance of ERM's weights (Σ = I: the variance of one).

    Args:
        model: the linear model, n > d + 1.

    Raises:
        ValueError: n <= d + 1, where the variance is infinite.

    Source: Entropy 2021, appendix C, after eq. (A11).

    Example:
        >>> import ratedist as rd
        >>> model = rd.GaussianLinearModel(n=80, w_star=rd.two_level_weights(50))
        >>> round(rd.theory.erm_weight_variance(model), 4)
        0.0345
    """
    require_model(model)
    model.require_finite_risk("the covariance of the ERM weights")
    return model.noise_variance / (model.n - model.d - 1)
