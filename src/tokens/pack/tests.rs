//! Rows: nothing lost, little wasted.

use proptest::prelude::*;

use super::*;
use crate::config::tokens::{ShardCompression, ShardFormat};
use crate::store::Store;
use crate::tokens::format::{ShardName, Width, create};

fn layout(packing: Packing, sequence_length: u32) -> ShardLayout {
    ShardLayout {
        format: ShardFormat::Npy,
        width: Width::U16,
        vocab_size: 50_257,
        end_of_document: 50_256,
        sequence_length,
        packing,
        compression: ShardCompression::Auto,
        masked: false,
    }
}

/// Packs documents of these lengths; gives the counts and the places.
fn packed(layout: &ShardLayout, lengths: &[usize]) -> (FinishedShard, Vec<Place>) {
    let name = ShardName { folder: "tokens".to_owned(), validation: false, number: 0 };
    let mut writer = create(&Store::in_memory(), &name, layout).unwrap();
    let mut places = Vec::new();
    for (number, &length) in lengths.iter().enumerate() {
        let tokens = vec![7; length * 2];
        let id = DocumentId(number as u128);
        writer.push(&TokenDocument { id, tokens: &tokens, loss: None }).unwrap();
        writer.places(&mut places);
    }
    let finished = writer.finish().unwrap();
    writer.places(&mut places);
    (finished, places)
}

/// Lengths like those of web pages: log-normal, median 490 tokens.
fn web(documents: usize) -> Vec<usize> {
    (0..documents as u128)
        .map(|number| {
            // The sum of twelve uniform numbers is normal enough.
            let draws = (0..12).map(|draw| DocumentId(number).draw(draw, "length"));
            let normal = draws.sum::<f64>() - 6.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let length = libm::exp(6.2 + 1.2 * normal) as usize;
            length.max(1)
        })
        .collect()
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn web_pages_leave_little_padding() {
    let lengths = web(16_000);
    let (finished, places) = packed(&layout(Packing::BestFit, 2048), &lengths);
    assert_eq!(finished.tokens, lengths.iter().sum::<usize>() as u64);
    let share = finished.padding as f64 / finished.tokens as f64;
    assert!(share < 0.0005, "{share} of {} tokens is padding", finished.tokens);
    assert_eq!(finished.cut, lengths.iter().filter(|&&length| length > 2048).count() as u64);
    // A shuffle stays one: places of rows and lengths of documents are independent.
    let n = places.len() as f64;
    let xs = places.iter().map(|place| place.offset as f64);
    let ys = places.iter().map(|place| place.length as f64);
    let (mean_x, mean_y) = (xs.clone().sum::<f64>() / n, ys.clone().sum::<f64>() / n);
    let spread = |values: &mut dyn Iterator<Item = f64>, mean: f64| {
        values.map(|value| (value - mean).powi(2)).sum::<f64>().sqrt()
    };
    let both = xs.clone().zip(ys.clone()).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>();
    let correlation = both / spread(&mut xs.clone(), mean_x) / spread(&mut ys.clone(), mean_y);
    assert!(correlation.abs() < 0.03, "correlation {correlation}");

    let (finished, _) = packed(&layout(Packing::Concatenate, 2048), &lengths);
    assert!(finished.padding < 2048);
    assert!(finished.cut > 4000, "concatenation cuts a document at nearly each row's end");
}

proptest! {
    #[test]
    fn every_token_has_a_place_of_its_own(
        lengths in proptest::collection::vec(1usize..70, 1..200),
        length in 1u32..40,
    ) {
        for packing in [Packing::Concatenate, Packing::BestFit] {
            let (finished, places) = packed(&layout(packing, length), &lengths);
            let total = finished.rows * u64::from(length);
            prop_assert_eq!(total, finished.tokens + finished.padding);
            let mut taken = vec![false; usize::try_from(total).unwrap()];
            let mut of = vec![0; lengths.len()];
            for place in &places {
                for at in place.offset..place.offset + place.length {
                    let at = usize::try_from(at).unwrap();
                    prop_assert!(!std::mem::replace(&mut taken[at], true));
                }
                of[usize::try_from(place.id.0).unwrap()] += usize::try_from(place.length).unwrap();
                if packing == Packing::BestFit {
                    let row = place.offset / u64::from(length);
                    prop_assert_eq!(row, (place.offset + place.length - 1) / u64::from(length));
                    let whole = lengths[usize::try_from(place.id.0).unwrap()] <= length as usize;
                    prop_assert!(!whole || place.length == lengths[usize::try_from(place.id.0).unwrap()] as u64);
                }
            }
            prop_assert_eq!(&of, &lengths);
        }
    }
}
