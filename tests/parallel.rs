//! Training by several processes: the same bytes with ordered sums, nearly the same without, and what
//! happens when one dies.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Lab, call, fail, sample, succeed, tamis};

const STEPS: usize = 24;

/// A run up to its shards, whose training has an epoch of some 10 steps of five sequences.
fn tokenized(lab: &Lab) -> PathBuf {
    for number in 0..30_u32 {
        let words: Vec<String> =
            (0..90).map(|word| format!("{}", (number * 90 + word) * 7919 % 1000)).collect();
        lab.write(&format!("corpus/{number}.txt"), words.join(" "));
    }
    let text = format!(
        "name = \"t\"\nseed = 3\n[[source]]\nname = \"plain\"\npath = {:?}\n\
         [tokens]\ntokenizer = {:?}\nsequence_length = 64\nvalidation_fraction = 0.3\n\
         [train]\npreset = \"30k\"\nsteps = {STEPS}\nbatch_tokens = 320\nlearning_rate = 0.01\n\
         eval_every = 10\ncheckpoint_every = 4\ndevice = \"cpu\"\n",
        lab.text("corpus/*.txt"),
        sample("tokenizers/gpt2.json"),
    );
    let pipeline = lab.write("p.toml", text);
    let run = lab.path("tokenized");
    succeed(&["run", &pipeline, "--out", run.to_str().unwrap(), "--until", "tokens"]);
    run
}

/// A copy of a run.
fn copy(from: &Path, to: PathBuf) -> PathBuf {
    let status = std::process::Command::new("cp").arg("-r").arg(from).arg(&to).status().unwrap();
    assert!(status.success());
    to
}

fn train(run: &Path, options: &[&str]) -> Output {
    call(&[&["train", run.to_str().unwrap()], options].concat())
}

#[track_caller]
fn trained(run: &Path, options: &[&str]) {
    let output = train(run, options);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{options:?}: {stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout.matches("validation loss").count(), 1, "{options:?}: {stdout}");
}

fn weights(run: &Path) -> Vec<u8> {
    let folder = run.join(format!("checkpoints/step-{STEPS:08}"));
    let mut bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    bytes.extend(std::fs::read(folder.join("optimizer.safetensors")).unwrap());
    bytes
}

fn report(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(run.join("train.json")).unwrap()).unwrap()
}

fn lines(run: &Path) -> usize {
    let text = std::fs::read_to_string(run.join("training/metrics.jsonl")).unwrap_or_default();
    text.lines().count()
}

/// The losses of all steps.
fn losses(run: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(run.join("training/metrics.jsonl")).unwrap();
    let value = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    text.lines().map(|line| value(line)["loss"].as_f64().unwrap()).collect()
}

/// Starts a training, and returns when it has come some steps further.
fn started(run: &Path, options: &[&str], until: usize) -> Child {
    let mut child = tamis()
        .args(["train", run.to_str().unwrap()])
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(2);
    while lines(run) < until && child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

/// The process of rank `rank` that `parent` has started.
fn worker(parent: u32, rank: u32) -> u32 {
    let children =
        std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let variable = format!("RANK={rank}");
    let is_it = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        environment.split(|byte| *byte == 0).any(|it| it == variable.as_bytes())
    };
    let mut pids = children.split_whitespace().map(|pid| pid.parse().unwrap());
    pids.find(is_it).unwrap()
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn with_ordered_sums_1_2_and_4_processes_give_the_same_bytes_and_each_may_go_on() {
    let lab = Lab::new();
    let tokenized = tokenized(&lab);
    let mut found = Vec::new();
    for processes in ["1", "2", "4"] {
        let run = copy(&tokenized, lab.path(processes));
        trained(&run, &["--ordered-sums", "--nproc", processes]);
        found.push((weights(&run), report(&run), losses(&run)));
    }
    assert!(found.iter().all(|it| *it == found[0]), "1, 2 and 4 processes differ");

    // Killed with 2, killed with 1, ended with 4; over epochs.
    let run = copy(&tokenized, lab.path("elastic"));
    for (processes, until) in [("2", 6), ("1", 15)] {
        let options = ["--ordered-sums", "--nproc", processes];
        let mut child = started(&run, &options, until);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!run.join("train.json").exists(), "it was killed too late");
    }
    trained(&run, &["--ordered-sums", "--nproc=4"]);
    assert!((weights(&run), report(&run), losses(&run)) == found[0], "going on changes it");
    // What has ended says the same again.
    trained(&run, &["--ordered-sums", "--nproc", "3"]);
    assert_eq!(report(&run), found[0].1);
}

#[test]
fn without_them_two_processes_come_near_one() {
    let lab = Lab::new();
    let tokenized = tokenized(&lab);
    let runs = ["1", "2", "3"].map(|processes| {
        let run = copy(&tokenized, lab.path(processes));
        trained(&run, &["--nproc", processes]);
        (losses(&run), report(&run))
    });
    for (losses, report) in &runs[1..] {
        let far = losses.iter().zip(&runs[0].0).map(|(one, other)| (one - other).abs());
        let far: Vec<f64> = far.collect();
        let most = far[..20].iter().copied().fold(0.0, f64::max);
        assert!(most < 1e-5, "{far:?}");
        assert_eq!(report["sample_chain"], runs[0].1["sample_chain"]);
    }
    // The digest does not know of processes.
    let run = lab.path("2");
    std::fs::remove_dir_all(run.join(format!("checkpoints/step-{STEPS:08}"))).unwrap();
    let output = train(&run, &["--nproc", "1"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.contains("going on from step 20"), "{stderr}");
}

#[test]
fn a_process_that_dies_or_hangs_is_named_and_costs_nothing() {
    let lab = Lab::new();
    let tokenized = tokenized(&lab);
    let whole = copy(&tokenized, lab.path("whole"));
    trained(&whole, &["--ordered-sums"]);
    for (number, (signal_name, options, words)) in (0..).zip([
        (
            "-KILL",
            &["--ordered-sums", "--nproc", "3"][..],
            "rank 2 is gone: it ended with signal: 9",
        ),
        ("-KILL", &["--nproc", "3"], "rank 2 is gone: it ended with signal: 9"),
        (
            "-STOP",
            &["--ordered-sums", "--nproc", "3", "--timeout", "10"],
            "rank 2 has not answered",
        ),
    ]) {
        let run = copy(&tokenized, lab.path(&format!("run-{number}")));
        let child = started(&run, options, 6);
        signal(worker(child.id(), 2), signal_name);
        let begun = Instant::now();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{options:?}: {stderr}");
        assert!(stderr.contains(words), "{options:?}: {stderr}");
        assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
        assert!(begun.elapsed() < Duration::from_mins(1));
        // Without ordered sums it was another training.
        let fresh: &[&str] = if number == 1 { &["--fresh"] } else { &[] };
        trained(&run, &[&["--ordered-sums"], fresh].concat());
        assert!(weights(&run) == weights(&whole), "{options:?}");
    }
}

#[test]
fn launchers_start_processes_that_find_each_other() {
    let lab = Lab::new();
    let run = tokenized(&lab);
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let start = |rank: &str, options: &[&str]| {
        let mut command = tamis();
        command.args(["train", run.to_str().unwrap(), "--timeout", "60"]).args(options);
        command.env("RANK", rank).env("WORLD_SIZE", "2").env("LOCAL_RANK", rank);
        command.env("MASTER_ADDR", "localhost").env("MASTER_PORT", &port);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start("0", &[]), start("1", &["--ordered-sums"])];
    for output in children.map(|child| child.wait_with_output().unwrap()) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{stderr}");
        assert!(stderr.contains("rank 1 failed: it trains with other settings"), "{stderr}");
    }
    let [first, second] = [start("0", &[]), start("1", &[])];
    let [first, second] = [first, second].map(|child| child.wait_with_output().unwrap());
    let stderr = String::from_utf8_lossy(&first.stderr);
    assert!(first.status.success() && second.status.success(), "{stderr}");
    assert!(stderr.contains("1 more process"), "{stderr}");
    assert!(!first.stdout.is_empty() && second.stdout.is_empty() && second.stderr.is_empty());
}

#[test]
fn what_does_not_go_together_is_said() {
    let lab = Lab::new();
    let run = tokenized(&lab);
    let run = run.to_str().unwrap();
    assert!(fail(2, &["train", run, "--nproc", "0"]).contains("--nproc 0"));
    let mut command = tamis();
    let output = command.args(["train", run, "--nproc", "2"]).env("RANK", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let mut command = tamis();
    let output = command.args(["train", run]).env("RANK", "0").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("`WORLD_SIZE` is not"), "{stderr}");
}
