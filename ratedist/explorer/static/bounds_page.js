// The page "Bits bound the gap": its controls, words and picture.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { erm, rates, rows, samples } = Explorer.bounds;
  const { format } = Explorer.chart;
  const START = rates[Explorer.state.nearest(rates, 50)];
  const bits = (rate) => (rate === 0 ? '0' : rate < 1 ? format(rate, 3) : format(rate, 1));

  function compute({ rate, n }) {
    const all = rows(n);
    return { all, here: all.find((row) => row.rate === rate), erm: erm(n) };
  }

  function sentence({ rate }, { here, erm: uncompressed }) {
    const digits = here.truth < 0.1 ? 5 : 3;
    if (rate === 0) return `No bit: nothing of the data is in the model, and the gap is 0. Without compression it is ${format(uncompressed, 3)}.`;
    return (
      `${bits(rate)} bits: the gap is ${format(here.truth, digits)}. The bound says at most ${format(here.conditional, digits)}. ` +
      `It is ${format(here.conditional - here.truth, digits)} too high, and ${format(here.conditional / here.truth, 1)} times the truth.`
    );
  }

  function draw(chart, state, numbers, set) {
    const { width: w, height: h, size } = chart, narrow = w < 42 * size;
    drawGap(chart, narrow ? { x: 0, y: 0, width: w, height: 0.55 * h } : { x: 0, y: 0, width: 0.56 * w, height: h }, state, numbers, set);
    const place = narrow ? { x: 0, y: 0.55 * h, width: w, height: 0.45 * h } : { x: 0.56 * w, y: 0, width: 0.44 * w, height: h };
    drawRatio(chart, place, state, numbers);
  }

  function drawGap(chart, place, { rate }, { all, here, erm: uncompressed }, set) {
    const { blue, orange, purple, ink } = chart.colors, most = 250;
    const panel = chart.panel({
      ...place, title: 'Gap: new loss minus training loss', xlabel: 'rate: bits for fifty weights', xrange: [0, most], yrange: [0, 1.7 * uncompressed],
      legend: [
        { text: 'true gap', color: blue, mark: 'line' }, { text: 'bound, given the model', color: orange, mark: 'line' },
        { text: 'bound of the form √R', color: purple, mark: 'dashed' }, { text: `fitted weights: ${format(uncompressed, 3)}`, color: ink, mark: 'dashed' },
      ],
    });
    panel.line(all.map((row) => [row.rate, row.truth]), blue, { width: 1.4 });
    panel.line(all.map((row) => [row.rate, row.conditional]), orange, { width: 1.4 });
    panel.line(all.map((row) => [row.rate, row.root]), purple, { dashed: true });
    panel.level(uncompressed, ink, { dashed: true, width: 0.7 });
    panel.line([[rate, 0], [rate, 1.7 * uncompressed]], ink, { width: 0.6 });
    panel.dot(rate, here.truth, blue, { radius: 0.4 });
    panel.dot(rate, here.conditional, orange, { radius: 0.4 });
    panel.onPoint((x) => set({ rate: rates[Explorer.state.nearest(rates, x)] }));
  }

  function drawRatio(chart, place, { rate }, { all, here }) {
    const { orange, purple, ink } = chart.colors, some = all.slice(1);
    const panel = chart.panel({
      ...place, title: 'Bound divided by true gap', xlabel: 'rate: bits, logarithmic', xrange: [0.01, 250], yrange: [1, 1000], xlog: true, ylog: true,
      legend: [{ text: 'bound, given the model', color: orange, mark: 'line' }, { text: 'form √R', color: purple, mark: 'dashed' }],
    });
    panel.line(some.map((row) => [row.rate, row.conditional / row.truth]), orange, { width: 1.4 });
    panel.line(some.map((row) => [row.rate, row.root / row.truth]), purple, { dashed: true });
    if (rate === 0) return;
    panel.dot(rate, here.conditional / here.truth, orange, { radius: 0.4 });
    panel.label(rate, here.conditional / here.truth, `${format(here.conditional / here.truth, 1)} ×`, { dx: 0.5, dy: -0.6, anchor: 'start', bold: true, color: ink });
  }

  function table(_, { all }) {
    const columns = ['rate', 'truth', 'conditional', 'root'];
    return [['rate_bits', 'true_gap', 'conditional_bound', 'square_root_bound'], ...all.map((row) => columns.map((name) => row[name]))];
  }

  Explorer.pages.push({
    id: 'bounds', title: 'Bits bound the gap', question: 'Can a model with few bits be much worse on new data than on its own?', phoneHeight: 56,
    sliders: [
      {
        name: 'rate', label: 'Rate R', values: rates, start: START, text: (value) => `${bits(value)} bits`,
        limit: (low) => (low ? 'At rate 0 the model is the same for all data.' : 'The bounds go on to the fitted weights, at infinite rate.'),
      },
      {
        name: 'n', label: 'Samples n', values: samples, start: 80, text: (value) => String(value),
        limit: (low) => (low ? 'At n ≤ 51 = d + 1 the fitted weights have no finite loss.' : 'More samples make both sides smaller alike.'),
      },
    ],
    compute, sentence, draw, table,
    poll: {
      ask: 'The gap is the loss on new data minus the loss on the training data. What makes it small for certain?',
      options: ['A small training loss', 'Few bits about the data', 'Many weights'], answer: 1,
      because: 'What holds few bits about its data cannot fit their noise. The bound makes this a number.',
    },
    why: [
      'The information I counts the bits that a model holds about its data. The rate R bounds it.',
      'The papers bound the gap by √(2s²I/n), where s says how far a loss can stray. Here s depends on the model, so the bound is taken given the model.',
      'The oracle is a channel that mixes fitted and true weights. For it everything is known, so bound and truth can be compared.',
    ],
    exercise: {
      ask: 'Move the rate to 0.01 bit. What happens to the difference between bound and truth, and what to their ratio?',
      answer: 'The difference vanishes, the ratio explodes. The gap falls as R does, the bound only as its square root.',
    },
  });
})();
