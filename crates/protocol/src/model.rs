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
    /// CBOR bodies, the operation in the path; only spoken to other endpoints.
    RpcV2Cbor,
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
    /// Headers of every request.
    pub(crate) headers: Vec<(String, String)>,
    /// Ids in paths stand without the path they are shown with: `Z1` for `/hostedzone/Z1`.
    pub(crate) short_labels: bool,
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

    /// The error shape a name stands for: a wire name, else the shape's own.
    pub(crate) fn error(&self, code: &str) -> Option<(&Shape, &ErrorTrait)> {
        let errors = || self.shapes.iter().filter_map(|shape| shape.error.as_ref().map(|error| (shape, error)));
        let by_name = || {
            let shape = self.shape(*self.shape_ids.get(code)?);
            shape.error.as_ref().map(|error| (shape, error))
        };
        errors()
            .find(|(_, error)| error.code.as_deref() == Some(code) || error.query_code.as_deref() == Some(code))
            .or_else(by_name)
    }

    /// The name of the error shape that an error's wire name stands for; `None` where the model
    /// knows no such error. `NoSuchEntity` is IAM's `NoSuchEntityException`.
    pub fn error_name(&self, code: &str) -> Option<&str> {
        self.error(code).map(|(shape, _)| shape.name.as_str())
    }

    /// The input member that is the whole body as bytes or text, where an operation has one.
    pub fn input_payload(&self, operation: &Operation) -> Option<&str> {
        self.raw_payload(operation.input?)
    }

    /// The output member that is the whole body as bytes, text or events, where an operation has one.
    pub fn output_payload(&self, operation: &Operation) -> Option<&str> {
        self.raw_payload(operation.output?)
    }

    fn raw_payload(&self, id: ShapeId) -> Option<&str> {
        let Kind::Structure(structure) = &self.shape(id).kind else { return None };
        let member = structure.payload()?;
        let shape = self.shape(member.shape);
        let is_raw = matches!(shape.kind, Kind::Blob | Kind::String) || shape.event_stream;
        is_raw.then_some(member.name.as_str())
    }

    /// The input member that SDKs fill with a fresh UUID where the caller leaves it out.
    pub fn idempotency_token(&self, operation: &Operation) -> Option<&str> {
        let Kind::Structure(structure) = &self.shape(operation.input?).kind else { return None };
        structure.members.iter().find(|member| member.idempotency_token).map(|member| member.name.as_str())
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
    pub(crate) streams_input: bool,
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

impl Operation {
    /// Whether its input's payload is a blob that may be larger than memory should hold, and so
    /// is better received into a file.
    pub fn streams_input(&self) -> bool {
        self.streams_input
    }
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
    /// Any JSON.
    Document,
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
    /// A blob that may be larger than memory should hold.
    pub(crate) streaming: bool,
    /// SDKs fill it in if the caller does not.
    pub(crate) idempotency_token: bool,
    pub(crate) namespace: Option<Namespace>,
}

impl Member {
    /// The name on a wire.
    pub(crate) fn name_on(&self, wire: Wire) -> &str {
        match (&self.query_name, wire) {
            (Some(name), Wire::Query) => name,
            _ => &self.wire_name,
        }
    }

    /// The name elements of a list have where they stand beside each other; `None`: the list's.
    pub(crate) fn own_element_name(&self, wire: Wire) -> Option<&str> {
        let name = self.name_on(wire);
        (name != self.name).then_some(name)
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
