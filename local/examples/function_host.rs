//! A process for the tests of `local`: it starts one instance of each function, calls one of them,
//! prints their process ids and waits to be killed. Its argument is the functions' executable.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use local::lambda::{Capture, Functions, Invoke as _, Launch, Options, Output, Trigger};
use tokio::time::{sleep, timeout};

/// How long to wait for the call to begin, and to be killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often to look whether the call has begun.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let program: PathBuf = std::env::args_os().nth(1).ok_or("no executable")?.into();
    let launches = Trigger::ALL.map(|trigger| {
        let launch = Launch::new(trigger.function(), &program, BTreeMap::new());
        (trigger, launch)
    });
    let said = Capture::default();
    let options = Options { output: Output::Capture(said.clone()), ..Options::default() };
    let functions = Functions::new(launches.into(), options);
    functions.warm().await?;
    let event = r#"{"steps":[{"write":"begun\n"},{"sleep":1000}]}"#;
    let _call = functions.invoke(Trigger::CreateAuthChallenge, event.into());
    timeout(PATIENCE, async {
        while said.bytes().is_empty() {
            sleep(LOOK_EVERY).await;
        }
    })
    .await?;
    let pids: Vec<String> = Trigger::ALL
        .into_iter()
        .flat_map(|trigger| functions.pids(trigger))
        .map(|pid| pid.to_string())
        .collect();
    writeln!(io::stdout(), "{}", pids.join(" "))?;
    sleep(PATIENCE).await;
    Ok(())
}
