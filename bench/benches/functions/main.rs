//! What the functions cost, beside a function that does nothing and the same triggers on Node.js,
//! interleaved in one run:
//!
//! ```sh
//! cargo bench -p bench --bench functions [-- --json] [--runs COLD] [--warm CALLS] [--before DIR] [--only NAME]
//! ```
//!
//! `--before` adds the functions that are built in that folder, to compare with. `--only create`
//! measures that trigger alone, beside the floor.
//!
//! Each runs as on Lambda: a process with a Runtime API of its own. Create calls DynamoDB three
//! times and SNS once over TLS (`cloud`). Ratios are what to look at: the absolute times are the machine's.

mod cloud;
mod measure;
mod node;
mod quota;
mod report;
mod subject;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cloud::Cloud;
use node::Node;
use quota::Quota;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a build or an installation may take.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How long one start or one call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the command line asks for.
struct Options {
    json: bool,
    /// Cold starts of each subject.
    cold: usize,
    /// Warm calls of each subject.
    warm: usize,
    /// Where other builds of the functions are.
    before: Option<PathBuf>,
    /// The one trigger to measure.
    only: Option<String>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Self { json: false, cold: 40, warm: 600, before: None, only: None };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let number = arguments.next().and_then(|number| number.parse().ok());
                number
                    .filter(|number| *number > 0)
                    .ok_or_else(|| format!("{argument} takes a number"))
            };
            match argument.as_str() {
                "--json" => options.json = true,
                "--runs" => options.cold = number()?,
                "--warm" => options.warm = number()?,
                "--before" => options.before = arguments.next().map(PathBuf::from),
                "--only" => options.only = arguments.next(),
                // Cargo's.
                "--bench" => {}
                _ => {
                    return Err(format!(
                        "{argument}: there are --json, --runs, --warm, --before and --only"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::read(std::env::args().skip(1))?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(&folder)?;
    let mut cloud = Cloud::start(&folder).await?;
    let node = Node::find(&folder).await?;
    let mut subjects = subject::all(&cloud, node.as_ref(), options.before.as_deref()).await?;
    if let Some(only) = &options.only {
        subjects.retain(|subject| subject.is_of(only));
        if subjects.len() == 1 {
            return Err(format!("--only takes define, create or verify, not {only:?}").into());
        }
    }
    let costs = measure::costs(&subjects, &mut cloud, &options).await?;
    let quota = match Quota::new(&folder) {
        Ok(quota) => {
            // A start of Node.js within the quota takes seconds.
            let runs = options.cold.div_ceil(4);
            Ok(measure::throttled(&subjects, &mut cloud, &quota, runs).await?)
        }
        Err(reason) => Err(reason),
    };
    let report = report::Report::new(node.as_ref(), &subjects, &costs, quota)?;
    report.print(options.json)
}
