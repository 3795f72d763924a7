"""Textbook sources: closed forms, alternating minimisation, certified curves."""
