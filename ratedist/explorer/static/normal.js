// The standard normal distribution function, which browsers do not have.
(function () {
  'use strict';
  const Explorer = (globalThis.Explorer = globalThis.Explorer || { pages: [] });

  const density = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

  // P(X > x) for x ≥ 0: a power series near the middle, a continued fraction in the tail.
  function tail(x) {
    if (x < 3) {
      let term = x, sum = x;
      for (let k = 1; Math.abs(term) > 1e-18; k += 1) {
        term *= (x * x) / (2 * k + 1);
        sum += term;
      }
      return 0.5 - density(x) * sum;
    }
    let fraction = 0;
    for (let k = 100; k >= 1; k -= 1) fraction = k / (x + fraction);
    return density(x) / (x + fraction);
  }

  const distribution = (x) => (x < 0 ? tail(-x) : 1 - tail(x));

  // P(low < X < high), without cancellation in either tail.
  function mass(low, high) {
    if (low >= 0) return tail(low) - tail(high);
    if (high <= 0) return tail(-high) - tail(-low);
    return 1 - tail(-low) - tail(high);
  }

  Explorer.normal = { density, distribution, mass };
})();
