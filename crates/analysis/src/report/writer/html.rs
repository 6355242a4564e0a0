//! A document as one page that opens offline: template, style and script are embedded, the plots are drawn by plotly.js.

use super::palette;
use crate::report::document::{Block, Document, Drawn, Kind, Mark, Place, Trace};
use base64::Engine;
use serde_json::{Value, json};
use std::sync::OnceLock;

impl Document {
    /// As HTML, ended by a line feed.
    pub fn html(&self) -> String {
        static TEMPLATE: OnceLock<Result<tera::Tera, tera::Error>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let mut t = tera::Tera::default();
            t.add_raw_template("page.html", include_str!("page.html.tera"))?;
            Ok(t)
        });
        let context = tera::Context::from_serialize(self);
        let text = match (template, context) {
            (Ok(t), Ok(c)) => t.render("page.html", &c).map_err(|e| format!("{e:?}")),
            (Err(e), _) => Err(e.to_string()),
            (_, Err(e)) => Err(e.to_string()),
        };
        // The template is tested and its values are strings and numbers; should it fail all the same, the data is still there.
        let text = text.unwrap_or_else(|e| {
            let e = e.replace('&', "&amp;").replace('<', "&lt;");
            format!("<!doctype html>\n<html lang=\"en\"><title>bench</title><p>The page could not be written: {e}</p><!--data--></html>\n")
        });
        self.filled(&text)
    }

    /// The big parts are put in by hand: a template would copy megabytes several times.
    fn filled(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + (5 << 20));
        let mut rest = text;
        for (place, part) in
            [("<!--style-->", Part::Style), ("<!--data-->", Part::Data), ("<!--plotly-->", Part::Plotly), ("<!--script-->", Part::Script)]
        {
            // What was recorded cannot hold such a comment: its `<` is escaped.
            let Some((before, after)) = rest.split_once(place) else { continue };
            out.push_str(before);
            match part {
                Part::Style => out.push_str(include_str!("style.css")),
                Part::Data => out.push_str(&self.data()),
                Part::Plotly => out.push_str(plotly()),
                Part::Script => out.push_str(include_str!("page.js")),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// JSON that cannot end the element it stands in: `<` is written as its escape.
    fn data(&self) -> String {
        let figures: serde_json::Map<String, Value> = self.figures().map(|f| (f.id.clone(), f.drawn.json(&f.heading))).collect();
        let marks: Vec<&Mark> =
            self.blocks().filter_map(|b| if let Block::Marks { marks } = b { Some(marks) } else { None }).flatten().collect();
        let styles: serde_json::Map<String, Value> =
            ["up", "down", "held"].into_iter().map(|c| (c.to_owned(), json!(palette::of(c)))).collect();
        let whole = json!({ "title": self.title, "axis": self.axis, "marks": marks, "figures": figures, "styles": styles });
        whole.to_string().replace('<', "\\u003c")
    }
}

enum Part {
    Style,
    Data,
    Plotly,
    Script,
}

impl Drawn {
    fn json(&self, heading: &str) -> Value {
        let unit = self.scaled();
        let (kx, ky) = if unit.is_none() {
            (1.0, 1.0)
        } else if self.kind == Kind::Ecdf {
            (1e-3, 1.0)
        } else {
            (1.0, 1e-3)
        };
        let trace = |t: &Trace| {
            json!({
                "name": t.name, "role": t.role, "style": palette::of(&t.role), "steps": t.steps,
                "x": column(t.points.iter().map(|p| p.0 * kx)), "y": column(t.points.iter().map(|p| p.1 * ky)),
            })
        };
        let limit = |(label, value, role): &(String, f64, String)| json!({"label": label, "value": value * ky, "style": palette::of(role)});
        let place = |p: &Place| {
            json!({
                "name": p.name, "style": palette::of(&p.role), "x": p.at.0, "y": p.at.1, "xBand": p.x_band, "yBand": p.y_band,
                "hollow": p.hollow, "best": p.best, "said": p.said,
            })
        };
        json!({
            "heading": heading, "kind": self.kind, "unit": unit.unwrap_or(&self.unit),
            "xTitle": if unit.is_some() { self.x_title.replace("[ms]", "[s]") } else { self.x_title.clone() },
            "logX": self.log_x, "logY": self.log_y, "stacked": self.stacked, "marks": self.marks, "rows": self.rows,
            "limits": self.limits.iter().map(limit).collect::<Vec<_>>(),
            "traces": self.traces.iter().map(trace).collect::<Vec<_>>(),
            "places": self.places.iter().map(place).collect::<Vec<_>>(),
        })
    }

    /// The unit to draw in, if not the figure's own: an axis that reaches 10 s is read in seconds, not in thousands of milliseconds.
    fn scaled(&self) -> Option<&'static str> {
        let values = self.traces.iter().flat_map(|t| &t.points).map(|p| if self.kind == Kind::Ecdf { p.0 } else { p.1 });
        (self.unit == "ms" && values.filter(|v| v.is_finite()).fold(0.0, f64::max) >= 10_000.0).then_some("s")
    }
}

/// Numbers as the base64 of their 32-bit floats, low byte first: half of the size of digits, and read at once. Seconds of a day keep
/// 8 ms.
fn column(values: impl Iterator<Item = f64>) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let bytes: Vec<u8> = values.flat_map(|v| (v as f32).to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// `plotly.min.js` as its crate ships it, without the MathJax beside it.
fn plotly() -> &'static str {
    static JS: OnceLock<String> = OnceLock::new();
    JS.get_or_init(|| {
        let both = plotly::Plot::offline_js_sources();
        let first = both.split_once('>').and_then(|(_, rest)| rest.split_once("</script>"));
        first.map(|(js, _)| js.to_owned()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::{Figure, Link, Number, Section, Table};

    fn drawn(kind: Kind, points: Vec<(f64, f64)>) -> Value {
        let traces = vec![Trace { name: "a".into(), role: "arm-1".into(), steps: false, points }];
        let limits = vec![("slo".to_owned(), 500.0, "goal".to_owned())];
        Drawn { kind, unit: "ms".into(), x_title: "TTFT [ms]".into(), traces, limits, ..Drawn::default() }.json("h")
    }

    #[test]
    fn an_axis_that_reaches_ten_seconds_is_in_seconds() {
        let v = drawn(Kind::Time, vec![(5.0, 60_000.0), (6.0, f64::NAN)]);
        assert_eq!((&v["unit"], &v["xTitle"], &v["limits"][0]["value"]), (&"s".into(), &"TTFT [s]".into(), &0.5.into()));
        assert_eq!(v["traces"][0]["y"], column([60.0, f64::NAN].into_iter()));
        assert_eq!(v["traces"][0]["x"], column([5.0, 6.0].into_iter()));
        let v = drawn(Kind::Time, vec![(60_000.0, 9_999.0)]);
        assert_eq!((&v["unit"], &v["limits"][0]["value"]), (&"ms".into(), &500.0.into()));
        let v = drawn(Kind::Ecdf, vec![(60_000.0, 0.5)]);
        assert_eq!((&v["unit"], &v["traces"][0]["x"]), (&"s".into(), &column([60.0].into_iter()).into()));
    }

    #[test]
    fn a_curve_is_drawn_by_the_palette() {
        let v = drawn(Kind::Time, vec![]);
        assert_eq!(v["traces"][0]["style"], json!(palette::of("arm-1")));
        // The script has no colour of its own for a curve.
        let own: Vec<&str> = include_str!("page.js").matches("'#").collect();
        assert!(own.len() <= 1, "{own:?}");
    }

    #[test]
    fn links_lead_beside_and_values_say_whether_they_kept_the_goal() {
        let link = |text: &str, href: &str| Link { text: text.into(), href: href.into() };
        let links = vec![link("a <b>", "runs/\"a\"&b.html"), link("outside", "https://example.org/"), link("code", "javascript:alert(1)")];
        let number = Number { label: "attainment".into(), value: "98 %".into(), class: "missed".into(), ..Number::default() };
        let table = Table { caption: "t".into(), words: 1, head: vec!["arm".into()], rows: vec![vec!["wva".into()]] };
        let figure = Figure { id: "f".into(), heading: "h".into(), about: "a".into(), summary: "s".into(), drawn: Drawn::default() };
        let blocks = vec![Block::Links { links }, Block::Numbers { numbers: vec![number] }, Block::Table(table), Block::Figure(figure)];
        let page = Document { sections: vec![Section::new("s", "S", "S", blocks)], ..Document::default() }.html();
        assert!(page.contains("<a href=\"runs&#x2F;&quot;a&quot;&amp;b.html\">a &lt;b&gt;</a>"), "{}", &page[..9000]);
        assert!(page.contains("<li>outside</li>") && page.contains("<li>code</li>"));
        assert!(!page.contains("example.org") && !page.contains("javascript:alert"));
        assert!(page.contains("<span class=\"value missed\">98 %</span>"));
    }
}
