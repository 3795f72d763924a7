// Charts as SVG text: panels with axes, and marks in their coordinates. No document is needed to make one.
(function () {
  'use strict';
  const Explorer = (globalThis.Explorer = globalThis.Explorer || { pages: [] });

  const escape = (text) =>
    String(text).replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]);
  const round = (value) => Math.round(value * 100) / 100;

  // A number as readers have it: fixed decimals, a real minus sign.
  function format(value, decimals = 2) {
    if (!Number.isFinite(value)) return value > 0 ? '∞' : value < 0 ? '−∞' : 'undefined';
    const text = value.toFixed(decimals);
    return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−');
  }

  // Round numbers that cover a range, about `count` of them.
  function ticks(low, high, count) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) {
      found.push({ value: k * step, text: format(k * step, decimals) });
    }
    return found;
  }

  function powersOfTen(low, high, count) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const step = Math.max(1, Math.ceil((last - first) / count)), found = [];
    for (let power = first; power <= last; power += step) {
      found.push({ value: 10 ** power, text: format(10 ** power, Math.max(0, -power)) });
    }
    return found;
  }

  class Chart {
    // `size` is the height of text in pixels; `colors` has ink, faint, paper and the colours of marks.
    constructor(width, height, size, colors) {
      Object.assign(this, { width, height, size, colors, parts: [], regions: [], panels: 0 });
    }

    panel(options) {
      return new Panel(this, options);
    }

    add(markup) {
      this.parts.push(markup);
    }

    text(x, y, text, { anchor = 'start', color = this.colors.ink, bold = false, halo = false } = {}) {
      const edge = ` stroke="${this.colors.paper}" stroke-width="${round(this.size / 4)}" stroke-linejoin="round" paint-order="stroke"`;
      const weight = (bold ? ' font-weight="700"' : '') + (halo ? edge : '');
      this.add(
        `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${color}"${weight}>${escape(text)}</text>`,
      );
    }

    // Everything inside the <svg> element.
    inside(label) {
      const ground = `<rect width="${this.width}" height="${this.height}" fill="${this.colors.paper}"/>`;
      return `<title>${escape(label)}</title>${ground}${this.parts.join('')}`;
    }

    // A file of its own.
    file(label) {
      const box = `width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}"`;
      const font = `font-family="system-ui, sans-serif" font-size="${this.size}"`;
      return `<svg xmlns="http://www.w3.org/2000/svg" ${box} ${font}>${this.inside(label)}</svg>`;
    }
  }

  class Panel {
    // x, y, width, height: the place; title: what the vertical axis has; xlabel; xrange, yrange; logarithmic
    // axes by xlog and ylog; xticks and yticks in place of round numbers ([] for none); legend: entries of
    // {text, color, mark}, mark being 'line', 'dashed', 'dot' or 'box'.
    constructor(chart, options) {
      Object.assign(this, { chart, xlog: false, ylog: false, legend: [] }, options);
      const { size } = chart;
      const rows = this.wrapped();
      this.left = this.x + (options.yticks && !options.yticks.length ? 0.8 : 3.3) * size;
      this.right = this.x + this.width - 0.9 * size;
      this.top = this.y + (this.title ? 2.2 : 0.6) * size + rows.length * 1.4 * size;
      this.bottom = this.y + this.height - (this.xlabel ? 3 : 1.7) * size;
      chart.panels += 1;
      this.clip = `clip${chart.panels}`;
      chart.add(
        `<clipPath id="${this.clip}"><rect x="${round(this.left)}" y="${round(this.top)}" ` +
          `width="${round(Math.max(1, this.right - this.left))}" height="${round(Math.max(1, this.bottom - this.top))}"/></clipPath>`,
      );
      if (this.title) chart.text(this.x + 0.3 * size, this.y + 1.2 * size, this.title, { bold: true });
      this.drawLegend(rows);
      this.drawAxes();
    }

    // Legend entries in rows that are no wider than the panel.
    wrapped() {
      const rows = [];
      let used = Infinity;
      for (const entry of this.legend) {
        const width = (2.4 + 0.56 * entry.text.length) * this.chart.size;
        if (used + width > this.width) {
          rows.push([]);
          used = 0;
        }
        rows[rows.length - 1].push({ ...entry, offset: used });
        used += width;
      }
      return rows;
    }

    drawLegend(rows) {
      const { size } = this.chart;
      rows.forEach((row, index) => {
        const y = this.y + ((this.title ? 2.6 : 1) + 1.4 * index) * size;
        for (const { text, color, mark, offset } of row) {
          const x = this.x + 0.3 * size + offset, middle = round(y - 0.35 * size);
          if (mark === 'box') this.chart.add(`<rect x="${round(x)}" y="${round(y - 0.75 * size)}" width="${size}" height="${round(0.8 * size)}" fill="${color}"/>`);
          else if (mark === 'dot') this.chart.add(`<circle cx="${round(x + size / 2)}" cy="${middle}" r="${round(0.3 * size)}" fill="${color}"/>`);
          else {
            const dashes = mark === 'dashed' ? ` stroke-dasharray="${round(size / 4)} ${round(size / 5)}"` : '';
            this.chart.add(`<path d="M${round(x)} ${middle}h${size}" stroke="${color}" stroke-width="${round(size / 7)}"${dashes}/>`);
          }
          this.chart.text(x + 1.4 * size, y, text);
        }
      });
    }

    drawAxes() {
      const { chart } = this, { size, colors } = chart;
      const across = Math.max(2, Math.floor((this.right - this.left) / (4 * size)));
      const up = Math.max(2, Math.floor((this.bottom - this.top) / (2.2 * size)));
      const xticks = this.xticks || (this.xlog ? powersOfTen : ticks)(...this.xrange, across);
      const yticks = this.yticks || (this.ylog ? powersOfTen : ticks)(...this.yrange, up);
      for (const { value, text } of yticks) {
        const y = round(this.toY(value));
        chart.add(`<path d="M${round(this.left)} ${y}H${round(this.right)}" stroke="${colors.grid}" stroke-width="1"/>`);
        chart.text(this.left - 0.4 * size, y + 0.35 * size, text, { anchor: 'end', color: colors.faint });
      }
      for (const { value, text } of xticks) {
        chart.text(this.toX(value), this.bottom + 1.15 * size, text, { anchor: 'middle', color: colors.faint });
      }
      if (xticks.length || yticks.length) chart.add(`<path d="M${round(this.left)} ${round(this.bottom)}H${round(this.right)}" stroke="${colors.faint}" stroke-width="1.5"/>`);
      if (this.xlabel) {
        chart.text((this.left + this.right) / 2, this.bottom + 2.4 * size, this.xlabel, { anchor: 'middle', color: colors.faint });
      }
    }

    toX(value) {
      return this.left + (this.right - this.left) * share(value, this.xrange, this.xlog);
    }

    toY(value) {
      return this.bottom - (this.bottom - this.top) * share(value, this.yrange, this.ylog);
    }

    line(points, color, { dashed = false, width = 1 } = {}) {
      const { size } = this.chart;
      const path = points.map(([x, y], i) => `${i ? 'L' : 'M'}${round(this.toX(x))} ${round(this.toY(y))}`).join('');
      const dashes = dashed ? ` stroke-dasharray="${round(size / 3)} ${round(size / 4)}"` : '';
      this.chart.add(
        `<path d="${path}" fill="none" stroke="${color}" stroke-width="${round((width * size) / 7)}"${dashes} stroke-linejoin="round" clip-path="url(#${this.clip})"/>`,
      );
    }

    level(y, color, options) {
      this.line([[this.xrange[0], y], [this.xrange[1], y]], color, options);
    }

    dot(x, y, color, { radius = 0.28, hollow = false } = {}) {
      const { size, colors } = this.chart;
      const paint = hollow ? `fill="${colors.paper}" stroke="${color}" stroke-width="${round(size / 9)}"` : `fill="${color}"`;
      this.chart.add(`<circle cx="${round(this.toX(x))}" cy="${round(this.toY(y))}" r="${round(radius * size)}" ${paint}/>`);
    }

    // A bar between two heights; `outline` marks the one that is chosen.
    bar(low, high, from, to, color, outline = null) {
      const x = this.toX(low), y = this.toY(Math.min(to, this.yrange[1])), bottom = this.toY(Math.max(from, this.yrange[0]));
      if (bottom < y) return;
      const edge = outline ? ` stroke="${outline}" stroke-width="${round(this.chart.size / 7)}"` : '';
      this.chart.add(
        `<rect x="${round(x)}" y="${round(y)}" width="${round(Math.max(0.5, this.toX(high) - x))}" height="${round(bottom - y)}" fill="${color}"${edge}/>`,
      );
    }

    // Text at a point, moved so that it stays inside the panel.
    label(x, y, text, { color, dx = 0, dy = 0, anchor = 'middle', bold = false } = {}) {
      const { size } = this.chart, half = 0.28 * size * String(text).length;
      const before = { start: 0, middle: half, end: 2 * half }[anchor], after = 2 * half - before;
      const place = Math.min(Math.max(this.toX(x) + dx * size, this.left + before), this.right - after);
      const height = Math.min(Math.max(this.toY(y) + dy * size, this.top + 0.8 * size), this.bottom - 0.2 * size);
      this.chart.text(place, height, text, { anchor, color, bold, halo: true });
    }

    // Have `choose(x, y)` called, in the panel's coordinates, where a reader points at it.
    onPoint(choose) {
      const back = (place, [low, high], log) => (log ? low * (high / low) ** place : low + (high - low) * place);
      this.chart.regions.push({
        left: this.left, right: this.right, top: this.y, bottom: this.y + this.height,
        choose: (px, py) => choose(
          back((px - this.left) / (this.right - this.left), this.xrange, this.xlog),
          back((this.bottom - py) / (this.bottom - this.top), this.yrange, this.ylog),
        ),
      });
    }
  }

  function share(value, [low, high], log) {
    const place = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return Math.min(Math.max(place, -50), 50); // far outside is outside; drawing programs dislike 1e9 pixels
  }

  Explorer.chart = { Chart, escape, format, ticks };
})();
