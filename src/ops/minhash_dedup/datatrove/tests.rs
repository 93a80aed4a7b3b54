use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

use xxhash_rust::xxh3::xxh3_64;

use super::*;

const HELLO: &str = "The quick brown fox jumps over the lazy dog. On 3.14 March 2024, naïve café-goers (about \
                     12) said: \"Hello!\"";

fn simple(text: &str) -> String {
    let (mut buffer, mut out) = ("left over".to_owned(), "left over".to_owned());
    simplify(text, &mut buffer, &mut out);
    out
}

#[test]
fn the_documented_example_comes_out() {
    let signer = Signer::new(5, 112, 1, Hash::Xxhash, Precision::Bits64);
    let simplified = "the quick brown fox jumps over the lazy dog on 0 march 0 naive cafe goers about 0 said hello";
    assert_eq!(simple(HELLO), simplified);
    assert_eq!(
        signer.blocks[0].factor[..3],
        [775_169_054_918_279_404, 1_758_426_461_858_698_313, 2_109_959_069_025_162]
    );
    assert_eq!(
        signer.blocks[0].offset[..3],
        [1_062_448_801_025_099_917, 1_324_811_268_927_594_100, 1_217_488_311_597_731_462]
    );
    let (mut scratch, mut signature) = (Scratch::default(), Vec::new());
    assert!(signer.sign(HELLO, &mut scratch, &mut signature));
    assert_eq!(scratch.shingles[0], 7_797_000_677_988_824_208);
    let bucket_0 = [
        85_330_943_174_081_874,
        423_634_973_625_237_846,
        44_095_403_116_126_419,
        34_440_879_854_629_237,
        61_855_137_681_486_992,
        117_899_488_208_280_896,
        127_290_754_434_103_051,
        6_074_388_757_106_714,
    ];
    assert_eq!(signature[..8], bucket_0);
    assert_eq!(signature.len(), 112);
    assert!(!signer.sign("one two three four, ", &mut scratch, &mut signature));
    assert!(signature.is_empty());
}

/// What `benches/parity/minhash_signatures.py` writes about a text.
#[derive(Deserialize)]
struct Golden {
    text: String,
    simplified: String,
    #[serde(flatten)]
    signatures: BTreeMap<String, Option<String>>,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads its own data")]
fn signatures_are_those_of_datatrove() {
    let signers = [
        ("xxhash-64", Signer::new(5, 112, 1, Hash::Xxhash, Precision::Bits64)),
        ("xxhash-32", Signer::new(5, 112, 1, Hash::Xxhash, Precision::Bits32)),
        ("sha1-64", Signer::new(5, 112, 1, Hash::Sha1, Precision::Bits64)),
        ("sha1-32", Signer::new(5, 112, 1, Hash::Sha1, Precision::Bits32)),
        ("13-grams", Signer::new(13, 117, 2_000_000_017, Hash::Xxhash, Precision::Bits64)),
    ];
    let file = std::env::var("TAMIS_DATATROVE_MINHASH").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/datatrove_minhash.jsonl").to_owned()
    });
    let (mut texts, mut signed, mut wrong) = (0, 0, Vec::new());
    let (mut scratch, mut signature) = (Scratch::default(), Vec::new());
    for line in BufReader::new(File::open(file).unwrap()).lines() {
        let golden: Golden = serde_json::from_str(&line.unwrap()).unwrap();
        texts += 1;
        if format!("{:016x}", xxh3_64(simple(&golden.text).as_bytes())) != golden.simplified {
            wrong.push(format!("text {texts} is simplified to {:?}", simple(&golden.text)));
        }
        for (name, signer) in &signers {
            let found = signer.sign(&golden.text, &mut scratch, &mut signature).then(|| {
                let bytes: Vec<u8> =
                    signature.iter().flat_map(|value| value.to_le_bytes()).collect();
                format!("{:016x}", xxh3_64(&bytes))
            });
            signed += usize::from(found.is_some());
            if found != golden.signatures[*name] {
                wrong.push(format!("text {texts} has another signature {name}"));
            }
        }
    }
    assert!(signed > 50 * signers.len());
    assert!(wrong.is_empty(), "{} of {texts} texts: {wrong:#?}", wrong.len());
}

#[test]
fn all_kernels_give_the_same() {
    let mut random = RandomState::new(1);
    for count in [1, 8, 9, 112, 117] {
        let signer = Signer::new(5, count, 3, Hash::Xxhash, Precision::Bits64);
        let mut shingles: Vec<u64> = (0..300).map(|_| random.next_in(0, u64::MAX)).collect();
        shingles.extend([0, 1, u64::MAX, PRIME, PRIME - 1, PRIME + 1, PRIME << 1, PRIME << 3]);
        for mask in [u64::MAX, u32::MAX.into()] {
            let run = |kernel: Kernel| {
                let mut signature = vec![u64::MAX; signer.blocks.len() * 8];
                kernel(&signer.blocks, mask, &shingles, &mut signature);
                signature
            };
            // The definition.
            let places =
                signer.blocks.iter().flat_map(|block| block.factor.iter().zip(block.offset));
            let expected: Vec<u64> = places
                .map(|(factor, offset)| {
                    let values = shingles.iter().map(|shingle| {
                        (shingle.wrapping_mul(*factor).wrapping_add(offset) % PRIME) & mask
                    });
                    values.min().unwrap()
                })
                .collect();
            assert_eq!(run(minima), expected);
            assert_eq!(run(kernel()), expected);
            #[cfg(target_arch = "x86_64")]
            if is_x86_feature_detected!("avx2") {
                assert_eq!(run(x86::avx2), expected);
            }
        }
    }
    // Multiples of the prime are zero.
    let block = Block { factor: [1; 8], offset: [0; 8] };
    for shingle in [0, PRIME, PRIME * 2, PRIME * 8] {
        let mut signature = [u64::MAX; 8];
        minima(&[block], u64::MAX, &[shingle], &mut signature);
        assert_eq!(signature, [0; 8]);
    }
}

#[test]
fn hostile_texts_are_signed() {
    let signer = Signer::new(5, 112, 1, Hash::Xxhash, Precision::Bits64);
    let (mut scratch, mut signature) = (Scratch::default(), Vec::new());
    for unit in ["a", "1.", "\u{301}", "\u{200b}", "\r\n", "\0", "Σ", "\u{1e4ec}", ". ", "字"] {
        let text = unit.repeat(300_000 / unit.len());
        let has_words = signer.sign(&text, &mut scratch, &mut signature);
        assert_eq!(has_words, !signature.is_empty(), "{unit:?}");
    }
}
