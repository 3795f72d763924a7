// Mathematics of the page "Two clusters win": fits of the papers' linear model, and optimal K-means of each.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const NUM_WEIGHTS = 50, NUM_FITS = 300, MOST_CLUSTERS = 16;

  // Levels ±separation/2 in turn, or numbers as a Gaussian with the same mean square would have them.
  function trueWeights(truth, separation) {
    const half = separation / 2, weights = new Float64Array(NUM_WEIGHTS);
    for (let i = 0; i < NUM_WEIGHTS; i += 1) weights[i] = i % 2 ? -half : half;
    if (truth === 'levels') return weights;
    let square = 0;
    for (let i = 0; i < NUM_WEIGHTS; i += 1) {
      weights[i] = normalQuantile((i + 0.5) / NUM_WEIGHTS);
      square += weights[i] ** 2 / NUM_WEIGHTS;
    }
    return weights.map((weight) => (weight * half) / Math.sqrt(square));
  }

  // Errors of fitted weights, z/√g with z standard normal and g chi-square with n − d + 1 degrees of freedom.
  function fittingErrors(n, seed, numFits) {
    const errors = [];
    for (let fit = 0; fit < numFits; fit += 1) {
      const uniform = Explorer.random.uniforms(seed, fit), normal = Explorer.random.normals(uniform);
      const error = Float64Array.from({ length: NUM_WEIGHTS }, normal);
      const g = Explorer.random.chiSquare(n - NUM_WEIGHTS + 1, uniform, normal);
      errors.push(error.map((z) => z / Math.sqrt(g)));
    }
    return errors;
  }

  // Least sums of squares for every K up to `most`: dynamic programming over sorted values, exact.
  // Returns ends[K − 1], where the clusters 1 … K end (one beyond their last value).
  function optimalClusters(sorted, most) {
    const size = sorted.length, costs = new Float64Array(size * size), starts = new Uint8Array(most * size);
    let mean = 0;
    for (let i = 0; i < size; i += 1) mean += sorted[i] / size;
    for (let first = 0; first < size; first += 1) {
      let sum = 0, squares = 0;
      for (let last = first; last < size; last += 1) {
        const value = sorted[last] - mean;
        sum += value;
        squares += value * value;
        costs[last * size + first] = squares - (sum * sum) / (last - first + 1);
      }
    }
    const best = new Float64Array(size);
    for (let last = 0; last < size; last += 1) best[last] = costs[last * size];
    for (let clusters = 2; clusters <= most; clusters += 1) {
      // From the last value down, so that what is read is still that of one cluster less.
      for (let last = size - 1; last >= clusters - 1; last -= 1) {
        const row = last * size;
        let least = Infinity, start = 0;
        for (let first = clusters - 1; first <= last; first += 1) {
          const cost = best[first - 1] + costs[row + first];
          if (cost < least) {
            least = cost;
            start = first;
          }
        }
        best[last] = least;
        starts[(clusters - 1) * size + last] = start;
      }
    }
    return Array.from({ length: most }, (_, index) => {
      const ends = new Array(index + 1);
      let end = size;
      for (let cluster = index; cluster >= 0; cluster -= 1) {
        ends[cluster] = end;
        end = starts[cluster * size + end - 1];
      }
      return ends;
    });
  }

  // Means over `numFits` fits, for every K: training loss, distortion, generalisation error, their sum, the
  // loss on new data, with the standard error of this; and bits for the labels.
  function average(truth, separation, n, seed, numFits = NUM_FITS, most = MOST_CLUSTERS) {
    const weights = trueWeights(truth, separation), training = (n - NUM_WEIGHTS) / n;
    const sums = Array.from({ length: most }, () => ({ population: 0, squares: 0, distortion: 0, bits: 0 }));
    let example = null;
    for (const error of cachedErrors(n, seed, numFits)) {
      const order = sortedOrder(weights, error);
      const sorted = Float64Array.from(order, (i) => weights[i] + error[i]);
      const all = optimalClusters(sorted, most);
      if (example === null) example = { order, sorted, truth: order.map((i) => weights[i]), ends: all };
      let fitted = 0;
      for (const value of error) fitted += value * value;
      for (let k = 0; k < most; k += 1) {
        let begin = 0, excess = 0, moved = 0, along = 0, bits = 0;
        for (const end of all[k]) {
          let center = 0;
          for (let j = begin; j < end; j += 1) center += sorted[j] / (end - begin);
          for (let j = begin; j < end; j += 1) {
            const off = center - weights[order[j]], step = center - sorted[j];
            excess += off * off;
            moved += step * step;
            along += step * error[order[j]];
          }
          bits -= (end - begin) * Math.log2((end - begin) / NUM_WEIGHTS);
          begin = end;
        }
        const sum = sums[k];
        sum.population += 1 + excess;
        sum.squares += excess * excess;
        // The mean of the distortion over all data with this fit (Rao–Blackwell).
        sum.distortion += ((n + 1) / n) * (moved - (along * along) / (1 + fitted));
        sum.bits += bits;
      }
    }
    const rows = sums.map((sum, index) => {
      const population = sum.population / numFits, distortion = sum.distortion / numFits;
      const variance = Math.max(0, sum.squares / numFits - (population - 1) ** 2);
      return {
        clusters: index + 1, training, distortion, generalization: population - training - distortion,
        population, error: Math.sqrt(variance / (numFits - 1)), bits: sum.bits / numFits,
      };
    });
    return { rows, example, best: rows.reduce((a, b) => (b.population < a.population ? b : a)).clusters };
  }

  // Expected losses of fitted weights that nobody compresses, in closed form; n > d + 1.
  function uncompressed(n) {
    const d = NUM_WEIGHTS, rest = n - d - 1;
    return {
      training: (n - d) / n, distortion: 0, generalization: (d / n) * (2 + (d + 1) / rest), population: 1 + d / rest,
    };
  }

  const width = (n) => Math.sqrt(1 / (n - NUM_WEIGHTS - 1)); // standard deviation of one fitted weight

  // Least distortion known at a rate in bits: the channel that knows the true weights, with time sharing.
  function curve(n, bits) {
    const tangent = timeSharingRate(n), rate = bits * Math.LN2;
    if (rate >= tangent) return channel(n, rate);
    return channel(n, 0) + ((channel(n, tangent) - channel(n, 0)) * rate) / tangent;
  }

  const channel = (n, rate) =>
    NUM_WEIGHTS / (n + (n - NUM_WEIGHTS - 1) * Math.expm1((2 * rate) / NUM_WEIGHTS));

  // Where the chord from rate 0 touches the channel's curve; 0 where that is convex (n ≥ 2d + 2).
  function timeSharingRate(n) {
    const d = NUM_WEIGHTS, m = n - d - 1;
    if (n >= 2 * d + 2) return 0;
    const above = (x) => n * (x - 1 + Math.exp(-x)) - 4 * m * Math.sinh(x / 2) ** 2;
    let low = Math.log((d + 1) / m), high = low + 1;
    while (above(high) > 0) high += 1;
    for (let step = 0; step < 60; step += 1) {
      const middle = (low + high) / 2;
      if (above(middle) > 0) low = middle;
      else high = middle;
    }
    return (d / 2) * low;
  }

  function sortedOrder(weights, error) {
    const order = Array.from(weights, (_, i) => i);
    return order.sort((i, j) => weights[i] + error[i] - weights[j] - error[j]);
  }

  let cache = { key: null, errors: null };
  function cachedErrors(n, seed, numFits) {
    const key = [n, seed, numFits].join();
    if (cache.key !== key) cache = { key, errors: fittingErrors(n, seed, numFits) };
    return cache.errors;
  }

  // Inverse of the normal distribution function: bisection of a series, exact to double precision.
  function normalQuantile(probability) {
    let low = -9, high = 9;
    for (let step = 0; step < 70; step += 1) {
      const middle = (low + high) / 2;
      if (Explorer.normal.distribution(middle) < probability) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  }

  Explorer.clusters = {
    NUM_WEIGHTS, NUM_FITS, MOST_CLUSTERS, average, curve, fittingErrors, normalQuantile, optimalClusters,
    timeSharingRate, trueWeights, uncompressed, width,
  };
})();
