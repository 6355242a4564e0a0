//! Pages of runs.

use crate::checks::hold;
use crate::chromium::{Browser, Screen};
use crate::pages::Pages;
use std::time::{Duration, Instant};

#[test]
#[ignore = "needs Chromium"]
fn a_predicted_run_under_the_hpa() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    hold(&mut b, &pages.predicted("hpa"), "predicted-hpa", 16);
}

#[test]
#[ignore = "needs Chromium"]
fn a_predicted_run_under_wva() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    hold(&mut b, &pages.predicted("wva"), "predicted-wva", 16);
}

#[test]
#[ignore = "needs Chromium"]
fn a_measured_run() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    hold(&mut b, &pages.measured(), "measured", 14);
}

#[test]
#[ignore = "needs Chromium"]
fn two_arms_beside_each_other() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    hold(&mut b, &pages.compared(), "compared", 13);
    // A line for each arm in the plot of ready replicas.
    let lines = b.eval("[...document.querySelectorAll('figure')].find(f => f.textContent.includes('Ready replicas')).querySelector('.plot').data.map(d => d.name).join()");
    assert_eq!(lines, "wva,hpa");
}

#[test]
#[ignore = "needs Chromium"]
fn a_number_over_the_last_runs() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    hold(&mut b, &pages.trend(), "trend", 1);
}

#[test]
#[ignore = "needs Chromium"]
fn runs_of_which_something_is_missing() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    hold(&mut b, &pages.cut_short(), "cut-short", 3);
    hold(&mut b, &pages.empty(), "empty", 0);
    hold(&mut b, &pages.without_series(), "without-series", 6);
}

#[test]
#[ignore = "needs Chromium"]
fn a_run_in_which_everything_failed_for_a_hostile_reason() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    hold(&mut b, &pages.all_failed(), "all-failed", 8);
    assert_ne!(b.eval("document.title"), "owned");
    let count = |b: &mut Browser, what: &str| b.eval(&format!("document.querySelectorAll({what:?}).length"));
    assert_eq!(count(&mut b, "img[src=x]"), 0);
    assert_eq!(count(&mut b, "a[href^=http], a *|href"), 0);
    // Hover shows the class of failure as it was written.
    b.open(&pages.all_failed(), Screen::ALL[0]);
    b.eval("document.getElementById('failures').scrollIntoView()");
    b.eval("void Plotly.Fx.hover(document.querySelector('#failures .plot'), [{curveNumber: 0, pointNumber: 5}])");
    let shown = b.eval("document.querySelector('#failures .hoverlayer').textContent");
    assert!(shown.as_str().is_some_and(|s| s.contains("<img")), "{shown}");
    assert_eq!(count(&mut b, ".hoverlayer a"), 0);
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium"]
fn a_decision_tells_its_reason_by_mouse_and_by_keyboard() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    b.open(&pages.predicted("hpa"), Screen::ALL[0]);
    b.click("[...document.querySelectorAll('#replicas .scatterlayer .trace')].pop().querySelector('.points path')");
    b.wait("document.querySelectorAll('.mark[open]').length === 1");
    let text = b.eval("document.querySelector('.mark[open] p').textContent");
    assert!(text.as_str().is_some_and(|t| t.len() > 20), "{text}");
    assert_eq!(b.eval("document.activeElement.tagName"), "SUMMARY");
    assert_eq!(b.eval("document.activeElement.parentElement.dataset.mark"), "0");
    b.picture("decision", "document.getElementById('replicas').getBoundingClientRect().top + scrollY - 60");
    // The next one by keyboard alone; opening it closes the other.
    b.key("Tab", 9, "");
    b.key("Enter", 13, "\r");
    b.wait("document.querySelector('.mark[open]')?.dataset.mark === '1'");
    assert_eq!(b.eval("document.querySelectorAll('.mark[open]').length"), 1);
    // It is marked in every plot over time.
    b.wait("document.querySelector('#kv .plot').layout.shapes.some(s => s.line && s.line.dash === 'dot')");
    b.key("Enter", 13, "\r");
    b.wait("document.querySelectorAll('.mark[open]').length === 0");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium"]
fn the_first_tab_skips_to_the_content_and_the_order_is_that_of_the_page() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    b.open(&pages.measured(), Screen::ALL[0]);
    let mut seen = vec![];
    for _ in 0..40 {
        b.key("Tab", 9, "");
        let place = b.eval("[...document.querySelectorAll('*')].indexOf(document.activeElement)");
        seen.push(place.as_i64().unwrap_or(-1));
    }
    assert!(seen.windows(2).all(|w| w[0] < w[1]), "{seen:?}");
    b.eval("document.activeElement.blur(); scrollTo(0, 0)");
    assert_eq!(b.eval("document.querySelector('a').className"), "skip");
}

#[test]
#[ignore = "needs Chromium"]
fn zooming_one_zooms_all_and_the_theme_can_be_chosen() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    b.open(&pages.predicted("wva"), Screen::ALL[0]);
    let ranges = "[...document.querySelectorAll('figure')].filter(f => !f.id.startsWith('ecdf') && f.id !== 'decision').map(f => f.querySelector('.plot').layout.xaxis.range.map(v => Math.round(v)).join())";
    let all = b.eval(&format!("new Set({ranges}).size"));
    assert_eq!(all, 1, "one axis");
    b.click("document.querySelector('.zoom [data-band=\"2\"]')");
    b.wait(&format!("{ranges}.every(r => Math.abs(Number(r.split(',')[0]) - 2404) < 2)"));
    assert_eq!(b.eval("document.querySelector('.zoom [aria-pressed=true]').textContent"), "5/s");
    // Within one plot, as the mouse does it.
    b.eval("void Plotly.relayout(document.querySelector('#ttft .plot'), {'xaxis.range[0]': 3000, 'xaxis.range[1]': 3600})");
    b.wait(&format!("{ranges}.every(r => r === '3000,3600')"));
    b.click("document.querySelector('.zoom [data-band=\"all\"]')");
    b.wait(&format!("new Set({ranges}).size === 1 && !{ranges}[0].startsWith('3000')"));
    let ink = b.eval("document.querySelector('#kv .plot').layout.font.color");
    assert_eq!(b.eval("document.getElementById('theme').textContent"), "Dark mode");
    b.click("document.getElementById('theme')");
    b.wait("document.documentElement.classList.contains('dark') && document.getElementById('theme').textContent === 'Light mode'");
    b.wait(&format!("document.querySelector('#kv .plot').layout.font.color !== {ink}"));
    // A curve can be taken away and brought back.
    b.click("document.querySelector('#kv .legend button')");
    b.wait("document.querySelector('#kv .plot').data[0].visible === false");
    b.click("document.querySelector('#kv .legend button')");
    b.wait("document.querySelector('#kv .plot').data[0].visible === true");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium"]
fn the_data_of_every_plot_can_be_saved_and_the_page_printed() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    let dir = b.downloads();
    b.open(&pages.measured(), Screen::ALL[0]);
    let ids = b.eval("[...document.querySelectorAll('figure')].map(f => f.id)");
    for id in ids.as_array().expect("figures").iter().filter_map(|i| i.as_str()) {
        b.click(&format!("document.querySelector('#{id} .save')"));
        let file = dir.join(format!("20261124T031159Z-ramp_small-wva-c97c-{id}.csv"));
        let begun = Instant::now();
        let text = loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if text.ends_with('\n') || begun.elapsed() > Duration::from_secs(10) {
                break text;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
        assert!(lines.first().is_some_and(|l| l.starts_with("\"curve\",")), "{id}: {text}");
        assert!(lines.len() > 2, "{id}: {text}");
    }
    // What was scraped last is what stands in the file.
    let kv = std::fs::read_to_string(dir.join("20261124T031159Z-ramp_small-wva-c97c-kv.csv")).expect("saved");
    assert!(kv.lines().filter(|l| l.contains("kpt8t")).count() > 60, "{kv}");
    let pdf = b.pdf();
    assert!(pdf.starts_with(b"%PDF") && pdf.len() > 50_000, "{} bytes", pdf.len());
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium"]
fn a_decision_between_arms_is_a_picture() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    let page = pages.made_by_hand();
    hold(&mut b, &page, "made-by-hand", 5);
    b.open(&page, Screen::ALL[0]);
    // A line of static fleets, and a point for everything that has a cost.
    assert_eq!(b.eval("document.querySelectorAll('#decision .scatterlayer .points path').length"), 8);
    assert_eq!(b.eval("document.querySelector('#decision .plot').data.filter(d => d.mode === 'lines').length"), 1);
    assert_eq!(b.eval("document.querySelectorAll('#decision .errorbar path').length"), 8);
    let said = b.eval("[...document.querySelectorAll('#decision .annotation-text')].map(t => t.textContent).join('|')");
    let said = said.as_str().expect("names");
    for name in ["wva", "hpa", "keda <b>", "static 4", "foresight", "goal 99 %"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    let caption = b.eval("document.querySelector('#decision figcaption').textContent");
    assert!(caption.as_str().is_some_and(|c| c.contains("Not drawn: existing")), "{caption}");
    b.eval("document.getElementById('decision').scrollIntoView()");
    b.eval("void Plotly.Fx.hover(document.querySelector('#decision .plot'), [{curveNumber: 4, pointNumber: 0}])");
    let shown = b.eval("document.querySelector('#decision .hoverlayer').textContent");
    assert!(shown.as_str().is_some_and(|s| s.contains("99.08 % (98.78 % to 99.38 %) of 12000") && s.contains("keda <b>")), "{shown}");
    // Runs of one arm are a band, and one entry of the legend that hides all of it.
    assert_eq!(b.eval("[...document.querySelectorAll('#ready .legend button')].map(b => b.title).join()"), "wva (5 runs),hpa (4 runs)");
    assert_eq!(b.eval("document.querySelector('#ready .plot').data.filter(d => d.fill === 'toself').length"), 2);
    b.click("document.querySelector('#ready .legend button')");
    b.wait("document.querySelector('#ready .plot').data.filter(d => d.visible === false).length === 7");
    assert_eq!(b.eval("document.querySelector('#kv .legend').lastChild.textContent"), "and 8 more; the data has all");
    let dir = b.downloads();
    b.click("document.querySelector('#decision .save')");
    let file = dir.join("Made_by_hand-decision.csv");
    let saved = |_| std::fs::read_to_string(&file).ok().filter(|t| t.ends_with('\n'));
    let text = (0..200)
        .find_map(|n| {
            saved(n).or_else(|| {
                std::thread::sleep(Duration::from_millis(50));
                None
            })
        })
        .expect("saved");
    assert!(text.contains("\"hpa\",11800,11422.4,12177.6,0.9715,0.9635,0.9795") && text.contains("\"static 5\",18000,,,1,,"), "{text}");
    // Only what lies beside the page is linked to.
    assert_eq!(b.eval("[...document.querySelectorAll('.links a')].map(a => a.getAttribute('href')).join()"), "runs/wva.html");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium"]
fn tables_sort_by_mouse_and_by_keyboard_and_come_back() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    b.open(&pages.made_by_hand(), Screen::ALL[0]);
    let order = "[...document.querySelectorAll('table tbody tr')].map(r => r.cells[0].textContent).join()";
    let sorted = "[...document.querySelectorAll('thead th')].map(h => h.getAttribute('aria-sort') || '-').join()";
    let press = |b: &mut Browser, n: usize| b.click(&format!("document.querySelectorAll('thead button')[{n}]"));
    // Paid: what is not known is last either way.
    press(&mut b, 1);
    assert_eq!((b.eval(order), b.eval(sorted)), ("keda,wva,existing,hpa".into(), "-,ascending,-,-".into()));
    press(&mut b, 1);
    assert_eq!((b.eval(order), b.eval(sorted)), ("existing,wva,keda,hpa".into(), "-,descending,-,-".into()));
    press(&mut b, 1);
    assert_eq!((b.eval(order), b.eval(sorted)), ("wva,hpa,keda,existing".into(), "-,-,-,-".into()));
    // Milliseconds, seconds and minutes of one column.
    press(&mut b, 2);
    b.picture("sorted", "document.querySelector('table').getBoundingClientRect().top + scrollY - 60");
    assert_eq!(b.eval(order), "keda,wva,hpa,existing");
    // The next heading by keyboard alone: clocks.
    b.key("Tab", 9, "");
    b.key("Enter", 13, "\r");
    assert_eq!((b.eval(order), b.eval(sorted)), ("existing,keda,wva,hpa".into(), "-,-,-,ascending".into()));
    press(&mut b, 0);
    assert_eq!(b.eval(order), "existing,hpa,keda,wva");
    assert_eq!(b.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Chromium"]
fn an_address_holds_the_span_that_is_seen() {
    let (pages, mut b) = (Pages::new(), Browser::start());
    let page = pages.made_by_hand();
    let range = "document.querySelector('#ready .plot').layout.xaxis.range.map(v => Math.round(v)).join()";
    b.open_at(&page, "#t=1200-2400", Screen::ALL[0]);
    assert_eq!(b.eval(range), "1200,2400");
    // Going to a section keeps it, and shows the section.
    b.click("document.querySelector('nav a[href=\"#time\"]')");
    b.wait("location.hash === '#time&t=1200-2400'");
    assert_eq!(b.eval(range), "1200,2400");
    // Zooming changes the address in place; going back shows what was there before.
    b.click("document.querySelector('.zoom [data-band=\"1\"]')");
    b.wait("location.hash === '#time&t=1800-3600'");
    b.eval("history.back()");
    b.wait(&format!("location.hash === '#t=1200-2400' && {range} === '1200,2400'"));
    b.eval("history.forward()");
    b.wait(&format!("location.hash === '#time&t=1800-3600' && {range} === '1800,3600'"));
    b.click("document.querySelector('.zoom [data-band=\"all\"]')");
    b.wait(&format!("location.hash === '#time' && {range} === '-10,3600'"));
    // With a section; with nonsense; beyond the ends.
    b.open_at(&page, "#kv&t=600-900.5", Screen::ALL[0]);
    assert_eq!(b.eval(range), "600,901");
    b.wait("Math.abs(document.getElementById('kv').getBoundingClientRect().top) < 120");
    for nonsense in ["#t=9-3", "#t=x-y", "#t=99999-999999", "#<img src=x>", "#t="] {
        b.open_at(&page, nonsense, Screen::ALL[0]);
        assert_eq!(b.eval(range), "-10,3600", "{nonsense}");
    }
    b.open_at(&page, "#t=3000-99999", Screen::ALL[0]);
    assert_eq!(b.eval(range), "3000,3600");
    assert_eq!(b.complaints(), Vec::<String>::new());
}
