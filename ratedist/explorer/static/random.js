// Random numbers with a seed, so that a page shows the same data wherever its address is opened.
(function () {
  'use strict';
  const Explorer = (globalThis.Explorer = globalThis.Explorer || { pages: [] });

  // sfc32 (Chris Doty-Humphrey, public domain), warmed up as its author asks.
  function uniforms(seed, stream) {
    let a = seed | 0, b = stream | 0, c = 0x9e3779b9 | 0, counter = 1;
    function next() {
      const result = (a + b + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + result | 0;
      return ((result >>> 0) + 0.5) / 4294967296; // strictly between 0 and 1
    }
    for (let step = 0; step < 15; step += 1) next();
    return next;
  }

  // Standard normal numbers by Box and Muller, two at a time.
  function normals(uniform) {
    let waiting = null;
    return function () {
      if (waiting !== null) {
        const result = waiting;
        waiting = null;
        return result;
      }
      const radius = Math.sqrt(-2 * Math.log(uniform())), angle = 2 * Math.PI * uniform();
      waiting = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    };
  }

  // Chi-square with `degrees` ≥ 2 degrees of freedom, by Marsaglia and Tsang's method (2000).
  function chiSquare(degrees, uniform, normal) {
    const shape = degrees / 2 - 1 / 3, scale = 1 / Math.sqrt(9 * shape);
    for (;;) {
      const x = normal(), root = 1 + scale * x;
      if (root <= 0) continue;
      const v = root * root * root;
      if (Math.log(uniform()) < 0.5 * x * x + shape * (1 - v + Math.log(v))) return 2 * shape * v;
    }
  }

  Explorer.random = { uniforms, normals, chiSquare };
})();
