//! Streaming inside a task: one thread feeds, all cores work, results leave in order.

use std::collections::BTreeMap;

use crossbeam_channel::{bounded, select, unbounded};
use rayon::ThreadPool;

/// Takes items from `source` (on a thread of its own, so that reading and decompression go on
/// meanwhile), does `work` on `pool`, and hands the results to `sink` in the order of the source.
/// At most `in_flight` items are between source and sink, which bounds the memory.
///
/// # Errors
/// The first error of any of the three.
pub(super) fn ordered<T: Send, R: Send, E: Send>(
    pool: &ThreadPool,
    in_flight: usize,
    mut source: impl FnMut() -> Result<Option<T>, E> + Send,
    work: impl Fn(T) -> Result<R, E> + Sync,
    mut sink: impl FnMut(R) -> Result<(), E> + Send,
) -> Result<(), E> {
    let (feed, inlet) = bounded(2);
    std::thread::scope(|threads| {
        threads.spawn(move || {
            loop {
                let item = source().transpose();
                let last = !matches!(item, Some(Ok(_)));
                // A closed channel means that the other side gave up.
                if item.is_some_and(|item| feed.send(item).is_err()) || last {
                    return;
                }
            }
        });
        // Owned in here, so that an early return closes the channel and ends the reader.
        let inlet = inlet;
        let work = &work;
        pool.in_place_scope(|scope| {
            let (done, results) = unbounded::<(u64, Result<R, E>)>();
            let mut waiting = BTreeMap::new();
            let (mut sent, mut next) = (0u64, 0u64);
            let mut open = true;
            loop {
                let busy = sent - next;
                if open && busy < in_flight as u64 {
                    select! {
                        recv(inlet) -> item => match item {
                            Ok(item) => {
                                let (item, done, number) = (item?, done.clone(), sent);
                                scope.spawn(move |_| {
                                    let result = work(item);
                                    // Fails only when the task has failed already.
                                    let _ = done.send((number, result));
                                });
                                sent += 1;
                            }
                            Err(_) => open = false,
                        },
                        recv(results) -> result => if let Ok((number, result)) = result {
                            waiting.insert(number, result?);
                        },
                    }
                } else if busy > 0 {
                    if let Ok((number, result)) = results.recv() {
                        waiting.insert(number, result?);
                    }
                } else {
                    return Ok(());
                }
                while let Some(result) = waiting.remove(&next) {
                    sink(result)?;
                    next += 1;
                }
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize) -> ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn results_leave_in_order_and_memory_is_bounded() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        for threads in [1, 2, 5] {
            let alive = AtomicUsize::new(0);
            let peak = AtomicUsize::new(0);
            let mut number = 0;
            let mut seen = Vec::new();
            let source = || {
                number += 1;
                let now = alive.fetch_add(1, Ordering::SeqCst) + 1;
                peak.fetch_max(now, Ordering::SeqCst);
                Ok::<_, ()>((number <= 500).then_some(number))
            };
            let work = |item: u64| {
                // Later items are quicker, so that they overtake.
                std::thread::sleep(std::time::Duration::from_micros((item % 7) * 30));
                Ok(item * 2)
            };
            let sink = |item| {
                alive.fetch_sub(1, Ordering::SeqCst);
                seen.push(item);
                Ok(())
            };
            ordered(&pool(threads), 4, source, work, sink).unwrap();
            assert_eq!(seen, (1..=500).map(|item| item * 2).collect::<Vec<_>>());
            // Four in flight, two in the channel, one in the reader's hand, and one it is making.
            assert!(peak.load(Ordering::SeqCst) <= 8, "{peak:?}");
        }
    }

    #[test]
    fn an_error_anywhere_ends_it() {
        let count = |limit: u32| {
            let mut number = 0;
            move || {
                number += 1;
                if number > limit { Err("source") } else { Ok(Some(number)) }
            }
        };
        let pool = pool(2);
        let result = ordered(&pool, 4, count(10), Ok::<u32, &str>, |_| Ok(()));
        assert_eq!(result, Err("source"));
        let work = |item| if item == 50 { Err("work") } else { Ok(item) };
        assert_eq!(ordered(&pool, 4, count(100), work, |_| Ok(())), Err("work"));
        let sink = |item| if item == 50 { Err("sink") } else { Ok(()) };
        assert_eq!(ordered(&pool, 4, count(u32::MAX), Ok, sink), Err("sink"));
    }
}
