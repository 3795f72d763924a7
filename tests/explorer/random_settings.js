// The inside of a function of `given`: every page at random settings, drawn without a document.
const uniform = Explorer.random.uniforms(given.seed, 0), pick = (values) => values[Math.floor(uniform() * values.length)];
const colors = new Proxy({}, { get: (_, name) => `#${String(name).length}` });
const faults = [];
for (const page of Explorer.pages) {
  for (let round = 0; round < given.count; round += 1) {
    const state = page.seeded ? { seed: Math.ceil(uniform() * 1e6) } : {};
    for (const slider of page.sliders) {
      state[slider.name] = pick(round % 3 ? slider.values : [slider.values[0], slider.values[slider.values.length - 1]]);
    }
    for (const choice of page.choices || []) state[choice.name] = pick(choice.options)[0];
    const numbers = page.compute(state), sentence = page.sentence(state, numbers);
    const [width, height] = pick([[328, 900], [700, 900], [1200, 950]]);
    const chart = new Explorer.chart.Chart(width, height, pick([16, 24]), colors);
    page.draw(chart, state, numbers, () => {});
    const texts = [sentence, chart.inside(sentence), ...page.sliders.map((one) => one.text(state[one.name], state)),
      ...page.table(state, numbers).flat().map(String)];
    const wrong = texts.find((text) => /NaN|undefined|null|Infinity/.test(text));
    const where = Explorer.state.write(page, state), back = Explorer.state.read(where);
    if (wrong) faults.push([where, wrong.match(/.{0,60}(?:NaN|undefined|null|Infinity).{0,30}/)[0]]);
    if (back.page !== page || Object.keys(state).some((name) => back.state[name] !== state[name])) faults.push([where, 'is not restored']);
    if (page.table(state, numbers).some((row, _, all) => row.length !== all[0].length)) faults.push([where, 'ragged table']);
    for (const region of chart.regions) region.choose(region.left + uniform() * (region.right - region.left), region.bottom);
    for (const part of sentence.split(/[.:;] /)) if (part.split(' ').length > given.longest) faults.push([where, part]);
  }
}
return faults;
