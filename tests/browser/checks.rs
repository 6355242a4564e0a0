//! What holds of every page.

use crate::chromium::{Browser, Screen};
use serde_json::Value;
use std::path::Path;

/// Plots that are there without anything drawn in them.
const UNDRAWN: &str = "[...document.querySelectorAll('figure')].filter(f => {
  const plot = f.querySelector('.plot');
  if (!plot.querySelector('.main-svg')) return true;
  const drawn = [...plot.querySelectorAll('.scatterlayer path')].some(p => (p.getAttribute('d') || '').length > 4);
  const gl = plot.querySelector('.gl-canvas') && plot._fullLayout._plots.xy._scene;
  return !drawn && !gl;
}).map(f => f.id)";

/// Axes that do not say what they measure, and thousands of milliseconds.
const UNTITLED: &str = "[...document.querySelectorAll('figure')].flatMap(f => {
  const l = f.querySelector('.plot')._fullLayout, text = a => (a.title.text || '').trim();
  const ticks = [...f.querySelectorAll('.xtick text, .ytick text')].map(t => t.textContent);
  const bad = ['xaxis', 'yaxis'].filter(a => !text(l[a]) || text(l[a]) === 'Click to enter X axis title').map(a => f.id + ' ' + a);
  // Of a logarithmic axis every tick is written in full: it rises.
  for (const [a, c] of [['xaxis', '.xtick'], ['yaxis', '.ytick']]) {
    const values = [...f.querySelectorAll(c + ' text')].map(t => parseFloat(t.textContent) * ({k: 1e3, M: 1e6}[t.textContent.slice(-1)] || 1));
    if (l[a].type === 'log' && values.some((v, i) => i && v <= values[i - 1])) bad.push(f.id + ' ' + values.join());
  }
  if (/milli|\\[ms\\]/.test(text(l.xaxis) + text(l.yaxis)) && ticks.some(t => /k$/.test(t))) bad.push(f.id + ' ' + ticks.join());
  return bad;
})";

/// More entries than a legend holds.
const CROWDED: &str =
    "[...document.querySelectorAll('.legend')].filter(l => l.querySelectorAll('button').length > 12).map(l => l.parentElement.id)";

/// Elements beyond the edge of the screen, and texts wider than their boxes.
const OVERFLOWING: &str = "(() => {
  const bad = [], width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) bad.push('the page scrolls sideways by ' + (document.documentElement.scrollWidth - width));
  for (const e of document.querySelectorAll('header *, main *')) {
    if (e.closest('.plot') || e.closest('.wide') && !e.matches('.wide') || e.matches('.skip, script, style')) continue;
    const r = e.getBoundingClientRect();
    if (r.width && (r.right > width + 1 || r.left < -1)) bad.push(e.tagName + '.' + e.className + ' ' + Math.round(r.left) + '..' + Math.round(r.right));
    if (/^(H1|H2|H3|DT|DD|BUTTON|P|LI|SUMMARY|FIGCAPTION)$/.test(e.tagName) && !e.closest('.legend') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth) bad.push(e.tagName + ' is cut: ' + e.textContent.slice(0, 40));
  }
  return bad;
})()";

/// Boxes that follow each other and yet lie upon each other.
const OVERLAPPING: &str = "(() => {
  const bad = [], visible = e => e.getBoundingClientRect().height > 0 && getComputedStyle(e).position !== 'sticky';
  const apart = (list, what) => {
    for (let i = 0; i < list.length; i++) for (let j = i + 1; j < list.length; j++) {
      const a = list[i].getBoundingClientRect(), b = list[j].getBoundingClientRect();
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        bad.push(what + ': ' + list[i].textContent.slice(0, 30) + ' and ' + list[j].textContent.slice(0, 30));
    }
  };
  for (const box of document.querySelectorAll('header, .top, nav ul, main, section, .numbers, figure, .bar, .legend, .zoom, .marks, .mark[open], .findings'))
    apart([...box.children].filter(visible), box.className || box.tagName + '#' + box.id);
  for (const plot of document.querySelectorAll('.plot')) {
    apart([...plot.querySelectorAll('.xaxislayer-above .xtick text')], 'ticks of ' + plot.parentElement.id);
    apart([...plot.querySelectorAll('.yaxislayer-above .ytick text')], 'ticks of ' + plot.parentElement.id);
    apart([...plot.querySelectorAll('.annotation-text')], 'rates of ' + plot.parentElement.id);
  }
  return bad;
})()";

/// What a screen reader and a keyboard need.
const UNREADABLE: &str = "(() => {
  const bad = [], all = s => [...document.querySelectorAll(s)];
  if (document.documentElement.lang !== 'en') bad.push('no language');
  if (!document.title) bad.push('no title');
  if (all('h1').length !== 1) bad.push('not one h1');
  let level = 0;
  for (const h of all('h1, h2, h3, h4')) { const n = Number(h.tagName[1]); if (n > level + 1) bad.push('level skipped before ' + h.textContent); level = n; }
  for (const s of all('section')) if (!document.getElementById(s.getAttribute('aria-labelledby'))) bad.push('a section without a name');
  for (const b of all('button')) if (!(b.getAttribute('aria-label') || b.textContent).trim()) bad.push('a button without a name');
  for (const p of all('.plot')) if (p.getAttribute('role') !== 'img' || (p.getAttribute('aria-label') || '').length < 20) bad.push('a plot without an alternative');
  for (const f of all('figure')) if (!f.querySelector('figcaption') || !f.querySelector('h3') || !f.querySelector('.save')) bad.push(f.id + ' lacks a part');
  for (const t of all('table')) if (!t.caption || [...t.tHead.querySelectorAll('th')].some(h => h.scope !== 'col')) bad.push('a table without caption or scope');
  for (const e of all('[tabindex]')) if (e.tabIndex > 0) bad.push('an order of its own: ' + e.tagName);
  const ids = all('main [id], header [id]').filter(e => !e.closest('.plot')).map(e => e.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) bad.push('twice: ' + id);
  for (const a of all('nav a')) if (!document.querySelector(a.getAttribute('href'))) bad.push('leads nowhere: ' + a.textContent);
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
  for (const e of all('h1, h2, h3, p, li, dt, .value, .note, td, th, caption, button, summary, figcaption, .about, .badge, .when, code, a')) {
    if (e.closest('.plot') || e.matches('[aria-pressed=false]')) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push('contrast of ' + e.tagName + '.' + e.className + ' ' + ((a + 0.05) / (b + 0.05)).toFixed(1));
  }
  return [...new Set(bad)];
})()";

/// Opens a page on every screen and holds it to all of the above.
pub fn hold(b: &mut Browser, page: &Path, name: &str, figures: usize) {
    let bytes = page.metadata().expect("a page").len();
    assert!(bytes < 6_000_000, "{name}: {bytes} bytes");
    for screen in Screen::ALL {
        b.open(page, screen);
        let what = format!("{name}, {}", screen.name());
        let none = |v: &Value, of: &str| assert_eq!(v.as_array().map(Vec::len), Some(0), "{what}: {of}: {v:#}");
        let shown = b.eval("document.querySelectorAll('figure').length");
        assert!(shown.as_u64() >= Some(figures as u64), "{what}: only {shown} figures");
        assert_eq!(b.eval("document.documentElement.classList.contains('dark')"), screen.dark, "{what}");
        none(&b.eval(UNDRAWN), "not drawn");
        none(&b.eval(UNTITLED), "axes without titles");
        none(&b.eval(CROWDED), "too long a legend");
        none(&b.eval(OVERFLOWING), "beyond the edge");
        none(&b.eval(OVERLAPPING), "upon each other");
        none(&b.eval(UNREADABLE), "not to be read");
        assert_eq!(b.complaints(), Vec::<String>::new(), "{what}");
        b.picture(&format!("{name}-{}-top", screen.name()), "0");
        for (id, part) in [
            ("decision", "decision"),
            ("ready", "ready"),
            ("ecdf", "ecdf"),
            ("load", "time"),
            ("kv", "kv"),
            ("average-kv", "averages"),
            ("ecdf-ttft", "latency"),
            ("requests-ttft", "requests"),
            ("share", "share"),
            ("failures", "failures"),
            ("pod-lives", "lives"),
        ] {
            if b.eval(&format!("!!document.getElementById('{id}')")) == true {
                b.picture(
                    &format!("{name}-{}-{part}", screen.name()),
                    &format!("document.getElementById('{id}').getBoundingClientRect().top + scrollY - 60"),
                );
            }
        }
    }
}
