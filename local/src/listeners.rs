//! One loopback port per service.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, anyhow};
use axum::Router;
use local_user_pool::loopback::guarded;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long requests under way may take to end when the cloud stops.
const GRACE: Duration = Duration::from_millis(500);

/// The services that have a port, in the order of their ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Cognito,
    Api,
    Lambda,
    DynamoDb,
    Kms,
    Sns,
    Sms,
    Ses,
    Console,
}

impl Service {
    pub const ALL: [Self; 9] = [
        Self::Cognito,
        Self::Api,
        Self::Lambda,
        Self::DynamoDb,
        Self::Kms,
        Self::Sns,
        Self::Sms,
        Self::Ses,
        Self::Console,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cognito => "cognito",
            Self::Api => "api",
            Self::Lambda => "lambda",
            Self::DynamoDb => "dynamodb",
            Self::Kms => "kms",
            Self::Sns => "sns",
            Self::Sms => "sms",
            Self::Ses => "ses",
            Self::Console => "console",
        }
    }
}

/// The bound ports, not yet served.
#[derive(Debug)]
pub struct Ports(Vec<(Service, TcpListener, SocketAddr)>);

impl Ports {
    /// Binds `base` and the ports after it; 0 takes free ones.
    pub async fn bind(base: u16) -> Result<Self> {
        let mut ports = Vec::new();
        for (offset, service) in (0..).zip(Service::ALL) {
            let port = match base {
                0 => 0,
                base => base
                    .checked_add(offset)
                    .ok_or_else(|| anyhow!("--port {base} leaves no room for {}", service.name()))?,
            };
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        anyhow!("port {port} ({}) is in use; choose others with --port", service.name())
                    }
                    _ => anyhow!("port {port} ({}): {error}", service.name()),
                })?;
            let address = listener.local_addr()?;
            ports.push((service, listener, address));
        }
        Ok(Self(ports))
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self, service: Service) -> String {
        let found = self.0.iter().find(|(candidate, ..)| *candidate == service);
        found.map(|(_, _, address)| format!("http://{address}")).unwrap_or_default()
    }

    /// Serves what `router` gives for each service.
    pub fn serve(self, mut router: impl FnMut(Service) -> Router) -> Servers {
        let stop = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for (service, listener, _) in self.0 {
            let app = guarded(router(service));
            let mut stopped = stop.subscribe();
            tasks.spawn(async move {
                let signal = async move {
                    let _sender_gone = stopped.wait_for(|stop| *stop).await;
                };
                if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(signal).await {
                    tracing::error!(%error, "{} stopped", service.name());
                }
            });
        }
        Servers { stop, tasks }
    }
}

/// The served ports.
#[derive(Debug)]
pub struct Servers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Servers {
    /// Takes no more requests and lets those under way end, for a moment.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(GRACE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}
