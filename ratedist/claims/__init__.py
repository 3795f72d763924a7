"""Every claim of the papers' theory, and every statement derived for this package, as data with a check each.

To add one: write ``check(evidence) -> Finding`` in the file of its topic and append a ``Claim`` to the list
at its end. Section 7 of the papers, on trained networks, is not here.
"""

from ratedist.claims.claim import Claim, Finding, Verdict
from ratedist.claims.evidence import Evidence
from ratedist.claims.verification import CLAIMS, CheckedClaim, frame, verify

__all__ = ["CLAIMS", "CheckedClaim", "Claim", "Evidence", "Finding", "Verdict", "frame", "verify"]
