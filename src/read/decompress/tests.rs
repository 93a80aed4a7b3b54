use super::testing::{at, file, gzip, lz4, zstd};
use super::*;

/// What a range of a file gives.
#[derive(Debug, PartialEq, Eq, Default)]
struct Read {
    /// The members that hold content, by the offset they begin at.
    members: Vec<(u64, Vec<u8>)>,
    /// The first boundary: where the next task begins.
    boundary: Option<u64>,
    lost: Vec<(Position, &'static str)>,
}

fn read_range(bytes: &[u8], owned: Range<u64>, room: usize, is_entry: fn(&[u8]) -> bool) -> Read {
    let (_folder, store, piece) = file(bytes, Part::Whole);
    let want = Want { is_entry, ..Want::owned(&piece, owned) };
    let mut content = Content::open(&store, &piece, want).unwrap();
    let mut read = Read::default();
    let mut out = vec![0; room];
    loop {
        match content.read(&mut out).unwrap() {
            Chunk::End => return read,
            Chunk::Boundary => {
                read.boundary.get_or_insert(content.position().member);
            }
            Chunk::Lost { at, reason } | Chunk::Garbage { at, reason } => {
                read.lost.push((at, reason.as_str()));
            }
            Chunk::Bytes { at, len } => {
                if read.members.last().is_none_or(|(member, _)| *member != at.member) {
                    read.members.push((at.member, Vec::new()));
                }
                let (_, last) = read.members.last_mut().unwrap();
                if at.member != Position::PLAIN {
                    assert_eq!(at.offset, last.len() as u64);
                }
                last.extend_from_slice(&out[..len]);
            }
        }
    }
}

fn read(bytes: &[u8], room: usize) -> Read {
    read_range(bytes, 0..u64::MAX, room, |_| true)
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = bytes as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 58) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

const SKIPPABLE: &[u8] = b"\x53\x2a\x4d\x18\x03\x00\x00\x00abc";

type Packer = fn(&[u8]) -> Vec<u8>;

const PACKERS: [Packer; 3] = [gzip, zstd, lz4];

/// Members one behind the other, and where each begins.
fn join(members: &[Vec<u8>]) -> (Vec<u8>, Vec<u64>) {
    let mut starts = Vec::new();
    let mut file = Vec::new();
    for member in members {
        starts.push(file.len() as u64);
        file.extend_from_slice(member);
    }
    (file, starts)
}

#[test]
fn members_are_told_apart() {
    for (room, pack) in [(1, gzip as Packer), (1 << 20, gzip), (1, zstd), (7, zstd), (1, lz4)] {
        let (file, starts) = join(&[pack(b"one"), pack(b""), pack(b"three")]);
        let members = vec![(0, b"one".to_vec()), (starts[2], b"three".to_vec())];
        assert_eq!(read(&file, room), Read { members, ..Read::default() });
    }
    for pack in [zstd as Packer, lz4] {
        let parts = [pack(b"one"), SKIPPABLE.to_vec(), pack(b"two"), SKIPPABLE.to_vec()];
        let (file, starts) = join(&parts);
        let members = vec![(0, b"one".to_vec()), (starts[2], b"two".to_vec())];
        assert_eq!(read(&file, 9).members, members);
    }
    let file = [SKIPPABLE, &zstd(b"one")].concat();
    assert_eq!(read(&file, 9).members, [(SKIPPABLE.len() as u64, b"one".to_vec())]);
    assert_eq!(read(b"plain", 2).members, [(Position::PLAIN, b"plain".to_vec())]);
}

#[test]
fn large_content_comes_whole() {
    let long = noise(3 << 20);
    for pack in PACKERS {
        for room in [1 << 10, 100_000, 5 << 20] {
            let read = read(&pack(&long), room);
            assert!(read.members[0].1 == long && read.lost.is_empty());
        }
    }
}

#[test]
fn lz4_frames_of_all_kinds() {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let mut long = noise(300_000);
    long.extend_from_within(100_000..290_000);
    for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
        for (mode, sums) in [(BlockMode::Linked, true), (BlockMode::Independent, false)] {
            let info = FrameInfo::new()
                .block_size(size)
                .block_mode(mode)
                .block_checksums(sums)
                .content_checksum(sums)
                .content_size(sums.then_some(long.len() as u64));
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            std::io::Write::write_all(&mut encoder, &long).unwrap();
            let mut file = encoder.finish().unwrap();
            assert!(read(&file, 10_000).members[0].1 == long);
            let half = file.len() / 2;
            file[half] ^= 1;
            let damaged = read(&file, 10_000);
            if sums {
                assert_eq!(damaged.lost.len(), 1);
                assert!(damaged.members.iter().all(|(_, content)| long.starts_with(content)));
            }
        }
    }
}

#[test]
fn what_follows_a_member_is_padding_or_garbage() {
    for pack in PACKERS {
        let one = pack(b"one");
        let padding = vec![0; 600_000];
        let members = vec![(0, b"one".to_vec())];
        assert_eq!(
            read(&[&one[..], &padding].concat(), 100),
            Read { members: members.clone(), ..Read::default() }
        );
        for (gap, place) in [(&padding[..], one.len() + padding.len()), (b"", one.len())] {
            let lost = vec![(at(place as u64, 0), "corrupt")];
            let tail = [&one[..], gap, b"garbage"].concat();
            assert_eq!(
                read(&tail, 100),
                Read { members: members.clone(), lost: lost.clone(), boundary: None }
            );
            // Reading goes on behind it.
            let two = pack(b"two");
            let mut members = members.clone();
            members.push((tail.len() as u64, b"two".to_vec()));
            assert_eq!(read(&[tail, two].concat(), 100), Read { members, lost, boundary: None });
        }
    }
}

#[test]
fn every_cut_is_seen_and_what_stands_before_it_is_good() {
    let long = noise(400_000);
    for pack in PACKERS {
        let (first, second) = (pack(&long), pack(b"second"));
        let file = [&first[..], &second].concat();
        for cut in (8..file.len()).step_by(997).chain(first.len() - 9..file.len()) {
            let Read { members, lost, .. } = read(&file[..cut], 50_000);
            if cut == first.len() {
                assert!(lost.is_empty());
                continue;
            }
            assert_eq!(lost.len(), 1, "cut at {cut}");
            let (position, reason) = lost[0];
            assert_eq!(reason, "truncated");
            let held: usize = members.iter().map(|(_, content)| content.len()).sum();
            assert!(members.is_empty() || long.starts_with(&members[0].1));
            let last = members.last().map_or(0, |(_, content)| content.len() as u64);
            assert!(position == at(0, last) || position.member == first.len() as u64);
            // The decoder gives all that can be known: at most a block is held back.
            assert!(held + (400 << 10) > long.len() * cut / file.len());
        }
    }
}

#[test]
fn behind_damage_reading_goes_on() {
    let long = noise(600_000);
    // What an lz4 block holds is known when it is whole; here one has it all.
    for (pack, before) in PACKERS.into_iter().zip([100_000, 100_000, 0]) {
        let (good, starts) = join(&[pack(&long), pack(b"second"), pack(b"third")]);
        let last = (starts[2], b"third".to_vec());
        // The last bytes are the checksum, or the length behind it.
        let mut file = good.clone();
        file[usize::try_from(starts[1]).unwrap() - 1] ^= 1;
        let damaged = read(&file, 1 << 20);
        assert!(damaged.members[0].1 == long);
        assert_eq!(damaged.lost, [(at(0, long.len() as u64), "corrupt")]);
        assert_eq!(damaged.members[1..], [(starts[1], b"second".to_vec()), last.clone()]);

        let mut file = good.clone();
        let half = usize::try_from(starts[1] / 2).unwrap();
        file[half..half + 64].fill(0xff);
        let damaged = read(&file, 1 << 20);
        assert_eq!(damaged.lost.len(), 1);
        // At least the blocks before the damage are there, and they are right.
        assert!(damaged.members[0].1[..before] == long[..before]);
        assert_eq!(damaged.members.last(), Some(&last));

        // A member that is cut off swallows the beginning of the one behind it.
        let mut file = good.clone();
        file.drain(half..usize::try_from(starts[1]).unwrap());
        let damaged = read(&file, 1 << 20);
        assert_eq!(damaged.lost.len(), 1);
        let texts: Vec<&[u8]> = damaged.members.iter().map(|(_, text)| &text[..]).collect();
        assert!(texts.ends_with(&[b"second", b"third"]));
    }
}

#[test]
fn a_member_start_within_a_member_is_skipped() {
    let lines: Vec<Vec<u8>> = (0..40).map(|line| noise(1000 + line)).collect();
    // What deflate cannot make smaller it stores as it is, zstd and lz4 too.
    for (pack, inner) in PACKERS.into_iter().flat_map(|pack| [(pack, 1), (pack, 3)]) {
        let nested: Vec<u8> = (0..inner).flat_map(|n| pack(&scrambled(9000 + n))).collect();
        let payload = [b"page ".as_slice(), &nested, &scrambled(500)].concat();
        let mut members: Vec<Vec<u8>> = lines[..20].iter().map(|line| pack(line)).collect();
        members.push(pack(&payload));
        members.extend(lines[20..].iter().map(|line| pack(line)));
        let (file, starts) = join(&members);
        let magic = Compression::detect(&file).magic();
        let found = memchr::memmem::find_iter(&file, magic).count();
        assert!(found > members.len(), "the case is not made");
        let whole = read(&file, 1 << 16);
        for cut in (0..file.len() as u64).step_by(531).chain(starts.iter().copied()) {
            let tail = read_range(&file, cut..u64::MAX, 1 << 16, |_| true);
            let expected = starts.iter().copied().find(|start| *start >= cut);
            assert_eq!(tail.members.first().map(|(member, _)| *member), expected, "cut at {cut}");
            let head = read_range(&file, 0..cut.max(1), 1 << 16, |_| true);
            assert_eq!(head.boundary, starts.iter().copied().find(|&start| start >= cut.max(1)));
            assert_eq!(head.members, whole.members);
        }
    }
}

/// Bytes that no compressor makes smaller.
fn scrambled(bytes: usize) -> Vec<u8> {
    let mut state = bytes as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn tasks_hand_over_at_the_same_member_whatever_is_damaged() {
    let members: Vec<Vec<u8>> = (0..30).map(|line| noise(700 + 13 * line)).collect();
    for pack in PACKERS {
        let (good, starts) = join(&members.iter().map(|member| pack(member)).collect::<Vec<_>>());
        for damage in (40..good.len()).step_by(3777) {
            let mut file = good.clone();
            file[damage] ^= 0x55;
            for cut in starts.iter().flat_map(|start| [start.saturating_sub(3), *start, start + 5])
            {
                let head = read_range(&file, 0..cut.max(1), 1 << 16, |_| true);
                let tail = read_range(&file, cut.max(1)..u64::MAX, 1 << 16, |_| true);
                let enters = tail.members.first().map(|(member, _)| *member);
                assert!(
                    head.boundary == enters || enters.is_none() && head.boundary.is_none(),
                    "damage at {damage}, cut at {cut}: {:?} and {enters:?}",
                    head.boundary,
                );
            }
        }
    }
}

#[test]
fn only_a_member_that_begins_as_expected_is_entered() {
    let members: Vec<Vec<u8>> = (0..20)
        .map(|line| gzip(format!("{}{line}", if line % 2 == 0 { "+" } else { "-" }).as_bytes()))
        .collect();
    let (file, starts) = join(&members);
    let tail = read_range(&file, starts[3]..u64::MAX, 9, |head| head.starts_with(b"+"));
    assert_eq!(tail.members[0].0, starts[4]);
    let head = read_range(&file, 0..starts[3], 9, |head| head.starts_with(b"+"));
    assert_eq!(head.boundary, Some(starts[4]));
}

#[test]
fn files_of_small_members_are_worth_dividing() {
    let divisible = |bytes: &[u8]| {
        let (_folder, store, piece) = file(bytes, Part::Whole);
        Content::is_divisible(&store, &piece).unwrap()
    };
    assert!(divisible(b"plain"));
    for pack in PACKERS {
        let one = pack(b"one");
        assert!(!divisible(&one), "one member");
        assert!(divisible(&[&one[..], &pack(b"two")].concat()));
        // Longer than what is looked at.
        let long = pack(&scrambled(3 << 20));
        assert!(!divisible(&[&long[..], &one].concat()));
        assert!(!divisible(&one[..one.len() - 1]), "cut off");
    }
}

#[test]
fn a_bomb_is_cut_off() {
    let zeros = vec![0; 1 << 20];
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..400 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let file = [bomb.clone(), zstd(b"next")].concat();
    let read = read(&file, 1 << 20);
    assert_eq!(
        read.lost.iter().map(|lost| lost.1).collect::<Vec<_>>(),
        ["decompression-bomb-1100x"]
    );
    assert!(read.members[0].1.len() < 80 << 20);
    assert_eq!(read.members[1], (bomb.len() as u64, b"next".to_vec()));
    // As dense as gzip can be, and still read.
    let dense = gzip(&vec![b'x'; 100 << 20]);
    assert_eq!(super::tests::read(&dense, 1 << 20).members[0].1.len(), 100 << 20);
}

#[test]
fn a_dictionary_in_front_is_used() {
    // Made with the reference library (python-zstandard): see data-samples/README.md.
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/data-samples/formats");
    for name in ["dictionary.warc.zst", "packed-dictionary.warc.zst"] {
        #[expect(clippy::disallowed_methods, reason = "a sample, not what a store holds")]
        let file = std::fs::read(format!("{samples}/{name}")).unwrap();
        let whole = read(&file, 100);
        assert!(whole.lost.is_empty());
        assert_eq!(whole.members.len(), 30);
        for (index, (_, record)) in whole.members.iter().enumerate() {
            let page = format!("page no {index:04}\r\n\r\n");
            assert!(record.starts_with(b"WARC/1.1\r\n") && record.ends_with(page.as_bytes()));
        }
        let tail = read_range(&file, whole.members[19].0 + 1..u64::MAX, 100, |_| true);
        assert_eq!(tail.members, whole.members[20..]);
        // Without its dictionary a frame is damaged.
        let first = usize::try_from(whole.members[0].0).unwrap();
        assert_eq!(read(&file[first..], 100).lost[0], (at(0, 0), "corrupt"));
    }
}

#[test]
fn a_window_above_the_limit_is_refused() {
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    std::io::Write::write_all(&mut encoder, b"small").unwrap();
    // Without the length of its content a frame needs all of its window.
    let file = encoder.finish().unwrap();
    let lost = vec![(at(0, 0), "corrupt")];
    assert_eq!(read(&file, 100), Read { lost, ..Read::default() });
}

#[test]
fn a_file_that_changed_or_is_missing_is_an_error() {
    let (_folder, store, mut piece) = file(b"text", Part::Whole);
    assert!(check_size(&store, &piece).is_ok());
    piece.size = 5;
    assert!(matches!(check_size(&store, &piece), Err(ReadError::Changed { .. })));
    let mut content = Content::open(&store, &piece, Want::whole(&piece)).unwrap();
    let mut out = [0; 9];
    assert!(matches!(content.read(&mut out), Ok(Chunk::Bytes { len: 4, .. })));
    assert!(matches!(content.read(&mut out), Err(ReadError::Changed { .. })));
    piece.file = "missing".to_owned();
    assert!(matches!(check_size(&store, &piece), Err(ReadError::Store(_))));
}
