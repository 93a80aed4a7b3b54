//! Processes as threads of this one: sums, agreement, and what is said when one dies.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use tch::Tensor;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// Seats of `size` processes on this machine.
pub(crate) fn seats(size: u32, limit: Duration) -> Vec<Seat> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut listener = Some(listener);
    let seat = |rank| {
        let world = World { rank, size, port, ..World::alone(limit) };
        Seat { world, listener: listener.take(), workers: None }
    };
    (0..size).map(seat).collect()
}

/// What `work` gives in each of `size` processes, which have met.
fn together<T: Send>(
    size: u32,
    ordered: bool,
    limit: Duration,
    work: impl Fn(&mut Group) -> T + Sync,
) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let run = |seat| {
            scope.spawn(move || {
                let mut group = Group::join(seat, "digest", ordered, Device::Cpu).unwrap();
                work(&mut group)
            })
        };
        let threads: Vec<_> = seats(size, limit).into_iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The gradient of a part: two tensors, of values that do not add up without rounding.
fn gradient(part: usize) -> [Tensor; 2] {
    [700_usize, 13].map(|size| {
        let values = super::super::random::normals(part as u64, "gradient", size, 1e3);
        Tensor::from_slice(&values)
    })
}

/// The gradient of a step of `samples`, each of which is one part's worth.
fn summed(group: &mut Group, samples: usize) -> (Vec<f64>, Vec<f32>) {
    let split = group.split(samples);
    let mut sum = gradient(0).map(|it| it.zeros_like());
    let mut kept = Kept::default();
    let mut values = vec![0.0; split.parts];
    for part in split.mine() {
        sum = gradient(0).map(|it| it.zeros_like());
        for sample in split.samples(part) {
            values[part] +=
                libm::log(super::super::random::stream(7, sample as u64).count_ones().into());
            for (sum, gradient) in sum.iter_mut().zip(gradient(sample)) {
                let _ = sum.f_add_(&gradient).unwrap();
            }
        }
        group.keep(&sum, &mut kept).unwrap();
    }
    group.sum(&split, &mut sum, &kept).unwrap();
    group.add(&mut values).unwrap();
    (values, buckets::to_host(&buckets::flatten(&sum).unwrap()).unwrap())
}

#[test]
fn with_ordered_sums_any_number_of_processes_comes_to_the_same_bits() {
    for samples in [1, 3, 16, 50] {
        let expected = summed(&mut Group::alone(true), samples);
        for size in [2, 3, 5] {
            for found in together(size, true, LIMIT, |group| summed(group, samples)) {
                assert!(found == expected, "{samples} samples, {size} processes");
            }
        }
    }
}

#[test]
fn without_them_the_sum_is_near_and_the_same_in_all() {
    let exact = summed(&mut Group::alone(true), 50).1;
    let found = together(4, false, LIMIT, |group| summed(group, 50));
    for (values, sum) in &found {
        assert_eq!((values.len(), sum), (4, &found[0].1));
        let far = sum.iter().zip(&exact).map(|(one, other)| (one - other).abs());
        assert!(far.fold(0.0, f32::max) < 0.01);
    }
}

#[test]
fn process_0_sums_where_there_is_no_library() {
    let found = together(3, true, LIMIT, |group| {
        let mut row = gradient(group.rank as usize)[0].shallow_clone();
        ByStar.all_reduce(&mut row, &mut group.star).unwrap();
        buckets::to_host(&row).unwrap()
    });
    let [first, second, third] = [0, 1, 2].map(|rank| gradient(rank)[0].shallow_clone());
    let expected = buckets::to_host(&((first + second) + third)).unwrap();
    assert!(found.iter().all(|it| *it == expected));
}

#[test]
fn what_process_0_has_all_get() {
    let found = together(3, true, LIMIT, |group| {
        let rank = group.rank;
        let mut tensors = gradient(rank as usize);
        group.share_tensors(tensors.iter_mut()).unwrap();
        let shared = group.share(vec![Some(rank), None]).unwrap();
        let numbers = group.agree([f64::from(rank) + 0.1, f64::NAN]).unwrap();
        group.finish().unwrap();
        (buckets::to_host(&tensors[0]).unwrap(), shared, numbers.map(f64::to_bits))
    });
    assert!(found.iter().all(|it| *it == found[0]));
    assert_eq!(found[2].1, [Some(0), None]);
    assert_eq!(f64::from_bits(found[2].2[0]).to_string(), "0.1");
}

#[test]
fn the_death_of_one_is_told_to_all_at_once() {
    let begun = Instant::now();
    let found = together(4, false, Duration::from_mins(1), |group| {
        if group.rank == 2 {
            // Its connections close, as those of a process that is killed.
            return String::new();
        }
        let mut values = [1.0];
        let error = loop {
            if let Err(error) = group.add(&mut values) {
                break error;
            }
        };
        group.fail(error).to_string()
    });
    for rank in [0, 1, 3] {
        assert!(found[rank].starts_with("rank 2 is gone"), "{rank}: {}", found[rank]);
    }
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_one_fails_of_all_say() {
    let found = together(3, true, Duration::from_mins(1), |group| {
        if group.rank == 1 {
            return group.fail(TrainError::NoCuda).to_string();
        }
        let error =
            group.share_tensors(gradient(0).iter_mut()).and_then(|()| group.add(&mut [0.0]));
        group.fail(error.unwrap_err()).to_string()
    });
    for rank in [0, 2] {
        assert!(found[rank].starts_with("rank 1 failed: `train.device`"), "{}", found[rank]);
    }
}

#[test]
fn who_does_not_answer_is_named_in_time() {
    let found = together(3, true, Duration::from_secs(2), |group| {
        if group.rank == 1 {
            std::thread::sleep(Duration::from_secs(5));
            return String::new();
        }
        let error = group.add(&mut [0.0]).unwrap_err();
        group.fail(error).to_string()
    });
    assert!(found[0].starts_with("rank 1 has not answered for 2 s"), "{}", found[0]);
}

#[test]
fn processes_of_another_training_are_turned_away() {
    let seats = seats(2, LIMIT);
    let errors: Vec<String> = std::thread::scope(|scope| {
        let run = |(seat, digest): (Seat, &'static str)| {
            scope.spawn(move || {
                Group::join(seat, digest, true, Device::Cpu).err().unwrap().to_string()
            })
        };
        let threads: Vec<_> = seats.into_iter().zip(["one", "another"]).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for error in errors {
        assert!(error.contains("rank 1 failed: it trains with other settings"), "{error}");
    }
}

#[test]
fn who_does_not_come_is_named() {
    let mut all = seats(3, Duration::from_millis(300));
    let error = Group::join(all.remove(0), "digest", true, Device::Cpu).err().unwrap();
    assert!(error.to_string().contains("of 3 processes rank 1, 2 did not come"), "{error}");
    let error = Group::join(all.remove(0), "digest", true, Device::Cpu).err().unwrap();
    assert!(error.to_string().contains("rank 0 was not found at 127.0.0.1"), "{error}");
}

#[test]
fn a_port_that_another_program_holds_is_passed_over() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let world = |rank| World { rank, size: 2, port, ..World::alone(LIMIT) };
    let seat = |rank| Seat { world: world(rank), listener: None, workers: None };
    let found: Vec<u32> = std::thread::scope(|scope| {
        let run = |rank| {
            scope.spawn(move || {
                let mut group = Group::join(seat(rank), "d", true, Device::Cpu).unwrap();
                group.share(group.rank).unwrap()
            })
        };
        let threads = [0, 1].map(run);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(found, [0, 0]);
}
