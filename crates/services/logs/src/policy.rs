use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, Scan};
use windlass_value::{Text, Value, object, parse};

use crate::faults;
use crate::service::Logs;
use crate::tables::{POLICIES, policies_key};

/// Resource policies in one account and region.
const POLICIES_MAX: usize = 10;

impl Logs {
    pub(crate) async fn put_policy(&self, call: &Call) -> Outcome {
        let name = call.input["policyName"].as_str().ok_or_else(|| faults::invalid("policyName must be specified"))?;
        let document = call.input["policyDocument"].as_str().unwrap_or_default();
        if parse(document).is_err() {
            return Err(faults::invalid("The policy document is not valid JSON."));
        }
        let key = policies_key(&call.account, &call.region).text(name);
        let known = self.policies(&call.account, &call.region)?;
        if known.len() >= POLICIES_MAX && !known.iter().any(|policy| policy["policyName"].as_str() == Some(name)) {
            return Err(Fault::new("LimitExceededException", "Resource limit exceeded."));
        }
        let policy =
            object! { "policyName" => name, "policyDocument" => document, "lastUpdatedTime" => (self.now)().as_ms() };
        let mut batch = Batch::default();
        batch.put(&POLICIES, key, vec![(&*call.account).into(), (&*call.region).into()], policy.to_text());
        self.commit(batch).await?;
        Ok(Reply::from(object! { "resourcePolicy" => policy }))
    }

    pub(crate) async fn delete_policy(&self, call: &Call) -> Outcome {
        let name = call.input["policyName"].as_str().unwrap_or_default();
        let key = policies_key(&call.account, &call.region).text(name);
        if self.store.get(&POLICIES, &key).map_err(|error| faults::of_store(&error))?.is_none() {
            return Err(Fault::new("ResourceNotFoundException", format!("Policy with name [{name}] does not exist.")));
        }
        let mut batch = Batch::default();
        batch.delete(&POLICIES, key);
        self.commit(batch).await?;
        Ok(Reply::from(Value::empty_object()))
    }

    pub(crate) fn describe_policies(&self, call: &Call) -> Outcome {
        Ok(Reply::from(object! { "resourcePolicies" => Value::array(self.policies(&call.account, &call.region)?) }))
    }

    /// The statements of all policies of an account and region as one policy.
    pub(crate) fn combined_policy(&self, account: &str, region: &str) -> Result<Option<Text>, Fault> {
        let mut statements = Vec::new();
        for policy in self.policies(account, region)? {
            let Some(Ok(document)) = policy["policyDocument"].as_str().map(parse) else { continue };
            match &document["Statement"] {
                Value::Array(several) => statements.extend(several.iter().cloned()),
                Value::Null => {}
                one => statements.push(one.clone()),
            }
        }
        let policy = object! { "Version" => "2012-10-17", "Statement" => Value::array(statements.clone()) };
        Ok((!statements.is_empty()).then(|| policy.to_text().into()))
    }

    fn policies(&self, account: &str, region: &str) -> Result<Vec<Value>, Fault> {
        let scan = Scan::prefix(&policies_key(account, region), POLICIES_MAX);
        let rows = self.store.scan(&POLICIES, scan).map_err(|error| faults::of_store(&error))?;
        Ok(rows.iter().filter_map(|row| parse(std::str::from_utf8(&row.value).ok()?).ok()).collect())
    }
}
