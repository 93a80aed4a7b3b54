//! Reading token after token.

use super::super::model::Rows;
use super::super::model::cached::Cache;
use super::parity::Golden;

#[test]
fn token_after_token_gives_the_logits_of_all_at_once() {
    for (name, golden) in Golden::models() {
        let settings = golden.settings("");
        let model = golden.trainer(&settings).model;
        let length = i64::from(settings.sequence_length);
        let ids = golden.tensors["windows"].narrow(0, 1, 1).narrow(1, 0, length).contiguous();
        let hidden = model.hidden(&ids, Rows { rows: 1, length, mask: None }).unwrap();
        let all = model.logits(&hidden.reshape([length, -1])).unwrap();
        let ids: Vec<i64> = Vec::try_from(ids.reshape([-1])).unwrap();
        for first in [1, 5, ids.len()] {
            let mut cache = Cache::default();
            let (prompt, rest) = ids.split_at(first);
            let mut found = vec![model.read(prompt, &mut cache).unwrap()];
            found.extend(rest.iter().map(|id| model.read(&[*id], &mut cache).unwrap()));
            assert_eq!(cache.length(), length);
            for (place, found) in (first - 1..).zip(found) {
                let expected: Vec<f32> = Vec::try_from(all.get(place as i64)).unwrap();
                let off = found.iter().zip(&expected).map(|(l, r)| (l - r).abs());
                let worst = off.fold(0.0, f32::max);
                assert!(worst < 1e-5, "{name} from {first} at {place}: {worst}");
            }
        }
    }
}
