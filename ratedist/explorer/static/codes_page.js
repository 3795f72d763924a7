// The page "Codes for weights": its controls, words and picture.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { bitsBack, ranks, twoParts } = Explorer.codes;
  const { format } = Explorer.chart, { nearest, range } = Explorer.state;
  const STEPS = [...range(0.5, 2, 0.25), ...range(2.25, 3.25, 0.25), 3.46, ...range(3.75, 12, 0.25)], MOST_RANK = ranks.plain.excess.length - 1;

  let cache = { posterior: null, curve: null };
  function compute({ step, posterior, rank }) {
    if (cache.posterior !== posterior) {
      cache = { posterior, curve: STEPS.map((one) => ({ step: one, ...twoParts(one * posterior, posterior) })) };
    }
    return {
      curve: cache.curve, here: cache.curve.find((one) => one.step === step), back: bitsBack(posterior),
      excess: ranks.information.excess[rank], plain: ranks.plain.excess[rank],
    };
  }

  function sentence({ rank }, { here, back, excess }) {
    return (
      `A weight takes ${format(here.total)} bits with its rounding, ${format(here.total - back)} more than without a grid (bits back). ` +
      `A matrix of rank ${rank} is ${format(excess, 1)} above the best loss; fitted, it was ${format(ranks.fitted, 1)}.`
    );
  }

  function draw(chart, state, numbers, set) {
    const { width: w, height: h, size } = chart, narrow = w < 42 * size;
    drawSteps(chart, narrow ? { x: 0, y: 0, width: w, height: h / 2 } : { x: 0, y: 0, width: w / 2, height: h }, state, numbers, set);
    drawRanks(chart, narrow ? { x: 0, y: h / 2, width: w, height: h / 2 } : { x: w / 2, y: 0, width: w / 2, height: h }, state, set);
  }

  function drawSteps(chart, place, { step }, { curve, here, back }, set) {
    const { blue, sky, orange, purple, ink } = chart.colors, highest = 1.9 * back;
    const panel = chart.panel({
      ...place, title: 'Bits a weight', xlabel: 'step δ, in posterior widths', xrange: [0, 12], yrange: [0, highest],
      legend: [
        { text: 'both parts', color: blue, mark: 'line' }, { text: 'the rounded weight', color: sky, mark: 'dashed' },
        { text: 'what rounding costs the data', color: orange, mark: 'line' }, { text: 'bits back', color: purple, mark: 'dashed' },
      ],
    });
    panel.line(curve.map((one) => [one.step, one.weight]), sky, { dashed: true });
    panel.line(curve.map((one) => [one.step, one.data]), orange);
    panel.line(curve.map((one) => [one.step, one.total]), blue, { width: 1.5 });
    panel.level(back, purple, { dashed: true });
    panel.dot(step, here.total, blue, { radius: 0.4 });
    panel.label(step, here.total, `+${format(here.total - back, 4)}`, { dy: 2.2, bold: true, color: ink });
    panel.onPoint((x) => set({ step: STEPS[nearest(STEPS, x)] }));
  }

  function drawRanks(chart, place, { rank }, set) {
    const { blue, grey, ink } = chart.colors, { outputs, inputs, fitted, plain, information } = ranks;
    const panel = chart.panel({
      ...place, title: 'Loss above the best', xlabel: `rank of a ${outputs} × ${inputs} matrix`, xrange: [-0.5, MOST_RANK + 0.5], yrange: [0, 1.25 * fitted],
      xticks: range(0, MOST_RANK, 2).map((value) => ({ value, text: String(value) })),
      legend: [
        { text: 'plain singular values', color: grey, mark: 'line' }, { text: 'weighed by information', color: blue, mark: 'line' },
        { text: 'fitted matrix', color: ink, mark: 'dashed' },
      ],
    });
    const points = (values) => values.excess.map((value, r) => [r, value]);
    panel.line(points(plain), grey, { width: 1.4 });
    panel.line(points(information), blue, { width: 1.4 });
    panel.level(fitted, ink, { dashed: true });
    for (const [values, color] of [[plain, grey], [information, blue]]) panel.dot(rank, values.excess[rank], color, { radius: 0.4 });
    panel.label(rank, information.excess[rank], format(information.excess[rank], 1), { dy: 1.6, bold: true, color: ink });
    panel.label(rank, fitted, `${rank * (outputs + inputs)} of ${outputs * inputs} numbers`, { dy: -0.6, color: ink });
    panel.onPoint((x) => set({ rank: Math.min(MOST_RANK, Math.max(0, Math.round(x))) }));
  }

  function table(_, { curve, back }) {
    return [['step_in_posterior_widths', 'weight_bits', 'data_bits', 'total_bits', 'bits_back'],
      ...curve.map((one) => [one.step, one.weight, one.data, one.total, back])];
  }

  Explorer.pages.push({
    id: 'codes', title: 'Codes for weights', question: 'How many bits is a weight worth?', phoneHeight: 54,
    sliders: [
      {
        name: 'step', label: 'Step δ of rounding', values: STEPS, start: 3.46, text: (value) => `${format(value)} widths`,
        limit: (low) => (low ? 'Finer steps cost one bit more at each halving.' : 'Coarser steps cost the data more than they save.'),
      },
      {
        name: 'posterior', label: 'Posterior width, prior is 1', values: range(0.02, 0.3, 0.02), start: 0.1, text: (value) => format(value),
        limit: (low) => (low ? 'Smaller widths add bits to all codes alike.' : 'Wider, the data say hardly more than the prior.'),
      },
      { name: 'rank', label: 'Rank', values: range(0, MOST_RANK, 1), start: 3, text: (value) => String(value) },
    ],
    compute, sentence, draw, table,
    poll: {
      ask: 'The data fix a weight to within a width s. To which step should it be rounded?',
      options: ['A tenth of s', 's', 'More than 3 s'], answer: 2,
      because: 'The best step is 3.46 widths: finer digits cost more bits than they save the data.',
    },
    why: [
      'A prior N(0, τ²) charges a weight w²/2τ² nats and a constant: the L2 penalty is a code length. Here τ = 1.',
      'The posterior says how well the data fix a weight. Bits back draws it from there, and refunds what the draw carried: 0.2546 bit a weight.',
      'Rank is a rate too: fewer numbers to describe. The loss is least at the true rank, which is 3 here.',
    ],
    exercise: {
      ask: 'Find the step with the fewest bits for width 0.1. How far above bits back is it, and does the width matter?',
      answer: 'At 3.46 = √12 widths it is about 0.25 bit above, for every small width. It is the price of a grid: ½ log₂(2πe/12).',
    },
  });
})();
