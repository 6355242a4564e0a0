//! Files of the agent's directory, for images that have no shell: list with checksums, and print from an offset.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A file as the far side has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Relative to the listed directory.
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

/// Every regular file below a directory. A link is not followed: what it points to is not the directory's, and may have no end.
pub fn list(dir: &Path) -> anyhow::Result<Vec<Listed>> {
    Ok(look(dir)?.0)
}

/// The same, and the paths of what is neither a file nor a directory: links, pipes, sockets, devices.
pub fn look(dir: &Path) -> anyhow::Result<(Vec<Listed>, Vec<String>)> {
    let (mut out, mut others) = (vec![], vec![]);
    let mut todo = vec![dir.to_path_buf()];
    while let Some(d) = todo.pop() {
        for entry in std::fs::read_dir(&d).with_context(|| format!("cannot read {}", d.display()))? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                todo.push(path);
                continue;
            }
            let relative = path.strip_prefix(dir)?.to_string_lossy().into_owned();
            // The program itself lives there too when it was streamed in.
            if relative == "bench" || relative.ends_with(".part") {
                continue;
            }
            if !kind.is_file() {
                others.push(relative);
                continue;
            }
            let (size, sha256) = checksum(&path)?;
            out.push(Listed { path: relative, size, sha256 });
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    others.sort();
    Ok((out, others))
}

/// Size and SHA-256 of a file.
pub fn checksum(path: &Path) -> anyhow::Result<(u64, String)> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    let size = std::io::copy(&mut file, &mut hash)?;
    Ok((size, hash.finalize().iter().map(|b| format!("{b:02x}")).collect()))
}

/// Prints a file from an offset on.
pub fn cat(path: &Path, offset: u64) -> anyhow::Result<()> {
    let mut file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    file.seek(SeekFrom::Start(offset))?;
    let mut out = std::io::stdout().lock();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(out.flush()?);
        }
        out.write_all(&buffer[..n])?;
    }
}
