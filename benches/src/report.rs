//! What a suite found, as Markdown. Each suite owns a block of BENCHMARKS.md, so one can be run without the others.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::harness::Lap;

/// What a suite found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    tables: Vec<Table>,
    budgets: Vec<Budget>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A promise, and how it was kept.
#[derive(Debug)]
struct Budget {
    what: String,
    limit: String,
    figure: String,
    met: bool,
}

impl Report {
    /// Adds a table.
    pub(crate) fn table(&mut self, title: impl Into<String>, columns: &[&str], rows: Vec<Vec<String>>) {
        let columns = columns.iter().map(ToString::to_string).collect();
        self.tables.push(Table { title: title.into(), columns, rows });
    }

    /// Adds the laps of one race as a table: median, best, and how many times the first contender's time.
    pub(crate) fn race(&mut self, title: impl Into<String>, laps: &[Lap]) {
        let row = |lap: &Lap| vec![lap.name.clone(), time(lap.median), time(lap.best), times(lap.ratio)];
        self.table(title, &["", "median", "best", "ratio"], laps.iter().map(row).collect());
    }

    /// Adds a budget: `figure` must be at most `limit`, both printed with `show`.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, figure: f64, limit: f64, show: fn(f64) -> String) {
        let limit_text = format!("≤ {}", show(limit));
        self.budgets.push(Budget { what: what.into(), limit: limit_text, figure: show(figure), met: figure <= limit });
    }

    /// The same, where `figure` must be at least `limit`.
    pub(crate) fn at_least(&mut self, what: impl Into<String>, figure: f64, limit: f64, show: fn(f64) -> String) {
        let limit_text = format!("≥ {}", show(limit));
        self.budgets.push(Budget { what: what.into(), limit: limit_text, figure: show(figure), met: figure >= limit });
    }

    /// Adds a paragraph.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// All of it as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for note in &self.notes {
            let _ = writeln!(text, "{note}\n");
        }
        for table in &self.tables {
            let _ = writeln!(text, "**{}**\n", table.title);
            write_table(&mut text, &table.columns, &table.rows);
        }
        if !self.budgets.is_empty() {
            let row = |budget: &Budget| {
                let met = if budget.met { "met" } else { "**missed**" };
                vec![budget.what.clone(), budget.limit.clone(), budget.figure.clone(), met.to_owned()]
            };
            write_table(&mut text, &budget_columns(), &self.budgets.iter().map(row).collect::<Vec<_>>());
        }
        text
    }
}

fn write_table(text: &mut String, columns: &[String], rows: &[Vec<String>]) {
    let _ = writeln!(text, "| {} |", columns.join(" | "));
    let _ = writeln!(text, "|---|{}", "---:|".repeat(columns.len() - 1));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
}

fn budget_columns() -> [String; 4] {
    ["Budget", "promised", "measured", ""].map(str::to_owned)
}

/// Puts the budgets of all suites in `file` into one table at its beginning.
pub(crate) fn collect_budgets(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let suites = text.split_once("<!-- end budgets -->").context("no block of budgets")?.1;
    let mut rows = Vec::new();
    for table in suites.split("\n\n").filter(|table| table.trim_start().starts_with("| Budget |")) {
        let cells = |line: &str| line.trim_matches(['|', ' ']).split('|').map(|cell| cell.trim().to_owned()).collect();
        rows.extend(table.trim_start().lines().skip(2).filter(|line| line.starts_with('|')).map(cells));
    }
    let mut block = String::new();
    write_table(&mut block, &budget_columns(), &rows);
    replace_block(file, "budgets", &block)
}

/// Replaces the block of `suite` in `file`.
pub(crate) fn replace_block(file: &Path, suite: &str, block: &str) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (begin, end) = (format!("<!-- begin {suite} -->\n"), format!("<!-- end {suite} -->"));
    let at = |marker: &str| text.find(marker).with_context(|| format!("{} lacks {marker:?}", file.display()));
    let (before, after) = (at(&begin)? + begin.len(), at(&end)?);
    fs::write(file, format!("{}{block}{}", &text[..before], &text[after..]))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Seconds, with the unit that fits.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s if s >= 1e-6 => format!("{:.2} µs", s * 1e6),
        s => format!("{:.0} ns", s * 1e9),
    }
}

/// A ratio.
pub(crate) fn times(ratio: f64) -> String {
    if ratio >= 100.0 { format!("{ratio:.0} ×") } else { format!("{ratio:.2} ×") }
}

/// Bytes a second.
pub(crate) fn rate(bytes_per_second: f64) -> String {
    format!("{:.2} GB/s", bytes_per_second / 1e9)
}
