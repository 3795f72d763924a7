"""What the experiments on the linear model compare, and what a compressor of one's own is made of."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
