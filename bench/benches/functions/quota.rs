//! A share of one processor, as a function of 128 MB has: a control group with a quota.
//!
//! Lambda gives a function one processor at 1,769 MB and a proportional share below; it does not say
//! in which periods. Here they are of 20 ms. What a process may use of a period and has not used by
//! its end is lost; when it has used all, it waits for the next.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use local::lambda::Launch;

use crate::BenchError;

/// In microseconds.
const PERIOD_US: u32 = 20_000;

/// Of each period, in microseconds: 128 MB of 1,769 MB.
const QUOTA_US: u32 = PERIOD_US * 128 / 1_769;

/// A control group that processes can be put into. Removed when dropped, which needs them to have
/// ended.
pub(crate) struct CpuQuota {
    group: PathBuf,
    gate: StartGate,
}

/// A named pipe that a held process waits at. We hold both of its ends, so that opening it and
/// writing to it wait for nobody.
struct StartGate {
    path: PathBuf,
    pipe: File,
}

impl StartGate {
    fn new(path: PathBuf) -> Result<Self, String> {
        let made = Command::new("mkfifo").arg(&path).status();
        if !made.map_err(|error| format!("mkfifo: {error}"))?.success() {
            return Err("mkfifo failed".to_owned());
        }
        let pipe = File::options().read(true).write(true).open(&path);
        let pipe = pipe.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path, pipe })
    }
}

impl Drop for StartGate {
    fn drop(&mut self) {
        // A file in cargo's folder at worst.
        let _ = fs::remove_file(&self.path);
    }
}

impl CpuQuota {
    /// Makes the group.
    ///
    /// # Errors
    /// With the reason, where the system does not let us.
    pub(crate) fn new(folder: &Path) -> Result<Self, String> {
        let gate = StartGate::new(folder.join(format!("gate-{}", std::process::id())))?;
        let mounts = fs::read_to_string("/proc/mounts").map_err(|error| error.to_string())?;
        let mut reasons = Vec::new();
        for mount in mounts.lines() {
            let mut fields = mount.split(' ').skip(1);
            let (Some(at), Some(kind), Some(options)) =
                (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            let second = kind == "cgroup2" && has_cpu_controller(Path::new(at));
            let first = kind == "cgroup" && options.split(',').any(|option| option == "cpu");
            if !first && !second {
                continue;
            }
            let group = Path::new(at).join(format!("bench-{}", std::process::id()));
            match create_cgroup(&group, second) {
                Ok(()) => return Ok(Self { group, gate }),
                Err(error) => reasons.push(format!("{at}: {error}")),
            }
        }
        let none = "no cgroup with a cpu controller found".to_owned();
        Err(if reasons.is_empty() { none } else { reasons.join("; ") })
    }

    /// Puts process `pid`, with all its threads, into the group.
    pub(crate) fn apply(&self, pid: u32) -> Result<(), BenchError> {
        Ok(fs::write(self.group.join("cgroup.procs"), pid.to_string())?)
    }

    /// `launch`, but as a shell that becomes its program once it is [released](Self::release).
    pub(crate) fn hold_at_gate(&self, launch: &Launch) -> Result<Launch, BenchError> {
        let mut held = launch.clone();
        held.program = fs::canonicalize("/bin/sh")?;
        let script = "read -r go < \"$0\"; cd \"$LAMBDA_TASK_ROOT\" && exec \"$@\"";
        let program = launch.program.canonicalize()?;
        let root = program.parent().unwrap_or(&program);
        held.environment.insert("LAMBDA_TASK_ROOT".to_owned(), root.display().to_string());
        let first = ["-c".into(), script.into(), self.gate.path.clone().into(), program.into()];
        held.args = first.into_iter().chain(launch.args.iter().cloned()).collect();
        Ok(held)
    }

    /// Lets the held process go on.
    pub(crate) fn release(&self) -> Result<(), BenchError> {
        Ok((&self.gate.pipe).write_all(b"\n")?)
    }
}

impl Drop for CpuQuota {
    fn drop(&mut self) {
        // An empty folder at worst.
        let _ = fs::remove_dir(&self.group);
    }
}

fn has_cpu_controller(mount: &Path) -> bool {
    let given = fs::read_to_string(mount.join("cgroup.subtree_control")).unwrap_or_default();
    given.split_whitespace().any(|controller| controller == "cpu")
}

fn create_cgroup(group: &Path, second: bool) -> std::io::Result<()> {
    fs::create_dir(group)?;
    let written = if second {
        fs::write(group.join("cpu.max"), format!("{QUOTA_US} {PERIOD_US}"))
    } else {
        fs::write(group.join("cpu.cfs_period_us"), PERIOD_US.to_string())
            .and_then(|()| fs::write(group.join("cpu.cfs_quota_us"), QUOTA_US.to_string()))
    };
    if written.is_err() {
        let _ = fs::remove_dir(group);
    }
    written
}
