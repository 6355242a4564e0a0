//! One pull or prune at a time in a directory of runs.

use crate::failure::Failure;
use crate::ops::stop;
use bench_model::exit::Exit;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// How often it is looked whether the other one has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// Held while run directories are added or removed; the system drops it with the process.
#[derive(Debug)]
pub struct Hold {
    _dir: Option<File>,
}

/// Waits for another process that adds or removes runs here, and tells so once. The directory itself is locked: no file is left.
///
/// # Errors
/// A signal that comes while it waits.
pub fn hold(results: &Path, tell: impl FnOnce(String)) -> anyhow::Result<Hold> {
    // A directory that is not there holds nothing to be shared; a file system whose directories cannot be locked keeps nobody out.
    let Ok(dir) = File::open(results) else { return Ok(Hold { _dir: None }) };
    let mut tell = Some(tell);
    loop {
        match dir.try_lock() {
            Ok(()) => return Ok(Hold { _dir: Some(dir) }),
            Err(TryLockError::Error(_)) => return Ok(Hold { _dir: None }),
            Err(TryLockError::WouldBlock) => {}
        }
        if stop::is_requested() {
            return Err(Failure::new(Exit::Interrupted, "interrupted").hint("nothing was begun; give the command again").into());
        }
        if let Some(tell) = tell.take() {
            tell(format!("another bench adds runs to {} or removes some: waiting for it", results.display()));
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn whoever_comes_second_waits_for_the_first_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let first = hold(dir.path(), |t| panic!("{t}")).unwrap();
        let (path, (tell, told)) = (dir.path().to_path_buf(), mpsc::channel());
        let second = std::thread::spawn(move || {
            let held = hold(&path, |t| tell.send(t).unwrap()).unwrap();
            tell.send("held".into()).unwrap();
            drop(held);
        });
        assert!(told.recv_timeout(Duration::from_secs(10)).unwrap().contains("waiting for it"));
        assert!(told.recv_timeout(Duration::from_millis(300)).is_err(), "kept out");
        drop(first);
        assert_eq!(told.recv_timeout(Duration::from_secs(10)).unwrap(), "held");
        second.join().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no file is left");
    }
}
