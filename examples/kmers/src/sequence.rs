//! Reads a genome and divides it into parts.

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader, Read},
    ops::Range,
    path::Path,
};

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use crate::profile::{self, Window};

/// A genome in memory.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sequence {
    /// The header of the first record.
    pub(crate) title: String,
    /// The bases of all records in upper case, with an `N` between records, so that no k-mer spans two of them.
    #[serde(with = "serde_bytes")]
    pub(crate) bases: Vec<u8>,
}

/// A part of a genome that is sent to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    #[serde(with = "serde_bytes")]
    pub(crate) bases: Vec<u8>,
}

impl Sequence {
    /// Reads a FASTA file, plain or gzipped.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let at = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = BufReader::new(File::open(path).map_err(at)?);
        let mut text = Vec::new();
        if file.fill_buf().map_err(at)?.starts_with(&[0x1f, 0x8b]) {
            MultiGzDecoder::new(file).read_to_end(&mut text).map_err(at)?;
        } else {
            file.read_to_end(&mut text).map_err(at)?;
        }
        Self::parse(&text).map_err(|problem| format!("{}: {problem}", path.display()).into())
    }

    fn parse(fasta: &[u8]) -> Result<Self, &'static str> {
        let mut lines = fasta.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let title =
            lines.next().and_then(|line| line.strip_prefix(b">")).ok_or("no FASTA: it does not start with `>`")?;
        let mut bases = Vec::with_capacity(fasta.len());
        for line in lines {
            match line.first() {
                Some(b'>') => bases.push(b'N'),
                _ => bases.extend(line.iter().map(u8::to_ascii_uppercase)),
            }
        }
        Ok(Self { title: String::from_utf8_lossy(title).into_owned(), bases })
    }

    /// Divides the bases into at most `count` parts. Adjacent parts overlap by `k - 1` bases, so each k-mer is in
    /// exactly one.
    pub(crate) fn parts(&self, count: usize, k: usize) -> Vec<Part> {
        let starts = (self.bases.len() + 1).saturating_sub(k);
        if starts == 0 {
            return Vec::new();
        }
        let step = starts.div_ceil(count);
        (0..starts)
            .step_by(step)
            .map(|start| Part { bases: self.bases[start..(start + step + k - 1).min(self.bases.len())].to_vec() })
            .collect()
    }

    /// The windows of `size` bases each; the last one may be shorter.
    pub(crate) fn windows(&self, size: usize) -> Result<Vec<Range<usize>>, &'static str> {
        if size == 0 {
            return Err("a window must hold at least one base");
        }
        let end = self.bases.len();
        Ok((0..end).step_by(size).map(|start| start..end.min(start.saturating_add(size))).collect())
    }

    /// The GC profile of a window.
    pub(crate) fn profile(&self, range: &Range<usize>) -> Window {
        profile::window(range.start, &self.bases[range.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_apart() {
        let sequence = Sequence::parse(b">one\nACg\nT\n>two\nGG\n").unwrap();
        assert_eq!(sequence, Sequence { title: "one".into(), bases: b"ACGTNGG".to_vec() });
    }

    #[test]
    fn what_is_no_fasta_is_refused() {
        assert!(Sequence::parse(b"ACGT").is_err());
        assert!(Sequence::parse(b"").is_err());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Sequence::read(Path::new("/no/such/genome.fa")).unwrap_err().to_string();
        assert!(error.starts_with("/no/such/genome.fa: "), "{error}");
    }

    #[test]
    fn the_genome_is_whole() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/NC_008253.fna.gz");
        let sequence = Sequence::read(&path).unwrap();
        assert!(sequence.title.ends_with("Escherichia coli 536, complete genome"), "{}", sequence.title);
        assert_eq!(sequence.bases.len(), 4_938_920);
    }

    #[test]
    fn parts_hold_each_kmer_once() {
        let sequence = Sequence { title: String::new(), bases: (0..=255).collect() };
        for k in [1, 2, 21, 255, 256] {
            for count in [1, 2, 7, 300] {
                let parts = sequence.parts(count, k);
                assert!(parts.len() <= count);
                let found: Vec<_> = parts.iter().flat_map(|part| part.bases.windows(k)).collect();
                assert_eq!(found, sequence.bases.windows(k).collect::<Vec<_>>(), "k {k}, {count} parts");
            }
        }
        assert!(sequence.parts(4, 257).is_empty());
    }

    #[test]
    fn windows_cover_the_sequence() {
        let sequence = Sequence { title: String::new(), bases: b"GGGAACCCCC".to_vec() };
        assert_eq!(sequence.windows(4), Ok(vec![0..4, 4..8, 8..10]));
        assert_eq!(sequence.windows(usize::MAX).unwrap().len(), 1);
        assert!(sequence.windows(0).is_err());
        assert_eq!(sequence.profile(&(8..10)), Window { start: 8, gc_percent: 100.0, skew_percent: -100.0 });
    }
}
