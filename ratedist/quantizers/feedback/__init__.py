"""Rounding of a layer's weights with the errors fed back through the second moments of its inputs."""
