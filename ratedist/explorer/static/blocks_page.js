// The page "Long blocks": its controls, words and picture.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { code, longest, tables } = Explorer.blocks;
  const { format } = Explorer.chart, { range } = Explorer.state;
  const WORDS = {
    coin: { symbols: 'tosses', clever: 'every second toss, others guessed', unit: 'share of wrong tosses' },
    one: { symbols: 'numbers', clever: 'best two levels for one number', unit: 'mean squared error' },
    two: { symbols: 'numbers', clever: 'best four levels for one number', unit: 'mean squared error' },
  };
  const length = ({ m, source }) => Math.min(m, longest(source));
  const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ' ');

  function compute(state) {
    const { source, seed } = state, m = length(state), found = tables[source];
    return { m, found, mean: found.distortion[m - 1], code: code(source, m, seed) };
  }

  function sentence({ source }, { m, found, mean, code: { words } }) {
    const verdict = mean < found.clever ? 'beats' : 'does not beat';
    const count = words === 1 ? 'One word' : `${grouped(words)} words`;
    return (
      `${count} drawn at random ${words === 1 ? 'describes' : 'describe'} ${m === 1 ? `one of the ${WORDS[source].symbols}` : `${m} ${WORDS[source].symbols} together`}. ` +
      `The distortion is ${format(mean, 3)}: it ${verdict} the clever scheme, ${format(found.clever, 3)}. No code gets below ${format(found.limit, 3)}.`
    );
  }

  function draw(chart, state, numbers, set) {
    const { width: w, height: h } = chart, top = 0.36 * h;
    if (state.source === 'coin') drawTosses(chart, { x: 0, y: 0, width: w, height: top }, numbers);
    else drawNumbers(chart, { x: 0, y: 0, width: w, height: top }, numbers);
    drawCurve(chart, { x: 0, y: top, width: w, height: h - top }, state, numbers, set);
  }

  function drawTosses(chart, place, { m, code: { block, word } }) {
    const { blue, grey, orange } = chart.colors, columns = Math.max(m, 8);
    const panel = chart.panel({
      ...place, title: 'A block, and the nearest word', xrange: [0, columns], yrange: [0, 1], xticks: [], yticks: [],
      legend: [
        { text: 'heads', color: blue, mark: 'box' }, { text: 'tails', color: grey, mark: 'box' }, { text: 'wrong', color: orange, mark: 'box' },
      ],
    });
    block.forEach((toss, i) => {
      const paint = (side) => (side ? blue : grey), bar = (low, high, color) => panel.bar(i + 0.06, i + 0.94, low, high, color);
      bar(0.58, 0.95, paint(toss));
      bar(0.17, 0.54, paint(word[i]));
      if (toss !== word[i]) bar(0.02, 0.13, orange);
    });
  }

  function drawNumbers(chart, place, { m, code: { block, word } }) {
    const { blue, orange, grey } = chart.colors;
    const panel = chart.panel({
      ...place, title: 'Numbers, and the nearest word', xrange: [0, Math.max(m, 8) + 1], yrange: [-3.5, 3.5], xticks: [],
      yticks: [-2, 0, 2].map((value) => ({ value, text: format(value, 0) })),
      legend: [{ text: 'number', color: blue, mark: 'dot' }, { text: 'word', color: orange, mark: 'dot' }, { text: 'error', color: grey, mark: 'line' }],
    });
    block.forEach((number, i) => {
      panel.line([[i + 1, number], [i + 1, word[i]]], grey, { width: 2 });
      panel.dot(i + 1, number, blue, { radius: 0.35 });
      panel.dot(i + 1, word[i], orange, { radius: 0.35 });
    });
  }

  function drawCurve(chart, place, { source }, { m, found, mean }, set) {
    const { blue, purple, orange, ink } = chart.colors, most = longest(source);
    const panel = chart.panel({
      ...place, title: `Distortion: ${WORDS[source].unit}`, xlabel: 'block length m', xrange: [0, most + 0.5], yrange: [0, Math.min(0.9, 1.1 * found.distortion[0])],
      legend: [
        { text: 'random codes, mean', color: blue, mark: 'dot' }, { text: WORDS[source].clever, color: purple, mark: 'dashed' },
        { text: 'limit D(R)', color: ink, mark: 'line' },
      ],
    });
    panel.level(found.limit, ink);
    panel.level(found.clever, purple, { dashed: true, width: 1.4 });
    found.distortion.forEach((value, i) => panel.dot(i + 1, value, blue, { radius: 0.25 }));
    panel.dot(m, mean, orange, { radius: 0.4 });
    panel.label(m, mean, format(mean, 3), { dy: -1.5, bold: true, color: ink });
    panel.onPoint((x) => set({ m: Math.min(most, Math.max(1, Math.round(x))) }));
  }

  function table(_, { found }) {
    return [['block_length', 'distortion', 'standard_error', 'clever', 'limit'],
      ...found.distortion.map((value, i) => [i + 1, value, found.error[i], found.clever, found.limit])];
  }

  Explorer.pages.push({
    id: 'blocks', title: 'Long blocks', question: 'Can words drawn at random beat a clever code?', seeded: true, phoneHeight: 50,
    sliders: [
      {
        name: 'm', label: 'Block length m', values: range(1, 40, 1), start: 10,
        text: (value, state) => (value > longest(state.source) ? `${longest(state.source)}, the longest tried` : String(value)),
        limit: (low) => (low ? 'A block has one symbol at least.' : 'Longer blocks need more than a million words, 2 to the power of mR.'),
      },
    ],
    choices: [
      {
        name: 'source', label: 'Described:', start: 'coin',
        options: [['coin', 'coin, ½ bit'], ['one', 'Gaussian, 1 bit'], ['two', 'Gaussian, 2 bits']],
      },
    ],
    compute, sentence, draw, table,
    poll: {
      ask: 'Half a bit a toss: report every second toss and guess the others, or use a list of random words?',
      options: ['Every second toss', 'Random words', 'Both alike'], answer: 1,
      because: 'In blocks of five or more, random words are wrong less often. Nothing clever is in them but their length.',
    },
    why: [
      'A code is a list of words that sender and receiver have. The sender names the word nearest to the block.',
      'A rate of R bits a symbol allows 2 to the power of mR words for m symbols. Words of the coin are fair tosses; words of the Gaussian are N(0, 1 − D).',
      'In long blocks errors come evenly, so hardly any word is wasted. The limit D(R) is reached by length alone.',
    ],
    exercise: {
      ask: 'From which block length on do random words beat the best four levels for a Gaussian number, at two bits?',
      answer: 'From m = 5 on: 0.114 against 0.117. At one bit it takes m = 8.',
    },
  });
})();
