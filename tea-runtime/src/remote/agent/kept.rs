//! Bytes that several units read, for as long as the program has them.

use std::{collections::HashMap, sync::Arc};

use crate::{
    executor::wire::{Bytes, EncodedView, Piece, ValueHead},
    remote::{
        frames::Payload,
        message::{PieceHead, Unit},
    },
};

/// What the program has sent for several units.
#[derive(Default)]
pub(super) struct Kept {
    pieces: HashMap<u64, Piece>,
    /// What units of each map read, by run and site.
    views: HashMap<(u64, u32), View>,
}

/// What a unit reads. Other units of its map may read the same, and a worker that has got it is not sent it again.
struct View {
    heads: Vec<ValueHead>,
    pieces: Vec<PieceHead>,
    encoded: Arc<EncodedView>,
}

impl Kept {
    pub(super) fn keep(&mut self, number: u64, piece: Piece) {
        self.pieces.insert(number, piece);
    }

    /// The program does not have these any more.
    pub(super) fn forget(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.pieces.remove(number);
        }
        let is_gone = |piece: &PieceHead| matches!(piece, PieceHead::Kept(number) if numbers.contains(number));
        self.views.retain(|_, view| !view.pieces.iter().any(is_gone));
    }

    /// No more units of this run will come.
    pub(super) fn run_ended(&mut self, run: u64) {
        self.views.retain(|(of, _), _| *of != run);
    }

    /// What a unit reads, of which `own`, a part of the payload, is its own; `None` if that did not arrive as a whole.
    pub(super) fn view(
        &mut self,
        unit: &mut Unit<'_>,
        payload: &Payload<'_>,
        mut own: &[u8],
    ) -> Option<Arc<EncodedView>> {
        let (heads, pieces) = (std::mem::take(&mut unit.view).into_owned(), std::mem::take(&mut unit.pieces));
        let site = (!unit.head.items.is_empty()).then_some((unit.run, unit.head.site));
        let known = site.and_then(|site| self.views.get(&site));
        if let Some(known) = known.filter(|known| own.is_empty() && known.pieces == pieces && known.heads == heads) {
            return Some(Arc::clone(&known.encoded));
        }
        let mut bytes = Bytes::default();
        for piece in &pieces {
            match piece {
                PieceHead::Own(length) => {
                    let (piece, rest) = own.split_at_checked(usize::try_from(*length).ok()?)?;
                    match payload.piece(piece, false) {
                        Piece::Written(piece) => bytes.end().extend_from_slice(&piece),
                        piece @ Piece::InPlace { .. } => bytes.rest.push(piece),
                    }
                    own = rest;
                }
                PieceHead::Kept(number) => bytes.rest.push(self.pieces.get(number)?.clone()),
            }
        }
        let encoded = EncodedView::new(heads.clone(), bytes);
        if let Some(site) = site {
            self.views.insert(site, View { heads, pieces, encoded: Arc::clone(&encoded) });
        }
        own.is_empty().then_some(encoded)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::executor::wire::UnitHead;

    fn unit(site: u32, items: usize, pieces: Vec<PieceHead>) -> Unit<'static> {
        let head = UnitHead {
            module: Cow::Borrowed(""),
            workflow: Cow::Borrowed(""),
            site,
            first: 0,
            attempt: 1,
            max_payload: 100,
            items: vec![1; items],
            position: Cow::default(),
            reads: None,
            records: Cow::default(),
        };
        let view = Cow::Borrowed(&[ValueHead { key: 3, length: 5 }][..]);
        Unit { unit: 1, run: 7, head, view, pieces, folder: None, left: None }
    }

    fn bytes(view: Option<Arc<EncodedView>>) -> Option<Vec<u8>> {
        let Bytes { start, rest } = &view?.bytes;
        Some([&start[..]].into_iter().chain(rest.iter().map(|piece| &**piece)).collect::<Vec<_>>().concat())
    }

    #[test]
    fn what_a_unit_reads_is_put_together_from_what_is_kept_and_what_is_its_own() {
        let mut kept = Kept::default();
        kept.keep(9, Piece::behind(vec![0, 0, 4, 5], 2, true));
        let pieces = || vec![PieceHead::Own(2), PieceHead::Kept(9), PieceHead::Own(1)];
        let view = |kept: &mut Kept, own: &[u8]| kept.view(&mut unit(0, 0, pieces()), &Payload::Short(own), own);
        assert_eq!(bytes(view(&mut kept, &[1, 2, 3])), Some(vec![1, 2, 4, 5, 3]));
        assert!(view(&mut kept, &[1, 2]).is_none(), "too little");
        assert!(view(&mut kept, &[1, 2, 3, 4]).is_none(), "too much");
        kept.forget(&[9]);
        assert!(view(&mut kept, &[1, 2, 3]).is_none(), "it is not there");
    }

    #[test]
    fn units_of_a_map_that_read_the_same_have_the_same_view_until_it_is_forgotten() {
        let mut kept = Kept::default();
        kept.keep(9, Piece::behind(vec![4, 5], 0, true));
        kept.keep(10, Piece::behind(vec![6], 0, true));
        let number = |kept: &mut Kept, site, items, pieces: &[u64]| {
            let pieces = pieces.iter().map(|number| PieceHead::Kept(*number)).collect();
            kept.view(&mut unit(site, items, pieces), &Payload::Short(&[]), &[]).map(|view| view.number)
        };
        let first = number(&mut kept, 0, 2, &[9]);
        assert!(first.is_some() && number(&mut kept, 0, 1, &[9]) == first);
        for (site, items, pieces) in [(1, 1, &[9][..]), (0, 0, &[9]), (0, 1, &[9, 10])] {
            assert_ne!(number(&mut kept, site, items, pieces), first, "another map, a branch, another view");
        }
        kept.forget(&[9]);
        assert_eq!(number(&mut kept, 1, 1, &[9]), None);
        assert!(number(&mut kept, 1, 1, &[10]).is_some());
    }
}
