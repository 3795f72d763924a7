"""Scalar and vector quantisers: arrays in, ``Quantized`` out; nothing about regression or networks.

Names are imported when they are first used: the records of methods are options of commands, which start
without the rest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
