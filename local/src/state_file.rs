//! The file that `--state` names: the pools between two runs. It is replaced as a whole, readable
//! by its owner alone, and one that cannot be read stops the start and is left as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::user_pool::{Snapshot, UserPools};

/// The version of the format. Others are refused.
const VERSION: u32 = 2;
/// How long a change waits for others before they are written.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a state file is invalid.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be opened.
    #[error("cannot read the state file {0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// Its contents are damaged.
    #[error(
        "the state file {0} is damaged ({1}); it was left as it is: repair it, or choose another \
         with --state"
    )]
    Damaged(PathBuf, serde_json::Error),
    /// Another version of `local` wrote it.
    #[error(
        "the state file {0} has version {1} and this is version {VERSION}; it was left as it is: \
         choose another with --state"
    )]
    Version(PathBuf, u64),
}

#[derive(Deserialize)]
struct Header {
    version: u64,
}

#[derive(Serialize)]
struct StateFile<'a> {
    version: u32,
    state: &'a Snapshot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnedStateFile {
    #[serde(rename = "version")]
    _version: u32,
    state: Snapshot,
}

/// The file's contents; none if it does not exist yet.
///
/// # Errors
/// When the file cannot be read, is damaged, or has another version.
pub fn load(path: &Path) -> Result<Option<Snapshot>, StateError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StateError::Unreadable(path.to_owned(), error)),
    };
    let damaged = |error| StateError::Damaged(path.to_owned(), error);
    let Header { version } = serde_json::from_slice(&text).map_err(damaged)?;
    if version != u64::from(VERSION) {
        return Err(StateError::Version(path.to_owned(), version));
    }
    let OwnedStateFile { state, .. } = serde_json::from_slice(&text).map_err(damaged)?;
    Ok(Some(state))
}

/// Replaces the file atomically: a reader finds the old state or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn save(path: &Path, state: &Snapshot) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    // One left by a run that was killed may have other permissions.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec(&StateFile { version: VERSION, state })?)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes the pools' changes to the file as they come, at most every second, and everything once
/// more when `stop` comes.
///
/// # Errors
/// When the last write fails. An earlier failure is logged, and the write repeated.
pub(crate) async fn save_changes(
    pools: UserPools,
    path: PathBuf,
    mut stop: oneshot::Receiver<()>,
) -> io::Result<()> {
    let mut saved = pools.changes();
    loop {
        let stopped = tokio::time::timeout(SAVE_INTERVAL, &mut stop).await.is_ok();
        let changes = pools.changes();
        if changes == saved && !stopped {
            continue;
        }
        let (pools, to) = (pools.clone(), path.clone());
        let write = tokio::task::spawn_blocking(move || save(&to, &pools.snapshot()));
        let written = write.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let written = written.map_err(|error| {
            let text = format!("cannot write the state file {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        });
        match written {
            _ if stopped => return written,
            Ok(()) => saved = changes,
            Err(error) => {
                let _ = writeln!(io::stderr(), "cognito-otp: {error}");
            }
        }
    }
}
