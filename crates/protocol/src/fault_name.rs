//! What an error is called on a wire. Services name their errors as their models do; checks
//! before them say the JSON services' names. Each wire has its own words for both.

use crate::fault::Fault;
use crate::model::{ErrorTrait, ServiceModel, Shape, Wire};

/// An error as a wire says it.
pub(crate) struct OnWire<'a> {
    pub(crate) code: &'a str,
    pub(crate) status: u16,
    /// The model's shape, for errors the model knows.
    pub(crate) modelled: Option<(&'a Shape, &'a ErrorTrait)>,
}

/// Name on JSON wires, on the query wire, on S3's, and the status on the latter two where the
/// fault has none of its own. Only for names a service's model does not have.
const NAMES: [(&str, &str, &str, u16); 10] = [
    ("AccessDeniedException", "AccessDenied", "AccessDenied", 403),
    ("InternalFailure", "InternalFailure", "InternalError", 500),
    ("InvalidParameterCombinationException", "InvalidParameterCombination", "InvalidRequest", 400),
    ("InvalidParameterValueException", "InvalidParameterValue", "InvalidArgument", 400),
    ("MissingRequiredParameterException", "MissingParameter", "InvalidRequest", 400),
    ("NotImplementedException", "NotImplementedException", "NotImplemented", 501),
    ("SerializationException", "MalformedInput", "MalformedXML", 400),
    ("ServiceUnavailableException", "ServiceUnavailable", "ServiceUnavailable", 503),
    ("ThrottlingException", "Throttling", "SlowDown", 503),
    ("ValidationException", "ValidationError", "InvalidRequest", 400),
];

pub(crate) fn on_wire<'a>(wire: Wire, service: Option<&'a ServiceModel>, fault: &'a Fault) -> OnWire<'a> {
    let modelled = service.and_then(|service| service.error(&fault.code));
    let own_status = (fault.status != 400).then_some(fault.status);
    match (modelled, wire) {
        (Some((shape, error)), Wire::Query | Wire::Ec2 | Wire::RestXml) => {
            let query = (wire == Wire::Query).then_some(error);
            let code = query.and_then(|error| error.query_code.as_deref()).or(error.code.as_deref());
            let status = query.and_then(|error| error.query_status).unwrap_or(error.status);
            OnWire { code: code.unwrap_or(&shape.name), status: own_status.unwrap_or(status), modelled }
        }
        (Some((shape, error)), _) => {
            OnWire { code: error.code.as_deref().unwrap_or(&shape.name), status: fault.status, modelled }
        }
        (None, wire) => {
            let row = NAMES.iter().find(|(json, query, ..)| *json == fault.code || *query == fault.code);
            let compatible = service.is_some_and(|service| service.query_compatible);
            let (code, status) = match (row, wire) {
                (Some((_, query, _, status)), Wire::Query) => (*query, own_status.unwrap_or(*status)),
                (Some((_, _, s3, status)), Wire::RestXml) => (*s3, own_status.unwrap_or(*status)),
                (Some((json, ..)), Wire::AwsJson10 | Wire::AwsJson11) if compatible => (*json, fault.status),
                _ => (fault.code.as_str(), fault.status),
            };
            OnWire { code, status, modelled }
        }
    }
}

/// What the query protocol calls an error, for services that speak JSON now.
pub(crate) fn query_error(service: &ServiceModel, fault: &Fault) -> String {
    let OnWire { code, status, .. } = on_wire(Wire::Query, Some(service), fault);
    let who = if status >= 500 { "Receiver" } else { "Sender" };
    format!("{code};{who}")
}
