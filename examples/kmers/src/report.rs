//! The report as text.

use std::fmt::Write;

use crate::{
    counts::Spectrum,
    profile::{Replication, Window},
    sequence::Sequence,
};

/// The number of multiplicities with their own row; the rest share one.
const ROWS: u32 = 8;
/// The length of the longest bar, in characters.
const BAR: f64 = 40.0;

/// Summarizes all results on one page.
pub(crate) fn render(
    sequence: &Sequence,
    k: usize,
    spectrum: &Spectrum,
    gc: &[Window],
    replication: &Replication,
) -> String {
    let mut page = format!("{}\n{} bases\n", sequence.title, sequence.bases.len());
    // Writing to a `String` cannot fail.
    let _ = spectrum_table(&mut page, k, spectrum);
    let _ = gc_chart(&mut page, gc);
    let Replication { origin, terminus } = replication;
    let _ =
        writeln!(page, "\nreplication, from the cumulative GC skew: origin near {origin}, terminus near {terminus}");
    page
}

fn spectrum_table(page: &mut String, k: usize, spectrum: &Spectrum) -> std::fmt::Result {
    let distinct: u64 = spectrum.values().sum();
    let total: u64 = spectrum.iter().map(|(times, kmers)| u64::from(*times) * kmers).sum();
    writeln!(page, "\ncanonical {k}-mers: {total} in all, {distinct} distinct\n\n  occurs   {k}-mers")?;
    for (times, kmers) in spectrum.range(..=ROWS) {
        writeln!(page, "  {times:>5}x  {kmers:>8}")?;
    }
    let more: u64 = spectrum.range(ROWS + 1..).map(|(_, kmers)| kmers).sum();
    if let Some((most, _)) = spectrum.last_key_value().filter(|_| more > 0) {
        writeln!(page, "    more  {more:>8}  (up to {most}x)")?;
    }
    Ok(())
}

fn gc_chart(page: &mut String, gc: &[Window]) -> std::fmt::Result {
    let least = gc.iter().map(|window| window.gc_percent).fold(f64::INFINITY, f64::min);
    let greatest = gc.iter().map(|window| window.gc_percent).fold(f64::NEG_INFINITY, f64::max);
    writeln!(page, "\n     start     GC    skew")?;
    for window in gc {
        let share = if greatest > least { (window.gc_percent - least) / (greatest - least) } else { 1.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to BAR")]
        let bar = "#".repeat((share * BAR).round() as usize);
        let line = format!("  {:>8} {:>5.2}% {:>+6.2}% {bar}", window.start, window.gc_percent, window.skew_percent);
        writeln!(page, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_reads_well() {
        let sequence = Sequence { title: "toy".into(), bases: b"ACGT".to_vec() };
        let spectrum = Spectrum::from([(1, 5), (2, 1), (9, 2), (30, 1)]);
        let gc = [(0, 40.0, -1.5), (100, 60.0, 2.0)];
        let gc = gc.map(|(start, gc_percent, skew_percent)| Window { start, gc_percent, skew_percent });
        let page = render(&sequence, 3, &spectrum, &gc, &Replication { origin: 1, terminus: 2 });
        let expected = "\
toy
4 bases

canonical 3-mers: 55 in all, 9 distinct

  occurs   3-mers
      1x         5
      2x         1
    more         3  (up to 30x)

     start     GC    skew
         0 40.00%  -1.50%
       100 60.00%  +2.00% ########################################

replication, from the cumulative GC skew: origin near 1, terminus near 2
";
        assert_eq!(page, expected);
    }
}
