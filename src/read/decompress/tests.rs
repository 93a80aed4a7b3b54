use super::testing::{at, file, gzip, zstd};
use super::*;

/// All content with the members' numbers, and the end with its position.
fn content(bytes: &[u8], room: usize) -> (Vec<(u32, Vec<u8>)>, End, Position) {
    let (_folder, store, piece) = file(bytes, Part::Whole);
    let mut content = Content::open(&store, &piece, 0).unwrap();
    let mut members: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut out = vec![0; room];
    loop {
        match content.read(&mut out).unwrap() {
            Chunk::End(end) => return (members, end, content.position()),
            Chunk::Bytes { at, len } => {
                if members.last().is_none_or(|(member, _)| *member != at.member) {
                    members.push((at.member, Vec::new()));
                }
                let (_, last) = members.last_mut().unwrap();
                if at.member != Position::PLAIN {
                    assert_eq!(at.offset, last.len() as u64);
                }
                last.extend_from_slice(&out[..len]);
            }
        }
    }
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 58) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

const SKIPPABLE: &[u8] = b"\x53\x2a\x4d\x18\x03\x00\x00\x00abc";

#[test]
fn members_are_told_apart() {
    for (room, pack) in [(1, gzip as fn(&[u8]) -> Vec<u8>), (1 << 20, gzip), (1, zstd), (7, zstd)] {
        let file = [pack(b"one"), pack(b""), pack(b"three")].concat();
        let expected = vec![(0, b"one".to_vec()), (2, b"three".to_vec())];
        assert_eq!(content(&file, room), (expected, End::Complete, at(3, 0)));
    }
    let file = [SKIPPABLE, &zstd(b"one"), SKIPPABLE, &zstd(b"two"), SKIPPABLE].concat();
    let expected = vec![(0, b"one".to_vec()), (1, b"two".to_vec())];
    assert_eq!(content(&file, 9), (expected, End::Complete, at(2, 0)));
    assert_eq!(content(b"plain", 2).0, [(Position::PLAIN, b"plain".to_vec())]);
}

#[test]
fn large_content_comes_whole() {
    let long = noise(3 << 20);
    for file in [gzip(&long), zstd(&long)] {
        for room in [1 << 10, 100_000, 4 << 20] {
            let (members, end, _) = content(&file, room);
            assert!(members[0].1 == long && end == End::Complete);
        }
    }
}

#[test]
fn what_follows_the_last_member_is_padding_or_garbage() {
    for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
        let one = pack(b"one");
        let padding = vec![0; 600_000];
        let (_, end, position) = content(&[&one[..], &padding].concat(), 100);
        assert_eq!((end, position), (End::Complete, at(1, 0)));
        let (_, end, position) = content(&[&one[..], &padding, b"x"].concat(), 100);
        assert_eq!((end, position), (End::Garbage, at(1, 0)));
        let (_, end, position) = content(&[&one[..], b"garbage"].concat(), 100);
        assert_eq!((end, position), (End::Garbage, at(1, 0)));
    }
}

#[test]
fn every_cut_is_seen_and_what_stands_before_it_is_good() {
    let long = noise(400_000);
    for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
        let (first, second) = (pack(&long), pack(b"second"));
        let file = [&first[..], &second].concat();
        for cut in (4..file.len()).step_by(997).chain(first.len() - 9..file.len()) {
            let (members, end, position) = content(&file[..cut], 50_000);
            let expected = if cut == first.len() { End::Complete } else { End::Truncated };
            assert_eq!(end, expected, "cut at {cut}");
            let held: usize = members.iter().map(|(_, content)| content.len()).sum();
            assert!(members.is_empty() || long.starts_with(&members[0].1));
            let last = members.last().map_or(0, |(_, content)| content.len() as u64);
            assert!(position == at(0, last) || position.member == 1, "cut at {cut}");
            // The decoder gives all that can be known: at most a block is held back.
            assert!(held + (200 << 10) > long.len() * cut / file.len());
        }
    }
}

#[test]
fn damage_is_seen_and_blocks_before_it_are_good() {
    let long = noise(600_000);
    for pack in [gzip as fn(&[u8]) -> Vec<u8>, zstd] {
        let mut file = pack(&long);
        let last = file.len() - 1;
        // The last bytes are the checksum, or the length behind it.
        file[last] ^= 1;
        let (members, end, position) = content(&file, 1 << 20);
        assert!(members[0].1 == long);
        assert_eq!((end, position), (End::Corrupt, at(0, long.len() as u64)));
        let mut file = pack(&long);
        let half = file.len() / 2;
        file[half..half + 64].fill(0xff);
        let (members, end, _) = content(&file, 1 << 20);
        assert_eq!(end, End::Corrupt);
        // At least the blocks before the damage are there, and they are right.
        assert!(members[0].1.len() > 100_000);
        assert_eq!(members[0].1[..100_000], long[..100_000]);
    }
}

#[test]
fn a_window_above_the_limit_is_refused() {
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    std::io::Write::write_all(&mut encoder, b"small").unwrap();
    // Without the length of its content a frame needs all of its window.
    let file = encoder.finish().unwrap();
    assert_eq!(content(&file, 100), (vec![], End::Corrupt, at(0, 0)));
}

#[test]
fn a_file_that_changed_or_is_missing_is_an_error() {
    let (_folder, store, mut piece) = file(b"text", Part::Whole);
    assert!(check_size(&store, &piece).is_ok());
    piece.size = 5;
    assert!(matches!(check_size(&store, &piece), Err(ReadError::Changed { .. })));
    let mut content = Content::open(&store, &piece, 0).unwrap();
    let mut out = [0; 9];
    assert!(matches!(content.read(&mut out), Ok(Chunk::Bytes { len: 4, .. })));
    assert!(matches!(content.read(&mut out), Err(ReadError::Changed { .. })));
    piece.file = "missing".to_owned();
    assert!(matches!(check_size(&store, &piece), Err(ReadError::Store(_))));
}
