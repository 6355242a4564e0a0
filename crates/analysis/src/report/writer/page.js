
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const root = document.documentElement;
  const touch = matchMedia('(pointer: coarse)').matches;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  // Plotly reads a little markup in every text it draws, and %{…} in hover texts.
  const plain = s => String(s).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/%\{/g, '%\u200b{').replace(/\$/g, '\uff04');
  const column = text => {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
    return new Float32Array(bytes.buffer);
  };
  const clock = seconds => {
    const s = Math.round(Math.abs(seconds)), two = n => String(n).padStart(2, '0'), h = Math.floor(s / 3600);
    const sign = seconds < -0.5 ? '-' : '+';
    return h ? sign + h + ':' + two(Math.floor(s / 60) % 60) + ':' + two(s % 60) : sign + Math.floor(s / 60) + ':' + two(s % 60);
  };
  const when = t => {
    const zero = data.axis && data.axis.zero_ms;
    return typeof zero === 'number' ? clock(t) + ' (' + new Date(zero + 1000 * t).toISOString().slice(0, 19) + 'Z)' : clock(t);
  };
  const css = name => getComputedStyle(root).getPropertyValue('--' + name).trim();
  const canGl = (() => {
    try { return !!document.createElement('canvas').getContext('webgl'); } catch { return false; }
  })();

  // Runs of one arm are one entry of the legend, named by what their names begin with; every other curve is its own.
  const groups = list => {
    const out = [];
    list.forEach((t, i) => {
      const of = /^arm-\d+$/.test(t.role) && out.find(g => g.role === t.role);
      if (of) of.members.push(i);
      else out.push({role: t.role, style: t.style, members: [i], name: t.name});
    });
    for (const g of out) if (g.members.length > 1) {
      const names = g.members.map(i => list[i].name);
      let n = 0;
      while (n < names[0].length && names.every(m => m[n] === names[0][n])) n++;
      // Not within a word, unless one of the names ends there.
      if (!names.some(m => m.length === n)) n = names[0].slice(0, n).search(/[\s,·:/()-]*[^\s,·:/()-]*$/);
      g.name = (names[0].slice(0, n).replace(/[\s,·:/()-]+$/, '') || names[0]) + ' (' + names.length + ' runs)';
    }
    return out;
  };
  const figures = [...document.querySelectorAll('figure')].filter(f => data.figures[f.id]).map(element => {
    const spec = data.figures[element.id];
    for (const t of spec.traces) { t.x = column(t.x); t.y = column(t.y); }
    return {element, spec, plot: element.querySelector('.plot'), timed: ['time', 'scatter', 'spans'].includes(spec.kind), groups: groups(spec.traces), hidden: []};
  });
  const whole = () => data.axis ? [data.axis.from, data.axis.to] : [0, 1];
  // Address: an element's id and a span of time in seconds, `#latency&t=1200-2400`; either may be absent.
  const address = () => {
    let id = '', span = null;
    for (const part of location.hash.slice(1).split('&')) {
      const t = /^t=(-?\d+(?:\.\d+)?)-(-?\d+(?:\.\d+)?)$/.exec(part);
      if (!t) { if (part) id = part; continue; }
      const [a, b] = whole(), from = Math.max(a, Number(t[1])), to = Math.min(b, Number(t[2]));
      if (from < to) span = [from, to];
    }
    return {id, span};
  };
  const same = (a, b) => Math.abs(a[0] - b[0]) < 0.5 && Math.abs(a[1] - b[1]) < 0.5;
  // A link shows what is seen; going back does not go through every zoom.
  const remember = () => {
    const parts = [address().id, same(range, whole()) ? '' : 't=' + range.map(v => Number(v.toFixed(1))).join('-')].filter(Boolean);
    const hash = parts.length ? '#' + parts.join('&') : '';
    if (hash !== location.hash) history.replaceState(null, '', hash || location.pathname + location.search);
  };
  let range = address().span || whole();
  let shown = null;

  const ticks = width => {
    const every = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 43200, 86400];
    const least = (range[1] - range[0]) * 72 / Math.max(width, 72);
    const step = every.find(e => e >= least) || least;
    const values = [];
    for (let t = Math.ceil(range[0] / step) * step; t <= range[1] && values.length < 60; t += step) values.push(t);
    return {tickvals: values, ticktext: values.map(v => v === 0 ? '0' : clock(v))};
  };
  // Whole numbers at 1, 2 and 5 of each decade, or at as many decades as there is room for; the library would write `2` for 0.2.
  const logarithmic = (least, most, places) => {
    if (!(least > 0) || !(most >= least)) return {type: 'log'};
    const a = Math.floor(Math.log10(least)), b = Math.ceil(Math.log10(most)), decades = 1.15 * Math.log10(most / least);
    // Within a decade the library writes numbers in full.
    if (decades < 0.95) return {type: 'log'};
    // The closest of each: 9 and 10, 1 and 2.
    const parts = decades * 22 < places ? [1, 2, 3, 4, 5, 6, 7, 8, 9] : decades * 3.4 < places ? [1, 2, 5] : [1], every = Math.max(1, Math.ceil(decades / places));
    const tickvals = [], ticktext = [];
    for (let k = a; k <= b; k += every) for (const p of parts) {
      const v = Number((p * 10 ** k).toPrecision(1)), scale = v >= 1e6 ? [1e6, 'M'] : v >= 1e4 ? [1e3, 'k'] : [1, ''];
      tickvals.push(v);
      ticktext.push(String(Number((v / scale[0]).toPrecision(1))) + scale[1]);
    }
    return {type: 'log', tickvals, ticktext};
  };
  // An axis of logarithms cannot be set by the library when there is nothing in it.
  const extent = traces => {
    let least = Infinity, most = -Infinity;
    for (const t of traces) for (const v of t.y) if (v > 0) { least = Math.min(least, v); most = Math.max(most, v); }
    return [least, most];
  };
  // `12k` from ten thousand on, as in the tables; below it a number is written out.
  const digits = most => most >= 1e4 ? {exponentformat: 'SI'} : {exponentformat: 'none'};
  const words = {'0..1': 'share', 'req/s': 'requests/s', ms: 'milliseconds', s: 'seconds', '': 'number'};
  const yTitle = s => s.kind === 'ecdf' ? 'share of requests' : s.kind === 'spans' ? 'pods' : words[s.unit] || s.unit;
  const xTitle = s => s.xTitle || (s.kind === 'decision' ? 'cost' : 'time since the load began [h:min:s]');
  const layout = f => {
    const s = f.spec, ink = css('ink'), soft = css('soft'), line = css('line');
    const axis = {gridcolor: line, zerolinecolor: line, linecolor: line, tickfont: {color: soft}, automargin: true};
    const out = {
      margin: {l: 56, r: 12, t: 22, b: 46}, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false,
      font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: ink}, hovermode: 'closest', dragmode: touch ? false : 'zoom',
      modebar: {bgcolor: 'rgba(0,0,0,0)', color: soft, activecolor: ink},
      hoverlabel: {bgcolor: css('panel'), bordercolor: line, font: {color: ink}, namelength: -1}, shapes: [], annotations: [],
      xaxis: {...axis, title: {text: plain(xTitle(s)), font: {color: soft, size: 12}, standoff: 8}},
      yaxis: {...axis, title: {text: plain(yTitle(s)), font: {color: soft, size: 12}, standoff: 6}},
    };
    if (s.unit === '0..1') out.yaxis.tickformat = '.3~%';
    else Object.assign(out.yaxis, digits(extent(s.traces)[1]));
    if (s.logY) {
      Object.assign(out.yaxis, logarithmic(...extent(s.traces), (f.plot.clientHeight - 70) / 20));
    } else {
      out.yaxis.rangemode = 'tozero';
    }
    if (s.stacked) out.yaxis.range = [0, 1];
    if (f.timed) {
      Object.assign(out.xaxis, {range: [...range], ...ticks(f.plot.clientWidth - 70), showspikes: !touch, spikemode: 'across', spikethickness: 1, spikedash: 'dot', spikecolor: soft, zeroline: false});
      (data.axis.bands || []).forEach(([from, to, label], i) => {
        out.shapes.push({type: 'rect', xref: 'x', yref: 'paper', x0: from, x1: to, y0: 0, y1: 1, layer: 'below', line: {width: 0},
          fillcolor: i % 2 ? 'rgba(0,0,0,0)' : css('band')});
        out.shapes.push({type: 'line', xref: 'x', yref: 'paper', x0: from, x1: from, y0: 0, y1: 1, line: {width: 1, color: line}, layer: 'below'});
        out.annotations.push({xref: 'x', yref: 'paper', x: from, y: 1, yanchor: 'bottom', xanchor: 'left', text: plain(label), showarrow: false, font: {size: 11, color: soft}});
      });
      if (shown !== null && data.marks[shown]) {
        out.shapes.push({type: 'line', xref: 'x', yref: 'paper', x0: data.marks[shown].t, x1: data.marks[shown].t, y0: 0, y1: 1, line: {width: 2, color: css('accent'), dash: 'dot'}});
      }
    } else if (s.kind === 'decision') {
      room(s, out);
    } else {
      const most = Math.max(0, ...s.traces.map(t => t.x.reduce((m, v) => v > m ? v : m, 0)));
      let least = Infinity;
      for (const t of s.traces) for (const v of t.x) if (v > 0 && v < least) least = v;
      Object.assign(out.xaxis, digits(most), s.logX ? logarithmic(least, most, (f.plot.clientWidth - 70) / 44) : {});
      out.yaxis.tickformat = '.0%';
    }
    for (const l of s.limits) {
      out.shapes.push({type: 'line', xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: l.value, y1: l.value, line: {width: 1.5, dash: 'dash', color: l.style.color}});
    }
    if (s.kind === 'spans') {
      const short = s.rows.map((r, i) => touch || f.plot.clientWidth < 600 ? String(i + 1) : plain(r.length > 28 ? '…' + r.slice(-18) : r));
      Object.assign(out.yaxis, {tickvals: s.rows.map((_, i) => i), ticktext: short, range: [s.rows.length - 0.5, -0.5], rangemode: 'normal', zeroline: false});
    }
    return out;
  };
  const traces = f => {
    const s = f.spec;
    const value = s.unit === '0..1' ? '%{y:.3~%}' : '%{y:.4~g} ' + plain(s.unit);
    // A band over time takes the place of single runs where there are more than two.
    const banded = s.kind === 'time' && !s.stacked ? f.groups.filter(g => g.members.length > 2) : [];
    const out = s.traces.map((t, i) => {
      const c = t.style.color, dash = t.style.dash, name = plain(t.name);
      if (s.kind === 'decision') {
        return {x: t.x, y: t.y, name, type: 'scatter', mode: 'lines', line: {color: c, width: 1.5, dash}, hoverinfo: 'skip'};
      }
      const group = f.groups.findIndex(g => g.members.includes(i)), several = f.groups[group].members.length > 1;
      if (s.kind === 'ecdf') {
        return {x: t.x, y: t.y, name, meta: group, type: 'scatter', mode: 'lines', line: {color: c, width: several ? 1.2 : 2, shape: 'hv', dash},
          hovertemplate: '%{y:.1%} up to %{x:.4~g} ' + plain(s.unit) + '<extra>' + name + '</extra>'};
      }
      const text = Array.from(t.x, v => isNaN(v) ? '' : when(v));
      if (s.kind === 'scatter') {
        return {x: t.x, y: t.y, text, name, meta: group, type: canGl ? 'scattergl' : 'scatter', mode: 'markers', marker: {color: c, size: 3, opacity: 0.6},
          hovertemplate: '%{text}<br>' + value + '<extra>' + name + '</extra>'};
      }
      if (s.kind === 'spans') {
        return {x: t.x, y: t.y, text, name, meta: group, type: 'scatter', mode: 'lines', connectgaps: false, line: {color: c, width: Math.max(3, Math.min(12, 140 / Math.max(1, s.rows.length)))},
          hovertemplate: '%{text}<extra>' + name + '</extra>'};
      }
      const thin = banded.includes(f.groups[group]);
      const trace = {x: t.x, y: t.y, text, name, meta: group, type: 'scatter', mode: 'lines', connectgaps: false, opacity: thin ? 0.45 : 1,
        line: {color: c, width: thin ? 0.7 : t.role === 'desired' || t.role === 'offered' ? 2.5 : 1.75, shape: t.steps ? 'hv' : 'linear', dash: thin ? 'solid' : dash},
        hovertemplate: '%{text}<br>' + value + '<extra>' + name + '</extra>'};
      // A lone point between two breaks has no line, and few points are seen as what they are.
      if (!t.steps && !thin && t.x.length <= 30) trace.mode = 'lines+markers';
      // Areas have no dashes: a pattern stands for them, and an edge in the page's colour parts neighbours.
      if (s.stacked) Object.assign(trace, {stackgroup: 'all', fillcolor: c, line: {...trace.line, color: css('bg'), width: 0.8, dash: 'solid'},
        fillpattern: dash === 'solid' ? undefined : {shape: ({dash: '/', dot: '.', dashdot: 'x'})[dash], bgcolor: c, fgcolor: css('bg'), size: 6}});
      return trace;
    });
    for (const g of banded) out.push(...band(f, g));
    for (const p of s.places) out.push(place(p));
    if (s.marks) {
      const all = data.marks.map((m, i) => ({...m, i})).filter(m => typeof m.y === 'number');
      out.push({x: all.map(m => m.t), y: all.map(m => m.y), name: 'decisions', type: 'scatter', mode: 'markers', customdata: all.map(m => m.i),
        text: all.map(m => plain(m.when + ' ' + m.title)), hovertemplate: '%{text}<br>click for the reason<extra></extra>',
        marker: {size: 12, color: all.map(m => m.i === shown ? css('accent') : mark(m).color),
          symbol: all.map(m => mark(m).symbol), line: {width: 1, color: css('ink')}}});
    }
    return out;
  };
  const mark = m => data.styles[m.class] || data.styles.held;
  document.querySelectorAll('.mark').forEach(d => { d.style.borderLeftColor = mark(data.marks[d.dataset.mark]).color; });

  // Least, most and median of an arm's runs, on the moments at which any of them has a value; at most some hundred of them.
  const band = (f, g) => {
    const runs = g.members.map(i => f.spec.traces[i]), steps = runs[0].steps, name = plain(g.name);
    const all = [...new Set(runs.flatMap(r => [...r.x]))].filter(v => !isNaN(v)).sort((a, b) => a - b);
    const every = Math.max(1, Math.ceil(all.length / 600)), grid = all.filter((_, i) => i % every === 0 || i === all.length - 1);
    const columns = runs.map(r => {
      let k = -1;
      return grid.map(t => {
        while (k + 1 < r.x.length && !(r.x[k + 1] > t)) k++;
        if (k < 0 || k + 1 >= r.x.length && r.x[k] < t) return NaN;
        if (steps || r.x[k] === t) return r.y[k];
        return r.y[k] + (r.y[k + 1] - r.y[k]) * (t - r.x[k]) / (r.x[k + 1] - r.x[k]);
      });
    });
    const x = [], low = [], high = [], middle = [];
    const edge = {x: [], y: []};
    let part = {x: [], low: [], high: []};
    const close = () => {
      if (part.x.length > 1) {
        if (edge.x.length) { edge.x.push(null); edge.y.push(null); }
        edge.x.push(...part.x, ...part.x.slice().reverse(), part.x[0]);
        edge.y.push(...part.high, ...part.low.slice().reverse(), part.high[0]);
      }
      part = {x: [], low: [], high: []};
    };
    grid.forEach((t, i) => {
      const v = columns.map(c => c[i]).filter(v => !isNaN(v)).sort((a, b) => a - b);
      x.push(t);
      // The few runs that last longest say nothing of the arm.
      if (2 * v.length < runs.length) { middle.push(NaN); low.push(NaN); high.push(NaN); close(); return; }
      const m = v.length >> 1;
      middle.push(v.length % 2 ? v[m] : (v[m - 1] + v[m]) / 2);
      low.push(v[0]);
      high.push(v[v.length - 1]);
      // What holds until the next moment is drawn with its corner.
      if (steps && part.x.length) { part.x.push(t); part.low.push(part.low[part.low.length - 1]); part.high.push(part.high[part.high.length - 1]); }
      part.x.push(t); part.low.push(v[0]); part.high.push(v[v.length - 1]);
    });
    close();
    const meta = f.groups.indexOf(g), c = g.style.color, brief = v => Number(v.toPrecision(4)), unit = f.spec.unit === '0..1' ? '' : ' ' + plain(f.spec.unit);
    return [
      {...edge, meta, name, type: 'scatter', mode: 'lines', fill: 'toself', fillcolor: c + '2e', line: {width: 0}, hoverinfo: 'skip'},
      {x, y: middle, meta, name, text: x.map((t, i) => isNaN(middle[i]) ? '' : when(t) + '<br>median ' + brief(middle[i]) + ', ' + brief(low[i]) + ' to ' + brief(high[i]) + unit),
        type: 'scatter', mode: 'lines', connectgaps: false, line: {color: c, width: 2.2, dash: g.style.dash, shape: steps ? 'hv' : 'linear'}, hovertemplate: '%{text}<extra>' + name + '</extra>'},
    ];
  };

  const place = p => {
    const bars = (b, v) => b ? {type: 'data', symmetric: false, array: [Math.max(0, b[1] - v)], arrayminus: [Math.max(0, v - b[0])], color: p.style.color, thickness: 1.5, width: 4} : undefined;
    return {x: [p.x], y: [p.y], name: plain(p.name), type: 'scatter', mode: 'markers', cliponaxis: false, error_x: bars(p.xBand, p.x), error_y: bars(p.yBand, p.y),
      marker: {size: p.style.symbol === 'star' ? 14 : 11, color: p.style.color, symbol: p.style.symbol + (p.hollow ? '-open' : ''), line: {width: p.hollow ? 2 : 1, color: p.hollow ? p.style.color : css('bg')}},
      hovertemplate: p.said.map(plain).join('<br>') + '<extra>' + plain(p.name) + '</extra>'};
  };
  // Both axes hold every point, its bars and the goal, with some air for names.
  const room = (s, out) => {
    const xs = s.places.flatMap(p => [p.x, ...(p.xBand || [])]), ys = s.places.flatMap(p => [p.y, ...(p.yBand || [])]).concat(s.limits.map(l => l.value));
    const span = (list, least) => {
      const a = Math.min(...list), b = Math.max(...list), air = Math.max((b - a) * 0.12, least);
      return [a - air, b + air];
    };
    if (!xs.length) return;
    const x = span(xs, Math.abs(xs[0]) * 0.02 || 1), y = span(ys, 0.002);
    Object.assign(out.xaxis, {range: [Math.max(0, x[0]), x[1]], zeroline: false}, digits(x[1]));
    // Nothing is above everything; a little room keeps points at the top whole.
    Object.assign(out.yaxis, {range: [Math.max(-0.02, y[0]), Math.min(y[1], 1 + (1 - Math.max(0, y[0])) * 0.08)], rangemode: 'normal', zeroline: false, tickformat: '.4~%'});
    const [low, high] = out.yaxis.range;
    // No tick above 100 %.
    const step = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25].find(e => (high - low) / e <= 6) || 0.5;
    out.yaxis.tickvals = [];
    for (let v = Math.ceil(Math.max(0, low) / step); v * step <= Math.min(1, high) + 1e-9; v++) out.yaxis.tickvals.push(Number((v * step).toFixed(5)));
  };
  // Names beside their points, where they lie on nothing else; one that finds no place is left to hovering and the summary.
  const labels = f => {
    if (f.spec.kind !== 'decision' || !f.spec.places.length) return;
    const {xaxis, yaxis} = f.plot._fullLayout, width = xaxis._length, height = yaxis._length;
    const pen = document.createElement('canvas').getContext('2d'), ink = css('ink'), soft = css('soft');
    const font = getComputedStyle(document.body).fontFamily;
    const at = f.spec.places.map(p => [xaxis.d2p(p.x), yaxis.d2p(p.y)]);
    const taken = at.map(([x, y]) => [x - 8, y - 8, x + 8, y + 8]), notes = [];
    const hits = (a, b) => Math.min(a[2], b[2]) > Math.max(a[0], b[0]) && Math.min(a[3], b[3]) > Math.max(a[1], b[1]);
    const bars = f.spec.places.flatMap((p, i) => [
      p.xBand && [xaxis.d2p(p.xBand[0]), at[i][1] - 2, xaxis.d2p(p.xBand[1]), at[i][1] + 2],
      p.yBand && [at[i][0] - 2, yaxis.d2p(p.yBand[1]), at[i][0] + 2, yaxis.d2p(p.yBand[0])]]).filter(Boolean);
    // A slanted line as a chain of small boxes, all of which weigh as one bar.
    const slanted = f.spec.traces.flatMap(t => Array.from(t.x).slice(1).map((_, i) => {
      const [x0, y0, x1, y1] = [xaxis.d2p(t.x[i]), yaxis.d2p(t.y[i]), xaxis.d2p(t.x[i + 1]), yaxis.d2p(t.y[i + 1])], n = Math.ceil(Math.hypot(x1 - x0, y1 - y0) / 6) || 1;
      return Array.from({length: n + 1}, (_, k) => [x0 + (x1 - x0) * k / n - 1, y0 + (y1 - y0) * k / n - 1, x0 + (x1 - x0) * k / n + 1, y0 + (y1 - y0) * k / n + 1]);
    }));
    const lines = f.spec.limits.map(l => [0, yaxis.d2p(l.value) - 1, width, yaxis.d2p(l.value) + 1]);
    // Upon a bar or a line is better than nowhere, upon a point or a name is not.
    const put = (text, bold, color, spots) => {
      pen.font = (bold ? 'bold ' : '') + '12px ' + font;
      const w = pen.measureText(text).width + 6, h = 16;
      const boxes = spots(w, h).map(([x, y]) => [x, y, x + w, y + h]).filter(b => b[0] >= 0 && b[2] <= width && b[1] >= -18 && b[3] <= height && !taken.some(t => hits(t, b)));
      const weight = b => bars.filter(t => hits(t, b)).length + slanted.filter(l => l.some(t => hits(t, b))).length + 2 * lines.filter(t => hits(t, b)).length;
      const box = boxes.map(b => [weight(b), b]).reduce((m, b) => !m || b[0] < m[0] ? b : m, null);
      if (!box) return;
      taken.push(box[1]);
      notes.push({x: (box[1][0] + box[1][2]) / 2 / width, y: 1 - (box[1][1] + box[1][3]) / 2 / height, xref: 'paper', yref: 'paper', xanchor: 'center', yanchor: 'middle',
        showarrow: false, borderpad: 0, text: bold ? '<b>' + plain(text) + '</b>' : plain(text), font: {size: 12, color}});
    };
    const cut = name => name.length > 26 ? name.slice(0, 12) + '…' + name.slice(-12) : name;
    f.spec.places.forEach((p, i) => {
      const [x, y] = at[i];
      put(cut(p.name), p.best, ink, (w, h) => [10, 22, 36].flatMap(d => [[x + d, y - h - d / 3], [x + d, y + d / 3], [x - d - w, y - h - d / 3], [x - d - w, y + d / 3], [x - w / 2, y - h - d], [x - w / 2, y + d], [x + d, y - h / 2], [x - d - w, y - h / 2]]));
    });
    for (const l of f.spec.limits) {
      const y = yaxis.d2p(l.value);
      put(l.label, false, soft, (w, h) => [0, 1, 0.5, 0.25, 0.75].flatMap(k => [[k * (width - w), y - h - 1], [k * (width - w), y + 2]]));
    }
    return Plotly.relayout(f.plot, {annotations: notes});
  };

  const config = {responsive: true, displaylogo: false, displayModeBar: touch ? false : 'hover', scrollZoom: false, doubleClick: false,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d', 'toImage']};

  // A legend holds so many entries; what is left out is said.
  const MOST = 12;
  const swatch = (style, area) => {
    const mark = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
    const set = (e, values) => Object.entries(values).forEach(([k, v]) => e.setAttribute(k, v));
    set(mark, {width: 26, height: 8, viewBox: '0 0 26 8', 'aria-hidden': 'true'});
    set(line, {x1: 0, y1: 4, x2: 26, y2: 4, stroke: style.color, 'stroke-width': area ? 8 : 3,
      'stroke-dasharray': area ? ({dash: '3 2', dot: '1 2', dashdot: '4 1'})[style.dash] || 'none' : ({dash: '7 3', dot: '3 3', dashdot: '8 3 3 3'})[style.dash] || 'none'});
    mark.append(line);
    return mark;
  };
  const legend = f => {
    const box = f.element.querySelector('.legend'), s = f.spec;
    f.hidden = f.groups.map(() => false);
    // Names stand at the points themselves.
    if (s.kind === 'decision' || f.groups.length < 2 && !s.limits.length && (f.groups[0] || {members: []}).members.length < 2) return;
    const cut = common(s.traces.filter(t => t.role.startsWith('pod-')).map(t => t.name));
    f.groups.slice(0, MOST).forEach((g, i) => {
      const b = document.createElement('button'), label = document.createElement('span');
      b.type = 'button';
      b.title = g.name;
      label.textContent = short(g.name, cut);
      b.append(swatch(g.style, s.stacked || s.kind === 'scatter' || s.kind === 'spans'), label);
      b.setAttribute('aria-pressed', 'true');
      b.addEventListener('click', () => {
        f.hidden[i] = !f.hidden[i];
        b.setAttribute('aria-pressed', String(!f.hidden[i]));
        Plotly.restyle(f.plot, {visible: !f.hidden[i]}, f.plot.data.map((t, k) => t.meta === i ? k : -1).filter(k => k >= 0));
      });
      box.append(b);
    });
    const say = (text, mark) => {
      const e = document.createElement('span');
      e.append(...mark ? [mark] : [], text);
      box.append(e);
    };
    if (f.groups.length > MOST) say('and ' + (f.groups.length - MOST) + ' more; the data has all');
    for (const l of s.limits) say(l.label, swatch({...l.style, dash: 'dash'}));
  };
  // Pods of one Deployment differ at their ends only.
  const common = names => {
    if (names.length < 2) return 0;
    let n = 0;
    while (n < names[0].length && names.every(m => m[n] === names[0][n])) n++;
    return names[0].slice(0, n).lastIndexOf('-') + 1;
  };
  const short = (name, cut) => cut > 8 ? '…' + name.slice(cut) : name.length > 34 ? '…' + name.slice(-24) : name;

  const seen = f => traces(f).map(t => t.meta === undefined ? t : {...t, visible: !f.hidden[t.meta]});
  const draw = async f => {
    await Plotly.newPlot(f.plot, seen(f), layout(f), config);
    await labels(f);
    f.plot.on('plotly_relayout', e => {
      if (!f.timed || busy) return;
      const a = e['xaxis.range[0]'], b = e['xaxis.range[1]'];
      if (Number.isFinite(a) && Number.isFinite(b)) zoom([a, b]);
      else if (e['xaxis.autorange']) zoom(whole());
    });
    f.plot.on('plotly_doubleclick', () => f.timed ? zoom(whole()) : f.spec.kind === 'decision' ? again([f]) : Plotly.relayout(f.plot, {'xaxis.autorange': true, 'yaxis.autorange': true}));
    f.plot.on('plotly_click', e => {
      const p = e.points.find(p => p.customdata !== undefined);
      if (p) select(p.customdata, true);
    });
    f.drawn = true;
  };
  let busy = false;
  const again = async list => {
    busy = true;
    try { for (const f of list) if (f.drawn) { await Plotly.react(f.plot, seen(f), layout(f), config); await labels(f); } } finally { busy = false; }
  };
  const pressed = () => document.querySelectorAll('.zoom button').forEach(b => {
    const k = b.dataset.band, span = k === 'all' ? whole() : data.axis.bands[k];
    b.setAttribute('aria-pressed', String(!!span && Math.abs(span[0] - range[0]) < 1 && Math.abs(span[1] - range[1]) < 1));
  });
  const zoom = async next => {
    range = next;
    pressed();
    remember();
    busy = true;
    try {
      for (const f of figures) if (f.timed && f.drawn) {
        const t = ticks(f.plot.clientWidth - 70);
        await Plotly.relayout(f.plot, {'xaxis.range': [...range], 'xaxis.tickvals': t.tickvals, 'xaxis.ticktext': t.ticktext});
      }
    } finally { busy = false; }
  };
  document.querySelectorAll('.zoom button').forEach(b => b.addEventListener('click', () => {
    const k = b.dataset.band;
    zoom(k === 'all' ? whole() : data.axis.bands[k].slice(0, 2));
  }));
  // Going to a section keeps the span; going back or to another address takes the one that stands there.
  let followed = false;
  document.addEventListener('click', e => {
    const a = e.target.closest && e.target.closest('a[href^="#"]');
    // The same place again is no change of the address, so nothing would take this back.
    if (a && a.getAttribute('href') !== location.hash) followed = true;
  });
  addEventListener('hashchange', () => {
    if (!data.axis) return;
    const {span} = address();
    if (followed && !span) remember();
    else if (!same(span || whole(), range)) zoom(span || whole());
    followed = false;
  });

  const select = (i, go) => {
    shown = i;
    document.querySelectorAll('.mark').forEach(d => { if (Number(d.dataset.mark) !== i) d.open = false; });
    const d = document.getElementById('mark-' + i);
    if (d) {
      d.open = true;
      if (go) {
        d.querySelector('summary').focus({preventScroll: true});
        d.scrollIntoView({block: 'nearest', behavior: calm ? 'auto' : 'smooth'});
      }
    }
    again(figures.filter(f => f.timed));
  };
  document.querySelectorAll('.mark summary').forEach(s => s.addEventListener('click', e => {
    const d = s.parentElement;
    if (d.open) { shown = null; again(figures.filter(f => f.timed)); return; }
    e.preventDefault();
    select(Number(d.dataset.mark), false);
  }));

  // A cell as a number, whatever its unit: `12.3k`, `1.2 s`, `2 min 05 s`, `+12:05`, `45 %`, `4/s`. Undefined is text, NaN is nothing.
  const measure = text => {
    const s = text.trim().replace(/\u2212/g, '-');
    if (/^(n\/a|none|never|unknown|[-–—?]|)$/i.test(s)) return NaN;
    const at = /^([+-]?)(\d+):(\d\d)(?::(\d\d))?(?![\d:])/.exec(s);
    if (at) return (at[1] === '-' ? -1 : 1) * (at[4] === undefined ? Number(at[2]) * 60 + Number(at[3]) : Number(at[2]) * 3600 + Number(at[3]) * 60 + Number(at[4]));
    const long = /^(?:(\d+) h ?)?(?:(\d+) min ?)?(?:(\d+) s)?$/.exec(s);
    if (long) return (long[1] || 0) * 3600 + (long[2] || 0) * 60 + Number(long[3] || 0);
    const n = /^([+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)\s?([kMG]?)(?![A-Za-z\d])\s*(ms|s|h|min)?(?=$|[\s(/%→[±])/.exec(s)
      || /^([+-]?\d[\d,]*(?:\.\d+)?)()\s?(ms|s|h|min|[A-Za-z%/]+)(?=$|[\s(])/.exec(s);
    if (!n) return undefined;
    return Number(n[1].replace(/,/g, '')) * ({k: 1e3, M: 1e6, G: 1e9}[n[2]] || 1) * ({ms: 1e-3, min: 60, h: 3600}[n[3]] || 1);
  };
  document.querySelectorAll('main table').forEach(table => {
    const body = table.tBodies[0], before = [...body.rows], heads = [...table.tHead.rows[0].cells];
    if (before.length < 2) return;
    heads.forEach((th, c) => {
      const b = document.createElement('button');
      b.type = 'button';
      b.append(...th.childNodes);
      b.title = 'Sort by this column';
      // A heading without words still needs a name.
      if (!b.textContent.trim()) b.setAttribute('aria-label', 'column ' + (c + 1));
      th.append(b);
      b.addEventListener('click', () => {
        const next = {none: 'ascending', ascending: 'descending', descending: 'none'}[th.getAttribute('aria-sort') || 'none'];
        heads.forEach(h => h.removeAttribute('aria-sort'));
        if (next === 'none') { body.append(...before); return; }
        th.setAttribute('aria-sort', next);
        const of = before.map((row, i) => ({row, i, text: row.cells[c] ? row.cells[c].textContent.trim() : ''})), sign = next === 'ascending' ? 1 : -1;
        for (const o of of) o.value = measure(o.text);
        const numbers = of.every(o => o.value !== undefined);
        const missing = o => Number.isNaN(o.value);
        of.sort((p, q) => missing(p) - missing(q)
          || (missing(p) ? 0 : sign * (numbers ? p.value - q.value : p.text.localeCompare(q.text, 'en', {numeric: true}))) || p.i - q.i);
        body.append(...of.map(o => o.row));
      });
    });
  });

  // What a spreadsheet would run as a formula is kept text by a leading apostrophe.
  const cell = s => '"' + (/^[=+\-@\t\r]/.test(s) ? "'" + s : s).replace(/"/g, '""') + '"';
  const number = v => isNaN(v) ? '' : String(Number(v.toPrecision(7)));
  const csv = f => {
    const s = f.spec, x = f.timed ? s.xTitle || 'seconds from the start of the load' : s.xTitle;
    if (s.kind === 'decision') {
      const ends = b => b ? number(b[0]) + ',' + number(b[1]) : ',';
      return [['curve', x, 'low', 'high', s.unit, 'low', 'high'].map(cell).join(','),
        ...s.places.map(p => [cell(p.name), number(p.x), ends(p.xBand), number(p.y), ends(p.yBand)].join(','))].join('\r\n') + '\r\n';
    }
    const lines = [['curve', x, s.kind === 'ecdf' ? 'share' : s.kind === 'spans' ? 'row' : s.unit || 'value'].map(cell).join(',')];
    for (const t of s.traces) for (let i = 0; i < t.x.length; i++) lines.push(cell(t.name) + ',' + number(t.x[i]) + ',' + number(t.y[i]));
    if (s.marks) for (const m of data.marks) lines.push(cell('decision: ' + m.title + ' ' + m.reason) + ',' + m.t + ',' + (m.y === null ? '' : m.y));
    return lines.join('\r\n') + '\r\n';
  };
  document.querySelectorAll('.save').forEach(b => b.addEventListener('click', () => {
    const f = figures.find(f => f.element.id === b.dataset.figure);
    const a = document.createElement('a');
    a.href = URL.createObjectURL(new Blob(['\ufeff' + csv(f)], {type: 'text/csv'}));
    a.download = (data.title + '-' + f.element.id).replace(/[^A-Za-z0-9._-]+/g, '_') + '.csv';
    document.body.append(a);
    a.click();
    a.remove();
    setTimeout(() => URL.revokeObjectURL(a.href), 10000);
  }));

  const dark = matchMedia('(prefers-color-scheme: dark)');
  const button = document.getElementById('theme');
  let chosen = null;
  // The button says what it will do.
  const named = () => { button.textContent = root.classList.contains('dark') ? 'Light mode' : 'Dark mode'; };
  const themed = on => {
    root.classList.toggle('dark', on);
    named();
    return again(figures);
  };
  button.addEventListener('click', () => { chosen = !root.classList.contains('dark'); themed(chosen); });
  dark.addEventListener('change', e => { if (chosen === null) themed(e.matches); });
  let before = [];
  addEventListener('beforeprint', () => {
    before = [...document.querySelectorAll('.mark')].map(d => d.open);
    document.querySelectorAll('.mark').forEach(d => { d.open = true; });
    if (root.classList.contains('dark')) { root.classList.add('was-dark'); themed(false); }
    // Paper is as wide as it is: a plot shrinks as a picture.
    for (const f of figures) {
      const {width, height} = f.plot.getBoundingClientRect();
      if (!width || !height) continue;
      f.plot.style.aspectRatio = width + '/' + height;
      f.plot.querySelectorAll('.main-svg').forEach(e => e.setAttribute('viewBox', '0 0 ' + width + ' ' + height));
    }
  });
  addEventListener('afterprint', () => {
    document.querySelectorAll('.mark').forEach((d, i) => { d.open = before[i]; });
    for (const f of figures) {
      f.plot.style.aspectRatio = '';
      f.plot.querySelectorAll('.main-svg').forEach(e => e.removeAttribute('viewBox'));
    }
    if (root.classList.contains('was-dark')) { root.classList.remove('was-dark'); themed(true); }
  });
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(addEventListener.timer);
    addEventListener.timer = setTimeout(() => again(figures), 200);
  });

  root.classList.toggle('dark', dark.matches);
  named();
  pressed();
  (async () => {
    for (const f of figures) {
      legend(f);
      if (f.spec.kind === 'spans') f.plot.classList.add('tall');
      if (f.spec.kind === 'decision') f.plot.classList.add('decision');
      await draw(f);
      // A breath between two plots keeps the page scrolling while it is drawn.
      await new Promise(r => setTimeout(r, 0));
    }
    // An address with a span is no place that the browser finds by itself.
    const {id, span} = address();
    const goal = id && span && document.getElementById(id);
    if (goal) goal.scrollIntoView();
    root.dataset.drawn = String(figures.length);
  })();
})();
