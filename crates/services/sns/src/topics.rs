use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, IndexScan, Position, Scan};
use windlass_value::{Value, object};

use crate::faults;
use crate::input;
use crate::page::{self, PAGE_ITEMS};
use crate::sns::Shared;
use crate::tables::{ENDPOINTS, SEQUENCES, SUBSCRIPTIONS, TOPICS, topic_key};
use crate::tags;
use crate::topic::Topic;
use crate::topic_attributes::{self, Refusal};
use crate::topic_name::TopicName;

/// How many rows of a deleted topic leave in one batch.
const DELETED_ROWS_MAX: usize = 1_000;

impl Shared {
    /// `CreateTopic`.
    pub(crate) async fn create_topic(&self, call: &Call) -> Outcome {
        let name = TopicName::of_new(call, input::text(&call.input, "Name"))?;
        let mut given = input::text_map(&call.input, "Attributes")?;
        // Says only what the name says too.
        let fifo = given.remove("FifoTopic");
        if fifo.as_deref().is_some_and(|text| text.eq_ignore_ascii_case("true")) != name.is_fifo() {
            return Err(faults::invalid("Topic Name"));
        }
        let mut attributes = BTreeMap::new();
        for (attribute, value) in &given {
            match topic_attributes::check(&name, attribute, value) {
                Ok(Some(kept)) => {
                    attributes.insert(attribute.clone(), kept);
                }
                Ok(None) => {}
                Err(Refusal::Name) => {
                    return Err(faults::invalid(format!("Attributes Reason: Unknown attribute {attribute}")));
                }
                Err(Refusal::Value(reason)) => return Err(faults::invalid(format!("Attributes Reason: {reason}"))),
                Err(Refusal::Fault(fault)) => return Err(fault),
            }
        }
        let tags = tags::read(&call.input)?;
        let policy = match input::text(&call.input, "DataProtectionPolicy") {
            "" => None,
            text => Some(data_protection_policy(text)?),
        };
        let output = object! { "TopicArn" => name.to_string() };
        let _control = self.control(&name).await;
        if let Some(view) = self.catalogue.find(&name)? {
            let is_set = |(attribute, value): (&String, &String)| match view.topic.attribute(attribute) {
                Some(set) => set == value,
                None => value == default_of(attribute),
            };
            if !attributes.iter().all(is_set) {
                return Err(faults::invalid("Attributes Reason: Topic already exists with different attributes"));
            }
            if !tags.iter().all(|(key, value)| view.topic.tags.get(key) == Some(value)) {
                return Err(faults::invalid("Tags Reason: Topic already exists with different tags"));
            }
            return Ok(output.into());
        }
        let topic = Topic { attributes, tags, data_protection_policy: policy, deleted: 0 };
        let mut batch = Batch::default();
        put_topic(&mut batch, &name, &topic);
        let outcome = self.finish(call, batch, output).await;
        self.catalogue.forget(&name);
        outcome
    }

    /// `DeleteTopic`. One that is not there is no error.
    pub(crate) async fn delete_topic(&self, call: &Call) -> Outcome {
        let name = TopicName::of_call(call, "TopicArn")?;
        let _control = self.control(&name).await;
        let key = topic_key(&name);
        let mut batch = Batch::default();
        batch.delete(&TOPICS, key.clone());
        batch.delete(&SEQUENCES, key.clone());
        // What a first batch cannot hold is removed before the topic.
        for table in [&SUBSCRIPTIONS, &ENDPOINTS] {
            loop {
                let rows = self.store.scan(table, Scan::prefix(&key, DELETED_ROWS_MAX));
                let rows = rows.map_err(|error| faults::of_store(&error))?;
                if rows.len() < DELETED_ROWS_MAX {
                    batch.delete.extend(rows.into_iter().map(|row| (table, row.key)));
                    break;
                }
                let delete = rows.into_iter().map(|row| (table, row.key)).collect();
                let part = Batch { delete, ..Batch::default() };
                self.store.commit(part).await.map_err(|error| faults::of_commit(&error))?;
                self.catalogue.forget(&name);
            }
        }
        let outcome = self.finish(call, batch, Value::empty_object()).await;
        self.catalogue.forget(&name);
        outcome
    }

    /// `ListTopics`.
    pub(crate) fn list_topics(&self, call: &Call) -> Outcome {
        let index = IndexScan::new("by_account").equal(&*call.account).equal(&*call.region);
        let mut scan = Scan::index(index, PAGE_ITEMS + 1);
        if let Some(position) = page::position(&call.input, 1)? {
            let name = TopicName {
                account: call.account.clone(),
                region: call.region.clone(),
                name: position[0].as_str().into(),
            };
            let columns = vec![(*name.account).into(), (*name.region).into(), (*name.name).into()];
            scan = scan.after(Position { columns, key: topic_key(&name) });
        }
        let rows = self.store.scan(&TOPICS, scan).map_err(|error| faults::of_store(&error))?;
        let names = rows.iter().filter_map(|row| match row.columns.get(2) {
            Some(windlass_store::ColumnValue::Text(name)) => Some(name.as_str()),
            _ => None,
        });
        let names: Vec<&str> = names.collect();
        let page = &names[..names.len().min(PAGE_ITEMS)];
        let arn = |name: &&str| format!("arn:aws:sns:{}:{}:{name}", call.region, call.account);
        let topics: Vec<Value> = page.iter().map(|name| object! { "TopicArn" => arn(name) }).collect();
        let more = (names.len() > PAGE_ITEMS).then(|| page.last().map(|last| page::token(&[last]))).flatten();
        Ok(Reply::from(object! { "Topics" => topics, "NextToken" => more }))
    }

    /// `GetTopicAttributes`.
    pub(crate) fn get_topic_attributes(&self, call: &Call) -> Outcome {
        let name = TopicName::of_call(call, "TopicArn")?;
        let view = self.catalogue.get(&name)?;
        let (confirmed, pending) = view.counts();
        Ok(Reply::from(object! { "Attributes" => topic_attributes::written(&name, &view.topic, confirmed, pending) }))
    }

    /// `SetTopicAttributes`.
    pub(crate) async fn set_topic_attributes(&self, call: &Call) -> Outcome {
        let attribute = input::text(&call.input, "AttributeName").to_owned();
        let value = input::text(&call.input, "AttributeValue").to_owned();
        let change = |name: &TopicName, topic: &mut Topic| {
            match topic_attributes::check(name, &attribute, &value) {
                Ok(Some(kept)) => topic.attributes.insert(attribute.clone(), kept),
                Ok(None) => topic.attributes.remove(&attribute),
                Err(Refusal::Name) => return Err(faults::invalid("AttributeName")),
                Err(Refusal::Value(reason)) => return Err(faults::invalid(reason)),
                Err(Refusal::Fault(fault)) => return Err(fault),
            };
            Ok(())
        };
        self.change_topic(call, "TopicArn", change).await
    }

    /// `GetDataProtectionPolicy`.
    pub(crate) fn get_data_protection_policy(&self, call: &Call) -> Outcome {
        let view = self.catalogue.get(&TopicName::of_call(call, "ResourceArn")?)?;
        Ok(Reply::from(object! { "DataProtectionPolicy" => view.topic.data_protection_policy.clone() }))
    }

    /// `PutDataProtectionPolicy`. The policy is kept, and not applied to messages.
    pub(crate) async fn put_data_protection_policy(&self, call: &Call) -> Outcome {
        let policy = match input::text(&call.input, "DataProtectionPolicy") {
            "" => None,
            text => Some(data_protection_policy(text)?),
        };
        let change = |_: &TopicName, topic: &mut Topic| {
            topic.data_protection_policy = policy;
            Ok(())
        };
        self.change_topic(call, "ResourceArn", change).await
    }

    /// Changes the topic that a member names.
    pub(crate) async fn change_topic(
        &self,
        call: &Call,
        member: &str,
        change: impl FnOnce(&TopicName, &mut Topic) -> Result<(), Fault>,
    ) -> Outcome {
        let name = TopicName::of_call(call, member)?;
        let _control = self.control(&name).await;
        let mut topic = self.catalogue.get(&name)?.topic.clone();
        change(&name, &mut topic)?;
        let mut batch = Batch::default();
        put_topic(&mut batch, &name, &topic);
        let outcome = self.finish(call, batch, Value::empty_object()).await;
        self.catalogue.forget(&name);
        outcome
    }
}

/// Writes a topic.
pub(crate) fn put_topic(batch: &mut Batch, name: &TopicName, topic: &Topic) {
    let columns = vec![(*name.account).into(), (*name.region).into(), (*name.name).into()];
    batch.put(&TOPICS, topic_key(name), columns, topic.to_text());
}

/// What an attribute is where it was not set.
fn default_of(attribute: &str) -> &'static str {
    match attribute {
        "ContentBasedDeduplication" => "false",
        _ => "",
    }
}

fn data_protection_policy(text: &str) -> Result<String, Fault> {
    let policy = windlass_value::parse(text).ok().filter(|policy| policy.as_object().is_some());
    policy.map(|policy| policy.to_text()).ok_or_else(|| faults::invalid("DataProtectionPolicy"))
}
