// Mathematics of the page "Bits bound the gap": the oracle's generalisation error and bounds on it, from tables.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { rates, samples } = Explorer.tables.bounds;

  // All rows of one number of samples, first the one at rate 0, where everything is 0.
  function rows(n) {
    const { truth, conditional, root } = samples[n];
    const found = rates.map((rate, i) => ({ rate, truth: truth[i], conditional: conditional[i], root: root[i] }));
    return [{ rate: 0, truth: 0, conditional: 0, root: 0 }, ...found];
  }

  const erm = (n) => (50 / n) * (2 + 51 / (n - 51)); // generalisation error of the fitted weights themselves

  Explorer.bounds = { erm, rates: [0, ...rates], rows, samples: Object.keys(samples).map(Number) };
})();
