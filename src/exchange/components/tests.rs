use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::exchange::{Cuts, ExchangeWriter};

fn pool(threads: usize) -> ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Writes edges, in the directions given, to `files` files.
fn write(store: &Store, edges: &[(u64, u64)], files: usize) -> Vec<String> {
    let mut writers: Vec<_> = (0..files)
        .map(|number| {
            let path = format!("edges-{number}");
            (path.clone(), ExchangeWriter::new(store, path, Cuts::Even { parts: 1 }, 1 << 20))
        })
        .collect();
    for (at, &(left, right)) in edges.iter().enumerate() {
        let mut key = Key::default();
        key[..8].copy_from_slice(&left.to_be_bytes());
        key[8..16].copy_from_slice(&right.to_be_bytes());
        writers[at % files].1.push(key, &[]).unwrap();
    }
    for (_, writer) in writers {
        writer.finish().unwrap();
    }
    (0..files).map(|number| format!("edges-{number}")).collect()
}

/// Smallest labels spread until nothing changes.
fn naive(edges: &[(u64, u64)]) -> (Vec<(u64, u64)>, Stats) {
    let mut labels = BTreeMap::new();
    for &(left, right) in edges.iter().filter(|(left, right)| left != right) {
        labels.insert(left, left);
        labels.insert(right, right);
    }
    loop {
        let mut changed = false;
        for (left, right) in edges {
            let (Some(&one), Some(&other)) = (labels.get(left), labels.get(right)) else {
                continue;
            };
            changed |= one != other;
            labels.insert(*left, one.min(other));
            labels.insert(*right, one.min(other));
        }
        if !changed {
            break;
        }
    }
    let mut sizes = BTreeMap::new();
    for root in labels.values() {
        *sizes.entry(*root).or_insert(0) += 1;
    }
    let stats = sizes.values().fold(Stats::default(), |stats, &size| stats.with(size));
    (labels.into_iter().collect(), stats)
}

type Result<T> = std::result::Result<T, ExchangeError>;

fn gather<T>(
    run: impl FnOnce(&mut dyn FnMut(u64, u64) -> Result<()>) -> Result<T>,
) -> Result<(Vec<(u64, u64)>, T)> {
    let mut found = Vec::new();
    let end = run(&mut |node, root| {
        found.push((node, root));
        Ok(())
    })?;
    Ok((found, end))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Every way gives what the definition says, whatever the threads, files and widths.
    #[test]
    fn all_ways_agree(
        nodes in 1_u64..3000,
        seeds in proptest::collection::vec((any::<u32>(), any::<u32>(), 0_u8..8), 0..1500),
        files in 1_usize..5,
        threads in prop::sample::select(vec![1_usize, 2, 4]),
        width in 1_u32..700,
    ) {
        let edges: Vec<_> = seeds
            .iter()
            .flat_map(|&(left, right, kind)| {
                let (left, right) = (u64::from(left) % nodes, u64::from(right) % nodes);
                match kind {
                    0 => vec![(left, left)],
                    1 => vec![(left, right), (right, left), (left, right)],
                    2 => vec![(left, (left + 1) % nodes)],
                    _ => vec![(left, right)],
                }
            })
            .collect();
        let (expected, stats) = naive(&edges);
        let store = Store::in_memory();
        let files = write(&store, &edges, files);
        let pool = pool(threads);
        let graph = Components { store: &store, files: &files, nodes, memory: 1 << 20, scratch: "tmp".to_owned(), pool: &pool };
        let before = store.list("").unwrap().len();

        prop_assert_eq!(gather(|each| flat::each(&graph, each)).unwrap(), (expected.clone(), stats));
        prop_assert_eq!(gather(|each| ranked::each(&graph, each)).unwrap(), (expected.clone(), Some(stats)));
        // Few ranges of many nodes or many of few.
        let width = width.max(u32::try_from(nodes / 100).unwrap());
        let (found, (external, _)) = gather(|each| external::each(&graph, width, each)).unwrap();
        prop_assert_eq!((found, external), (expected, stats));
        prop_assert_eq!(store.list("").unwrap().len(), before);
    }
}

/// Numbers below `nodes` in an order of no order.
fn shuffled(nodes: u64) -> Vec<u64> {
    let mut all: Vec<u64> = (0..nodes).collect();
    all.sort_by_key(|node| mix(*node));
    all
}

/// A number that looks random.
fn mix(number: u64) -> u64 {
    let mut value = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Shapes that label propagation needs many rounds for: no edge is handed on often.
#[test]
fn the_sweep_stays_short_on_bad_shapes() {
    let nodes = 100_000_u64;
    let line: Vec<u64> = (0..nodes).collect();
    let random = shuffled(nodes);
    let path = |order: &[u64]| order.windows(2).map(|two| (two[0], two[1])).collect::<Vec<_>>();
    let star = |order: &[u64]| order[1..].iter().map(|&leaf| (order[0], leaf)).collect::<Vec<_>>();
    let reversed: Vec<u64> = (0..nodes).rev().collect();
    let tree = |order: &[u64]| {
        let at = |place: u64| order[usize::try_from(place).unwrap()];
        (1..nodes).map(|place| (at((place - 1) / 2), at(place))).collect::<Vec<_>>()
    };
    // Ends next to each other, middles far away: 0, n-1, 1, n-2, …
    let zigzag: Vec<u64> = (0..nodes / 2).flat_map(|low| [low, nodes - 1 - low]).collect();
    let cliques: Vec<_> = (0..nodes / 20)
        .flat_map(|clique| {
            let member = move |at: u64| clique * 20 + at;
            let inside =
                (0..20).flat_map(move |one| (0..one).map(move |two| (member(one), member(two))));
            inside.chain((clique > 0).then(|| (member(0), member(0) - 1)))
        })
        .collect();
    // A core of few nodes that all others have edges to.
    let core: Vec<_> = (0..nodes)
        .flat_map(|node| (0..4).map(move |turn| (node, mix(node * 4 + turn) % 1000)))
        .collect();
    let shapes = [
        ("sorted path", path(&line), 0.001),
        ("random path", path(&random), 1.0),
        ("zigzag path", path(&zigzag), 1.0),
        ("star of the first", star(&line), 0.0),
        ("star of the last", star(&reversed), 1.0),
        ("star of any", star(&random), 1.0),
        ("sorted tree", tree(&line), 0.1),
        ("random tree", tree(&random), 1.2),
        ("cliques in a row", cliques, 0.01),
        ("core", core, 2.0),
    ];
    let pool = pool(2);
    for (name, edges, most) in shapes {
        let store = Store::in_memory();
        let files = write(&store, &edges, 2);
        let graph = Components {
            store: &store,
            files: &files,
            nodes,
            memory: 1 << 16,
            scratch: "tmp".to_owned(),
            pool: &pool,
        };
        // Some 60 ranges.
        let width = external::width(&graph);
        let (found, (stats, moved)) = gather(|each| external::each(&graph, width, each)).unwrap();
        assert_eq!(stats, Stats { components: 1, members: nodes, largest: nodes }, "{name}");
        assert!(found.iter().copied().eq((0..nodes).map(|node| (node, 0))), "{name}");
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let share = moved as f64 / edges.len() as f64;
        assert!(share <= most, "{name}: {share} of the edges were handed on");
    }
}

/// The memory given decides which way is gone, and every way gives the same.
#[test]
fn memory_decides_the_way() {
    let nodes = 100_000;
    let edges: Vec<_> = (0..2000).map(|edge| (mix(edge) % nodes, mix(!edge) % nodes)).collect();
    let (expected, stats) = naive(&edges);
    let store = Store::in_memory();
    let files = write(&store, &edges, 3);
    let pool = pool(2);
    // 400 kB for all nodes; 13.3 kB and 4 bytes for each of nearly 4000 nodes.
    for (memory, flat, ranked) in
        [(400_000, true, true), (399_999, false, true), (24_000, false, false)]
    {
        let graph = Components {
            store: &store,
            files: &files,
            nodes,
            memory,
            scratch: "tmp".to_owned(),
            pool: &pool,
        };
        assert_eq!(flat::fits(&graph), flat);
        assert_eq!(gather(|each| ranked::each(&graph, each)).unwrap().1.is_some(), ranked);
        let found = gather(|each| graph.each(each)).unwrap();
        assert_eq!(found, (expected.clone(), stats));
    }
    let few = Components {
        store: &store,
        files: &files,
        nodes,
        memory: 1000,
        scratch: "tmp".to_owned(),
        pool: &pool,
    };
    assert!(!ranked::may_fit(&few));
}

#[test]
fn large_numbers_and_bad_ones() {
    let nodes = 1 << 33;
    let edges = [(nodes - 1, nodes - 2), (nodes - 2, 5), (7, 1 << 32), (9, 8)];
    let (expected, stats) = naive(&edges);
    let store = Store::in_memory();
    let files = write(&store, &edges, 1);
    let pool = pool(2);
    let mut graph = Components {
        store: &store,
        files: &files,
        nodes,
        memory: 1 << 40,
        scratch: "tmp".to_owned(),
        pool: &pool,
    };
    assert!(!flat::fits(&graph) && ranked::may_fit(&graph));
    // A thousand ranges, most of them empty.
    let (found, (external, _)) = gather(|each| external::each(&graph, 1 << 23, each)).unwrap();
    assert_eq!((found, external), (expected, stats));

    for memory in [1 << 40, 1 << 10] {
        graph.nodes = 6;
        graph.memory = memory;
        let error = graph.each::<ExchangeError>(|_, _| Ok(())).unwrap_err();
        assert!(error.to_string().contains("an edge to a node that does not exist"), "{error}");
    }
}

#[test]
fn no_edges_no_components() {
    let store = Store::in_memory();
    let pool = pool(1);
    for (nodes, memory) in [(0, 0), (10, 40), (10, 0)] {
        let graph = Components {
            store: &store,
            files: &[],
            nodes,
            memory,
            scratch: "tmp".to_owned(),
            pool: &pool,
        };
        let found = gather(|each| graph.each(each)).unwrap();
        assert_eq!(found, (Vec::new(), Stats::default()));
    }
}

/// Wall time of a large random graph, in two runs, so that the memory of the first is not counted:
/// ```text
/// cargo test --release --lib components::tests::figures --no-run   # prints the program's path
/// FOLDER=/tmp/graph NODES=100000000 EDGES=30000000 FILES=8 program --ignored --nocapture figures
/// FOLDER=/tmp/graph NODES=100000000 MEMORY=2000000000 THREADS=2 /usr/bin/time -v program …
/// ```
#[test]
#[ignore = "measures"]
#[expect(clippy::print_stdout, reason = "figures for whoever asked")]
fn figures() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let folder = std::env::var("FOLDER").unwrap();
    let nodes = number("NODES").unwrap();
    let store = Store::open(folder).unwrap();
    let begin = std::time::Instant::now();
    if let Some(edges) = number("EDGES") {
        let files = number("FILES").unwrap_or(8);
        for file in 0..files {
            let path = format!("edges/{file}");
            let mut out = ExchangeWriter::new(&store, path, Cuts::Even { parts: 1 }, 256 << 20);
            for edge in (file..edges).step_by(usize::try_from(files).unwrap()) {
                out.push(edge_key(mix(edge * 2) % nodes, mix(edge * 2 + 1) % nodes), &[]).unwrap();
            }
            out.finish().unwrap();
        }
        println!("written in {:?}", begin.elapsed());
        return;
    }
    let files: Vec<_> = store.list("edges").unwrap().into_iter().map(|entry| entry.path).collect();
    let pool = pool(usize::try_from(number("THREADS").unwrap()).unwrap());
    let memory = usize::try_from(number("MEMORY").unwrap()).unwrap();
    let graph = Components {
        store: &store,
        files: &files,
        nodes,
        memory,
        scratch: "tmp/graph".to_owned(),
        pool: &pool,
    };
    let mut sum = 0_u64;
    let each = |node: u64, root: u64| {
        sum = sum.wrapping_add(mix(node ^ mix(root)));
        Ok::<_, ExchangeError>(())
    };
    let (stats, moved) = if flat::fits(&graph) || number("RANKED").is_some() {
        (graph.each(each).unwrap(), None)
    } else {
        let (stats, moved) = external::each(&graph, external::width(&graph), each).unwrap();
        (stats, Some(moved))
    };
    println!("{:?}, {stats:?}, sum {sum:x}, handed on {moved:?}", begin.elapsed());
}
