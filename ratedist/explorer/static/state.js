// The state of a page as words in the address: #clusters?clusters=2&separation=2&n=80&truth=levels&seed=1
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const MOST_SEEDS = 1000000;

  // What a page shows when nobody has touched it.
  function start(page) {
    const state = page.seeded ? { seed: 1 } : {};
    for (const slider of page.sliders) state[slider.name] = slider.start;
    for (const choice of page.choices || []) state[choice.name] = choice.start;
    return state;
  }

  // The page and state that an address means. What it has wrong, or not at all, is as at the start.
  function read(hash) {
    const [id, query = ''] = hash.replace(/^#/, '').split('?');
    const page = Explorer.pages.find((one) => one.id === id) || Explorer.pages[0];
    const given = new URLSearchParams(query), state = start(page);
    for (const slider of page.sliders) {
      const text = given.get(slider.name), value = Number(text);
      if (text && Number.isFinite(value)) state[slider.name] = slider.values[nearest(slider.values, value)];
    }
    for (const choice of page.choices || []) {
      const value = given.get(choice.name);
      if (choice.options.some(([name]) => name === value)) state[choice.name] = value;
    }
    const seed = Number(given.get('seed'));
    if (page.seeded && Number.isInteger(seed) && seed >= 1 && seed <= MOST_SEEDS) state.seed = seed;
    return { page, state };
  }

  function write(page, state) {
    return `#${page.id}?${new URLSearchParams(Object.entries(state).map(([name, value]) => [name, String(value)]))}`;
  }

  function nearest(values, value) {
    let best = 0;
    values.forEach((one, index) => {
      if (Math.abs(one - value) < Math.abs(values[best] - value)) best = index;
    });
    return best;
  }

  // Evenly spaced values, each rounded to the decimals of the step.
  function range(low, high, step) {
    const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) + 1;
    return Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => Number((low + i * step).toFixed(decimals)));
  }

  Explorer.state = { MOST_SEEDS, nearest, range, read, start, write };
})();
