"""Monte Carlo: what compressors do to the ERM weights, trial by trial, with standard errors."""
