
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const root = document.documentElement;
  const touch = matchMedia('(pointer: coarse)').matches;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  // Colours that keep their distance on white and on near-black; pods go round them.
  const wheel = ['#3b82d6', '#e07b24', '#2f9e57', '#d1495b', '#8e63c9', '#a0703c', '#d65aa6', '#6f7d8c', '#9aa21f', '#17a2b8'];
  const named = {desired: '#e0951f', current: '#8391a1', ready: '#2f9e57', offered: '#8391a1', begun: '#3b82d6', finished: '#2f9e57',
    hpa: '#d1495b', wva: '#8e63c9', median: '#3b82d6', tail: '#d1495b', good: '#3b82d6', bad: '#d1495b', cut: '#e0951f', starting: '#e0951f'};
  const color = role => {
    const n = /^(?:pod|rate|arm)-(\d+)$/.exec(role);
    if (n) return wheel[n[1] % wheel.length];
    const f = /^failure-(\d+)$/.exec(role);
    if (f) return wheel[(3 + Number(f[1])) % wheel.length];
    return named[role] || '#8391a1';
  };
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

  const figures = [...document.querySelectorAll('figure')].filter(f => data.figures[f.id]).map(element => {
    const spec = data.figures[element.id];
    for (const t of spec.traces) { t.x = column(t.x); t.y = column(t.y); }
    return {element, spec, plot: element.querySelector('.plot'), timed: spec.kind !== 'ecdf'};
  });
  let range = data.axis ? [data.axis.from, data.axis.to] : [0, 1];
  let shown = null;

  const ticks = width => {
    const every = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 43200, 86400];
    const least = (range[1] - range[0]) * 72 / Math.max(width, 72);
    const step = every.find(e => e >= least) || least;
    const values = [];
    for (let t = Math.ceil(range[0] / step) * step; t <= range[1] && values.length < 60; t += step) values.push(t);
    return {tickvals: values, ticktext: values.map(v => v === 0 ? '0' : clock(v))};
  };
  // An axis of logarithms cannot be set by the library when there is nothing in it.
  const extent = traces => {
    let least = Infinity, most = -Infinity;
    for (const t of traces) for (const v of t.y) if (v > 0) { least = Math.min(least, v); most = Math.max(most, v); }
    return [least, most];
  };
  const layout = f => {
    const s = f.spec, ink = css('ink'), soft = css('soft'), line = css('line');
    const axis = {gridcolor: line, zerolinecolor: line, linecolor: line, tickfont: {color: soft}, title: {font: {color: soft}}, automargin: true};
    const out = {
      margin: {l: 52, r: 12, t: 22, b: 30}, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false,
      font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: ink}, hovermode: 'closest', dragmode: touch ? false : 'zoom',
      modebar: {bgcolor: 'rgba(0,0,0,0)', color: soft, activecolor: ink},
      hoverlabel: {bgcolor: css('panel'), bordercolor: line, font: {color: ink}, namelength: -1}, shapes: [], annotations: [],
      xaxis: {...axis}, yaxis: {...axis, title: {text: plain(s.kind === 'ecdf' ? 'requests' : s.unit === '0..1' ? '' : s.unit), font: {color: soft}, standoff: 6}},
    };
    if (s.logY) {
      const [least, most] = extent(s.traces);
      Object.assign(out.yaxis, {type: 'log', dtick: most / least > 20 ? 1 : undefined});
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
    } else {
      out.xaxis.title.text = plain(s.xTitle);
      if (s.logX) out.xaxis.type = 'log';
      out.yaxis.tickformat = '.0%';
      out.margin.b = 46;
    }
    for (const l of s.limits) {
      out.shapes.push({type: 'line', xref: 'paper', yref: 'y', x0: 0, x1: 1, y0: l.value, y1: l.value, line: {width: 1.5, dash: 'dash', color: color(l.role)}});
    }
    if (s.kind === 'spans') {
      const short = s.rows.map((r, i) => touch || f.plot.clientWidth < 600 ? String(i + 1) : plain(r.length > 28 ? '…' + r.slice(-18) : r));
      Object.assign(out.yaxis, {tickvals: s.rows.map((_, i) => i), ticktext: short, range: [s.rows.length - 0.5, -0.5], rangemode: 'normal', zeroline: false});
    }
    return out;
  };
  const traces = f => {
    const s = f.spec;
    const unit = s.unit === '0..1' ? '' : ' ' + plain(s.unit);
    const out = s.traces.map(t => {
      const c = color(t.role), name = plain(t.name);
      if (s.kind === 'ecdf') {
        return {x: t.x, y: t.y, name, type: 'scatter', mode: 'lines', line: {color: c, width: 2, shape: 'hv'}, hovertemplate: '%{y:.1%} up to %{x:.4~g}<extra>' + name + '</extra>'};
      }
      const text = Array.from(t.x, v => isNaN(v) ? '' : when(v));
      if (s.kind === 'scatter') {
        return {x: t.x, y: t.y, text, name, type: canGl ? 'scattergl' : 'scatter', mode: 'markers', marker: {color: c, size: 3, opacity: 0.6},
          hovertemplate: '%{text}<br>%{y:.4~g}' + unit + '<extra>' + name + '</extra>'};
      }
      if (s.kind === 'spans') {
        return {x: t.x, y: t.y, text, name, type: 'scatter', mode: 'lines', connectgaps: false, line: {color: c, width: Math.max(3, Math.min(12, 140 / Math.max(1, s.rows.length)))},
          hovertemplate: '%{text}<extra>' + name + '</extra>'};
      }
      const trace = {x: t.x, y: t.y, text, name, type: 'scatter', mode: 'lines', connectgaps: false,
        line: {color: c, width: t.role === 'desired' || t.role === 'offered' ? 2.5 : 1.5, shape: t.steps ? 'hv' : 'linear', dash: t.role === 'offered' ? 'dash' : 'solid'},
        hovertemplate: '%{text}<br>%{y:.4~g}' + unit + '<extra>' + name + '</extra>'};
      // A lone point between two breaks has no line.
      if (!t.steps && t.x.length < 3) trace.mode = 'lines+markers';
      if (s.stacked) Object.assign(trace, {stackgroup: 'all', fillcolor: c, line: {...trace.line, width: 0.5}});
      return trace;
    });
    if (s.marks) {
      const all = data.marks.map((m, i) => ({...m, i})).filter(m => typeof m.y === 'number');
      out.push({x: all.map(m => m.t), y: all.map(m => m.y), name: 'decisions', type: 'scatter', mode: 'markers', customdata: all.map(m => m.i),
        text: all.map(m => plain(m.when + ' ' + m.title)), hovertemplate: '%{text}<br>click for the reason<extra></extra>',
        marker: {size: 12, color: all.map(m => m.i === shown ? css('accent') : ({up: '#2f9e57', down: '#3b82d6'})[m.class] || '#e0951f'),
          symbol: all.map(m => ({up: 'triangle-up', down: 'triangle-down'})[m.class] || 'diamond'), line: {width: 1, color: css('ink')}}});
    }
    return out;
  };
  const config = {responsive: true, displaylogo: false, displayModeBar: touch ? false : 'hover', scrollZoom: false, doubleClick: false,
    modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d', 'toImage']};

  const legend = f => {
    const box = f.element.querySelector('.legend');
    f.hidden = f.spec.traces.map(() => false);
    if (f.spec.traces.length < 2 && !f.spec.limits.length) return;
    const cut = common(f.spec.traces.filter(t => t.role.startsWith('pod-')).map(t => t.name));
    f.spec.traces.forEach((t, i) => {
      const b = document.createElement('button'), mark = document.createElement('i');
      b.type = 'button';
      b.title = t.name;
      mark.style.background = color(t.role);
      b.append(mark, short(t.name, cut));
      b.setAttribute('aria-pressed', 'true');
      b.addEventListener('click', () => {
        f.hidden[i] = !f.hidden[i];
        b.setAttribute('aria-pressed', String(!f.hidden[i]));
        Plotly.restyle(f.plot, {visible: !f.hidden[i]}, [i]);
      });
      box.append(b);
    });
    for (const l of f.spec.limits) {
      const s = document.createElement('span'), mark = document.createElement('i');
      mark.style.borderTopColor = color(l.role);
      s.append(mark, l.label);
      box.append(s);
    }
  };
  // Pods of one Deployment differ at their ends only.
  const common = names => {
    if (names.length < 2) return 0;
    let n = 0;
    while (n < names[0].length && names.every(m => m[n] === names[0][n])) n++;
    return names[0].slice(0, n).lastIndexOf('-') + 1;
  };
  const short = (name, cut) => cut > 8 ? '…' + name.slice(cut) : name.length > 34 ? '…' + name.slice(-24) : name;

  const draw = async f => {
    await Plotly.newPlot(f.plot, traces(f), layout(f), config);
    f.plot.on('plotly_relayout', e => {
      if (!f.timed || busy) return;
      const a = e['xaxis.range[0]'], b = e['xaxis.range[1]'];
      if (Number.isFinite(a) && Number.isFinite(b)) zoom([a, b]);
      else if (e['xaxis.autorange']) zoom([data.axis.from, data.axis.to]);
    });
    f.plot.on('plotly_doubleclick', () => f.timed ? zoom([data.axis.from, data.axis.to]) : Plotly.relayout(f.plot, {'xaxis.autorange': true, 'yaxis.autorange': true}));
    f.plot.on('plotly_click', e => {
      const p = e.points.find(p => p.customdata !== undefined);
      if (p) select(p.customdata, true);
    });
    f.drawn = true;
  };
  let busy = false;
  const again = async list => {
    busy = true;
    try { for (const f of list) if (f.drawn) await Plotly.react(f.plot, traces(f).map((t, i) => ({...t, visible: !(f.hidden[i])})), layout(f), config); } finally { busy = false; }
  };
  const zoom = async next => {
    range = next;
    const bands = data.axis.bands || [];
    document.querySelectorAll('.zoom button').forEach(b => {
      const k = b.dataset.band, [from, to] = k === 'all' ? [data.axis.from, data.axis.to] : bands[k];
      b.setAttribute('aria-pressed', String(Math.abs(from - range[0]) < 1 && Math.abs(to - range[1]) < 1));
    });
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
    zoom(k === 'all' ? [data.axis.from, data.axis.to] : data.axis.bands[k].slice(0, 2));
  }));

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

  // What a spreadsheet would run as a formula is kept text by a leading apostrophe.
  const cell = s => '"' + (/^[=+\-@\t\r]/.test(s) ? "'" + s : s).replace(/"/g, '""') + '"';
  const number = v => isNaN(v) ? '' : String(Number(v.toPrecision(7)));
  const csv = f => {
    const s = f.spec, x = f.timed ? 'seconds from the start of the load' : s.xTitle;
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
  const themed = on => {
    root.classList.toggle('dark', on);
    button.setAttribute('aria-pressed', String(on));
    return again(figures);
  };
  button.addEventListener('click', () => { chosen = !root.classList.contains('dark'); themed(chosen); });
  dark.addEventListener('change', e => { if (chosen === null) themed(e.matches); });
  let before = [];
  addEventListener('beforeprint', () => {
    before = [...document.querySelectorAll('.mark')].map(d => d.open);
    document.querySelectorAll('.mark').forEach(d => { d.open = true; });
    if (root.classList.contains('dark')) { root.classList.add('was-dark'); themed(false); }
  });
  addEventListener('afterprint', () => {
    document.querySelectorAll('.mark').forEach((d, i) => { d.open = before[i]; });
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
  button.setAttribute('aria-pressed', String(dark.matches));
  document.querySelectorAll('.zoom button').forEach(b => b.setAttribute('aria-pressed', String(b.dataset.band === 'all')));
  (async () => {
    for (const f of figures) {
      legend(f);
      if (f.spec.kind === 'spans') f.plot.classList.add('tall');
      await draw(f);
      // A breath between two plots keeps the page scrolling while it is drawn.
      await new Promise(r => setTimeout(r, 0));
    }
    root.dataset.drawn = String(figures.length);
  })();
})();
