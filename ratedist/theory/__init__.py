"""Closed forms and deterministic numerics of rate–distortion theory, in float64 whatever JAX is set to.

Distortions are in units of the loss, rates in nats for the whole weight vector unless it says otherwise.
``model`` is a :class:`ratedist.GaussianLinearModel`. Risks of ERM and of the oracle, and names that begin
with ``multi_output``, take a :class:`ratedist.MultiOutputLinearModel` too. Every name by its family:

The linear model: exact risks
    ERM, the empirical risk minimiser
        erm_empirical_risk, erm_population_risk, erm_generalization_error, erm_weight_variance
    the oracle, a test channel that knows w*
        oracle_alpha, oracle_alpha_at_rate, oracle_distortion, oracle_population_risk,
        oracle_generalization_error, oracle_rate, oracle_gaussian_rate, oracle_loss_variance
    several outputs: test channels for all directions of the noise, and what no compressor goes below
        multi_output_rate_bound, multi_output_distortion_bound, multi_output_excess_risk,
        multi_output_rate_lower_bound
    the Gibbs algorithm
        GibbsPosterior, gibbs_posterior, gibbs_generalization_error, gibbs_symmetrized_information,
        gibbs_generalization_given_gram, gibbs_symmetrized_information_given_gram
    remote coding: shrink or estimate W first, then code it
        shrinkage_factor, shrunk_population_risk, remote_population_risk, remote_posterior_mean
    the true weights' prior, seen through noise
        MixturePrior, posterior_mean, log_marginal_density, soft_kmeans_step
    ridge regression: exact, given A, in the limit; its penalty; what its posterior tells of the data
        RidgeRisks, ridge_risks, ridge_risks_given_gram, ridge_risks_asymptotic, marchenko_pastur_resolvent,
        ridge_best_penalty, RidgeEvidence, ridge_evidence_penalty, ridge_log_evidence,
        ridge_expected_log_evidence, ridge_information_bound, ridge_information_bound_given_gram,
        ridge_bayes_information

Bounds on rate and distortion of ERM's weights, closed forms
    the papers' relaxed bound
        rate_distortion_bound, distortion_rate_bound
    the same before its last relaxation, and with time sharing
        rate_distortion_tight, distortion_rate_tight, rate_distortion_envelope, distortion_rate_envelope,
        time_sharing_rate, zero_rate_distortion
    from both sides
        RateBracket, rate_distortion_bracket
    what Remark 2 says, which is no lower bound for the model's distortion
        remark2_lower_bound, erm_gaussian_divergence

Compressors that see the data
        rate_given_gram, data_aware_rate_bound, data_aware_bracket, gram_information, data_aware_gain

Bounds on the generalisation error
    from the rate and a radius
        sub_gaussian_bound, proposition1_bound, exact_cgf_bound, exact_cgf_factor, codebook_radius,
        codebook_squared_radius, worst_loss_variance
    from the rate and the law of the loss variance, the sharpest
        CgfBound, conditional_cgf_bound, conditional_cgf_relaxation, product_cgf_bound,
        oracle_conditional_cgf_bound, multi_output_cgf_bound
    rate and distortion added up: Corollary 1
        Corollary1Minimum, corollary1_bound, corollary1_minimizer, corollary1_stationary_rate

The exact curve of the linear model, with certificates
        RateDistortionCurve, rate_distortion, rate_at_distortion, distortion_at_rate, critical_slope,
        high_rate_asymptote

Matrices of low rank seen through noise
    thresholds of singular values, and the best shrinkage
        singular_value_bulk_edge, observed_singular_value, singular_value_hard_threshold,
        singular_value_median_threshold, marchenko_pastur_median, shrunk_singular_values
    their errors as matrices grow
        singular_value_error, worst_singular_value_error
    reduced-rank regression: the excess risk of every rank, and from which singular value on to keep it
        reduced_rank_excess_asymptotic, reduced_rank_threshold

Code lengths of weights
    priors, and how long a weight is under them
        GaussianPrior, LaplacePrior, TwoSpikePrior, code_length, high_resolution_code_length, round_to_grid,
        empirical_bayes_prior, empirical_bayes_scale
    two parts: the rounded weight and what rounding costs the data
        TwoPartLength, two_part_length, rounding_cost, optimal_step
    bits back
        BITS_BACK_REFUND, bits_back_cost

Textbook sources
    scalar sources
        bernoulli_rate, gaussian_rate, gaussian_distortion, laplace_rate, gaussian_entropy,
        laplace_entropy, uniform_entropy, shannon_lower_bound, shannon_lower_bound_distortion
    Gaussian vectors
        WaterFilling, reverse_water_filling, water_filling_at_distortion, water_filling_at_rate
    computed and bracketed
        RateDistortionPoint, blahut_arimoto, uniform_rate_distortion, laplace_rate_distortion, point_at_rate
    limits at a given error or rate, of these sources and of numbers at hand
        Limit, rate_limit, distortion_limit, numbers_rate_limit, numbers_distortion_limit

Teaching cases
    coding what is seen through noise, and coding in stages
        remote_gaussian_distortion, remote_gaussian_rate, SuccessiveRefinement,
        gaussian_successive_refinement
    the mean of a Gaussian: information in single samples
        gaussian_mean_generalization_error, gaussian_mean_individual_information,
        gaussian_mean_individual_bound
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
