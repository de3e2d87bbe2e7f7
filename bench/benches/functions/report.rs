//! The tables, or the same as JSON.

use std::fs;
use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::BenchError;
use crate::measure::{Cost, Throttled};
use crate::node::Node;
use crate::subject::{Implementation, Subject};

/// A line of a table: its columns' names and values.
type Row = Vec<(&'static str, Value)>;

/// All that was measured.
pub(crate) struct Report {
    machine: Value,
    costs: Vec<Row>,
    throttled: Result<Vec<Row>, String>,
    left_out: Vec<String>,
}

impl Report {
    pub(crate) fn new(
        node: Option<&Node>,
        subjects: &[Subject],
        costs: &[Cost],
        throttled: Result<Vec<Throttled>, String>,
        left_out: Vec<String>,
    ) -> Result<Self, BenchError> {
        let all: Vec<(&Subject, &Cost)> = subjects.iter().zip(costs).collect();
        let find = |kind, subject: &Subject| {
            let same = |other: &Subject| {
                let is_same = (other.trigger, other.case) == (subject.trigger, subject.case);
                kind == Implementation::Floor || is_same
            };
            let found = all.iter().find(|(other, _)| other.kind == kind && same(other));
            found.map(|(_, cost)| **cost)
        };
        let mut rows = Vec::new();
        for (subject, cost) in &all {
            let floor = find(Implementation::Floor, subject);
            let node = find(Implementation::Node, subject).filter(|_| {
                matches!(subject.kind, Implementation::Rust | Implementation::PreviousBuild)
            });
            let times = |other: Option<Cost>, of: fn(&Cost) -> f64| {
                other.map(|other| round(of(cost) / of(&other), 2))
            };
            let faster = |of: fn(&Cost) -> f64| node.map(|node| round(of(&node) / of(cost), 1));
            let sizes = subject.sizes()?;
            rows.push(vec![
                ("name", json!(subject.name())),
                ("ready ms", json!(milliseconds(cost.init_time))),
                ("answer ms", json!(milliseconds(cost.first_response_time))),
                ("× floor", json!(times(floor, |cost| cost.first_response_time.as_secs_f64()))),
                ("Node ×", json!(faster(|cost| cost.first_response_time.as_secs_f64()))),
                ("cpu ms", json!(milliseconds(cost.cpu))),
                ("c × floor", json!(times(floor, |cost| cost.cpu.as_secs_f64()))),
                ("warm ms", json!(milliseconds(cost.warm))),
                ("w cpu ms", json!(milliseconds(cost.warm_cpu))),
                ("p99 ms", json!(milliseconds(cost.p99))),
                ("w × floor", json!(times(floor, |cost| cost.warm.as_secs_f64()))),
                ("w Node ×", json!(faster(|cost| cost.warm.as_secs_f64()))),
                ("MB", json!(round(cost.memory as f64 / 1024.0, 1))),
                ("m × floor", json!(times(floor, |cost| cost.memory as f64))),
                ("binary KB", json!(sizes.map(|(bare, _)| bare / 1_000))),
                ("zip KB", json!(sizes.map(|(_, zipped)| zipped / 1_000))),
            ]);
        }
        let throttled = throttled.map(|throttled| {
            let rows = subjects.iter().zip(throttled).map(|(subject, throttled)| {
                vec![
                    ("name", json!(subject.name())),
                    ("call, free ms", json!(milliseconds(throttled.unthrottled_call))),
                    ("cpu ms", json!(milliseconds(throttled.free_cpu))),
                    ("call ms", json!(milliseconds(throttled.call))),
                    ("start and call ms", json!(milliseconds(throttled.start))),
                    ("all throttled ms", json!(milliseconds(throttled.fully_throttled_start))),
                ]
            });
            rows.collect()
        });
        let node = node.map(|node| format!("{}, {}", node.version, node.runtime));
        let machine = json!({ "processor": processor(), "node": node });
        Ok(Self { machine, costs: rows, throttled, left_out })
    }

    pub(crate) fn print(&self, as_json: bool) -> Result<(), BenchError> {
        let mut out = io::stdout().lock();
        let Self { machine, costs, throttled, left_out } = self;
        if as_json {
            let (throttled, why) = match throttled {
                Ok(rows) => (Some(rows), None),
                Err(reason) => (None, Some(reason)),
            };
            let objects = |rows: &[Row]| -> Vec<Value> {
                rows.iter().map(|row| row.iter().cloned().collect()).collect()
            };
            let all = json!({
                "machine": machine,
                "costs": objects(costs),
                "throttled": throttled.map(|rows| objects(rows)),
                "not throttled": why,
                "left out": left_out,
            });
            writeln!(out, "{all:#}")?;
            return Ok(());
        }
        let of_machine = |name: &str| machine.get(name).and_then(Value::as_str).unwrap_or("none");
        writeln!(out, "{}; Node.js: {}\n", of_machine("processor"), of_machine("node"))?;
        writeln!(
            out,
            "From process start to the first event asked for (ready) and to the first answer, and what \
             of that a processor took (c);"
        )?;
        writeln!(out, "warm calls (w, p99); peak resident memory (m).\n")?;
        write_table(&mut out, costs)?;
        for reason in left_out {
            writeln!(out, "\nLeft out: {reason}")?;
        }
        match throttled {
            Ok(rows) => {
                writeln!(
                    out,
                    "\nThe first answer with the processor share of a 128 MB function:\n"
                )?;
                write_table(&mut out, rows)?;
            }
            Err(reason) => writeln!(out, "\nNo throttled run: {reason}")?,
        }
        Ok(())
    }
}

fn write_table(out: &mut impl io::Write, rows: &[Row]) -> io::Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let names: Vec<String> = first.iter().map(|(name, _)| (*name).to_owned()).collect();
    let lines = rows.iter().map(|row| row.iter().map(|(_, value)| cell(value)).collect());
    let lines: Vec<Vec<String>> = std::iter::once(names).chain(lines).collect();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let cells = lines.iter().filter_map(|line| line.get(column));
            let width = cells.map(|cell| cell.chars().count()).max().unwrap_or_default();
            write!(out, "{cell:>width$}  ")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1e3, 3)
}

fn round(number: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (number * scale).round() / scale
}

fn processor() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names = about.lines().filter_map(|line| line.strip_prefix("model name"));
    let names: Vec<&str> = names.map(|name| name.trim_start_matches([' ', '\t', ':'])).collect();
    format!("{} × {}", names.len(), names.first().unwrap_or(&"unknown processor"))
}
