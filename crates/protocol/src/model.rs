//! What a service's table says, compiled: operations and shapes.

use std::collections::HashMap;

use windlass_value::Number;

use crate::pattern::Pattern;
use crate::uri::UriTemplate;

/// The wire protocol of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// JSON bodies, the operation in `X-Amz-Target`, names with a namespace in errors.
    AwsJson10,
    /// The same with bare error names.
    AwsJson11,
    /// Operations by method and path, members in URI, query, headers and body.
    RestJson,
    /// The same with XML bodies.
    RestXml,
    /// Form bodies with an `Action`, XML answers.
    Query,
    /// EC2's own query protocol; only spoken to other endpoints.
    Ec2,
}

/// One service as its model describes it.
#[derive(Debug)]
pub struct ServiceModel {
    /// The signing name: `states`, `lambda`, `sts`.
    pub name: &'static str,
    /// AWS's own name of the service: `SFN`, `Lambda`.
    pub service_id: String,
    /// E.g. `2016-11-23`.
    pub api_version: String,
    /// How requests and answers are written.
    pub wire: Wire,
    /// What a signature's credential scope calls it: mostly the name, `rds` for Neptune.
    pub signing_name: String,
    /// What its host names begin with: `monitoring`.
    pub endpoint_prefix: String,
    /// What stands before the operation in `X-Amz-Target`.
    pub target_prefix: Option<String>,
    /// What stands before the error names the model defines, on awsJson 1.0.
    pub error_namespace: Option<String>,
    /// The namespace of XML answers.
    pub xml_namespace: Option<String>,
    /// Whether JSON errors also say what the query protocol called them.
    pub query_compatible: bool,
    /// What an input that breaks a constraint is answered with.
    pub(crate) constraint_error: String,
    /// The service checks every input itself.
    pub(crate) unchecked: bool,
    pub(crate) operations: HashMap<String, Operation>,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) shape_ids: HashMap<String, ShapeId>,
}

impl ServiceModel {
    /// The operation of that name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    /// The names of all operations, in no order.
    pub fn operation_names(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    /// The names of the errors an operation declares.
    pub fn errors_of(&self, operation: &Operation) -> impl Iterator<Item = &str> {
        operation.errors.iter().map(|id| self.shape(*id).name.as_str())
    }

    pub(crate) fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }

    /// The error shape an error's wire name stands for.
    pub(crate) fn error(&self, code: &str) -> Option<(&Shape, &ErrorTrait)> {
        let by_name = self.shape_ids.get(code).map(|id| self.shape(*id));
        by_name
            .into_iter()
            .chain(self.shapes.iter())
            .filter_map(|shape| shape.error.as_ref().map(|error| (shape, error)))
            .find(|(shape, error)| match &error.code {
                Some(wire_code) => wire_code == code,
                None => shape.name == code,
            })
    }
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// As the model names it: `StartExecution`.
    pub name: String,
    /// The HTTP method.
    pub method: http::Method,
    /// The HTTP status of a success, where no member sets it.
    pub status: u16,
    /// What SDKs put before the host: `sync-`.
    pub host_prefix: Option<String>,
    /// Whether the model calls it idempotent.
    pub idempotent: bool,
    /// Whether it needs no signature.
    pub unsigned: bool,
    pub(crate) uri: UriTemplate,
    pub(crate) input: Option<ShapeId>,
    pub(crate) output: Option<ShapeId>,
    pub(crate) errors: Vec<ShapeId>,
    pub(crate) result_wrapper: Option<String>,
    /// The root element of an XML request without a payload member, and its namespace.
    pub(crate) input_name: Option<String>,
    pub(crate) input_namespace: Option<Namespace>,
    /// The root element of an XML answer without a payload member.
    pub(crate) output_name: Option<String>,
    /// The answer's only member is its root element.
    pub(crate) unwrapped_output: bool,
    /// No path leads to it.
    pub(crate) shadowed: bool,
}

/// The place of a shape in its service's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShapeId(pub(crate) usize);

/// A type with its constraints.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) min: Option<Number>,
    pub(crate) max: Option<Number>,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) enumeration: Vec<String>,
    /// The value must not appear in error texts.
    pub(crate) sensitive: bool,
    /// Lengths count UTF-8 bytes, not characters.
    pub(crate) in_bytes: bool,
    pub(crate) format: Option<TimestampFormat>,
    /// Answers of this shape are a stream of events, handed through as bytes.
    pub(crate) event_stream: bool,
    /// A blob that may be larger than memory should hold.
    pub(crate) streaming: bool,
    pub(crate) namespace: Option<Namespace>,
    /// What is said of a value that breaks the pattern, instead of showing it; `{member}` is its name.
    pub(crate) refusal: Option<String>,
    pub(crate) error: Option<ErrorTrait>,
}

/// What makes a structure an error.
#[derive(Debug)]
pub(crate) struct ErrorTrait {
    pub(crate) status: u16,
    /// The wire name where it differs from the shape's.
    pub(crate) code: Option<String>,
    /// Code and status on the query protocol, for services that left it.
    pub(crate) query_code: Option<String>,
    pub(crate) query_status: Option<u16>,
}

/// An XML namespace, with its prefix where it has one.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub(crate) prefix: Option<String>,
    pub(crate) uri: String,
}

#[derive(Debug)]
pub(crate) enum Kind {
    String,
    Blob,
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Timestamp,
    List(Member),
    Map(Member, Member),
    Structure(Structure),
}

#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) members: Vec<Member>,
    /// The member that is the whole body.
    pub(crate) payload: Option<String>,
}

impl Structure {
    pub(crate) fn payload(&self) -> Option<&Member> {
        let name = self.payload.as_deref()?;
        self.members.iter().find(|member| member.name == name)
    }
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The name on the wire.
    pub(crate) wire_name: String,
    pub(crate) shape: ShapeId,
    pub(crate) location: Location,
    pub(crate) required: bool,
    pub(crate) sensitive: bool,
    pub(crate) format: Option<TimestampFormat>,
    /// The name in query forms, where it is not the wire name.
    pub(crate) query_name: Option<String>,
    /// A list or map whose elements stand beside each other, without one around them.
    pub(crate) flattened: bool,
    /// An attribute of its structure's XML element.
    pub(crate) attribute: bool,
    /// JSON text, which headers carry as base64.
    pub(crate) json: bool,
    /// SDKs fill it in if the caller does not.
    pub(crate) idempotency_token: bool,
    pub(crate) namespace: Option<Namespace>,
}

impl Member {
    /// The name its elements have where they stand beside each other; `None`: the list's own.
    pub(crate) fn own_element_name(&self) -> Option<&str> {
        (self.wire_name != self.name).then_some(&*self.wire_name)
    }
}

/// Where a member travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    Body,
    Uri,
    Query,
    Header,
    /// A map spread over headers that share a prefix.
    Headers,
    StatusCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimestampFormat {
    EpochSeconds,
    Rfc3339,
    HttpDate,
}
