// What all pages share: the address, sliders, keyboard, downloads, and the lesson beside the picture.
(function () {
  'use strict';
  const Explorer = globalThis.Explorer;
  const { Chart, format } = Explorer.chart, { MOST_SEEDS, nearest } = Explorer.state;
  const main = document.getElementById('page'), nav = document.getElementById('pages');
  const COLORS = ['ink', 'faint', 'grid', 'paper', 'blue', 'orange', 'green', 'purple', 'sky', 'gold', 'grey'];
  let page = null, state = null, chart = null, shown = {}, waiting = false, dragging = false;

  // An element with attributes, handlers ("onclick") and children.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function open(hash) {
    const found = Explorer.state.read(hash);
    state = found.state;
    if (page !== found.page) {
      page = found.page;
      build();
    }
    draw();
  }

  function set(changes) {
    Object.assign(state, changes);
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  }

  function build() {
    for (const link of nav.children) {
      if (link.id === `to-${page.id}`) {
        link.setAttribute('aria-current', 'page');
        nav.scrollLeft = link.offsetLeft - nav.offsetLeft - 8;
      } else link.removeAttribute('aria-current');
    }
    document.title = `${page.title} – ratedist explorer`;
    shown = { sliders: {}, choices: {}, limits: {} };
    shown.says = make('p', { class: 'says', 'aria-live': 'polite' });
    shown.svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    shown.svg.setAttribute('role', 'img');
    shown.svg.addEventListener('pointerdown', (event) => {
      dragging = point(event);
    });
    shown.svg.addEventListener('pointermove', (event) => {
      if (dragging && event.pointerType !== 'touch') point(event);
    });
    shown.picture = make('div', { class: 'picture' }, shown.svg);
    const [first, ...others] = page.sliders.map(slider);
    first.classList.add('main-slider');
    const controls = make('div', { class: 'controls' }, ...others, ...(page.choices || []).map(choice), buttons());
    const side = make('div', { class: 'side' }, make('h1', {}, page.question), shown.says, first, controls, lesson());
    main.replaceChildren(shown.picture, side);
  }

  function slider(one) {
    const id = `slider-${one.name}`, output = make('output', { for: id });
    const input = make('input', {
      id, type: 'range', min: 0, max: one.values.length - 1, step: 1,
      oninput: () => set({ [one.name]: one.values[Number(input.value)] }),
    });
    const limit = make('p', { class: 'limit', id: `${id}-limit` });
    if (one.limit) input.setAttribute('aria-describedby', limit.id);
    shown.sliders[one.name] = { input, output, limit };
    const label = make('label', { for: id }, make('span', {}, one.label), output);
    return make('div', { class: 'slider' }, label, input, limit);
  }

  function choice(one) {
    const options = one.options.map(([value, text]) => {
      const button = make('button', { type: 'button', onclick: () => set({ [one.name]: value }) }, text);
      return { value, button };
    });
    shown.choices[one.name] = options;
    const row = make('div', { class: 'row', role: 'group', 'aria-label': one.label });
    row.append(make('span', {}, one.label), ...options.map(({ button }) => button));
    return row;
  }

  function buttons() {
    const row = make('div', { class: 'row' });
    if (page.seeded) row.append(make('button', { type: 'button', onclick: newData, title: 'Space' }, 'New data'));
    row.append(
      make('button', { type: 'button', onclick: saveTable, 'aria-label': 'Download the numbers as CSV' }, '↓ CSV'),
      make('button', { type: 'button', onclick: saveDrawing, 'aria-label': 'Download the picture as SVG' }, '↓ SVG'),
      make('button', { type: 'button', onclick: saveImage, 'aria-label': 'Download the picture as PNG' }, '↓ PNG'),
    );
    return row;
  }

  // Three short texts, of which one is seen: the prediction, the reason, the exercise.
  function lesson() {
    const answer = make('p', { 'aria-live': 'polite' });
    const options = page.poll.options.map((text, index) => {
      const button = make('button', { type: 'button', 'aria-pressed': 'false' }, text);
      button.addEventListener('click', () => {
        options.forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
        answer.textContent = `${index === page.poll.answer ? 'Right.' : 'Not so.'} ${page.poll.because}`;
      });
      return button;
    });
    const solution = make('p', { 'aria-live': 'polite' });
    const solve = make('button', {
      type: 'button', onclick: () => {
        solution.textContent = page.exercise.answer;
      },
    }, 'Show the answer');
    const parts = {
      'Predict first': [make('p', {}, page.poll.ask), make('div', { class: 'row' }, ...options), answer],
      Why: page.why.map((text) => make('p', {}, text)),
      Exercise: [make('p', {}, page.exercise.ask), make('div', { class: 'row' }, solve), solution],
    };
    const body = make('div');
    const tabs = Object.entries(parts).map(([name, content]) => {
      const tab = make('button', { type: 'button' }, name);
      tab.addEventListener('click', () => {
        tabs.forEach((other) => other.setAttribute('aria-pressed', String(other === tab)));
        body.replaceChildren(...content);
      });
      return tab;
    });
    tabs[0].click();
    return make('section', { class: 'lesson', 'aria-label': 'Lesson' }, make('div', { class: 'tabs' }, ...tabs), body);
  }

  function draw() {
    const numbers = page.compute(state);
    for (const one of page.sliders) {
      const { input, output, limit } = shown.sliders[one.name], value = state[one.name];
      const place = nearest(one.values, value), text = one.text(value, state);
      input.value = place;
      input.setAttribute('aria-valuetext', text);
      output.textContent = text;
      limit.textContent = one.limit && (place === 0 || place === one.values.length - 1) ? one.limit(place === 0) : '';
    }
    for (const [name, options] of Object.entries(shown.choices)) {
      for (const { value, button } of options) button.setAttribute('aria-pressed', String(value === state[name]));
    }
    const sentence = page.sentence(state, numbers);
    if (shown.says.textContent !== sentence) shown.says.textContent = sentence;
    const style = getComputedStyle(document.documentElement);
    const colors = Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    const size = parseFloat(style.fontSize), width = shown.picture.clientWidth;
    const height = matchMedia('(min-width: 1000px)').matches ? shown.picture.clientHeight : page.phoneHeight * size;
    chart = new Chart(width, height, size, colors);
    page.draw(chart, state, numbers, set);
    shown.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    shown.svg.setAttribute('font-size', size);
    shown.svg.setAttribute('aria-label', sentence);
    shown.svg.innerHTML = chart.inside(sentence);
    remember(Explorer.state.write(page, state));
  }

  function remember(hash) {
    if (location.hash === hash) return;
    try {
      history.replaceState(null, '', hash);
    } catch (refused) { // more changes in a few seconds than a browser writes down: the next will be
    }
  }

  function point(event) {
    const box = shown.svg.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const region = chart.regions.find((one) => x >= one.left && x <= one.right && y >= one.top && y <= one.bottom);
    if (region) region.choose(x, y);
    return Boolean(region);
  }

  const newData = () => set({ seed: (state.seed % MOST_SEEDS) + 1 });

  function save(name, blob) {
    const link = make('a', { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  const drawing = () => new Blob([chart.file(shown.says.textContent)], { type: 'image/svg+xml' });
  const saveDrawing = () => save(`ratedist-${page.id}.svg`, drawing());

  function saveTable() {
    const rows = page.table(state, page.compute(state));
    save(`ratedist-${page.id}.csv`, new Blob([rows.map((row) => `${row.join(',')}\n`).join('')], { type: 'text/csv' }));
  }

  function saveImage() {
    const image = new Image(), address = URL.createObjectURL(drawing()), name = `ratedist-${page.id}.png`;
    image.onload = () => {
      const canvas = make('canvas', { width: 2 * image.width, height: 2 * image.height });
      canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
      URL.revokeObjectURL(address);
      canvas.toBlob((blob) => save(name, blob));
    };
    image.src = address;
  }

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const tag = event.target.tagName;
    if (event.key === ' ' && page.seeded && tag !== 'BUTTON' && tag !== 'A') newData();
    else if (/^Arrow/.test(event.key) && tag !== 'INPUT') {
      const up = event.key === 'ArrowRight' || event.key === 'ArrowUp', one = page.sliders[0];
      const place = nearest(one.values, state[one.name]) + (up ? 1 : -1);
      if (one.values[place] !== undefined) set({ [one.name]: one.values[place] });
    } else return;
    event.preventDefault();
  }

  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    if (page) draw();
  }

  const dark = matchMedia('(prefers-color-scheme: dark)');
  setTheme(dark.matches ? 'dark' : 'light');
  dark.addEventListener('change', () => setTheme(dark.matches ? 'dark' : 'light'));
  document.getElementById('theme').addEventListener('click', () => {
    setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark');
  });
  Explorer.pages.forEach((one, index) => {
    nav.append(make('a', { id: `to-${one.id}`, href: `#${one.id}` }, `${index + 1} ${one.title}`));
  });
  addEventListener('hashchange', () => open(location.hash));
  addEventListener('keydown', onKey);
  addEventListener('pointerup', () => {
    dragging = false;
  });
  addEventListener('resize', () => set({}));
  open(location.hash);
  Explorer.frame = { format, current: () => ({ page, state }) };
})();
