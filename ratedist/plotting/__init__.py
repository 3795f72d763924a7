"""Draws tables; the only place that imports matplotlib. Nothing is computed here."""
