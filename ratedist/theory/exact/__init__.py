"""The exact rate-distortion function of the ERM weights: certified points, curves and brackets."""
