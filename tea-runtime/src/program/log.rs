//! Messages on standard error during the run: Tea's events, and whatever user code logs with `tracing`.

use std::{fmt, fmt::Write as _, io, str::FromStr, time::Instant};

use anstyle::{AnsiColor, Style};
use tracing::{
    Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use super::{args, console::Console, page};

/// The target of the output of workers.
const OUTPUT: &str = "tea::output";
/// The target of the last line of a successful run.
pub(super) const SUMMARY: &str = "tea::summary";

/// Sets up the subscriber, unless the program already has one. `RUST_LOG` (without regular expressions) takes
/// precedence.
pub(super) fn init(console: &Console, style: args::Style, verbosity: i16) {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| Targets::from_str(&text).ok());
    let filter = asked.unwrap_or_else(|| filter(verbosity));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(Lines(console.clone()));
    // An error means that the program has already set up its own subscriber, which should be used.
    let _ = match style {
        args::Style::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        args::Style::Text => {
            let start = (verbosity > 0).then(Instant::now);
            registry.with(layer.event_format(Plain { start })).try_init()
        }
    };
}

fn filter(verbosity: i16) -> Targets {
    match verbosity {
        ..=-1 => Targets::new().with_default(LevelFilter::ERROR),
        0 => Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target(OUTPUT, LevelFilter::INFO)
            .with_target(SUMMARY, LevelFilter::INFO),
        1 => Targets::new().with_default(LevelFilter::INFO),
        2 => Targets::new().with_default(LevelFilter::DEBUG),
        3.. => Targets::new().with_default(LevelFilter::TRACE),
    }
}

/// Passes complete records to the console.
struct Lines(Console);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

struct Line<'a>(&'a Console);

impl io::Write for Line<'_> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.0.print(&String::from_utf8_lossy(record));
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Formats lines for people: `warning: …`, and `[label] …` for the output of workers.
struct Plain {
    /// Times are shown, from here.
    start: Option<Instant>,
}

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut fields = Fields { own: metadata.target().starts_with("tea"), ..Fields::default() };
        event.record(&mut fields);
        let dim = Style::new().dimmed();
        if let Some(start) = self.start {
            write!(writer, "{dim}{:9.3}s{dim:#} ", start.elapsed().as_secs_f64())?;
        }
        if metadata.target() == OUTPUT {
            let label = if fields.label.is_empty() { "worker" } else { &fields.label };
            return writeln!(writer, "{dim}[{label}]{dim:#} {}", fields.message);
        }
        if metadata.target() == SUMMARY {
            return writeln!(writer, "{}", fields.message);
        }
        let (word, color) = match *metadata.level() {
            Level::ERROR => ("error", AnsiColor::Red),
            Level::WARN => ("warning", AnsiColor::Yellow),
            Level::INFO => ("info", AnsiColor::Green),
            Level::DEBUG => ("debug", AnsiColor::Blue),
            Level::TRACE => ("trace", AnsiColor::Magenta),
        };
        let style = color.on_default().bold();
        writeln!(writer, "{style}{word}{style:#}: {}{}", fields.message, fields.rest)
    }
}

/// The fields of an event. Tea's own messages already contain what their fields say.
#[derive(Default)]
struct Fields {
    own: bool,
    message: String,
    label: String,
    rest: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "label" if self.own => self.label = page::plain(value).into_owned(),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let result = match field.name() {
            "message" => write!(self.message, "{}", page::plain(&format!("{value:?}"))),
            _ if self.own => Ok(()),
            name => write!(self.rest, " {name}={}", page::plain(&format!("{value:?}"))),
        };
        result.expect("a string takes everything");
    }
}
