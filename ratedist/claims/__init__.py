"""Every claim of the papers' theory, and every statement derived for this package, as data with a check each.

To add one: write ``check(evidence) -> Finding`` in the file of its topic and append a ``Claim`` to the list
at its end. Section 7 of the papers, on trained networks, is not here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
