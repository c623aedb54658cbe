//! Closed-loop load: each worker is one client with one connection, which signs in again as soon as the last
//! sign-in is complete.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use tokio::runtime::{Builder, Runtime};

use crate::pool::{Connection, Pool};
use crate::server::{Server, cpu_of_this_process};
use crate::srp::SrpClient;

/// The duration of one sign-in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignIn {
    /// The user's wait: both requests and the client's arithmetic.
    pub(crate) whole: Duration,
    /// Both requests alone.
    pub(crate) waited: Duration,
}

/// The results of one span of load.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) sign_ins: Vec<SignIn>,
    pub(crate) elapsed: Duration,
    /// CPU time of the server; absent where the system does not report it.
    pub(crate) server_cpu: Option<Duration>,
    /// CPU time of this program.
    pub(crate) client_cpu: Option<Duration>,
}

impl Load {
    /// Combines several spans into one.
    pub(crate) fn sum(spans: Vec<Self>) -> Self {
        Self {
            elapsed: spans.iter().map(|span| span.elapsed).sum(),
            server_cpu: spans.iter().map(|span| span.server_cpu).sum(),
            client_cpu: spans.iter().map(|span| span.client_cpu).sum(),
            sign_ins: spans.into_iter().flat_map(|span| span.sign_ins).collect(),
        }
    }
}

/// Signs in the pool's first `users` users, in turn, for `time`. Each worker's first sign-in opens its
/// connection and is not counted.
pub(crate) fn sign_in(
    server: &Server,
    pool: &Pool,
    users: usize,
    workers: usize,
    time: Duration,
) -> Result<Load> {
    let ready = Barrier::new(workers + 1);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn({
                    let ready = &ready;
                    move || {
                        let client = Client::new(pool);
                        let warm =
                            client.and_then(|mut client| client.sign_in(worker % users).map(|_| client));
                        // Also after a failure, because the other workers wait for all.
                        ready.wait();
                        let mut client = warm?;
                        let start = now();
                        // Each worker uses its own users.
                        let mut user = worker;
                        let mut sign_ins = Vec::new();
                        while start.elapsed() < time {
                            user = (user + workers) % users;
                            sign_ins.push(client.sign_in(user)?);
                        }
                        Ok(sign_ins)
                    }
                })
            })
            .collect();
        ready.wait();
        let (start, server_before, client_before) = (now(), server.cpu(), cpu_of_this_process());
        let mut load = Load::default();
        for handle in handles {
            let sign_ins: Result<Vec<SignIn>> = handle.join().map_err(|_| anyhow!("a worker panicked"))?;
            load.sign_ins.extend(sign_ins?);
        }
        let since = |before: Option<Duration>, after: Option<Duration>| Some(after?.saturating_sub(before?));
        load.elapsed = start.elapsed();
        load.server_cpu = since(server_before, server.cpu());
        load.client_cpu = since(client_before, cpu_of_this_process());
        Ok(load)
    })
}

/// Adds users numbered from `from` to below `to`.
pub(crate) fn add_users(pool: &Pool, from: usize, to: usize, workers: usize) -> Result<()> {
    thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || {
                    let client = Client::new(pool)?;
                    for user in (from + worker..to).step_by(workers) {
                        client.runtime.block_on(pool.add_user(&client.connection, user))?;
                    }
                    Ok(())
                })
            })
            .collect();
        handles.into_iter().try_for_each(|handle| handle.join().map_err(|_| anyhow!("a worker panicked"))?)
    })
}

struct Client<'a> {
    pool: &'a Pool,
    connection: Connection,
    runtime: Runtime,
    srp: SrpClient,
}

impl<'a> Client<'a> {
    fn new(pool: &'a Pool) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { pool, connection: pool.connect()?, runtime, srp: SrpClient::new()? })
    }

    fn sign_in(&mut self, user: usize) -> Result<SignIn> {
        let start = now();
        let (first, challenge) = self.timed(self.pool.challenge(&self.connection, user, &self.srp));
        let proof = self.pool.proof(&mut self.srp, &challenge?)?;
        let (second, tokens) = self.timed(self.pool.prove(&self.connection, &proof));
        tokens?;
        Ok(SignIn { whole: start.elapsed(), waited: first + second })
    }

    fn timed<T>(&self, request: impl Future<Output = T>) -> (Duration, T) {
        let start = now();
        let answer = self.runtime.block_on(request);
        (start.elapsed(), answer)
    }
}

#[expect(clippy::disallowed_methods, reason = "real time is what is measured: no port, no test clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
