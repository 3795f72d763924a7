"""Monte Carlo: what compressors do to the ERM weights, trial by trial, with standard errors."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
