"""The Gaussian linear model: weights and covariances to try, samplers of its ERM weights, exact risks."""
