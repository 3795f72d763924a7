"""Real weights: quantised tensors and trees of them, budgets of bits, model files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
