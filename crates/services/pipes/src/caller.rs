use windlass_event_target::Request;
use windlass_protocol::{Body, Call, Fault, Principal, Reply};
use windlass_value::Text;

use crate::pipe::Pipe;
use crate::pipes::Pipes;
use crate::random;

/// Calls on behalf of a pipe, as its role. Equal keys are one call; without one, it
/// may be made again.
pub(crate) async fn call(pipes: &Pipes, pipe: &Pipe, request: Request, key: Option<String>) -> Result<Reply, Fault> {
    let role_arn = pipe.record.role_arn.as_str();
    let call = Call {
        account: request.account.into(),
        region: request.region.into(),
        service: request.service.into(),
        operation: request.operation.into(),
        input: request.input,
        body: request.body.map_or_else(Body::empty, |body| Body::from(body.to_string())),
        principal: Principal::under_role(role_arn, &pipe.record.place.account),
        source_arn: Some(pipe.arn.as_str().into()),
        deadline: None,
        cancellation_id: None,
        idempotency_key: key.map(Text::from),
        trace: None,
        depth: 1,
        request_id: random::uuid()?.into(),
    };
    pipes.dispatcher.call(call).await
}
