"""Curvature of a network's loss: Gauss-Newton diagonals of our architectures and of anybody's models."""
