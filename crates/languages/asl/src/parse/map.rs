//! Map.

use windlass_value::{Object, Text, Value};

use super::WorkflowType;
use super::expression::{Sees, source};
use super::fields;
use super::machine::SECONDS_MAX;
use super::record::Record;
use super::template::Reading;
use super::walk::{Bounds, Walk};
use crate::program::{ItemBatcher, ItemReader, Machine, Map, MapItems, MapMode, Quantity, QueryLanguage, ResultWriter};

/// Longest label, in characters.
const LABEL_CHARS_MAX: usize = 40;

/// Largest `MaxInputBytesPerBatch`.
const BATCH_BYTES_MAX: f64 = 262_144.0;

const COUNT: Bounds = Bounds::integer(0, f64::MAX);
const PERCENTAGE: Bounds = Bounds { min: 0.0, max: 100.0, integer: false };

const READER: &[&str] = &["Resource", "Parameters", "Arguments", "ReaderConfig"];
const READER_CONFIG: &[&str] = &[
    "InputType",
    "CSVHeaderLocation",
    "CSVHeaders",
    "CSVDelimiter",
    "ManifestType",
    "ItemsPointer",
    "Transformation",
    "MaxItems",
    "MaxItemsPath",
];
const BATCHER: &[&str] =
    &["BatchInput", "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"];
const WRITER: &[&str] = &["Resource", "Parameters", "Arguments", "WriterConfig"];
const WRITER_CONFIG: &[&str] = &["Transformation", "OutputType"];

impl Walk {
    pub(crate) fn map(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<Map> {
        let reading = Reading { language, sees: Sees::Input };
        self.exactly_one(record, &["ItemProcessor", "Iterator"]);
        if language == QueryLanguage::JsonPath {
            self.at_most_one(record, &["ItemSelector", "Parameters"]);
            self.at_most_one(record, &["MaxConcurrency", "MaxConcurrencyPath"]);
            self.at_most_one(record, &["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"]);
            self.at_most_one(record, &["ToleratedFailureCount", "ToleratedFailureCountPath"]);
        }
        let items = match language {
            QueryLanguage::JsonPath => MapItems::Path(self.path_field(record, "ItemsPath")),
            QueryLanguage::Jsonata => MapItems::Template(self.map_items(record, reading)),
        };
        let item_selector = match language {
            QueryLanguage::JsonPath if !record.has("ItemSelector") => self.payload(record, "Parameters", reading),
            _ => self.template(record, "ItemSelector", reading),
        };
        let max_concurrency = self.quantity(record, "MaxConcurrency", "MaxConcurrencyPath", COUNT, language);
        let tolerated_failure_count =
            self.quantity(record, "ToleratedFailureCount", "ToleratedFailureCountPath", COUNT, language);
        let tolerated_failure_percentage =
            self.quantity(record, "ToleratedFailurePercentage", "ToleratedFailurePercentagePath", PERCENTAGE, language);
        let label = self.label(record);
        let item_reader = self.item_reader(record, language);
        let item_batcher = self.item_batcher(record, language);
        let result_writer = self.result_writer(record, language);
        let (processor, mode) = self.processor(record)?;
        Some(Map {
            processor,
            mode,
            items,
            item_selector,
            max_concurrency,
            tolerated_failure_count,
            tolerated_failure_percentage,
            label,
            item_reader,
            item_batcher,
            result_writer,
        })
    }

    /// `Items`: an array, an object, or an expression.
    fn map_items(&mut self, record: &Record<'_>, reading: Reading) -> Option<crate::template::Template> {
        let name = "Items";
        let fits = match record.get(name)? {
            Value::Array(_) | Value::Object(_) => true,
            Value::String(text) => source(text).is_some(),
            _ => false,
        };
        if !fits {
            self.expected("[ARRAY]", &record.at(name)).help =
                Some("write an array, an object, or an expression between '{%' and '%}'".to_owned());
            return None;
        }
        self.template(record, name, reading)
    }

    fn processor(&mut self, record: &Record<'_>) -> Option<(Machine, MapMode)> {
        let name = if record.has("ItemProcessor") { "ItemProcessor" } else { "Iterator" };
        let object = self.object(record, name)?;
        let place = record.at(name);
        let inner = Record::new(object, &place);
        let mode = self.processor_mode(&inner);
        // A distributed Map's children are executions of their own: they see no
        // variable from outside, and Express ones wait for nothing.
        let (scopes, express_children) = match mode {
            MapMode::Inline => (None, self.express_children),
            MapMode::Distributed { express } => (Some(std::mem::take(&mut self.scopes)), express),
        };
        let outside = std::mem::replace(&mut self.express_children, express_children);
        let machine = self.nested_machine(&inner, fields::PROCESSOR);
        self.express_children = outside;
        if let Some(scopes) = scopes {
            self.scopes = scopes;
        }
        Some((machine?, mode))
    }

    fn processor_mode(&mut self, record: &Record<'_>) -> MapMode {
        let name = "ProcessorConfig";
        let Some(object) = self.object(record, name) else { return MapMode::Inline };
        let place = record.at(name);
        let config = Record::new(object, &place);
        self.only_fields(&config, fields::PROCESSOR_CONFIG);
        let mode = self.word(&config, "Mode", &["INLINE", "DISTRIBUTED"]).map(|word| &**word);
        let execution_type = self.word(&config, "ExecutionType", &["STANDARD", "EXPRESS"]).map(|word| &**word);
        match mode {
            Some("DISTRIBUTED") => {
                self.required(&config, &["ExecutionType"]);
                if self.workflow_type == WorkflowType::Express || self.express_children {
                    let message =
                        "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines";
                    self.schema(message, &place);
                }
                MapMode::Distributed { express: execution_type == Some("EXPRESS") }
            }
            _ => {
                if mode == Some("INLINE") && config.has("ExecutionType") {
                    self.member_error("Field 'ExecutionType' is not supported", &config, "ExecutionType").help =
                        Some("only a DISTRIBUTED Map has executions of its own".to_owned());
                }
                MapMode::Inline
            }
        }
    }

    fn label(&mut self, record: &Record<'_>) -> Option<Text> {
        let name = "Label";
        let label = self.string(record, name)?.clone();
        let place = record.at(name);
        if label.is_empty() {
            self.error("INVALID_LABEL_NAME", "Invalid Label name: Label cannot be empty", &place);
        } else if label.chars().count() > LABEL_CHARS_MAX {
            let message = format!(
                "Invalid Label name: Label '{label}' exceeds the {LABEL_CHARS_MAX}-character limit allowed by the service"
            );
            self.error("INVALID_LABEL_NAME", message, &place);
        } else if let Some(character) = label.chars().find(|character| is_forbidden(*character)) {
            let message = format!("Invalid Label name: Label '{label}' contains invalid characters");
            self.error("INVALID_LABEL_NAME", message, &place).help =
                Some(format!("{character:?} cannot stand in a label"));
        } else if !self.labels.insert(label.clone()) {
            self.error("DUPLICATE_LABEL_NAME", format!("Duplicate Label name: {label}"), &place);
        }
        Some(label)
    }

    fn item_reader(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<ItemReader> {
        let name = "ItemReader";
        let object = self.object(record, name)?;
        let place = record.at(name);
        let reader = Record::new(object, &place);
        self.call_fields(&reader, READER, language);
        self.required(&reader, &["Resource"]);
        let resource = self.string(&reader, "Resource").cloned();
        if let Some(resource) = &resource
            && !is_call(resource, &["s3:getObject", "s3:listObjectsV2"])
        {
            self.schema("The field 'Resource' does not match any of the allowed values", &reader.at("Resource")).help =
                Some("use arn:aws:states:::s3:getObject or arn:aws:states:::s3:listObjectsV2".to_owned());
        }
        let parameters = self.call_parameters(&reader, language);
        let (config, max_items) = self.reader_config(&reader, language);
        Some(ItemReader { resource: resource?, parameters, config, max_items })
    }

    fn reader_config(&mut self, reader: &Record<'_>, language: QueryLanguage) -> (Value, Option<Quantity>) {
        let name = "ReaderConfig";
        let Some(object) = self.object(reader, name) else { return (Value::empty_object(), None) };
        let place = reader.at(name);
        let config = Record::new(object, &place);
        self.only_fields(&config, READER_CONFIG);
        self.at_most_one(&config, &["MaxItems", "MaxItemsPath"]);
        let types = ["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"];
        let input_type = self.word(&config, "InputType", &types).map(|word| &**word);
        let location = self.word(&config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]).map(|word| &**word);
        self.word(&config, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]);
        self.word(&config, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]);
        self.word(&config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
        if let Some(pointer) = self.string(&config, "ItemsPointer")
            && !(pointer.is_empty() || pointer.starts_with('/'))
        {
            self.schema("Value is not a valid JSON Pointer", &config.at("ItemsPointer"));
        }
        match input_type {
            Some("CSV") if !config.has("CSVHeaderLocation") => {
                self.schema("The field 'CSVHeaderLocation' is required but was missing", &place);
            }
            Some("JSON") if config.has("CSVHeaderLocation") => {
                self.member_error("Field 'CSVHeaderLocation' is not supported", &config, "CSVHeaderLocation");
            }
            _ => {}
        }
        if location == Some("GIVEN") {
            self.required(&config, &["CSVHeaders"]);
        }
        if let Some(headers) = self.items(&config, "CSVHeaders") {
            let place = config.at("CSVHeaders");
            for (index, header) in headers.iter().enumerate() {
                if header.as_str().is_none() {
                    self.expected("[STRING]", &place.item(index));
                }
            }
        }
        let max_items = self.quantity(&config, "MaxItems", "MaxItemsPath", COUNT, language);
        (Value::from(object.clone()), max_items)
    }

    fn item_batcher(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<ItemBatcher> {
        let name = "ItemBatcher";
        let object = self.object(record, name)?;
        let place = record.at(name);
        let batcher = Record::new(object, &place);
        self.only_fields(&batcher, BATCHER);
        self.at_most_one(&batcher, &["MaxItemsPerBatch", "MaxItemsPerBatchPath"]);
        self.at_most_one(&batcher, &["MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"]);
        Some(ItemBatcher {
            batch_input: self.template(&batcher, "BatchInput", Reading { language, sees: Sees::Input }),
            items_per_batch_max: self.quantity(
                &batcher,
                "MaxItemsPerBatch",
                "MaxItemsPerBatchPath",
                Bounds::integer(1, SECONDS_MAX),
                language,
            ),
            input_bytes_per_batch_max: self.quantity(
                &batcher,
                "MaxInputBytesPerBatch",
                "MaxInputBytesPerBatchPath",
                Bounds::integer(1, BATCH_BYTES_MAX),
                language,
            ),
        })
    }

    fn result_writer(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<ResultWriter> {
        let name = "ResultWriter";
        let object = self.object(record, name)?;
        let place = record.at(name);
        let writer = Record::new(object, &place);
        self.call_fields(&writer, WRITER, language);
        let resource = self.string(&writer, "Resource").cloned();
        if let Some(resource) = &resource
            && !is_call(resource, &["s3:putObject"])
        {
            self.schema("The field 'Resource' does not match any of the allowed values", &writer.at("Resource")).help =
                Some("use arn:aws:states:::s3:putObject".to_owned());
        }
        let config = self.object(&writer, "WriterConfig").map(|object| {
            let place = writer.at("WriterConfig");
            let config = Record::new(object, &place);
            self.only_fields(&config, WRITER_CONFIG);
            self.word(&config, "Transformation", &["NONE", "COMPACT", "FLATTEN"]);
            self.word(&config, "OutputType", &["JSON", "JSONL"]);
            Value::from(Object::clone(object))
        });
        Some(ResultWriter { resource, parameters: self.call_parameters(&writer, language), config })
    }

    /// Fields of a call inside a Map: `Parameters` or `Arguments` by language.
    fn call_fields(&mut self, record: &Record<'_>, allowed: &'static [&'static str], language: QueryLanguage) {
        self.only_fields(record, allowed);
        let other = match language {
            QueryLanguage::JsonPath => "Arguments",
            QueryLanguage::Jsonata => "Parameters",
        };
        if record.has(other) {
            self.wrong_language(record, other, language);
        }
    }

    fn call_parameters(&mut self, record: &Record<'_>, language: QueryLanguage) -> Option<crate::template::Template> {
        let field = match language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        self.template(record, field, Reading { language, sees: Sees::Input })
    }
}

/// Characters that can stand neither in a name nor in a label.
fn is_forbidden(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || "<>{}[]?*\"#%\\^|~`$&,;:/".contains(character)
        || matches!(character, '\u{fffe}' | '\u{ffff}' | '\u{10ffff}')
}

/// Whether an ARN names one of some integrations.
fn is_call(arn: &str, calls: &[&str]) -> bool {
    windlass_value::Arn::parse(arn).is_some_and(|arn| {
        arn.service == "states"
            && arn.region.is_empty()
            && arn.account.is_empty()
            && calls.contains(&arn.resource.as_str())
    })
}
