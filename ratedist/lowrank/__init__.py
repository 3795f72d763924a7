"""Matrices of low rank near given ones, in the metric that matters: arrays in, factors out.

Names are imported when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
