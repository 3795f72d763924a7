// The page "Coin": its controls, words and picture.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { NUM_TOSSES, channel, information, rate, tosses } = Explorer.coin;
  const { format } = Explorer.chart, { range } = Explorer.state;

  function compute({ p, distortion, seed }) {
    const strip = tosses(p, distortion, seed);
    return {
      strip, wrong: strip.filter(({ toss, report }) => toss !== report).length,
      rate: rate(p, distortion), information: information(p, distortion), channel: channel(p, distortion),
    };
  }

  function sentence({ distortion }, numbers) {
    const bits = `${format(numbers.rate)} bit a toss`, expected = NUM_TOSSES * numbers.channel.distortion;
    const cost = numbers.rate > 0
      ? `Reports of which ${format(100 * distortion, 0)}% are wrong cost ${bits} at best.` : 'So many errors cost no bit: always report the likelier side.';
    return `${cost} Of these ${NUM_TOSSES} tosses ${numbers.wrong} are reported wrongly; ${format(expected, 0)} are expected.`;
  }

  function draw(chart, state, numbers, set) {
    const { width: w, height: h, size } = chart, narrow = w < 42 * size, strip = narrow ? 0.32 * h : 0.3 * h;
    drawStrip(chart, { x: 0, y: 0, width: w, height: strip }, numbers);
    const below = h - strip;
    const curve = narrow ? { x: 0, y: strip, width: w, height: below * 0.55 } : { x: 0, y: strip, width: w * 0.58, height: below };
    drawCurve(chart, curve, state, numbers, set);
    const place = narrow ? { x: 0, y: strip + below * 0.55, width: w, height: below * 0.45 } : { x: w * 0.58, y: strip, width: w * 0.42, height: below };
    drawChannel(chart, place, state, numbers);
  }

  // Tosses in squares, rows of reports below them, errors marked by colour and by a bar.
  function drawStrip(chart, place, { strip }) {
    const { size, colors } = chart, columns = place.width < 42 * size ? 25 : 50, lines = NUM_TOSSES / columns;
    const panel = chart.panel({
      ...place, title: 'A hundred tosses and their reports', xrange: [0, columns], yrange: [0, lines], yticks: [], xticks: [],
      legend: [
        { text: 'heads', color: colors.blue, mark: 'box' }, { text: 'tails', color: colors.grey, mark: 'box' },
        { text: 'wrong report', color: colors.orange, mark: 'box' },
      ],
    });
    strip.forEach(({ toss, report }, index) => {
      const x = index % columns, y = lines - 1 - Math.floor(index / columns), paint = (side) => (side ? colors.blue : colors.grey);
      panel.bar(x + 0.08, x + 0.92, y + 0.5, y + 0.9, paint(toss));
      panel.bar(x + 0.08, x + 0.92, y + 0.22, y + 0.46, paint(report));
      if (toss !== report) panel.bar(x + 0.08, x + 0.92, y + 0.04, y + 0.18, colors.orange);
    });
  }

  function drawCurve(chart, place, { p, distortion }, numbers, set) {
    const { blue, orange, grey, ink } = chart.colors, steps = 200, most = Math.min(p, 1 - p);
    const panel = chart.panel({
      ...place, title: 'Rate R: bits a toss', xlabel: 'distortion D', xrange: [0, 0.5], yrange: [0, 1],
      legend: [{ text: 'this coin', color: blue, mark: 'line' }, { text: 'a fair coin', color: grey, mark: 'dashed' }],
    });
    const curve = (probability) => Array.from({ length: steps + 1 }, (_, i) => {
      const D = 0.5 * (i / steps) ** 2; // more points where the curve is steep
      return [D, rate(probability, D)];
    });
    panel.line(curve(0.5), grey, { dashed: true });
    panel.line([...curve(p).filter(([D]) => D < most), [most, 0], [0.5, 0]], blue, { width: 1.4 });
    panel.dot(distortion, numbers.rate, orange, { radius: 0.4 });
    panel.label(distortion, numbers.rate, `R = ${format(numbers.rate)}`, { dx: 0.7, dy: -0.6, anchor: 'start', bold: true, color: ink });
    const { values } = Explorer.pages.find((one) => one.id === 'coin').sliders[0];
    panel.onPoint((x) => set({ distortion: values[Explorer.state.nearest(values, x)] }));
  }

  // Two circles for the report, two for the toss; a line is as thick as its pair is likely.
  function drawChannel(chart, place, { p }, { channel: { heads, flip }, information: bits }) {
    const { blue, orange, ink } = chart.colors;
    const panel = chart.panel({ ...place, title: 'The channel behind the curve', xrange: [0, 1], yrange: [0, 1], xticks: [], yticks: [] });
    const left = 0.28, right = 0.72, levels = [0.34, 0.74];
    for (const report of [0, 1]) {
      for (const toss of [0, 1]) {
        const same = report === toss, joint = (report ? heads : 1 - heads) * (same ? 1 - flip : flip);
        if (joint > 0.0005) panel.line([[left, levels[report]], [right, levels[toss]]], same ? blue : orange, { width: 0.5 + 8 * joint });
      }
    }
    [['tails', 1 - heads, 1 - p], ['heads', heads, p]].forEach(([name, reported, tossed], side) => {
      panel.dot(left, levels[side], ink, { radius: 0.45 });
      panel.dot(right, levels[side], ink, { radius: 0.45 });
      panel.label(left, levels[side], name, { dx: -0.8, dy: -0.1, anchor: 'end', color: ink });
      panel.label(left, levels[side], format(reported), { dx: -0.8, dy: 1.1, anchor: 'end', color: ink });
      panel.label(right, levels[side], name, { dx: 0.8, dy: -0.1, anchor: 'start', color: ink });
      panel.label(right, levels[side], format(tossed), { dx: 0.8, dy: 1.1, anchor: 'start', color: ink });
    });
    panel.label(left, 1, 'report', { dy: 1, bold: true, color: ink });
    panel.label(right, 1, 'toss', { dy: 1, bold: true, color: ink });
    panel.label(0.5, 0.17, `turned over: ${format(flip)}`, { color: orange });
    panel.label(0.5, 0.05, `information: ${format(bits, 3)} bit`, { bold: true, color: ink });
  }

  function table({ p }) {
    const distortions = range(0, 0.5, 0.01);
    return [['distortion', 'rate_bits', 'fair_coin_bits'], ...distortions.map((D) => [D, rate(p, D), rate(0.5, D)])];
  }

  Explorer.pages.push({
    id: 'coin', title: 'Coin', question: 'What does it cost to describe a coin, if some errors are allowed?', seeded: true, phoneHeight: 60,
    sliders: [
      { name: 'distortion', label: 'Distortion D: share of wrong reports', values: range(0, 0.5, 0.01), start: 0.11, text: (value) => format(value) },
      {
        name: 'p', label: 'Probability p of heads', values: range(0.02, 0.98, 0.02), start: 0.5, text: (value) => format(value),
        limit: () => 'A coin that always shows one side has nothing to tell.',
      },
    ],
    compute, sentence, draw, table,
    poll: {
      ask: 'A fair coin costs one bit a toss. One report in nine may be wrong. What does it cost now?',
      options: ['0.89 bit', '0.70 bit', '0.50 bit'], answer: 2,
      because: 'It costs half a bit: errors are worth more than their share, since nobody says which reports are wrong.',
    },
    why: [
      'Rate is the length of the description in bits a toss. Distortion is the share of wrong reports.',
      'The curve is R(D) = h(p) − h(D). Here h is binary entropy: the uncertainty there was, minus the uncertainty that may stay.',
      'The channel draws the toss from its report. Its information I equals R(D), and no channel with so few errors has less.',
    ],
    exercise: {
      ask: 'Set p = 0.1. From which D on is silence as good as any description? Why is it not 0.5?',
      answer: 'From D = 0.1 on. Always reporting tails is wrong in one toss of ten, and needs no bit.',
    },
  });
})();
