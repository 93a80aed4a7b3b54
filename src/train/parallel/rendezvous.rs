//! How processes find each other.
//!
//! Process 0 listens at the master's address and port, or at one of the next few: launchers of
//! PyTorch programs often keep the port itself (torchrun serves its own store there, Ray's workers
//! theirs). The others try these ports until one answers with our greeting. Who trains something
//! else is turned away.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::ParallelError;
use super::star::{Peer, Star};
use super::world::World;

/// Ports that are tried, from the master's on.
const PORTS: u16 = 16;

/// What both sides say first, with the version of what follows.
const GREETING: &[u8; 16] = b"tamis training 1";

/// How long one attempt at a port takes at most.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Between two looks for a process that comes, or two rounds of attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest wait for all processes to come.
const LONGEST: Duration = Duration::from_mins(5);

/// What a process says of itself: greeting, rank, size, digest.
const HELLO: usize = 16 + 4 + 4 + 16;

/// Tells why nobody needs to be waited for any more, where that is so.
pub(super) type Watch<'a> = dyn FnMut() -> Result<(), ParallelError> + 'a;

/// Listens where the others will look.
///
/// # Errors
/// When none of the ports is free.
pub(super) fn listen(world: &World) -> Result<TcpListener, ParallelError> {
    let address = resolve(world)?;
    // The master's name may be that of another interface, or of one behind a NAT.
    let any = if address.is_ipv4() { "0.0.0.0" } else { "::" };
    let any: IpAddr = any.parse().unwrap_or(address);
    let mut last = io::Error::from(ErrorKind::AddrInUse);
    for port in ports(world.port) {
        for address in [address, any] {
            match TcpListener::bind((address, port)) {
                Ok(listener) => return Ok(listener),
                Err(error) => last = error,
            }
            if last.kind() == ErrorKind::AddrInUse {
                break;
            }
        }
    }
    Err(ParallelError::Listen { address: world.master.clone(), port: world.port, source: last })
}

/// Process 0: waits until all others have come to `listener`.
///
/// # Errors
/// When they do not come in time, or `watch` tells that one never will.
pub(super) fn gather(
    listener: &TcpListener,
    world: &World,
    digest: u128,
    watch: &mut Watch<'_>,
) -> Result<Star, ParallelError> {
    let failed =
        |source| ParallelError::Listen { address: world.master.clone(), port: world.port, source };
    listener.set_nonblocking(true).map_err(failed)?;
    let deadline = Instant::now() + world.limit.min(LONGEST);
    let mut peers: Vec<Peer> = Vec::new();
    while peers.len() + 1 < world.size as usize {
        watch()?;
        match listener.accept() {
            Ok((stream, _)) => {
                // What is not one of us is nobody's trouble.
                let Ok(Some(hello)) = greet(stream) else { continue };
                let wrong = hello.wrong(world, digest, &peers);
                let Hello { rank, stream, .. } = hello;
                let mut peer = Peer::new(rank, stream, world.limit).map_err(failed)?;
                if let Some(reason) = wrong {
                    let error = ParallelError::Failed { rank, reason };
                    peers.push(peer);
                    Star::new(0, peers).end(&error);
                    return Err(error);
                }
                peer.send(&[])?;
                peers.push(peer);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if Instant::now() > deadline {
                    return Err(missing(world, &peers));
                }
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(failed(error)),
        }
    }
    peers.sort_by_key(|peer| peer.rank);
    Ok(Star::new(0, peers))
}

fn missing(world: &World, peers: &[Peer]) -> ParallelError {
    let here = |rank: &u32| peers.iter().any(|peer| peer.rank == *rank);
    let missing: Vec<String> =
        (1..world.size).filter(|rank| !here(rank)).map(|rank| rank.to_string()).collect();
    ParallelError::Missing {
        ranks: missing.join(", "),
        size: world.size,
        seconds: world.limit.min(LONGEST).as_secs(),
    }
}

/// A process that has come.
struct Hello {
    rank: u32,
    size: u32,
    digest: u128,
    stream: TcpStream,
}

impl Hello {
    /// Why it does not belong here.
    fn wrong(&self, world: &World, digest: u128, peers: &[Peer]) -> Option<String> {
        let Self { rank, size, .. } = *self;
        if size != world.size {
            return Some(format!(
                "it is one of {size} processes, and rank 0 one of {}",
                world.size
            ));
        }
        if rank == 0 || rank >= size || peers.iter().any(|peer| peer.rank == rank) {
            return Some("there are two of this rank".to_owned());
        }
        (self.digest != digest).then(|| {
            "it trains with other settings or tokens than rank 0; start all processes with the same \
             command on the same run directory"
                .to_owned()
        })
    }
}

/// Greets a process that has come; `None` where it is none of ours.
fn greet(mut stream: TcpStream) -> io::Result<Option<Hello>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(ATTEMPT))?;
    stream.set_write_timeout(Some(ATTEMPT))?;
    stream.write_all(GREETING)?;
    let mut hello = [0; HELLO];
    stream.read_exact(&mut hello)?;
    let (greeting, rest) = hello.split_at(GREETING.len());
    if greeting != GREETING {
        return Ok(None);
    }
    let (numbers, digest) = rest.split_at(8);
    let (numbers, _) = numbers.as_chunks::<4>();
    let (digest, _) = digest.as_chunks::<16>();
    Ok(Some(Hello {
        rank: u32::from_le_bytes(numbers[0]),
        size: u32::from_le_bytes(numbers[1]),
        digest: u128::from_le_bytes(digest[0]),
        stream,
    }))
}

/// Any process but 0: looks for process 0.
///
/// # Errors
/// When it is not found in time, or turns this one away.
pub(super) fn join(world: &World, digest: u128) -> Result<Star, ParallelError> {
    let deadline = Instant::now() + world.limit.min(LONGEST);
    let mut last = None;
    while Instant::now() < deadline {
        match resolve(world) {
            Ok(address) => {
                for port in ports(world.port) {
                    match call(SocketAddr::new(address, port), world, digest) {
                        Ok(Some(stream)) => return accepted(stream, world),
                        Ok(None) => {}
                        Err(error) => last = Some(error),
                    }
                }
            }
            // Names of nodes that are being started may not be known yet.
            Err(ParallelError::Listen { source, .. }) => last = Some(source),
            Err(error) => return Err(error),
        }
        std::thread::sleep(PAUSE * 5);
    }
    Err(ParallelError::NoMaster {
        address: world.master.clone(),
        port: world.port,
        seconds: world.limit.min(LONGEST).as_secs(),
        reason: last.map_or_else(|| "nobody answers as tamis".to_owned(), |it| it.to_string()),
    })
}

/// Calls at a port; `None` where somebody else is there.
fn call(address: SocketAddr, world: &World, digest: u128) -> io::Result<Option<TcpStream>> {
    let mut stream = TcpStream::connect_timeout(&address, ATTEMPT)?;
    stream.set_read_timeout(Some(ATTEMPT))?;
    stream.set_write_timeout(Some(ATTEMPT))?;
    let mut greeting = [0; GREETING.len()];
    if stream.read_exact(&mut greeting).is_err() || greeting != *GREETING {
        return Ok(None);
    }
    let mut hello = GREETING.to_vec();
    hello.extend(world.rank.to_le_bytes());
    hello.extend(world.size.to_le_bytes());
    hello.extend(digest.to_le_bytes());
    stream.write_all(&hello)?;
    Ok(Some(stream))
}

/// Waits for the word of process 0.
fn accepted(stream: TcpStream, world: &World) -> Result<Star, ParallelError> {
    let gone = |error: io::Error| ParallelError::Gone { rank: 0, reason: error.to_string() };
    let peer = Peer::new(0, stream, world.limit).map_err(gone)?;
    let mut star = Star::new(world.rank, vec![peer]);
    star.broadcast(Vec::new(), 0)?;
    Ok(star)
}

fn ports(first: u16) -> impl Iterator<Item = u16> {
    first..=first.saturating_add(PORTS - 1)
}

fn resolve(world: &World) -> Result<IpAddr, ParallelError> {
    let failed =
        |source| ParallelError::Listen { address: world.master.clone(), port: world.port, source };
    let found: Vec<SocketAddr> =
        (world.master.as_str(), world.port).to_socket_addrs().map_err(failed)?.collect();
    // Where there are both, v4 is what clusters are set up for.
    let first = found.iter().find(|it| it.is_ipv4()).or(found.first());
    first.map(SocketAddr::ip).ok_or_else(|| failed(ErrorKind::NotFound.into()))
}
