use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_protocol::{Call, Fault, Outcome, Reply, Service};
use windlass_value::{Object, Value};

/// What the services of a case answer, and what they were sent.
#[derive(Default)]
pub(crate) struct Apis {
    /// By operation, in order; the last one is repeated.
    answers: Mutex<HashMap<String, VecDeque<Value>>>,
    sent: Mutex<Vec<Call>>,
}

/// One service of them.
struct Api {
    name: &'static str,
    apis: Arc<Apis>,
}

const NAMES: &[&str] = &[
    "sqs",
    "sns",
    "events",
    "s3",
    "secretsmanager",
    "dynamodb",
    "batch",
    "ecs",
    "glue",
    "athena",
    "codebuild",
    "bedrock",
    "bedrockruntime",
    "bedrock-runtime",
    "elasticmapreduce",
    "rds",
    "kms",
];

impl Apis {
    pub(crate) fn services(self: &Arc<Self>) -> Vec<Arc<dyn Service>> {
        NAMES.iter().map(|name| Arc::new(Api { name, apis: self.clone() }) as Arc<dyn Service>).collect()
    }

    /// An answer is `{"fault": {code, message, status}}`, `{"body": text, "output": …}`,
    /// or the output.
    pub(crate) fn answer(&self, operation: &str, answers: &Value) {
        let answers = answers.as_array().map_or_else(|| vec![answers.clone()], |answers| Vec::clone(answers));
        self.answers.lock().insert(operation.to_owned(), answers.into());
    }

    /// `{service, operation, input, body}` of each call.
    pub(crate) fn sent(&self) -> Value {
        let shown = |call: &Call| {
            let body = call.body.in_memory().map(|body| String::from_utf8_lossy(body).into_owned());
            let mut shown = Object::new();
            shown.insert("service", &call.service);
            shown.insert("operation", &call.operation);
            shown.insert("input", &call.input);
            if let Some(body) = body.filter(|body| !body.is_empty()) {
                shown.insert("body", body);
            }
            Value::from(shown)
        };
        Value::array(self.sent.lock().iter().map(shown).collect())
    }

    fn take(&self, call: Call) -> Outcome {
        let answer = {
            let mut answers = self.answers.lock();
            match answers.get_mut(&*call.operation) {
                Some(answers) if answers.len() > 1 => answers.pop_front(),
                Some(answers) => answers.front().cloned(),
                None => None,
            }
        };
        let operation = call.operation.clone();
        self.sent.lock().push(call);
        let Some(answer) = answer else { return Err(Fault::not_built(&format!("the operation {operation}"))) };
        if let Some(fault) = answer.get("fault") {
            let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
            let status = fault["status"].as_i64().unwrap_or(400) as u16;
            return Err(Fault::new(&text("code"), text("message")).with_status(status));
        }
        match answer.get("body") {
            Some(body) => Ok(Reply {
                output: answer.get("output").cloned().unwrap_or_else(Value::empty_object),
                body: body.as_str().unwrap_or_default().to_owned().into(),
            }),
            None => Ok(answer.into()),
        }
    }
}

impl Service for Api {
    fn name(&self) -> &'static str {
        self.name
    }

    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(async move { self.apis.take(call) })
    }
}
