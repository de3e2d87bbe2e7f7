//! The functions, scaled as Lambda scales them: an idle instance takes the next call; if all are
//! busy another one starts, up to a limit; a dead one is replaced when the next call needs it,
//! never before, so a function that cannot start costs one attempt per call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all, try_join_all};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::lambda::calls::{CallLog, Outcome};
use crate::lambda::output::Output;
use crate::lambda::process::{Failure, Instance, Launch};
use crate::user_pool::{Invoke, InvokeError, TRIGGER_TIMEOUT, Trigger};

/// How many instances of one function run at most, by default.
pub const MAX_INSTANCES: u32 = 8;

/// How long a function may take until it asks for its first event; Lambda's own limit.
pub const START_LIMIT: Duration = Duration::from_secs(10);

/// How long [`Functions::shutdown`] waits for calls under way to give up.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// How functions are run.
#[derive(Clone)]
pub struct Options {
    /// How many instances of one function run at most. At least one does.
    pub max_instances: u32,
    /// How long a call may take, waiting for an instance and starting it included.
    pub limit: Duration,
    /// Where the functions' output goes.
    pub output: Output,
    /// Where calls are noted.
    pub calls: CallLog,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_instances: MAX_INSTANCES,
            limit: TRIGGER_TIMEOUT,
            output: Output::Stderr,
            calls: CallLog::default(),
        }
    }
}

/// A function that did not start.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{function} did not start: {reason}")]
pub struct StartError {
    /// The function's name.
    pub function: String,
    /// The function's output, or how it ended.
    pub reason: String,
}

/// The functions as processes of ours. Clones share them; they end with the last clone.
#[derive(Clone)]
pub struct Functions(Arc<FunctionsHandle>);

/// Calls under way hold the pools, but only the caller's handles hold this.
struct FunctionsHandle {
    pools: Arc<InstancePools>,
}

struct InstancePools {
    pools: BTreeMap<Trigger, InstancePool>,
    limit: Duration,
    calls: CallLog,
    closing: watch::Sender<bool>,
}

/// The instances of one function.
struct InstancePool {
    launch: Launch,
    output: Output,
    limit: Duration,
    size: u32,
    /// One permit for each instance that may be busy. An instance becomes idle before its permit
    /// is given back, and is looked for after one is taken: so no more than `size` ever run.
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<PooledInstance>>,
    pids: Arc<Mutex<BTreeSet<u32>>>,
}

/// An instance on its pool's list of processes.
struct PooledInstance {
    instance: Instance,
    pids: Arc<Mutex<BTreeSet<u32>>>,
}

/// The resources of one call. They outlive the call if it is abandoned.
#[derive(Default)]
struct CallResources {
    permit: Option<OwnedSemaphorePermit>,
    member: Option<PooledInstance>,
    pid: Option<u32>,
    cold: bool,
}

impl Functions {
    /// The functions that `launches` describes. None is started before it is called, or
    /// [`warm`](Self::warm)ed.
    #[must_use]
    pub fn new(launches: BTreeMap<Trigger, Launch>, options: Options) -> Self {
        let size = options.max_instances.max(1);
        let pools = launches
            .into_iter()
            .map(|(trigger, launch)| {
                let pool = InstancePool {
                    launch,
                    output: options.output.clone(),
                    limit: options.limit,
                    size,
                    permits: Arc::new(Semaphore::new(size as usize)),
                    idle: Mutex::default(),
                    pids: Arc::default(),
                };
                (trigger, pool)
            })
            .collect();
        Self(Arc::new(FunctionsHandle {
            pools: Arc::new(InstancePools {
                pools,
                limit: options.limit,
                calls: options.calls,
                closing: watch::Sender::new(false),
            }),
        }))
    }

    /// Starts one instance of each function that has none and waits until all are ready.
    ///
    /// # Errors
    /// The first function that does not get there, and why: a refused setting, for instance.
    pub async fn warm(&self) -> Result<(), StartError> {
        let pools = &self.0.pools;
        let mut closing = pools.closing.subscribe();
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => Err(StartError {
                function: "every function".to_owned(),
                reason: "shutting down".to_owned(),
            }),
            warmed = try_join_all(pools.pools.values().map(InstancePool::warm)) => warmed.map(drop),
        }
    }

    /// The processes of the function behind `trigger`, idle ones and busy ones.
    #[must_use]
    pub fn pids(&self, trigger: Trigger) -> Vec<u32> {
        let pool = self.0.pools.pools.get(&trigger);
        pool.map(|pool| lock(&pool.pids).iter().copied().collect()).unwrap_or_default()
    }

    /// The calls so far, oldest first.
    #[must_use]
    pub fn calls(&self) -> &CallLog {
        &self.0.pools.calls
    }

    /// Gives up the calls under way, ends every process and waits until they are gone. Calls from
    /// now on fail.
    pub async fn shutdown(&self) {
        let pools = &self.0.pools;
        pools.closing.send_replace(true);
        join_all(pools.pools.values().map(InstancePool::close)).await;
    }
}

impl Invoke for Functions {
    fn invoke(&self, trigger: Trigger, event: Bytes) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        let pools = Arc::clone(&self.0.pools);
        // Cognito sees a call through even if its own client hangs up: so the call is a task.
        let call = tokio::spawn(async move { pools.call(trigger, event).await });
        Box::pin(async move { call.await.unwrap_or_else(|_| Err(shutting_down())) })
    }
}

impl Drop for FunctionsHandle {
    fn drop(&mut self) {
        self.pools.closing.send_replace(true);
        for pool in self.pools.pools.values() {
            lock(&pool.idle).clear();
        }
    }
}

impl InstancePools {
    async fn call(&self, trigger: Trigger, event: Bytes) -> Result<Bytes, InvokeError> {
        let Some(pool) = self.pools.get(&trigger) else {
            return Err(InvokeError::Function {
                error_type: "ResourceNotFoundException".to_owned(),
                message: format!("Function not found: {}", trigger.function()),
            });
        };
        let entry = self.calls.begin(trigger);
        let mut used = CallResources::default();
        let mut closing = self.closing.subscribe();
        let ended = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => Err((Outcome::Error, shutting_down())),
            ended = timeout(self.limit, pool.call(&mut used, event)) => ended
                .unwrap_or(Err((Outcome::Timeout, InvokeError::TimedOut))),
        };
        let outcome = match &ended {
            Ok(_) => Outcome::Ok,
            Err((outcome, _)) => *outcome,
        };
        entry.end(outcome, used.pid, used.cold);
        pool.abandon(used);
        ended.map_err(|(_, error)| error)
    }
}

impl InstancePool {
    async fn call(
        &self,
        used: &mut CallResources,
        event: Bytes,
    ) -> Result<Bytes, (Outcome, InvokeError)> {
        let died = |error| (Outcome::Died, error);
        used.permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        loop {
            let member = match self.take_idle().await {
                Some(member) => {
                    used.cold = false;
                    used.member.insert(member)
                }
                None => {
                    used.cold = true;
                    used.member.insert(self.start().await.map_err(died)?)
                }
            };
            used.pid = Some(member.instance.pid());
            match member.instance.invoke(event.clone(), self.limit).await {
                Ok(response) => {
                    self.put_idle(used.member.take());
                    return Ok(response);
                }
                Err(Failure::Function(error)) => {
                    self.put_idle(used.member.take());
                    return Err((Outcome::Error, error));
                }
                Err(Failure::Exited { error, taken }) => {
                    member.instance.end().await;
                    used.member = None;
                    // A reused one that never took the event had ended before this call.
                    if taken || used.cold {
                        self.log_error(&error);
                        return Err(died(error));
                    }
                }
            }
        }
    }

    /// Ends the instance of a call that was given up: whatever it is doing, it is not to be
    /// trusted with another call. The call does not wait for that, but its permit does.
    fn abandon(&self, used: CallResources) {
        let Some(mut member) = used.member else {
            return;
        };
        self.output
            .line(&self.launch.name, b"no response within the limit; the instance is stopped\n");
        tokio::spawn(async move {
            member.instance.end().await;
            drop(member);
            drop(used.permit);
        });
    }

    async fn warm(&self) -> Result<(), StartError> {
        let failed = |reason: String| StartError { function: self.launch.name.clone(), reason };
        let _permit = self.permits.acquire().await;
        if let Some(member) = self.take_idle().await {
            self.put_idle(Some(member));
            return Ok(());
        }
        // Its output is in the error if it does not start, and there alone.
        let instance = Instance::start_held(&self.launch, &self.output).await;
        let instance = instance.map_err(|error| failed(describe_error(&error)))?;
        let mut member = PooledInstance::new(instance, &self.pids);
        let reason = match timeout(START_LIMIT, member.instance.ready()).await {
            Ok(Ok(())) => {
                member.instance.release_output(&self.launch, &self.output);
                self.put_idle(Some(member));
                return Ok(());
            }
            Ok(Err(error)) => describe_error(&error),
            Err(_) => format!("it requested no event within {} s", START_LIMIT.as_secs()),
        };
        // Including its last lines, which have the reason.
        member.instance.end().await;
        let output = member.instance.start_up_output();
        Err(failed(match output.as_str() {
            "" => reason,
            output => format!("{reason}; its output: {output}"),
        }))
    }

    /// Waits for calls under way, which know that they must end, and ends what is idle.
    async fn close(&self) {
        let busy = timeout(SHUTDOWN_LIMIT, self.permits.acquire_many(self.size)).await;
        let idle = std::mem::take(&mut *lock(&self.idle));
        // A plain closure: on an async one rustc 1.95 fails when it compiles incrementally.
        let end = |mut member: PooledInstance| async move { member.instance.end().await };
        join_all(idle.into_iter().map(end)).await;
        drop(busy);
    }

    async fn start(&self) -> Result<PooledInstance, InvokeError> {
        match Instance::start(&self.launch, &self.output).await {
            Ok(instance) => Ok(PooledInstance::new(instance, &self.pids)),
            Err(error) => {
                self.log_error(&error);
                Err(error)
            }
        }
    }

    /// The instance that was busy last, so that those no longer needed rest. Dead ones go.
    async fn take_idle(&self) -> Option<PooledInstance> {
        loop {
            let mut member = lock(&self.idle).pop()?;
            if member.instance.is_alive() {
                return Some(member);
            }
            member.instance.end().await;
        }
    }

    fn put_idle(&self, member: Option<PooledInstance>) {
        lock(&self.idle).extend(member);
    }

    /// Lambda writes what happened to a function into the function's own log.
    fn log_error(&self, error: &InvokeError) {
        let line = format!("{}\n", describe_error(error));
        self.output.line(&self.launch.name, line.as_bytes());
    }
}

impl PooledInstance {
    fn new(instance: Instance, pids: &Arc<Mutex<BTreeSet<u32>>>) -> Self {
        lock(pids).insert(instance.pid());
        Self { instance, pids: Arc::clone(pids) }
    }
}

impl Drop for PooledInstance {
    fn drop(&mut self) {
        lock(&self.pids).remove(&self.instance.pid());
    }
}

fn describe_error(error: &InvokeError) -> String {
    match error {
        InvokeError::Function { error_type, message } => format!("{error_type}: {message}"),
        InvokeError::TimedOut => "no response in time".to_owned(),
    }
}

fn shutting_down() -> InvokeError {
    InvokeError::Function {
        error_type: "Runtime.Shutdown".to_owned(),
        message: "Error: the functions are shutting down".to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
