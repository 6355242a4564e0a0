//! Where files are looked for: `--config-dir`, the current directory, the binary itself.

use super::error::{ConfigError, nearest};
use include_dir::{Dir, include_dir};
use std::path::{Path, PathBuf};

static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/scenarios");
static PROFILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/profiles/guidellm");
static COEFFICIENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/coefficients");
static EXPERIMENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/experiments");

/// The small tokenizer that bench carries, as file name and content; a directory of these two is what
/// transformers' `AutoTokenizer` loads.
pub const TOKENIZER: [(&str, &[u8]); 2] = [
    ("tokenizer.json", include_bytes!("../../profiles/tokenizer/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../../profiles/tokenizer/tokenizer_config.json")),
];

/// Directories to look into before the embedded files.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// `--config-dir`: holds `scenarios/`, `profiles/guidellm/`, `coefficients/` and `experiments/`.
    pub config_dir: Option<PathBuf>,
    /// Usually `.`.
    pub current_dir: PathBuf,
}

impl Default for Lookup {
    fn default() -> Self {
        Self { config_dir: None, current_dir: PathBuf::from(".") }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scenario,
    Profile,
    Coefficients,
    Experiment,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Profile => "profile",
            Self::Coefficients => "file of coefficients",
            Self::Experiment => "experiment",
        }
    }

    fn dir(self) -> &'static str {
        match self {
            Self::Scenario => "scenarios",
            Self::Profile => "profiles/guidellm",
            Self::Coefficients => "coefficients",
            Self::Experiment => "experiments",
        }
    }

    fn embedded(self) -> &'static Dir<'static> {
        match self {
            Self::Scenario => &SCENARIOS,
            Self::Profile => &PROFILES,
            Self::Coefficients => &COEFFICIENTS,
            Self::Experiment => &EXPERIMENTS,
        }
    }
}

/// A file found: its name, where it was, its text.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// File name without its extension.
    pub(crate) name: String,
    /// Path, or `embedded:…`.
    pub(crate) source: String,
    pub(crate) text: String,
}

/// A scenario, profile, file of coefficients or experiment that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub name: String,
    /// Path, or `embedded:…`.
    pub source: String,
}

impl Lookup {
    fn dirs(&self, kind: Kind) -> Vec<PathBuf> {
        self.config_dir.iter().chain([&self.current_dir]).map(|d| d.join(kind.dir())).collect()
    }

    /// Every name that can be given, once, with the file that wins.
    pub(crate) fn known(&self, kind: Kind) -> Vec<Known> {
        let mut all: Vec<Known> = Vec::new();
        let mut add = |path: &Path, source: String| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if is_yaml(path) && !all.iter().any(|k| k.name == name) {
                all.push(Known { name, source });
            }
        };
        for dir in self.dirs(kind) {
            for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
                add(&entry.path(), entry.path().display().to_string());
            }
        }
        for file in kind.embedded().files() {
            add(file.path(), embedded_source(kind, file.path()));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Finds a file by name or path. `skip`: places already visited, so that a file may extend its namesake further down.
    pub(crate) fn find(&self, kind: Kind, name: &str, skip: &[String]) -> Result<Found, ConfigError> {
        if name.contains(['/', std::path::MAIN_SEPARATOR]) || (is_yaml(Path::new(name)) && Path::new(name).exists()) {
            return read(Path::new(name));
        }
        let stem = [".yaml.in", ".yaml", ".yml"].iter().find_map(|e| name.strip_suffix(e)).unwrap_or(name);
        let mut looked_in = Vec::new();
        for dir in self.dirs(kind) {
            for file in [format!("{stem}.yaml"), format!("{stem}.yml"), format!("{stem}.yaml.in")] {
                let path = dir.join(file);
                if path.is_file() && !skip.contains(&path.display().to_string()) {
                    return read(&path);
                }
            }
            looked_in.push(dir.display().to_string());
        }
        let file = format!("{stem}.yaml");
        if let Some(text) = kind.embedded().get_file(&file).and_then(|f| f.contents_utf8()) {
            let source = embedded_source(kind, Path::new(&file));
            if !skip.contains(&source) {
                return Ok(Found { name: stem.into(), source, text: text.into() });
            }
        }
        looked_in.push("the files inside bench".into());
        let known: Vec<String> = self.known(kind).into_iter().map(|k| k.name).collect();
        let nearest = nearest(stem, known.iter().map(String::as_str));
        Err(ConfigError::NotFound { kind: kind.word(), name: name.into(), nearest, known, looked_in })
    }
}

fn embedded_source(kind: Kind, path: &Path) -> String {
    format!("embedded:{}/{}", kind.dir(), path.display())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "in")
}

/// Far more than any file written by people; what has no end ends there.
const MOST_BYTES: u64 = 16 << 20;

/// A whole file of text.
pub(super) fn text_of(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read;
    let read = || {
        let mut text = String::new();
        let n = std::fs::File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
        if n as u64 > MOST_BYTES {
            return Err(std::io::Error::other(format!("it has more than {} MiB", MOST_BYTES >> 20)));
        }
        Ok(text)
    };
    read().map_err(|why| ConfigError::Read { path: path.display().to_string(), why })
}

fn read(path: &Path) -> Result<Found, ConfigError> {
    let text = text_of(path)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = file.split('.').next().unwrap_or_default().to_string();
    Ok(Found { name, source: path.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokenizer_is_small_and_knows_every_byte() {
        let [(_, tokenizer), (_, config)] = TOKENIZER;
        assert!(tokenizer.len() + config.len() < 150_000);
        let t: serde_json::Value = serde_json::from_slice(tokenizer).expect("JSON");
        let vocabulary = t["model"]["vocab"].as_object().expect("a vocabulary");
        assert_eq!(vocabulary.len(), 2000);
        // The end mark and 256 bytes before the first merge.
        assert_eq!(vocabulary.len() - t["model"]["merges"].as_array().map_or(0, Vec::len), 257);
        let c: serde_json::Value = serde_json::from_slice(config).expect("JSON");
        assert_eq!(c["tokenizer_class"], "PreTrainedTokenizerFast");
    }

    #[test]
    fn a_path_is_read_as_it_is_and_its_absence_is_told() {
        let e = Lookup::default().find(Kind::Profile, "no/such/file.yaml", &[]).expect_err("absent").to_string();
        assert!(e.starts_with("cannot read no/such/file.yaml\n  why:"), "{e}");
    }
}
