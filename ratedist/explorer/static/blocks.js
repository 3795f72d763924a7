// Mathematics of the page "Long blocks": one random code, drawn anew, and what its nearest word does.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const tables = Explorer.tables.blocks;

  // The number of words of length m at `rate` bits a symbol.
  const numWords = (length, rate) => Math.floor(2 ** (length * rate) * (1 + 1e-12));

  // A block of fair tosses and the nearest of random words; both as lists of 0 and 1.
  function coin(length, seed) {
    const uniform = Explorer.random.uniforms(seed, length), low = Math.min(length, 20), high = length - low;
    const draw = () => [Math.floor(uniform() * 2 ** low), high ? Math.floor(uniform() * 2 ** high) : 0];
    const block = draw(), words = numWords(length, tables.coin.rate);
    let best = Infinity, nearest = null;
    for (let word = 0; word < words; word += 1) {
      const candidate = draw(), distance = ones(candidate[0] ^ block[0]) + ones(candidate[1] ^ block[1]);
      if (distance < best) {
        best = distance;
        nearest = candidate;
      }
    }
    const list = ([first, second]) => Array.from({ length }, (_, i) => (i < low ? first >> i : second >> (i - low)) & 1);
    return { block: list(block), word: list(nearest), words, distortion: best / length };
  }

  // A block of standard normal numbers and the nearest of random words, whose law is N(0, 1 − D(R)).
  function gaussian(length, rate, seed) {
    const normal = Explorer.random.normals(Explorer.random.uniforms(seed, 1000 + length));
    const scale = Math.sqrt(1 - 2 ** (-2 * rate)), words = numWords(length, rate);
    const block = Array.from({ length }, normal), candidate = new Float64Array(length);
    let best = Infinity, nearest = null;
    for (let word = 0; word < words; word += 1) {
      let distance = 0;
      for (let i = 0; i < length; i += 1) {
        candidate[i] = scale * normal();
        distance += (candidate[i] - block[i]) ** 2;
      }
      if (distance < best) {
        best = distance;
        nearest = Array.from(candidate);
      }
    }
    return { block, word: nearest, words, distortion: best / length };
  }

  function ones(value) {
    let count = 0;
    for (let rest = value; rest; rest &= rest - 1) count += 1;
    return count;
  }

  const longest = (source) => tables[source].distortion.length;

  // One block coded by one random code, at a length that the table has.
  function code(source, length, seed) {
    return source === 'coin' ? coin(length, seed) : gaussian(length, tables[source].rate, seed);
  }

  Explorer.blocks = { code, longest, numWords, tables };
})();
