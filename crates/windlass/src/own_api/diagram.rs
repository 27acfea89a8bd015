//! `/_windlass/diagram`: where everything of a definition is drawn.

use windlass_diagram::{Measure, draw};
use windlass_protocol::Fault;
use windlass_value::{Value, parse};

use super::Ask;

/// Answers the layout that `windlass graph` draws too.
pub(super) async fn diagram(ask: Ask<'_>) -> Result<Value, Fault> {
    let definition = ask.text("definition")?;
    let definition =
        parse(definition).map_err(|error| Fault::validation(format!("The definition is not JSON: {error}")))?;
    // A large machine takes its time, which is not the runtime's threads'.
    let drawn =
        tokio::task::spawn_blocking(move || draw(&definition, &Measure::pixels()).map(|picture| picture.to_value()));
    match drawn.await {
        Ok(Ok(picture)) => Ok(picture),
        Ok(Err(error)) => Err(Fault::validation(error.to_string())),
        Err(error) => Err(Fault::internal(error.to_string())),
    }
}
