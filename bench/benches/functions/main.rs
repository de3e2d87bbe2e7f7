//! What the functions cost, beside a function that does nothing and the same triggers on Node.js,
//! interleaved in one run:
//!
//! ```sh
//! cargo bench -p bench --bench functions [-- --json] [--runs COLD] [--warm CALLS] [--before DIR] [--only NAME]
//! ```
//!
//! `--before` adds the functions that are built in that folder, as many as there are, to compare with. They
//! are asked the events in its `events`, a copy of that build's `tests/events`, and this build's where
//! there are none; one that answers them otherwise is left out, which the report says. `--only create`
//! measures that trigger alone, beside the floor.
//!
//! Each runs as on Lambda: a process with a Runtime API of its own. Over TLS (`mock_aws`) create calls
//! DynamoDB three times and SNS once; verify calls DynamoDB once for a right answer, Cognito three times
//! and DynamoDB once more for that of a new user, and nothing for a wrong one; define and pre-sign-up
//! call nothing. Ratios are what to look at: the absolute times are the machine's.

mod measure;
mod mock_aws;
mod node;
mod quota;
mod report;
mod subject;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use mock_aws::MockAws;
use node::Node;
use quota::CpuQuota;

type BenchError = Box<dyn std::error::Error + Send + Sync>;

/// How long a build or an installation may take.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How long one start or one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);

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
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, BenchError> {
        let mut options = Self { json: false, cold: 40, warm: 600, before: None, only: None };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let number = arguments.next().and_then(|number| number.parse().ok());
                number
                    .filter(|number| *number > 0)
                    .ok_or_else(|| format!("{argument} requires a positive integer"))
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
                        "unknown argument {argument}: use --json, --runs, --warm, --before or --only"
                    )
                    .into());
                }
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> Result<(), BenchError> {
    let options = Options::read(std::env::args().skip(1))?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(&folder)?;
    let mut mock = MockAws::start(&folder).await?;
    let node = Node::find(&folder).await?;
    let mut subjects = subject::build_all(&mock, node.as_ref(), options.before.as_deref()).await?;
    if let Some(only) = &options.only {
        subjects.retain(|subject| subject.belongs_to(only));
        if subjects.len() == 1 {
            return Err(format!(
                "--only must be define, create, verify or pre-sign-up, not {only:?}"
            )
            .into());
        }
    }
    let (subjects, left_out) = measure::leave_out_incompatible(subjects, &mut mock).await;
    let costs = measure::measure_costs(&subjects, &mut mock, &options).await?;
    let quota = match CpuQuota::new(&folder) {
        Ok(quota) => {
            // A start of Node.js within the quota takes seconds.
            let runs = options.cold.div_ceil(4);
            Ok(measure::measure_throttled(&subjects, &mut mock, &quota, runs).await?)
        }
        Err(reason) => Err(reason),
    };
    let report = report::Report::new(node.as_ref(), &subjects, &costs, quota, left_out)?;
    report.print(options.json)
}
