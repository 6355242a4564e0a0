//! Ctrl-C, SIGTERM and SIGHUP: the first asks to stop cleanly, the second ends the process at once.

use bench_model::exit::Exit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Holds the name of the first signal.
pub type Asked = watch::Sender<Option<&'static str>>;

static ASKED: OnceLock<Asked> = OnceLock::new();
tokio::task_local! {
    static APART: Asked;
}
/// Operations that stop by themselves.
static DRIVEN: AtomicUsize = AtomicUsize::new(0);

fn asked() -> Asked {
    APART.try_with(Clone::clone).unwrap_or_else(|_| ASKED.get_or_init(|| watch::channel(None).0).clone())
}

/// Does it as a process of its own would: it is stopped through `asked`, and by no signal to this one.
pub async fn apart<T>(asked: Asked, act: impl Future<Output = T>) -> T {
    APART.scope(asked, act).await
}

/// Signals that whoever started us wants to be ignored (nohup, a shell's background job), as bits from 0.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|l| l.strip_prefix("SigIgn:")).and_then(|m| u64::from_str_radix(m.trim(), 16).ok());
    mask.unwrap_or(0)
}

/// Begins to listen. To be called once, before anything is done.
pub fn listen() {
    let ignored = ignored();
    for (kind, name) in [(SignalKind::interrupt(), "Ctrl-C"), (SignalKind::terminate(), "SIGTERM"), (SignalKind::hangup(), "SIGHUP")] {
        let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(0);
        if ignored.checked_shr(bit).unwrap_or(0) & 1 == 1 {
            continue;
        }
        // Without a listener the signal ends the process, as it does by default.
        let Ok(mut signals) = signal(kind) else { continue };
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if asked().borrow().is_some() {
                    eprintln!("error: {name} again: ended at once; `bench resume` carries on");
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                asked().send_replace(Some(name));
            }
        });
    }
}

/// Has a signal come?
pub fn is_requested() -> bool {
    asked().borrow().is_some()
}

/// Waits for the first signal and names it.
pub async fn requested() -> &'static str {
    let mut changes = asked().subscribe();
    loop {
        if let Some(name) = *changes.borrow_and_update() {
            return name;
        }
        if changes.changed().await.is_err() {
            // The sender outlives whoever asks: this does not happen.
            std::future::pending::<()>().await;
        }
    }
}

/// While it lives, the operation stops by itself, and nobody else ends the command on the first signal.
pub struct Driven;

impl Driven {
    pub fn begin() -> Self {
        DRIVEN.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        DRIVEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits for a signal that no operation handles.
pub async fn unhandled() -> &'static str {
    let name = requested().await;
    if DRIVEN.load(Ordering::SeqCst) > 0 {
        std::future::pending::<()>().await;
    }
    name
}
