// Mathematics of the page "Codes for weights": what a rounded weight costs in two parts, and ranks from a table.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { density, mass } = Explorer.normal;

  // Bits a weight, on average over weights of N(0, 1) that are rounded to multiples of `step`: for the weight,
  // its entropy; for the data, the mean squared rounding error over 2 `posterior`².
  function twoParts(step, posterior) {
    let entropy = 0, cross = 0, square = 0;
    const last = Math.ceil(12 / step);
    for (let j = -last; j <= last; j += 1) {
      const low = (j - 0.5) * step, high = (j + 0.5) * step, share = mass(low, high);
      if (share > 0) entropy -= share * Math.log2(share);
      cross += j * step * (density(low) - density(high));
      square += (j * step) ** 2 * share;
    }
    const data = (1 - 2 * cross + square) / (2 * posterior ** 2) / Math.LN2;
    return { weight: entropy, data, total: entropy + data };
  }

  // Bits a weight by bits back: the divergence of posterior from prior, on average, and the half nat that the
  // data lose by a draw from the posterior.
  const bitsBack = (posterior) => (-Math.log(posterior) + posterior ** 2 / 2 + 0.5) / Math.LN2;

  const REFUND = Math.log2((2 * Math.PI * Math.E) / 12) / 2; // 0.2546 bit a weight
  const BEST_STEP = Math.sqrt(12); // in posterior widths

  Explorer.codes = { BEST_STEP, REFUND, bitsBack, ranks: Explorer.tables.ranks, twoParts };
})();
