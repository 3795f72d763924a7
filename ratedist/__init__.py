"""ratedist: the rate-distortion theory of model compression.

Two roads: problem → weights → compressor → risks → curve (``GaussianLinearModel``, ``simulate``, ``theory``),
and weights → importance → quantiser → tensor → file (``kmeans``, ``quantize_tree``, ``networks``). Every name
is listed in ``__init__.pyi`` alone and imported when it is first used: ``import ratedist`` does not wait for
JAX.
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    # A command hears Ctrl-C once this file is imported: the list is read at the first use of a name.
    import lazy_loader

    names = globals()
    names["__getattr__"], names["__dir__"], names["__all__"] = lazy_loader.attach_stub(__name__, __file__)
    return names[name] if name in names else names["__getattr__"](name)


def __dir__() -> list[str]:
    __getattr__("__all__")
    return list(globals()["__all__"])
