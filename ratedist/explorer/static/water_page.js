// The page "Water": its controls, words and picture.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { NUM_COMPONENTS, equalShares, fill, fromDecibels, toDecibels, variances } = Explorer.water;
  const { format } = Explorer.chart, { nearest, range } = Explorer.state;
  const LEVELS = range(-30, 0, 0.5), LOWEST = -32;

  function compute({ level, step }) {
    const powers = variances(step), filled = fill(powers, fromDecibels(level));
    return { powers, ...filled, equal: equalShares(powers, filled.rate), total: powers.reduce((a, b) => a + b, 0) };
  }

  function sentence(_, { described, rate, distortion, total, equal }) {
    if (!described) return 'All eight numbers are under water: no bit is spent, and all of them is lost.';
    const left = format(toDecibels(distortion / total), 1), wasted = toDecibels(equal / distortion);
    const share = described === NUM_COMPONENTS
      ? 'All eight numbers stand out' : `${described} of eight ${described === 1 ? 'number stands' : 'numbers stand'} out`;
    const shared = wasted > 0.05 ? `Equal shares of the bits would lose ${format(wasted, 1)} dB more.` : 'Equal shares are as good here.';
    return `${share} of the water and ${described === 1 ? 'takes' : 'take'} ${format(rate, 1)} bits. The distortion is ${left} dB. ${shared}`;
  }

  function draw(chart, state, numbers, set) {
    const { width: w, height: h, size } = chart, narrow = w < 42 * size;
    drawBars(chart, narrow ? { x: 0, y: 0, width: w, height: h / 2 } : { x: 0, y: 0, width: w * 0.58, height: h }, state, numbers, set);
    drawCurve(chart, narrow ? { x: 0, y: h / 2, width: w, height: h / 2 } : { x: w * 0.58, y: 0, width: w * 0.42, height: h }, state, numbers);
  }

  function drawBars(chart, place, { level }, { powers, bits }, set) {
    const { blue, sky, grey, ink } = chart.colors;
    const panel = chart.panel({
      ...place, title: 'Variances in decibels, and the water', xlabel: 'number; above it its bits', xrange: [0.3, NUM_COMPONENTS + 0.7], yrange: [LOWEST, 4],
      xticks: powers.map((_, i) => ({ value: i + 1, text: String(i + 1) })),
      legend: [
        { text: 'described', color: blue, mark: 'box' }, { text: 'distortion', color: sky, mark: 'box' }, { text: 'drowned', color: grey, mark: 'box' },
        { text: 'water level', color: ink, mark: 'dashed' },
      ],
    });
    powers.forEach((power, i) => {
      const top = toDecibels(power), dry = bits[i] > 0;
      panel.bar(i + 0.62, i + 1.38, LOWEST, Math.min(top, level), dry ? sky : grey);
      if (dry) panel.bar(i + 0.62, i + 1.38, level, top, blue);
      if (dry) panel.label(i + 1, top, format(bits[i], 1), { dy: -0.3, color: ink });
    });
    panel.level(level, ink, { dashed: true });
    panel.onPoint((x, y) => set({ level: LEVELS[nearest(LEVELS, y)] }));
  }

  function drawCurve(chart, place, { step }, { powers, rate, distortion, total }) {
    const { blue, orange, grey, ink } = chart.colors, most = 40;
    const decibels = (value) => toDecibels(value / total);
    const panel = chart.panel({
      ...place, title: 'Distortion of all, decibels', xlabel: 'rate of all: bits', xrange: [0, most], yrange: [-30, 1],
      legend: [
        { text: 'water level', color: blue, mark: 'line' }, { text: 'equal shares', color: grey, mark: 'dashed' },
      ],
    });
    const curve = range(-45, 0, 0.25).map((level) => fill(powers, fromDecibels(level)));
    panel.line(curve.map((one) => [one.rate, decibels(one.distortion)]), blue, { width: 1.4 });
    panel.line([[0, 0], [most, decibels(equalShares(powers, most))]], grey, { dashed: true });
    panel.dot(rate, decibels(distortion), orange, { radius: 0.4 });
    panel.label(rate, decibels(distortion), `${format(decibels(distortion), 1)} dB`, { dx: 0.6, dy: -0.6, anchor: 'start', bold: true, color: ink });
  }

  function table(_, { powers, distortions, bits }) {
    return [['component', 'variance', 'distortion', 'bits'], ...powers.map((power, i) => [i + 1, power, distortions[i], bits[i]])];
  }

  Explorer.pages.push({
    id: 'water', title: 'Water', question: 'Eight numbers share a budget of bits: who gets how many?', phoneHeight: 50,
    sliders: [
      {
        name: 'level', label: 'Water level', values: LEVELS, start: -9, text: (value) => `${format(value, 1)} dB`,
        limit: (low) => (low ? 'Lower levels go on in the same way: 6.02 dB for each bit.' : 'Higher, nothing is left to be drowned.'),
      },
      { name: 'step', label: 'Fall from one variance to the next', values: range(0, 4, 0.25), start: 2.5, text: (value) => `${format(value)} dB` },
    ],
    compute, sentence, draw, table,
    poll: {
      ask: 'Eight Gaussian numbers of different variance share few bits. How are these shared best?',
      options: ['Equally', 'By their variances', 'Small ones get none'], answer: 2,
      because: 'Numbers below a common level get no bit at all. The others are described down to that level.',
    },
    why: [
      'A bit for one number divides its distortion by four. That is 6.02 decibels, ten times the decimal logarithm of four.',
      'So a bit saves most where most distortion is left. Spent like that, bits level what is left: the water.',
      'A number below the level would have to be made worse. It keeps its whole variance as distortion.',
    ],
    exercise: {
      ask: 'Set the fall to 2 dB and the level to −14 dB. Lower the level by 6 dB. How many bits does it cost, and why?',
      answer: 'Seven numbers stood out at −14 dB, except for the last at that level. All eight then get a bit each, less a trifle: 7.97 bits.',
    },
  });
})();
