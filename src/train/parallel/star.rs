//! Messages between process 0 and each of the others.
//!
//! All that processes must agree on passes through process 0, which adds in the order of ranks. It is
//! the one that has a connection to every other, so that it knows at once who is gone and tells the
//! rest: nobody waits for a process that does not come, and all name the same one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use super::ParallelError;

/// What a message is: values, or the reason why its sender ends.
const VALUES: u8 = 0;
const ENDS: u8 = 1;

/// Bytes of the longest reason that is read.
const LONGEST_REASON: u64 = 1 << 16;

/// How long the end of the others is waited for.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection to another process.
pub(super) struct Peer {
    pub(super) rank: u32,
    stream: TcpStream,
    limit: Duration,
    /// Bytes of the message under way.
    buffer: Vec<u8>,
}

impl Peer {
    /// Takes over a connection on which each read and write may take `limit`.
    pub(super) fn new(rank: u32, stream: TcpStream, limit: Duration) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        let peer = Self { rank, stream, limit, buffer: Vec::new() };
        peer.wait_at_most(limit)?;
        Ok(peer)
    }

    fn wait_at_most(&self, limit: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(limit))?;
        self.stream.set_write_timeout(Some(limit))
    }

    /// # Errors
    /// When the peer is gone or does not take it.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), ParallelError> {
        let sent = write_message(&mut self.stream, VALUES, bytes);
        sent.map_err(|error| {
            // It may have said why before it went.
            match self.reason(FAREWELL) {
                Some(reason) => reason,
                None => self.failed(&error),
            }
        })
    }

    /// # Errors
    /// When the peer is gone, silent, or ends; when it sends something else than `length` bytes.
    fn receive(&mut self, length: usize) -> Result<&[u8], ParallelError> {
        let found = self.head()?;
        if found != length as u64 {
            let reason = format!("it sends {found} bytes where {length} were expected");
            return Err(ParallelError::Failed { rank: self.rank, reason });
        }
        self.body(found)
    }

    /// As [`Peer::receive`], of any length below `most`.
    fn receive_any(&mut self, most: u64) -> Result<&[u8], ParallelError> {
        let found = self.head()?;
        if found > most {
            let reason = format!("it sends {found} bytes where at most {most} were expected");
            return Err(ParallelError::Failed { rank: self.rank, reason });
        }
        self.body(found)
    }

    /// Reads the head of a message of values; gives its length.
    fn head(&mut self) -> Result<u64, ParallelError> {
        let (kind, length) = read_head(&mut self.stream).map_err(|error| self.failed(&error))?;
        if kind == VALUES {
            return Ok(length);
        }
        Err(self.ended(length))
    }

    fn body(&mut self, length: u64) -> Result<&[u8], ParallelError> {
        self.buffer.clear();
        let read = (&self.stream).take(length).read_to_end(&mut self.buffer);
        match read {
            Ok(read) if read as u64 == length => Ok(&self.buffer),
            Ok(_) => Err(self.closed()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The reason of a peer that ends, of `length` bytes.
    fn ended(&mut self, length: u64) -> ParallelError {
        let mut text = Vec::new();
        let _ = (&self.stream).take(length.min(LONGEST_REASON)).read_to_end(&mut text);
        let reason = String::from_utf8_lossy(&text).into_owned();
        // Process 0 hands on what it heard of another one.
        match serde_json::from_str::<Ended>(&reason) {
            Ok(Ended { rank, gone: true, reason }) => ParallelError::Gone { rank, reason },
            Ok(Ended { rank, reason, .. }) => ParallelError::Failed { rank, reason },
            Err(_) => ParallelError::Failed { rank: self.rank, reason },
        }
    }

    /// Says why this process ends. A peer that no longer listens hears nothing.
    fn end(&mut self, ended: &Ended) {
        let _ = self.wait_at_most(FAREWELL);
        let text = serde_json::to_vec(ended).unwrap_or_default();
        if write_message(&mut self.stream, ENDS, &text).is_ok() {
            // Until the peer has closed its side: what it still sends would otherwise make the
            // system throw away what it has not read.
            let _ = self.stream.shutdown(std::net::Shutdown::Write);
            let _ = io::copy(&mut self.stream, &mut io::sink());
        }
    }

    /// What has become of a peer, seen from another failure: why it ends, or that it is gone; `None`
    /// where it is there.
    fn reason(&mut self, patience: Duration) -> Option<ParallelError> {
        let _ = self.wait_at_most(patience);
        let reason = loop {
            match read_head(&mut self.stream) {
                // Values that nobody waits for any more.
                Ok((VALUES, length)) => {
                    let skipped = io::copy(&mut (&self.stream).take(length), &mut io::sink());
                    if skipped.is_ok_and(|skipped| skipped == length) {
                        continue;
                    }
                    break Some(self.closed());
                }
                Ok((_, length)) => break Some(self.ended(length)),
                Err(error) if is_time_out(&error) => break None,
                Err(error) => break Some(self.failed(&error)),
            }
        };
        let _ = self.wait_at_most(self.limit);
        reason
    }

    /// Looks whether the peer is there, and reads nothing.
    fn look(&mut self) -> Result<(), ParallelError> {
        let _ = self.stream.set_nonblocking(true);
        let mut kind = [0];
        let seen = self.stream.peek(&mut kind);
        let _ = self.stream.set_nonblocking(false);
        match seen {
            Ok(1) if kind[0] == VALUES => Ok(()),
            Ok(1) => Err(self.head().err().unwrap_or_else(|| self.closed())),
            Ok(_) => Err(self.closed()),
            Err(error) if is_time_out(&error) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn closed(&self) -> ParallelError {
        self.failed(&ErrorKind::UnexpectedEof.into())
    }

    fn failed(&self, error: &io::Error) -> ParallelError {
        if is_time_out(error) {
            return ParallelError::Silent { rank: self.rank, seconds: self.limit.as_secs() };
        }
        let reason = match error.kind() {
            ErrorKind::UnexpectedEof => "its connection is closed".to_owned(),
            _ => error.to_string(),
        };
        ParallelError::Gone { rank: self.rank, reason }
    }
}

/// Why processes end, as they tell each other.
#[derive(serde::Serialize, serde::Deserialize)]
struct Ended {
    rank: u32,
    gone: bool,
    reason: String,
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Writes kind, length, content.
pub(super) fn write_message(stream: &mut TcpStream, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let mut head = [0; 9];
    head[0] = kind;
    head[1..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    stream.write_all(&head)?;
    stream.write_all(bytes)
}

/// Reads kind and length.
pub(super) fn read_head(stream: &mut TcpStream) -> io::Result<(u8, u64)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    Ok((kind, u64::from_le_bytes(length)))
}

/// Process 0 with a connection to each other, or another one with its connection to 0.
pub(super) struct Star {
    pub(super) rank: u32,
    /// By rank, from 1; or process 0 alone.
    peers: Vec<Peer>,
}

impl Star {
    pub(super) fn new(rank: u32, peers: Vec<Peer>) -> Self {
        Self { rank, peers }
    }

    fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// The address of this machine that the others see; one that other machines see too, if any.
    pub(super) fn own_address(&self) -> io::Result<IpAddr> {
        let mut addresses = Vec::new();
        for peer in &self.peers {
            addresses.push(peer.stream.local_addr()?.ip());
        }
        let first = addresses.iter().find(|it| !it.is_loopback()).or(addresses.first());
        first.copied().ok_or_else(|| ErrorKind::AddrNotAvailable.into())
    }

    /// The address of process 0.
    pub(super) fn first_address(&self) -> io::Result<IpAddr> {
        match self.peers.first() {
            Some(first) if !self.is_first() => Ok(first.stream.peer_addr()?.ip()),
            _ => self.own_address(),
        }
    }

    /// Looks whether all peers are there.
    ///
    /// # Errors
    /// When one is gone, or ends.
    pub(super) fn look(&mut self) -> Result<(), ParallelError> {
        self.peers.iter_mut().try_for_each(Peer::look)
    }

    /// The bytes of process 0, at most `most`.
    ///
    /// # Errors
    /// When a process is gone, silent or ends; so with all that follow.
    pub(super) fn broadcast(
        &mut self,
        bytes: Vec<u8>,
        most: u64,
    ) -> Result<Vec<u8>, ParallelError> {
        if self.is_first() {
            for peer in &mut self.peers {
                peer.send(&bytes)?;
            }
            return Ok(bytes);
        }
        Ok(self.peers[0].receive_any(most)?.to_vec())
    }

    /// Process 0: sends values to the others, who receive them by [`Star::receive_values`].
    ///
    /// # Errors
    /// As [`Star::broadcast`].
    pub(super) fn send_values(&mut self, values: &[f32]) -> Result<(), ParallelError> {
        self.broadcast(to_bytes(values), 0).map(drop)
    }

    /// Any other: what process 0 sends, `count` values.
    ///
    /// # Errors
    /// As [`Star::broadcast`].
    pub(super) fn receive_values(&mut self, count: usize) -> Result<Vec<f32>, ParallelError> {
        let (values, _) = self.peers[0].receive(count * 4)?.as_chunks::<4>();
        Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }

    /// Replaces values by their sums over all processes: those of process 0, and to them those of 1, 2
    /// and so on.
    pub(super) fn sum_doubles(&mut self, values: &mut [f64]) -> Result<(), ParallelError> {
        let pack = |values: &[f64]| values.iter().flat_map(|it| it.to_le_bytes()).collect();
        let unpack = |bytes: &[u8]| -> Vec<f64> {
            let (values, _) = bytes.as_chunks::<8>();
            values.iter().map(|it| f64::from_le_bytes(*it)).collect()
        };
        let length = values.len() * 8;
        if self.is_first() {
            for peer in &mut self.peers {
                for (sum, value) in values.iter_mut().zip(unpack(peer.receive(length)?)) {
                    *sum += value;
                }
            }
            self.broadcast(pack(values), 0)?;
        } else {
            let bytes: Vec<u8> = pack(values);
            self.peers[0].send(&bytes)?;
            values.copy_from_slice(&unpack(self.peers[0].receive(length)?));
        }
        Ok(())
    }

    /// Adds up the parts of all processes in their order, and gives the sum to all of them. Process 0
    /// has the sum of its own in `sum`; the others send theirs, `parts`, and take the sum. `count` tells
    /// how many parts a process has.
    pub(super) fn sum_parts(
        &mut self,
        sum: &mut [f32],
        parts: &mut dyn Iterator<Item = &[f32]>,
        count: &dyn Fn(usize) -> usize,
    ) -> Result<(), ParallelError> {
        let length = sum.len() * 4;
        if self.is_first() {
            for peer in &mut self.peers {
                for _ in 0..count(peer.rank as usize) {
                    let (values, _) = peer.receive(length)?.as_chunks::<4>();
                    for (sum, value) in sum.iter_mut().zip(values) {
                        *sum += f32::from_le_bytes(*value);
                    }
                }
            }
            let bytes = to_bytes(sum);
            self.broadcast(bytes, 0)?;
        } else {
            for part in parts {
                self.peers[0].send(&to_bytes(part))?;
            }
            sum.copy_from_slice(&self.receive_values(sum.len())?);
        }
        Ok(())
    }

    /// Which process is to blame for a failure that showed elsewhere; `None` where all are there.
    pub(super) fn reason(&mut self) -> Option<ParallelError> {
        // Process 0 asks all the others before it tells them.
        let patience = if self.is_first() { FAREWELL } else { FAREWELL * 5 };
        let reasons: Vec<ParallelError> = std::thread::scope(|scope| {
            let peers = self.peers.iter_mut();
            let asked: Vec<_> =
                peers.map(|peer| scope.spawn(move || peer.reason(patience))).collect();
            asked.into_iter().filter_map(|asked| asked.join().ok().flatten()).collect()
        });
        // One that failed may have done so because of one that is gone.
        let gone = reasons.iter().position(|it| matches!(it, ParallelError::Gone { .. }));
        reasons.into_iter().nth(gone.unwrap_or(0))
    }

    /// Tells the others that this process ends.
    pub(super) fn end(&mut self, error: &ParallelError) {
        let ended = match error {
            ParallelError::Gone { rank, reason } => {
                Ended { rank: *rank, gone: true, reason: reason.clone() }
            }
            ParallelError::Failed { rank, reason } => {
                Ended { rank: *rank, gone: false, reason: reason.clone() }
            }
            ParallelError::Silent { rank, .. } => {
                Ended { rank: *rank, gone: true, reason: "it does not answer".to_owned() }
            }
            error => Ended { rank: self.rank, gone: false, reason: error.to_string() },
        };
        // Side by side, since each may wait for its peer to close.
        let ended = &ended;
        std::thread::scope(|scope| {
            for peer in &mut self.peers {
                scope.spawn(move || peer.end(ended));
            }
        });
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
