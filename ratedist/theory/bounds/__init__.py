"""Bounds on the generalisation error and on rates and distortions."""
