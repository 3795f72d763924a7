// The page "Two clusters win": its controls, words and picture.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { average, curve, uncompressed, width, NUM_WEIGHTS, NUM_FITS, MOST_CLUSTERS } = Explorer.clusters;
  const { format } = Explorer.chart, { range } = Explorer.state;
  const SAMPLES = [55, 60, 65, 70, 80, 90, 100, 120, 150, 200, 300, 500, 1000];
  const WORDS = ['', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight'];

  let cache = { key: null, numbers: null };
  function compute({ truth, separation, n, seed }) {
    const key = [truth, separation, n, seed].join();
    if (cache.key !== key) {
      const numbers = { ...average(truth, separation, n, seed), fitted: uncompressed(n) };
      cache = { key, numbers };
    }
    return cache.numbers;
  }

  function sentence({ clusters, n }, { rows, fitted, best }) {
    const row = rows[clusters - 1], verdict = row.population < fitted.population ? 'better' : 'worse';
    const winner = Math.min(...rows.map((one) => one.population)) < fitted.population
      ? `The best here is K = ${best}.` : 'No number of clusters beats the fitted weights here.';
    const values = clusters === 1 ? 'One value replaces' : `${WORDS[clusters] || clusters} values replace`;
    return (
      `${values} the fifty fitted weights. Loss on new data: ` +
      `${format(row.population)}, against ${format(fitted.population, 3)} for the fifty: ${verdict}. ${winner}`
    );
  }

  function draw(chart, state, numbers, set) {
    const { width: w, height: h, size } = chart, narrow = w < 42 * size;
    const top = narrow ? 0.24 * h : 0.27 * h, half = narrow ? w : w * 0.56, rest = h - top;
    drawFit(chart, { x: 0, y: 0, width: w, height: top }, state, numbers);
    drawTerms(chart, { x: 0, y: top, width: half, height: narrow ? rest / 2 : rest }, state, numbers, set);
    const place = narrow ? { x: 0, y: top + rest / 2, width: w, height: rest / 2 } : { x: half, y: top, width: w - half, height: rest };
    drawPlane(chart, place, state, numbers);
  }

  // One fit on a line, each weight above its cluster's centre.
  function drawFit(chart, place, { clusters, truth }, { example }) {
    const { blue, orange, green, purple, ink } = chart.colors, paints = [blue, orange, green, purple];
    const reach = 0.3 + Math.max(...example.sorted.map(Math.abs), ...example.truth.map(Math.abs));
    const panel = chart.panel({
      ...place, title: 'One fit: fifty weights', xrange: [-reach, reach], yrange: [0, 5], yticks: [],
      legend: [
        { text: 'true weights', color: ink, mark: 'line' }, { text: 'fitted, by cluster', color: blue, mark: 'dot' },
        { text: 'centres', color: orange, mark: 'box' },
      ],
    });
    let begin = 0;
    example.ends[clusters - 1].forEach((end, cluster) => {
      const color = paints[cluster % paints.length];
      const center = example.sorted.slice(begin, end).reduce((a, b) => a + b, 0) / (end - begin);
      panel.bar(center - reach / 130, center + reach / 130, 0, 1.7, color);
      for (let j = begin; j < end; j += 1) panel.dot(example.sorted[j], 2.2 + ((j * 2) % 5) * 0.33, color, { radius: 0.2 });
      begin = end;
    });
    const levels = truth === 'levels' ? [...new Set(example.truth)] : example.truth;
    for (const level of levels) panel.line([[level, 4.1], [level, 5]], ink, { width: 1.2 });
  }

  function drawTerms(chart, place, { clusters }, { rows, fitted }, set) {
    const { grey, sky, orange, ink } = chart.colors;
    const highest = Math.min(6, Math.max(1.25 * fitted.population, 2));
    const last = MOST_CLUSTERS + 2;
    const panel = chart.panel({
      ...place, title: `Loss on new data, mean of ${NUM_FITS} fits`, xlabel: 'clusters K', xrange: [0.3, last + 0.8], yrange: [0, highest],
      xticks: [...[1, 2, 4, 6, 8, 12, 16].map((k) => ({ value: k, text: String(k) })), { value: last, text: 'all' }],
      legend: [
        { text: 'training loss of the fit', color: grey, mark: 'box' }, { text: 'distortion', color: sky, mark: 'box' },
        { text: 'generalisation error', color: orange, mark: 'box' },
      ],
    });
    const stack = (k, row, chosen) => {
      const first = row.training + row.distortion, edge = chosen ? ink : null;
      panel.bar(k - 0.4, k + 0.4, 0, row.training, grey, edge);
      panel.bar(k - 0.4, k + 0.4, row.training, first, sky, edge);
      panel.bar(k - 0.4, k + 0.4, first, first + row.generalization, orange, edge);
    };
    for (const row of rows) if (row.clusters !== clusters) stack(row.clusters, row, false);
    stack(last, fitted, false);
    stack(clusters, rows[clusters - 1], true);
    panel.level(fitted.population, ink, { dashed: true, width: 0.8 });
    const total = rows[clusters - 1].population, inside = Math.min(total, highest);
    panel.label(clusters, inside, `${total > highest ? '↑ ' : ''}${format(total)}`, { dy: total > highest ? 1 : -0.4, bold: true, color: ink });
    panel.label(last, fitted.population, format(fitted.population, 3), { dy: -0.4, color: ink });
    panel.onPoint((x) => set({ clusters: Math.min(MOST_CLUSTERS, Math.max(1, Math.round(x))) }));
  }

  function drawPlane(chart, place, { clusters, n }, { rows }) {
    const { blue, orange, ink } = chart.colors, most = 200, highest = 1.6 * (NUM_WEIGHTS / n);
    const panel = chart.panel({
      ...place, title: 'Distortion', xlabel: 'rate: bits for the labels', xrange: [-6, most], yrange: [0, highest],
      legend: [{ text: 'code that knows the truth', color: blue, mark: 'line' }, { text: 'clusters', color: orange, mark: 'dot' }],
    });
    panel.line(Array.from({ length: 81 }, (_, i) => [(i * most) / 80, curve(n, (i * most) / 80)]), blue);
    panel.dot(0, curve(n, 0), blue);
    for (const row of rows) {
      const outside = row.distortion > highest;
      if (!outside) panel.dot(row.bits, row.distortion, orange, { hollow: row.clusters !== clusters });
      if (row.clusters === clusters) {
        panel.label(row.bits, Math.min(row.distortion, highest), `K = ${clusters}${outside ? ` ↑ ${format(row.distortion, 1)}` : ''}`, {
          dx: 0.2, dy: outside ? 1 : 1.4, anchor: 'start', bold: true, color: ink,
        });
      }
    }
  }

  function table(state, { rows, fitted }) {
    const columns = ['training', 'distortion', 'generalization', 'population'];
    return [
      ['clusters', ...columns, 'standard_error', 'label_bits'],
      ...rows.map((row) => [row.clusters, ...columns.map((name) => row[name]), row.error, row.bits]),
      ['all', ...columns.map((name) => fitted[name]), 0, ''],
    ];
  }

  Explorer.pages.push({
    id: 'clusters', title: 'Two clusters win', question: 'Can two numbers be a better model than fifty?', seeded: true, phoneHeight: 66,
    sliders: [
      {
        name: 'clusters', label: 'Clusters K', values: range(1, MOST_CLUSTERS, 1), start: 2, text: (value) => String(value),
      },
      {
        name: 'separation', label: 'Distance of the levels', values: range(0, 4, 0.05), start: 2,
        text: (value, { n }) => `${format(value)} = ${format(value / width(n), 1)} widths`,
      },
      {
        name: 'n', label: 'Samples n', values: SAMPLES, start: 80, text: (value) => String(value),
        limit: (low) => (low ? 'At n ≤ 51 = d + 1 the mean loss of the fit is infinite.' : 'Beyond, all bars but K = 1 look alike.'),
      },
    ],
    choices: [{ name: 'truth', label: 'True weights:', options: [['levels', 'two levels'], ['gaussian', 'Gaussian']], start: 'levels' }],
    compute, sentence, draw, table,
    poll: {
      ask: 'Fifty weights are fitted to 80 samples, then replaced by two values. What happens to the loss on new data?',
      options: ['It grows', 'It stays', 'It falls'], answer: 2,
      because: 'It falls from 2.724 to about 1.07: each centre averages the noise of some 25 weights.',
    },
    why: [
      'The loss on new data is a sum: training loss of the fit, distortion, generalisation error. Distortion is what compression adds to the training loss.',
      'Two clusters pay much distortion. They lose nearly all generalisation error, because the truth has two levels. One width is the noise of a fitted weight.',
      'As a code the point is poor: for its distortion the curve asks hardly any bit. As a model it is the best.',
    ],
    exercise: {
      ask: 'At n = 80, bring the levels together. From which distance on does one cluster beat two? Then try the Gaussian truth.',
      answer: 'Below about 1.8 widths, a distance of 0.33, one cluster wins. With a Gaussian truth at distance 2 no K up to 16 beats the fitted weights.',
    },
  });
  Explorer.clusters.samples = SAMPLES;
})();
