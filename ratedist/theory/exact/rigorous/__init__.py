"""Points of the exact curve in ball arithmetic, rounding counted."""
