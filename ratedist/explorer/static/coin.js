// Mathematics of the page "Coin": the rate–distortion function of a coin, and the channel that attains it.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const NUM_TOSSES = 100;

  // Binary entropy in bits.
  function entropy(p) {
    if (p <= 0 || p >= 1) return 0;
    return -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);
  }

  // R(D) = H(p) − H(D) bits a toss, 0 from D = min(p, 1 − p) on.
  function rate(p, distortion) {
    return distortion >= Math.min(p, 1 - p) ? 0 : entropy(p) - entropy(distortion);
  }

  // The joint law of toss X and report X̂: X̂ is heads with probability `heads`, and X is X̂ turned over with
  // probability `flip`. Where no bit is spent the report is always the likelier side.
  function channel(p, distortion) {
    const most = Math.min(p, 1 - p);
    if (distortion >= most) return { heads: p > 0.5 ? 1 : 0, flip: most, distortion: most };
    return { heads: (p - distortion) / (1 - 2 * distortion), flip: distortion, distortion };
  }

  // I(X; X̂) in bits from the joint law, each of its four terms.
  function information(p, distortion) {
    const { heads, flip } = channel(p, distortion);
    let sum = 0;
    for (const report of [0, 1]) {
      for (const toss of [0, 1]) {
        const reported = report ? heads : 1 - heads, tossed = toss ? p : 1 - p;
        const joint = reported * (report === toss ? 1 - flip : flip);
        if (joint > 0) sum += joint * Math.log2(joint / (reported * tossed));
      }
    }
    return sum;
  }

  // Tosses of the coin and their reports, each pair from the joint law. A toss keeps its random numbers, so
  // that a slider changes as few of them as it must.
  function tosses(p, distortion, seed, count = NUM_TOSSES) {
    const { heads, flip } = channel(p, distortion), uniform = Explorer.random.uniforms(seed, 0);
    return Array.from({ length: count }, () => {
      const toss = uniform() < p ? 1 : 0, other = uniform();
      const same = toss ? heads * (1 - flip) : heads * flip;
      return { toss, report: other < same / (toss ? p : 1 - p) ? 1 : 0 };
    });
  }

  Explorer.coin = { NUM_TOSSES, channel, entropy, information, rate, tosses };
})();
