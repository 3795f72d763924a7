// Mathematics of the page "Water": reverse water-filling over eight Gaussian numbers of different variance.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const NUM_COMPONENTS = 8;

  const fromDecibels = (decibels) => 10 ** (decibels / 10);
  const toDecibels = (power) => 10 * Math.log10(power);

  // Each variance lies `step` decibels below the one before; the first is 1.
  const variances = (step) => Array.from({ length: NUM_COMPONENTS }, (_, i) => fromDecibels(-step * i));

  // What stands out of the water is described down to its level θ: D = Σ min(θ, σ²), R = Σ ½ log₂⁺(σ²/θ) bits.
  function fill(powers, level) {
    const distortions = powers.map((power) => Math.min(level, power));
    const bits = powers.map((power) => Math.max(0, 0.5 * Math.log2(power / level)));
    const sum = (values) => values.reduce((total, value) => total + value, 0);
    return {
      distortions, bits, distortion: sum(distortions), rate: sum(bits), described: bits.filter((one) => one > 0).length,
    };
  }

  // Distortion if every component has the same share of the bits.
  const equalShares = (powers, rate) =>
    powers.reduce((sum, power) => sum + power, 0) * 2 ** ((-2 * rate) / powers.length);

  Explorer.water = { NUM_COMPONENTS, equalShares, fill, fromDecibels, toDecibels, variances };
})();
