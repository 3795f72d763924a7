# Every public name of ``ratedist.claims``, once: read by type checkers and by ``lazy_loader``.
from .claim import Claim as Claim
from .claim import Finding as Finding
from .claim import Verdict as Verdict
from .evidence import Evidence as Evidence
from .verification import CLAIMS as CLAIMS
from .verification import CheckedClaim as CheckedClaim
from .verification import frame as frame
from .verification import verify as verify
