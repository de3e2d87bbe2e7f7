//! The floor: a function that does nothing, on the same runtime and built in the same profile as the
//! real ones. What it costs, any function costs.

use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde_json::value::RawValue;

fn main() -> Result<(), Error> {
    let echo = service_fn(async |event: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(event.payload));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Runtime::new(echo).run())
}
