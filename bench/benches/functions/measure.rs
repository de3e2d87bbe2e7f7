//! Starts, calls and watches the subjects, in turn, so that whatever else the machine does falls on
//! all of them.

use std::fs;
use std::time::{Duration, Instant};

use bytes::Bytes;
use local::lambda::{Capture, Instance, Output, TRIGGER_TIMEOUT};
use tokio::time::timeout;

use crate::mock_aws::MockAws;
use crate::quota::CpuQuota;
use crate::subject::{Implementation, Subject};
use crate::{BenchError, CALL_LIMIT, Options};

/// What one subject costs: medians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// From the start of the process until it asks for an event.
    pub(crate) init_time: Duration,
    /// From the start of the process to its first answer, with the event there when it is asked for.
    pub(crate) first_response_time: Duration,
    /// What all its threads had of a processor until then.
    pub(crate) cpu: Duration,
    /// A later call.
    pub(crate) warm: Duration,
    /// What its threads have of a processor in one: the mean, as the system counts coarsely.
    pub(crate) warm_cpu: Duration,
    /// The slowest of a hundred later calls.
    pub(crate) p99: Duration,
    /// The most memory that it ever had, in KiB, after all calls.
    pub(crate) memory: u64,
}

/// What the first answer takes under a quota: medians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throttled {
    /// From event to answer with no quota.
    pub(crate) unthrottled_call: Duration,
    /// What the process has of a processor in that time.
    pub(crate) free_cpu: Duration,
    /// From event to answer with the quota from the event on, as on Lambda.
    pub(crate) call: Duration,
    /// From the start of the process to the answer, with the quota from the event on.
    pub(crate) start: Duration,
    /// The same with the quota from the start on.
    pub(crate) fully_throttled_start: Duration,
}

/// Measures all that needs no privilege.
pub(crate) async fn measure_costs(
    subjects: &[Subject],
    mock: &mut MockAws,
    options: &Options,
) -> Result<Vec<Cost>, BenchError> {
    // The first is for `leave_out_incompatible`.
    let mut numbers = 1..;
    let mut next = move || numbers.next().unwrap_or_default();
    let mut cold: Vec<Vec<ColdStart>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in 0..options.cold {
        // Another first each time: it comes after what has come last, and finds what that left.
        let mut pairs: Vec<_> = subjects.iter().zip(&mut cold).collect();
        pairs.rotate_left(round % subjects.len());
        for (subject, cold) in pairs {
            let (mut instance, measured) = cold_start(subject, mock, next(), None, false).await?;
            instance.end().await;
            cold.push(measured);
        }
    }
    let mut running = Vec::new();
    for subject in subjects {
        let instance = cold_start(subject, mock, next(), None, false).await?.0;
        let before = processor_time(instance.pid())?;
        running.push((instance, before, Vec::new()));
    }
    for round in 0..options.warm {
        let mut pairs: Vec<_> = subjects.iter().zip(&mut running).collect();
        pairs.rotate_left(round % subjects.len());
        for (subject, (instance, _, times)) in pairs {
            times.push(warm_call(subject, instance, mock, next()).await?);
        }
    }
    let mut costs = Vec::new();
    for ((mut instance, before, times), cold) in running.into_iter().zip(cold) {
        let memory = peak_memory(instance.pid())?;
        let calls = u32::try_from(times.len()).unwrap_or(u32::MAX);
        let warm_cpu = processor_time(instance.pid())?.saturating_sub(before) / calls.max(1);
        instance.end().await;
        costs.push(Cost {
            init_time: median(cold.iter().map(|cold| cold.ready)),
            first_response_time: median(cold.iter().map(|cold| cold.answer)),
            cpu: median(cold.iter().map(|cold| cold.cpu)),
            warm: median(times.iter().copied()),
            warm_cpu,
            p99: percentile(times.into_iter(), 99),
            memory,
        });
    }
    Ok(costs)
}

/// Leaves out the subjects of an earlier build that do not answer these events as this one does, such
/// as those to whom a challenge of this version means nothing, and says why.
pub(crate) async fn leave_out_incompatible(
    subjects: Vec<Subject>,
    mock: &mut MockAws,
) -> (Vec<Subject>, Vec<String>) {
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for subject in subjects {
        if subject.kind != Implementation::PreviousBuild {
            kept.push(subject);
            continue;
        }
        match cold_start(&subject, mock, 0, None, false).await {
            Ok((mut instance, _)) => {
                instance.end().await;
                kept.push(subject);
            }
            Err(error) => {
                left_out.push(error.to_string());
                // What it called before it failed is not the next one's. A stopped mock shows there.
                let _ = mock.take_counts();
            }
        }
    }
    (kept, left_out)
}

/// Measures first answers under `quota`.
pub(crate) async fn measure_throttled(
    subjects: &[Subject],
    mock: &mut MockAws,
    quota: &CpuQuota,
    runs: usize,
) -> Result<Vec<Throttled>, BenchError> {
    /// Several of a quota's periods.
    const REST: Duration = Duration::from_millis(100);
    /// Events of other numbers than before.
    const FROM: usize = 1_000_000;
    let mut numbers = FROM..;
    let mut measured: Vec<[Vec<ColdStart>; 3]> =
        subjects.iter().map(|_| Default::default()).collect();
    for round in 0..runs {
        let mut pairs: Vec<_> = subjects.iter().zip(&mut measured).collect();
        pairs.rotate_left(round % subjects.len());
        for (subject, measured) in pairs {
            let variants = [(None, false), (Some(quota), false), (Some(quota), true)];
            for ((quota, at_once), measured) in variants.into_iter().zip(measured) {
                let number = numbers.next().unwrap_or_default();
                // What one used too much is not to be the next one's debt.
                tokio::time::sleep(REST).await;
                let (mut instance, cold) =
                    cold_start(subject, mock, number, quota, at_once).await?;
                instance.end().await;
                measured.push(cold);
            }
        }
    }
    let medians = measured.iter().map(|[free, call, all]| Throttled {
        unthrottled_call: median(free.iter().map(|cold| cold.call)),
        free_cpu: median(free.iter().map(|cold| cold.call_cpu)),
        call: median(call.iter().map(|cold| cold.call)),
        start: median(call.iter().map(|cold| cold.answer)),
        fully_throttled_start: median(all.iter().map(|cold| cold.answer)),
    });
    Ok(medians.collect())
}

/// One cold start, without the time that the system takes to put the process into a control group.
struct ColdStart {
    ready: Duration,
    answer: Duration,
    cpu: Duration,
    call: Duration,
    call_cpu: Duration,
}

/// Starts `subject` and has it answer its first event, within `quota` from the event on or at once.
async fn cold_start(
    subject: &Subject,
    mock: &mut MockAws,
    number: usize,
    quota: Option<&CpuQuota>,
    at_once: bool,
) -> Result<(Instance, ColdStart), BenchError> {
    let event = subject.event(number);
    let output = Output::Capture(Capture::default());
    let held = quota.filter(|_| at_once);
    let launch = held.map(|quota| quota.hold_at_gate(&subject.launch)).transpose()?;
    let launch = launch.as_ref().unwrap_or(&subject.launch);
    let mut started = now();
    let mut instance = timeout(CALL_LIMIT, Instance::start(launch, &output))
        .await?
        .map_err(|error| format!("{}: {error:?}", subject.name()))?;
    if let Some(quota) = held {
        quota.apply(instance.pid())?;
        started = now();
        quota.release()?;
    }
    if let Err(error) = timeout(CALL_LIMIT, instance.ready()).await? {
        return Err(format!("{}: {error:?}: {}", subject.name(), instance.start_up_output()).into());
    }
    let ready = started.elapsed();
    if let Some(quota) = quota.filter(|_| !at_once) {
        quota.apply(instance.pid())?;
    }
    let before = processor_time(instance.pid())?;
    let called = now();
    let answer = invoke(subject, &mut instance, event).await?;
    let call = called.elapsed();
    let cpu = processor_time(instance.pid())?;
    subject.verify_response(&answer, mock.take_counts()?)?;
    let call_cpu = cpu.saturating_sub(before);
    Ok((instance, ColdStart { ready, answer: ready + call, cpu, call, call_cpu }))
}

/// One warm call.
async fn warm_call(
    subject: &Subject,
    instance: &mut Instance,
    mock: &mut MockAws,
    number: usize,
) -> Result<Duration, BenchError> {
    let event = subject.event(number);
    let started = now();
    let answer = invoke(subject, instance, event).await?;
    let elapsed = started.elapsed();
    subject.verify_response(&answer, mock.take_counts()?)?;
    Ok(elapsed)
}

/// Ends with an error, too, when the process does.
async fn invoke(
    subject: &Subject,
    instance: &mut Instance,
    event: Bytes,
) -> Result<Bytes, BenchError> {
    let answer = timeout(CALL_LIMIT, instance.invoke(event, TRIGGER_TIMEOUT)).await?;
    answer.map_err(|error| {
        format!("{}: {error:?}: {}", subject.name(), instance.start_up_output()).into()
    })
}

/// The most memory that process `pid` ever had resident, in KiB.
fn peak_memory(pid: u32) -> Result<u64, BenchError> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("/proc reports no peak memory (VmHWM)")?.parse()?)
}

/// What the threads of process `pid` that still run had of a processor.
fn processor_time(pid: u32) -> Result<Duration, BenchError> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end as we look.
        let Ok(times) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        sum += times.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    percentile(times, 50)
}

fn percentile(times: impl Iterator<Item = Duration>, share: usize) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() * share / 100).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "it is what a benchmark does")]
fn now() -> Instant {
    Instant::now()
}
