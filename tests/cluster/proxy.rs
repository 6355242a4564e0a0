//! A TCP proxy on loopback in front of the API server that breaks connections on demand: cut all now, cut each after so many
//! bytes of answer, let bytes through slowly, refuse for a while. It knows nothing of TLS and needs none.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    /// Bytes of answer after which each connection is cut; 0: never.
    cut_after: AtomicU64,
    /// Milliseconds of pause before each piece of an answer.
    slow_ms: AtomicU64,
    /// How many connections were cut.
    cuts: AtomicU64,
    refuse_until: Mutex<Option<Instant>>,
    open: Mutex<Vec<TcpStream>>,
}

/// The proxy; its threads end with the test's process.
pub struct Proxy {
    pub addr: SocketAddr,
    state: Arc<State>,
}

fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// In front of `target`, which is `host:port`.
    pub fn start(target: &str) -> Self {
        let target = target.to_socket_addrs().expect("an address").next().expect("one address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("its own address");
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let refused = locked(&shared.refuse_until).is_some_and(|t| Instant::now() < t);
                if refused {
                    continue;
                }
                let Ok(server) = TcpStream::connect(target) else { continue };
                join(client, server, &shared);
            }
        });
        Self { addr, state }
    }

    /// In front of a kubeconfig's API server; gives the kubeconfig that goes through the proxy.
    pub fn of_kubeconfig(kubeconfig: &Path, into: &Path) -> (Self, PathBuf) {
        let text = std::fs::read_to_string(kubeconfig).expect("a kubeconfig");
        let line = text.lines().find(|l| l.trim_start().starts_with("server:")).expect("a server");
        let url = line.split_once("server:").expect("its URL").1.trim().trim_matches('"');
        let target = url.split_once("://").expect("a scheme").1.trim_end_matches('/').to_string();
        let proxy = Self::start(&target);
        let file = into.join("through-proxy.kubeconfig");
        std::fs::write(&file, text.replace(&target, &proxy.addr.to_string())).expect("a kubeconfig of its own");
        (proxy, file)
    }

    /// Cuts every connection that is open now.
    pub fn cut_now(&self) {
        for s in locked(&self.state.open).drain(..) {
            self.state.cuts.fetch_add(1, Ordering::Relaxed);
            s.shutdown(Shutdown::Both).ok();
        }
    }

    /// Cuts each connection, old ones too, once so many bytes of answer went through it; 0 ends that.
    pub fn cut_after(&self, bytes: u64) {
        self.state.cut_after.store(bytes, Ordering::Relaxed);
    }

    /// A pause before each piece of an answer.
    pub fn slow(&self, pause: Duration) {
        self.state.slow_ms.store(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Cuts all, and takes no new connection for a while: an API server that restarts.
    pub fn refuse_for(&self, time: Duration) {
        *locked(&self.state.refuse_until) = Some(Instant::now() + time);
        self.cut_now();
    }

    /// How many connections were cut so far.
    pub fn cuts(&self) -> u64 {
        self.state.cuts.load(Ordering::Relaxed)
    }
}

fn join(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    let copy = |s: &TcpStream| s.try_clone().expect("a second handle of a socket");
    locked(&state.open).extend([copy(&client), copy(&server)]);
    let (up, shared) = ((copy(&client), copy(&server)), state.clone());
    std::thread::spawn(move || pump(up.0, up.1, None));
    std::thread::spawn(move || pump(server, client, Some(&shared)));
}

/// Copies until either end closes. With `state` it is the answers' direction, where it is cut and slowed.
fn pump(mut from: TcpStream, mut to: TcpStream, state: Option<&State>) {
    let mut buffer = [0; 16 << 10];
    let mut through = 0u64;
    while let Ok(n) = from.read(&mut buffer) {
        if n == 0 {
            break;
        }
        if let Some(s) = state {
            std::thread::sleep(Duration::from_millis(s.slow_ms.load(Ordering::Relaxed)));
            through += n as u64;
            let limit = s.cut_after.load(Ordering::Relaxed);
            if limit > 0 && through > limit {
                // Half a piece still arrives: a cut in the middle of a message.
                to.write_all(&buffer[..n / 2]).ok();
                s.cuts.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}

#[test]
fn the_proxy_cuts_where_it_is_told_to() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut s in server.incoming().flatten() {
            s.write_all(&vec![7; 1 << 20]).ok();
        }
    });
    let proxy = Proxy::start(&at);
    let got = || {
        let mut bytes = vec![];
        // A cut may also be a reset.
        TcpStream::connect(proxy.addr).unwrap().read_to_end(&mut bytes).ok();
        bytes.len()
    };
    assert_eq!(got(), 1 << 20);
    proxy.cut_after(200_000);
    let cut = got();
    assert!(cut < 1 << 20 && proxy.cuts() > 0, "{cut}");
    proxy.cut_after(0);
    proxy.refuse_for(Duration::from_millis(300));
    assert_eq!(got(), 0);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(got(), 1 << 20);
}
