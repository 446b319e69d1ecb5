//! The data that is sent: plain bytes, numbers, and rows with strings.

use std::hint::black_box;

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// What kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `Vec<u8>`.
    Bytes,
    /// `Vec<f64>`.
    Numbers,
    /// `Vec<Row>`.
    Rows,
}

impl Shape {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Bytes, Self::Numbers, Self::Rows];

    /// As in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Numbers => "f64",
            Self::Rows => "rows",
        }
    }
}

/// A row as a table of a feature pipeline would hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    /// A running number.
    pub(crate) id: u64,
    /// A short text.
    pub(crate) name: String,
    /// Some measurements.
    pub(crate) values: [f64; 3],
}

/// Bytes that do not compress or repeat.
pub(crate) fn bytes(size: usize) -> Vec<u8> {
    numbers(size.div_ceil(8) * 8).iter().flat_map(|number| number.to_le_bytes()).take(size).collect()
}

/// So many bytes of numbers.
pub(crate) fn numbers(size: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 32).unwrap_or(0)) / 7.0
    };
    std::iter::repeat_with(next).take(size / 8).collect()
}

/// About so many bytes of rows.
pub(crate) fn rows(size: usize) -> Vec<Row> {
    let row = |id: usize| {
        let id = u64::try_from(id).unwrap_or(0);
        Row { id, name: format!("sample {id:012}"), values: [0.25, 1.5, 1e-3] }
    };
    (0..size.div_ceil(48)).map(row).collect()
}

/// As the baselines encode it: the codec a hand-written program would take.
pub(crate) fn encode(shape: Shape, size: usize) -> Box<dyn Fn() -> Result<Vec<u8>>> {
    match shape {
        Shape::Bytes => {
            let value = serde_bytes::ByteBuf::from(bytes(size));
            Box::new(move || Ok(postcard::to_stdvec(&value)?))
        }
        Shape::Numbers => {
            let value = numbers(size);
            Box::new(move || Ok(postcard::to_stdvec(&value)?))
        }
        Shape::Rows => {
            let value = rows(size);
            Box::new(move || Ok(postcard::to_stdvec(&value)?))
        }
    }
}

/// Decodes what [`encode`] gave, and drops it.
pub(crate) fn decode(shape: Shape, bytes: &[u8]) -> Result<()> {
    match shape {
        Shape::Bytes => drop(black_box(postcard::from_bytes::<serde_bytes::ByteBuf>(bytes)?)),
        Shape::Numbers => drop(black_box(postcard::from_bytes::<Vec<f64>>(bytes)?)),
        Shape::Rows => drop(black_box(postcard::from_bytes::<Vec<Row>>(bytes)?)),
    }
    Ok(())
}
