//! A place of runs by its URL.

use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::manifest::{File, Manifest};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientConfigKey, Error, ObjectStore, ObjectStoreExt, RetryConfig};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// One request may take so long, a part of 8 MiB over a slow line; and a connection. All other settings of the client are the environment's.
const TIMES: [(ClientConfigKey, &str); 2] = [(ClientConfigKey::Timeout, "300 seconds"), (ClientConfigKey::ConnectTimeout, "10 seconds")];
/// Trying again, all in all.
const RETRIES: Duration = Duration::from_secs(60);

/// What a place is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Read,
    Write,
    /// To tell what would be written.
    DryRun,
}

/// A store, and where in it.
#[derive(Clone)]
pub struct Place {
    pub store: Arc<dyn ObjectStore>,
    prefix: Key,
    /// As it was given.
    pub url: String,
}

impl Place {
    /// Opens `s3://BUCKET[/PREFIX]`, `gs://BUCKET[/PREFIX]` or `file:///DIRECTORY`. Asks nothing of it yet. Only `Why::Write` makes
    /// a directory.
    ///
    /// # Errors
    /// A URL of another kind, credentials that cannot be read, a directory that cannot be made, or that is not there to be read.
    pub fn open(url: &str, why: Why) -> anyhow::Result<Self> {
        let wrong = |why: &str| {
            Failure::new(Exit::Usage, format!("{url:?} is no place for runs: {why}"))
                .hint("write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///DIRECTORY")
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("it is no URL"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // Nobody puts a key into a command line that shells keep.
        if bucket.contains(['@', '?', '#']) || prefix.contains(['?', '#']) {
            return Err(wrong("a bucket and a prefix are all that it may hold; credentials come from the environment").into());
        }
        let store: Arc<dyn ObjectStore> = match scheme {
            "file" if bucket.is_empty() && !prefix.is_empty() => {
                return Ok(Self {
                    store: directory(&PathBuf::from(format!("/{prefix}")), url, why)?,
                    prefix: Key::default(),
                    url: url.into(),
                });
            }
            "file" => return Err(wrong("a directory is written with three slashes").into()),
            "s3" | "gs" if bucket.is_empty() => return Err(wrong("it names no bucket").into()),
            "s3" => {
                cryptography();
                let b = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry());
                let b = TIMES.into_iter().fold(b, |b, (key, value)| b.with_config(AmazonS3ConfigKey::Client(key), value));
                Arc::new(b.build().map_err(|e| told(&e, url))?)
            }
            "gs" => {
                cryptography();
                let b = GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket).with_retry(retry());
                let b = TIMES.into_iter().fold(b, |b, (key, value)| b.with_config(GoogleConfigKey::Client(key), value));
                Arc::new(b.build().map_err(|e| told(&e, url))?)
            }
            _ => return Err(wrong(&format!("{scheme} is not known")).into()),
        };
        let prefix = Key::parse(prefix.trim_end_matches('/')).map_err(|e| wrong(&e.to_string()))?;
        Ok(Self { store, prefix, url: url.into() })
    }

    /// A key below the prefix, which is as it was given: its letters are the bucket's, not a URL's.
    pub fn key(&self, relative: &str) -> Key {
        relative.split('/').fold(self.prefix.clone(), Key::join)
    }

    /// An error of this place, in the user's words.
    pub fn told(&self, e: &Error) -> anyhow::Error {
        told(e, &self.url)
    }

    /// Bytes of a small object; `None` where there is none.
    ///
    /// # Errors
    /// When the store does not answer, or refuses.
    pub async fn small(&self, relative: &str) -> anyhow::Result<Option<Vec<u8>>> {
        match self.store.get(&self.key(relative)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|e| self.told(&e))?.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.told(&e)),
        }
    }

    /// Size of an object; `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::small`].
    pub async fn size(&self, relative: &str) -> anyhow::Result<Option<u64>> {
        match self.store.head(&self.key(relative)).await {
            Ok(m) => Ok(Some(m.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.told(&e)),
        }
    }

    /// Are the bytes of a blob there what its name says? `false` where there is none.
    ///
    /// # Errors
    /// As [`Self::small`].
    pub async fn holds(&self, f: &File) -> anyhow::Result<bool> {
        let found = match self.store.get(&self.key(&f.blob())).await {
            Err(Error::NotFound { .. }) => return Ok(false),
            found => found.map_err(|e| self.told(&e))?,
        };
        let mut stream = found.into_stream();
        let mut hash = Sha256::new();
        while let Some(piece) = stream.next().await {
            super::go_on()?;
            hash.update(&piece.map_err(|e| self.told(&e))?);
        }
        Ok(super::hexadecimal(&hash.finalize()) == f.sha256)
    }

    /// Ids of all runs, oldest first: ids begin with the time.
    ///
    /// # Errors
    /// As [`Self::small`].
    pub async fn runs(&self) -> anyhow::Result<Vec<String>> {
        let all: Vec<_> = self.store.list(Some(&self.key("runs"))).try_collect().await.map_err(|e| self.told(&e))?;
        let mut ids: Vec<String> = all.iter().filter_map(|m| m.location.filename()?.strip_suffix(".json").map(str::to_owned)).collect();
        ids.sort();
        Ok(ids)
    }

    /// A run's manifest, checked; `None` where there is none.
    ///
    /// # Errors
    /// As [`Self::small`], and when it cannot be what it should be.
    pub async fn manifest(&self, run: &str) -> anyhow::Result<Option<Manifest>> {
        let Some(bytes) = self.small(&Manifest::place(run)).await? else { return Ok(None) };
        let bad = |why: String| Failure::new(Exit::Invalid, format!("{}/{}: {why}", self.url.trim_end_matches('/'), Manifest::place(run)));
        let m: Manifest = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        match m.faults() {
            Some(why) => Err(bad(why).into()),
            None if m.run != run => Err(bad(format!("it is of {}", m.run)).into()),
            None => Ok(Some(m)),
        }
    }
}

/// A directory of this machine. Of one that a dry run would make there is nothing yet.
fn directory(dir: &Path, url: &str, why: Why) -> anyhow::Result<Arc<dyn ObjectStore>> {
    match why {
        Why::Write => std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?,
        Why::DryRun if !dir.exists() => return Ok(Arc::new(InMemory::new())),
        Why::Read if !dir.exists() => {
            return Err(Failure::new(Exit::Usage, format!("there is no directory {}", dir.display()))
                .hint("`bench results push` makes it")
                .into());
        }
        _ if !dir.is_dir() => return Err(Failure::new(Exit::Usage, format!("{} is no directory", dir.display())).into()),
        _ => {}
    }
    Ok(Arc::new(LocalFileSystem::new_with_prefix(dir).map_err(|e| told(&e, url))?.with_fsync(true)))
}

fn retry() -> RetryConfig {
    RetryConfig { max_retries: 5, retry_timeout: RETRIES, backoff: BackoffConfig::default() }
}

/// One TLS for all of bench: ring, as for the API server.
pub(crate) fn cryptography() {
    // An error says that it was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn told(e: &Error, url: &str) -> anyhow::Error {
    let credentials = "S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine; AWS_REGION, AWS_ENDPOINT_URL. \
         Google: GOOGLE_APPLICATION_CREDENTIALS, or the login of gcloud; GOOGLE_BASE_URL";
    let (exit, hint) = match e {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => (Exit::Usage, credentials),
        Error::NotFound { .. } => (Exit::Usage, "the bucket must be there already; bench makes none"),
        Error::Generic { source, .. } if chain(source.as_ref()).contains("NoSuchBucket") => {
            (Exit::Usage, "the bucket must be there already; bench makes none")
        }
        Error::Generic { source, .. } if chain(source.as_ref()).to_lowercase().contains("credential") => (Exit::Usage, credentials),
        // No credentials are found, and so the machine's own account is asked for, which only a machine of Google's has.
        Error::Generic { source, .. } if chain(source.as_ref()).contains("/computeMetadata/") => (Exit::Usage, credentials),
        Error::InvalidPath { .. } | Error::NotSupported { .. } | Error::NotImplemented { .. } => (Exit::Usage, credentials),
        _ => (Exit::Interrupted, "give the command again: what was moved is not moved again"),
    };
    Failure::new(exit, format!("{url}: {}", chain(e))).hint(hint).redacted().into()
}

/// An error and its causes, each once.
fn chain(e: &(dyn std::error::Error + 'static)) -> String {
    let mut out = e.to_string();
    let mut next = e.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !out.contains(&text) {
            out = format!("{out}: {text}");
        }
        next = cause.source();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_credentials_is_told_which() {
        let text = "Error performing token request: Error performing GET http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token";
        let e = Error::Generic { store: "GCS", source: text.into() };
        let f = Failure::of(told(&e, "gs://bucket"));
        assert_eq!(f.exit, Exit::Usage);
        assert!(f.hint.unwrap_or_default().contains("GOOGLE_APPLICATION_CREDENTIALS"));
        let e = Error::Generic { store: "GCS", source: "connection refused".into() };
        assert_eq!(Failure::of(told(&e, "gs://bucket")).exit, Exit::Interrupted);
    }

    #[test]
    fn a_prefix_is_kept_as_it_is_written() {
        for (prefix, key) in
            [("", "runs/a-b_c.json"), ("team/ünï code", "team/ünï code/runs/a-b_c.json"), ("a%20b/", "a%20b/runs/a-b_c.json")]
        {
            let prefix = Key::parse(prefix.trim_end_matches('/')).unwrap();
            let place = Place { store: Arc::new(InMemory::new()), prefix, url: String::new() };
            assert_eq!(place.key("runs/a-b_c.json").as_ref(), key);
        }
    }
}
