//! What a function signs its own calls with.

use std::time::{Duration, Instant};

use windlass_protocol::{Body, Call, Dispatcher, Fault, Principal};
use windlass_value::object;

use crate::config::LambdaConfig;
use crate::function_name::FunctionName;
use crate::random;

/// How long the credentials of a process are asked for, in seconds: as long as
/// AWS gives them to a service.
const SESSION_SECONDS: i64 = 43_200;
/// A process gets no more work this long before its credentials end: more than
/// an invocation may take.
const MARGIN: Duration = Duration::from_secs(20 * 60);
/// Characters of a session's name.
const SESSION_NAME_CHARS_MAX: usize = 64;
const SERVICE: &str = "lambda.amazonaws.com";

/// Credentials for the environment of one process.
pub(crate) struct ProcessCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
    /// Until when the process may be given work.
    pub(crate) fresh_until: Option<Instant>,
}

impl ProcessCredentials {
    /// Those of the configuration, or of a session of the function's role.
    ///
    /// # Errors
    /// The role cannot be assumed by Lambda.
    pub(crate) async fn obtain(
        config: &LambdaConfig,
        function: &FunctionName,
        role_arn: &str,
    ) -> Result<ProcessCredentials, Fault> {
        match &config.dispatcher {
            Some(dispatcher) => of_role(dispatcher, function, role_arn).await,
            None => Ok(ProcessCredentials {
                access_key_id: config.access_key_id.clone(),
                secret_access_key: config.secret_access_key.clone(),
                session_token: config.session_token.clone(),
                fresh_until: None,
            }),
        }
    }
}

async fn of_role(
    dispatcher: &Dispatcher,
    function: &FunctionName,
    role_arn: &str,
) -> Result<ProcessCredentials, Fault> {
    let began = Instant::now();
    let session_name: String = function.name.chars().take(SESSION_NAME_CHARS_MAX).collect();
    let call = Call {
        account: function.account.as_str().into(),
        region: function.region.as_str().into(),
        service: "sts".into(),
        operation: "AssumeRole".into(),
        input: object! {
            "RoleArn" => role_arn, "RoleSessionName" => session_name, "DurationSeconds" => SESSION_SECONDS,
        },
        body: Body::empty(),
        principal: Principal { arn: SERVICE.into(), account: function.account.as_str().into(), access_key_id: None },
        source_arn: Some(function.arn(None).into()),
        deadline: None,
        cancellation_id: None,
        idempotency_key: None,
        trace: None,
        depth: 1,
        request_id: random::uuid()?.into(),
    };
    let reply = dispatcher.call(call).await.map_err(|fault| {
        Fault::new("AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.")
            .with_status(403)
            .with_member("Type", "User")
            .explained(fault.to_string())
    })?;
    let credentials = &reply.output["Credentials"];
    let text = |member: &str| credentials[member].as_str().unwrap_or_default().to_owned();
    Ok(ProcessCredentials {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: Some(text("SessionToken")),
        fresh_until: began.checked_add(Duration::from_secs(SESSION_SECONDS.unsigned_abs()) - MARGIN),
    })
}
