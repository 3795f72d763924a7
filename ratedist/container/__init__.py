"""The .rdz file: quantised tensors with their codebooks, and whatever was not quantised, in one file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
