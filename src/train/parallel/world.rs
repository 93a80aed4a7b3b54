//! Which of how many processes this is, as launchers say it.
//!
//! | launcher | rank | processes | on this machine | process 0 |
//! |---|---|---|---|---|
//! | `tamis train --nproc`, torchrun, Ray Train | `RANK` | `WORLD_SIZE` | `LOCAL_RANK`, `LOCAL_WORLD_SIZE` | `MASTER_ADDR`, `MASTER_PORT` |
//! | `srun` | `SLURM_PROCID` | `SLURM_STEP_NUM_TASKS` | `SLURM_LOCALID` | the first node of `SLURM_STEP_NODELIST`, `SLURM_JOB_NODELIST` or `SLURM_NODELIST`, else `SLURM_LAUNCH_NODE_IPADDR`; the port follows from `SLURM_JOB_ID` |
//!
//! `MASTER_ADDR` and `MASTER_PORT` count for `srun` as well, where they are set. A batch script has
//! `SLURM_PROCID` and `SLURM_NTASKS` too, but is no step: what it starts without `srun` is one process.

use std::time::Duration;

use super::ParallelError;

/// The port where nobody says one: PyTorch's.
const DEFAULT_PORT: u16 = 29_500;

/// One of the processes of a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct World {
    /// Its number, from 0.
    pub(crate) rank: u32,
    /// All processes.
    pub(crate) size: u32,
    /// Its number on its machine, which tells its CUDA device.
    pub(crate) local_rank: u32,
    /// Processes that share the processors that this one may use.
    pub(crate) local_size: u32,
    /// Where process 0 is.
    pub(crate) master: String,
    /// The first port to look for it at.
    pub(crate) port: u16,
    /// How long another process is waited for.
    pub(crate) limit: Duration,
}

impl World {
    /// One process alone.
    pub(crate) fn alone(limit: Duration) -> Self {
        Self {
            rank: 0,
            size: 1,
            local_rank: 0,
            local_size: 1,
            master: "127.0.0.1".to_owned(),
            port: DEFAULT_PORT,
            limit,
        }
    }

    /// What the variables of the environment say, as `get` gives them.
    ///
    /// # Errors
    /// When one is no number, is missing beside the others, or they contradict each other.
    pub(crate) fn from_environment(
        get: &dyn Fn(&str) -> Option<String>,
        limit: Duration,
    ) -> Result<Self, ParallelError> {
        let alone = Self::alone(limit);
        let master = |otherwise: String| get("MASTER_ADDR").unwrap_or(otherwise);
        let world = if get("RANK").is_some() || get("WORLD_SIZE").is_some() {
            let size = required(get, "WORLD_SIZE", "RANK")?;
            let port = number(get, "MASTER_PORT")?.unwrap_or(DEFAULT_PORT);
            // torchrun's agent serves a store of its own at the port that it hands out.
            let taken = get("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|it| it == "True");
            Self {
                rank: required(get, "RANK", "WORLD_SIZE")?,
                size,
                local_rank: number(get, "LOCAL_RANK")?.unwrap_or(0),
                local_size: number(get, "LOCAL_WORLD_SIZE")?.unwrap_or(1),
                master: master(alone.master),
                port: port.saturating_add(u16::from(taken)),
                limit,
            }
        } else if let Some(tasks) = slurm_tasks(get)? {
            let job: u32 = number(get, "SLURM_JOB_ID")?.unwrap_or(0);
            // Jobs that share a node should not meet; 15 bits above the ports of the system.
            let of_job = u16::try_from(job % 16_384).unwrap_or(0) + 15_000;
            Self {
                rank: required(get, "SLURM_PROCID", "SLURM_NTASKS")?,
                size: tasks,
                local_rank: number(get, "SLURM_LOCALID")?.unwrap_or(0),
                // Slurm binds each task to its own processors.
                local_size: 1,
                master: master(slurm_master(get).unwrap_or(alone.master)),
                port: number(get, "MASTER_PORT")?.unwrap_or(of_job),
                limit,
            }
        } else {
            alone
        };
        if world.rank >= world.size || world.local_size == 0 {
            let problem = format!("rank {} of {} processes", world.rank, world.size);
            return Err(ParallelError::Environment { problem });
        }
        Ok(world)
    }
}

/// The processes of this job step, where it is one of Slurm.
fn slurm_tasks(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<u32>, ParallelError> {
    if get("SLURM_PROCID").is_none() {
        return Ok(None);
    }
    match number(get, "SLURM_STEP_NUM_TASKS")? {
        None if get("SLURM_STEP_ID").is_some() => number(get, "SLURM_NTASKS"),
        tasks => Ok(tasks),
    }
}

fn number<T: std::str::FromStr>(
    get: &dyn Fn(&str) -> Option<String>,
    name: &str,
) -> Result<Option<T>, ParallelError> {
    let wrong = |text: &String| ParallelError::Environment {
        problem: format!("`{name}` is \"{text}\", which is no number that it may be"),
    };
    get(name).map(|text| text.trim().parse().map_err(|_| wrong(&text))).transpose()
}

fn required<T: std::str::FromStr>(
    get: &dyn Fn(&str) -> Option<String>,
    name: &str,
    beside: &str,
) -> Result<T, ParallelError> {
    number(get, name)?.ok_or_else(|| ParallelError::Environment {
        problem: format!("`{beside}` is set, and `{name}` is not"),
    })
}

/// The node of process 0.
fn slurm_master(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let lists = ["SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"];
    let first = lists.iter().find_map(|name| first_host(&get(name)?));
    first.or_else(|| get("SLURM_LAUNCH_NODE_IPADDR"))
}

/// The first node of a list in Slurm's notation: `gpu[003-007,9],head` begins with `gpu003`.
fn first_host(list: &str) -> Option<String> {
    let mut host = String::new();
    let mut rest = list.trim();
    while !rest.is_empty() {
        let Some(at) = rest.find(['[', ',']) else {
            host.push_str(rest);
            break;
        };
        host.push_str(&rest[..at]);
        if rest[at..].starts_with(',') {
            break;
        }
        let (inside, after) = rest[at + 1..].split_once(']')?;
        host.push_str(inside.split([',', '-']).next()?);
        rest = after;
    }
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<World, String> {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        World::from_environment(&get, Duration::from_secs(9)).map_err(|error| error.to_string())
    }

    #[test]
    fn launchers_are_understood() {
        assert_eq!(read(&[]).unwrap(), World::alone(Duration::from_secs(9)));
        let torchrun = [
            ("RANK", "3"),
            ("WORLD_SIZE", "8"),
            ("LOCAL_RANK", "1"),
            ("LOCAL_WORLD_SIZE", "2"),
            ("MASTER_ADDR", "node7"),
            ("MASTER_PORT", "1234"),
            // The own variables win over those of the job around them.
            ("SLURM_PROCID", "0"),
        ];
        let world = read(&torchrun).unwrap();
        assert_eq!((world.rank, world.size, world.local_rank, world.local_size), (3, 8, 1, 2));
        assert_eq!((world.master.as_str(), world.port), ("node7", 1234));
        let mut with_agent = torchrun.to_vec();
        with_agent.push(("TORCHELASTIC_USE_AGENT_STORE", "True"));
        assert_eq!(read(&with_agent).unwrap().port, 1235);

        let slurm = [
            ("SLURM_PROCID", "5"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_NTASKS", "12"),
            ("SLURM_STEP_NUM_TASKS", "8"),
            ("SLURM_JOB_ID", "16385"),
            ("SLURM_JOB_NODELIST", "gpu[003-007,9],head"),
            ("SLURM_LAUNCH_NODE_IPADDR", "10.0.0.1"),
        ];
        let world = read(&slurm).unwrap();
        assert_eq!((world.rank, world.size, world.local_rank), (5, 8, 1));
        assert_eq!((world.master.as_str(), world.port), ("gpu003", 15_001));
        let world = read(&[slurm[0], slurm[2], slurm[6], ("SLURM_STEP_ID", "0")]).unwrap();
        assert_eq!((world.size, world.master.as_str()), (12, "10.0.0.1"));
        let in_batch_script = read(&[("SLURM_PROCID", "0"), slurm[2], slurm[5]]).unwrap();
        assert_eq!(in_batch_script, World::alone(Duration::from_secs(9)));
    }

    #[test]
    fn contradictions_are_named() {
        for (variables, words) in [
            (&[("RANK", "0")][..], "`RANK` is set, and `WORLD_SIZE` is not"),
            (&[("RANK", "2"), ("WORLD_SIZE", "2")], "rank 2 of 2"),
            (&[("RANK", "-1"), ("WORLD_SIZE", "2")], "`RANK` is \"-1\""),
            (&[("RANK", "0"), ("WORLD_SIZE", "1"), ("MASTER_PORT", "http")], "MASTER_PORT"),
        ] {
            let error = read(variables).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_first_of_a_list_of_nodes() {
        for (list, first) in [
            ("n1", "n1"),
            ("a-1,b", "a-1"),
            ("r[02,05]c[1-3]-ib,x", "r02c1-ib"),
            ("gpu[11]", "gpu11"),
        ] {
            assert_eq!(first_host(list).as_deref(), Some(first));
        }
        assert_eq!(first_host("broken[1"), None);
        assert_eq!(first_host(""), None);
    }
}
