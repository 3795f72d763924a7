"""The entropy-constrained quantiser of a law that is given, for weights of one output or of several."""

from __future__ import annotations

import dataclasses

from ratedist.compressors import EntropyConstrained
from ratedist.linear_model.base import LinearModel
from ratedist.quantizers.designed import DesignedQuantizer, entropy_constrained_design


@dataclasses.dataclass(frozen=True)
class DesignedCode(EntropyConstrained):
    """``rd.EntropyConstrained`` for the ``prior`` of what is seen through noise of a given variance.

    Attributes:
        noise: v above 0. With that of W the prior is of w*; with next to none it is the law of W itself.
    """

    noise: float

    def design(self, model: LinearModel) -> DesignedQuantizer:
        """Cells, levels and code lengths, whatever the model."""
        return entropy_constrained_design(self.prior, self.noise, self.multiplier)
