"""Neural networks: data, training, curvature, quantisation, calibration.

Names are imported when they are first used: only training needs optax.
"""

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str):
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        if error.name != "optax":
            raise
        message = f"ratedist.networks.{name} needs optax: pip install 'ratedist[networks]'"
        raise ModuleNotFoundError(message, name="optax") from None
