"""Draws tables; the only place that imports matplotlib. Nothing is computed here.

``house_style`` is the look of every figure, for one's own pictures too. Names are imported when first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
