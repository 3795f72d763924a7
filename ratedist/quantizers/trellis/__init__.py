"""Entropy-constrained trellis-coded quantisation: labels that a convolutional code makes worth more."""
