//! Tables of a run as CSV (RFC 4180), for spreadsheets and data frames.
//!
//! Times are seconds since the load began; `…_time` beside them is the calendar's, of measured runs. A text that a
//! spreadsheet would take for a formula gets an apostrophe before it; numbers are left alone.

use super::Material;
use crate::Calendar;
use bench_model::run::Source;
use bench_model::summary::Stats;
use bench_model::tables::Outcome;
use std::collections::BTreeMap;
use std::io::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Rates,
    Requests,
    Replicas,
    Pods,
    Series,
    Decisions,
    Events,
}

/// Writes one table with its heading.
///
/// # Errors
/// When `out` does.
pub fn write(out: impl Write, table: Table, m: &Material<'_>) -> Result<(), ::csv::Error> {
    let writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(out);
    let mut sheet = Sheet { writer, m, calendar: Calendar::new(m.run, m.tables, None) };
    match table {
        Table::Rates => rates(&mut sheet)?,
        Table::Requests => requests(&mut sheet)?,
        Table::Replicas => replicas(&mut sheet)?,
        Table::Pods => pods(&mut sheet)?,
        Table::Series => series(&mut sheet)?,
        Table::Decisions => decisions(&mut sheet)?,
        Table::Events => events(&mut sheet)?,
    }
    sheet.writer.flush()?;
    Ok(())
}

struct Sheet<'a, W: Write> {
    writer: ::csv::Writer<W>,
    m: &'a Material<'a>,
    calendar: Calendar,
}

type Done = Result<(), ::csv::Error>;

impl<W: Write> Sheet<'_, W> {
    fn heading(&mut self, columns: &[&str]) -> Done {
        self.writer.write_record(["run", "arm"].iter().chain(columns))
    }

    /// Every row names its run: tables of several runs can be put below each other.
    fn row(&mut self, cells: Vec<String>) -> Done {
        let first = [text(&self.m.run.id), self.m.run.arm.to_string()];
        self.writer.write_record(first.into_iter().chain(cells))
    }

    fn s(&self, t: Option<f64>) -> String {
        number(t.map(|t| self.calendar.relative(t)))
    }

    fn time(&self, t: Option<f64>) -> String {
        t.filter(|_| self.m.run.source == Source::Measured).map_or_else(String::new, |t| self.calendar.rfc3339(t))
    }
}

/// A text, harmless in a spreadsheet: blanks before the sign do not hide it.
fn text(s: &str) -> String {
    let formula = s.trim_start().starts_with(['=', '+', '-', '@']) || s.starts_with(['\t', '\r', '\n']);
    if formula { format!("'{s}") } else { s.into() }
}

fn number(v: Option<f64>) -> String {
    v.map_or_else(String::new, |v| v.to_string())
}

fn whole<T: ToString>(v: Option<T>) -> String {
    v.map_or_else(String::new, |v| v.to_string())
}

fn labels(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(k, v)| format!("{k}={v:?}")).collect::<Vec<_>>().join(",")
}

fn rates<W: Write>(s: &mut Sheet<'_, W>) -> Done {
    const STATS: [&str; 6] = ["mean", "min", "p50", "p90", "p99", "max"];
    let mut heading: Vec<String> = [
        "rate_index",
        "rate_per_s",
        "start_s",
        "start_time",
        "end_s",
        "end_time",
        "requests",
        "successful",
        "failed",
        "cut_off",
        "achieved_per_s",
        "output_tokens_per_s",
        "gap_before_s",
    ]
    .map(str::to_owned)
    .to_vec();
    for (name, unit) in [("ttft", "ms"), ("itl", "ms"), ("e2e", "s"), ("lateness", "s")] {
        heading.extend(STATS.map(|stat| format!("{name}_{stat}_{unit}")));
    }
    s.heading(&heading.iter().map(String::as_str).collect::<Vec<_>>())?;
    let values = |stats: &Option<Stats>| {
        let of = |f: fn(&Stats) -> f64| number(stats.as_ref().map(f));
        [of(|s| s.mean), of(|s| s.min), of(|s| s.p50), of(|s| s.p90), of(|s| s.p99), of(|s| s.max)]
    };
    for r in &s.m.summary.rates {
        let mut cells = vec![
            r.index.to_string(),
            r.rate.to_string(),
            s.s(Some(r.start)),
            s.time(Some(r.start)),
            s.s(Some(r.end)),
            s.time(Some(r.end)),
            r.requests.to_string(),
            r.successful.to_string(),
            r.errored.to_string(),
            r.incomplete.to_string(),
            r.achieved_rate.to_string(),
            number(r.output_tokens_per_s),
            number(r.gap_before_s),
        ];
        cells.extend([&r.ttft_ms, &r.itl_ms, &r.e2e_s, &r.lateness_s].into_iter().flat_map(values));
        s.row(cells)?;
    }
    Ok(())
}

fn requests<W: Write>(s: &mut Sheet<'_, W>) -> Done {
    s.heading(&[
        "rate_index",
        "outcome",
        "due_s",
        "start_s",
        "first_token_s",
        "end_s",
        "start_time",
        "prompt_tokens",
        "output_tokens",
        "ttft_ms",
        "itl_ms",
        "latency_s",
        "error",
    ])?;
    for r in &s.m.tables.requests {
        let outcome = match r.outcome {
            Outcome::Successful => "successful",
            Outcome::Errored => "errored",
            Outcome::Incomplete => "incomplete",
        };
        let cells = vec![
            r.rate.to_string(),
            outcome.into(),
            s.s(r.due),
            s.s(r.start),
            s.s(r.first_token),
            s.s(r.end),
            s.time(r.start),
            whole(r.prompt_tokens),
            whole(r.output_tokens),
            number(r.ttft_ms),
            number(r.itl_ms),
            number(r.latency_s),
            text(r.error.as_deref().unwrap_or_default()),
        ];
        s.row(cells)?;
    }
    Ok(())
}

fn replicas<W: Write>(s: &mut Sheet<'_, W>) -> Done {
    s.heading(&["t_s", "t_time", "desired_replicas", "current_replicas", "ready_replicas"])?;
    for p in &s.m.tables.replicas {
        s.row(vec![s.s(Some(p.t)), s.time(Some(p.t)), p.desired.to_string(), p.current.to_string(), p.ready.to_string()])?;
    }
    Ok(())
}

fn pods<W: Write>(s: &mut Sheet<'_, W>) -> Done {
    s.heading(&["pod", "created_s", "created_time", "scheduled_s", "ready_s", "deleted_s", "startup_s", "restarts", "requests_finished"])?;
    for p in &s.m.tables.pods {
        let cells = vec![
            text(&p.name),
            s.s(Some(p.created)),
            s.time(Some(p.created)),
            s.s(p.scheduled),
            s.s(p.ready),
            s.s(p.deleted),
            number(p.ready.map(|r| ((r - p.created) * 1e6).round() / 1e6)),
            p.restarts.to_string(),
            number(s.m.summary.requests_per_pod.get(&p.name).copied()),
        ];
        s.row(cells)?;
    }
    Ok(())
}

fn series<W: Write>(s: &mut Sheet<'_, W>) -> Done {
    s.heading(&["series", "labels", "pod", "t_s", "t_time", "value"])?;
    for one in &s.m.tables.series {
        let (name, all) = (text(&one.name), text(&labels(&one.labels)));
        let pod = text(one.labels.get("pod").map_or("", String::as_str));
        for (t, v) in &one.samples {
            s.row(vec![name.clone(), all.clone(), pod.clone(), s.s(Some(*t)), s.time(Some(*t)), v.to_string()])?;
        }
    }
    Ok(())
}

fn decisions<W: Write>(s: &mut Sheet<'_, W>) -> Done {
    s.heading(&["t_s", "t_time", "by", "name", "current_replicas", "desired_replicas", "inputs", "conditions"])?;
    for d in &s.m.tables.decisions {
        let join = |m: &BTreeMap<String, (String, String)>, between: &str| {
            m.iter().map(|(k, (a, b))| format!("{k}: {a}{between}{b}")).collect::<Vec<_>>().join("; ")
        };
        let cells = vec![
            s.s(Some(d.t)),
            s.time(Some(d.t)),
            text(&d.by),
            text(&d.name),
            whole(d.current),
            whole(d.desired),
            text(&join(&d.inputs, " of ")),
            text(&join(&d.conditions, " ")),
        ];
        s.row(cells)?;
    }
    Ok(())
}

fn events<W: Write>(s: &mut Sheet<'_, W>) -> Done {
    s.heading(&["t_s", "t_time", "type", "reason", "object", "message", "count"])?;
    for e in &s.m.tables.events {
        let words = [&e.kind, &e.reason, &e.object, &e.message].map(|w| text(w));
        let mut cells = vec![s.s(Some(e.t)), s.time(Some(e.t))];
        cells.extend(words);
        cells.push(e.count.to_string());
        s.row(cells)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::material;
    use crate::validity::testing::{load, rate};
    use bench_model::tables::Event;

    fn made(table: Table, change: impl FnOnce(&mut bench_model::tables::Tables)) -> String {
        let mut t = load(&[rate(0, 2.0, 1_795_489_956.0, 10.0), rate(1, 4.0, 1_795_489_971.0, 10.0)]);
        change(&mut t);
        material(&t, |m| {
            let mut out = Vec::new();
            write(&mut out, table, m).unwrap();
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn a_formula_is_taken_for_text_and_a_negative_number_stays_one() {
        let all = made(Table::Events, |t| {
            let message = "=HYPERLINK(\"http://x\",\"a\r\nb\")".to_owned();
            t.events =
                vec![Event { t: 1_795_489_946.0, kind: " @x".into(), reason: "-1".into(), object: "Pod/a,b".into(), message, count: 1 }];
        });
        let mut rows = ::csv::ReaderBuilder::new().from_reader(all.as_bytes());
        let row = rows.records().next().unwrap().unwrap();
        assert_eq!(
            row.iter().skip(2).collect::<Vec<_>>(),
            ["-10", "2026-11-24T03:12:26.000Z", "' @x", "'-1", "Pod/a,b", "'=HYPERLINK(\"http://x\",\"a\r\nb\")", "1"]
        );
        assert!(all.contains(",\"'=HYPERLINK(\"\"http://x\"\",\"\"a\r\nb\"\")\",1\r\n"), "{all}");
    }

    #[test]
    fn every_table_has_rows_as_wide_as_its_heading() {
        use Table::{Decisions, Events, Pods, Rates, Replicas, Requests, Series};
        for table in [Rates, Requests, Replicas, Pods, Series, Decisions, Events] {
            let all = made(table, |_| {});
            let mut rows = ::csv::ReaderBuilder::new().from_reader(all.as_bytes());
            let n = rows.headers().unwrap().len();
            assert!(n > 4 && rows.records().all(|r| r.unwrap().len() == n), "{table:?}");
        }
        assert_eq!(made(Table::Rates, |_| {}).lines().count(), 3);
        assert_eq!(made(Table::Requests, |_| {}).lines().count(), 61);
    }
}
