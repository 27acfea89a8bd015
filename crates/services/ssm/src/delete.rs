use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::{Batch, Scan};
use windlass_value::{Value, object};

use crate::due;
use crate::faults;
use crate::get::names;
use crate::input;
use crate::name::Reference;
use crate::parameter::StoredParameter;
use crate::put::{VERSIONS_MAX, nothing};
use crate::ssm::Ssm;
use crate::tables::{PARAMETERS, VERSIONS};

impl Ssm {
    /// `DeleteParameter`.
    pub(crate) async fn delete_parameter(&self, call: &Call) -> Outcome {
        let name = input::required(&call.input, "Name")?;
        self.change(call, |batch, _| {
            let stored = self.parameter_of(call, name)?;
            self.erase(&stored, batch)?;
            Ok(nothing())
        })
        .await
    }

    /// `DeleteParameters`.
    pub(crate) async fn delete_parameters(&self, call: &Call) -> Outcome {
        let names = names(call)?;
        self.change(call, |batch, _| {
            let (mut deleted, mut invalid) = (Vec::new(), Vec::new());
            for name in &names {
                match self.find_referred(call, &Reference::parse(name, call))? {
                    Some(stored) => {
                        // A name that comes twice is deleted once.
                        if !deleted.contains(&Value::from(*name)) {
                            self.erase(&stored, batch)?;
                            deleted.push(Value::from(*name));
                        }
                    }
                    None => invalid.push(Value::from(*name)),
                }
            }
            Ok(object! { "DeletedParameters" => deleted, "InvalidParameters" => invalid })
        })
        .await
    }

    /// Removes everything of a parameter.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn erase(&self, stored: &StoredParameter, batch: &mut Batch) -> Result<(), Fault> {
        let parameter = &stored.parameter;
        let all = Scan::prefix(&parameter.row(), VERSIONS_MAX as usize * 2);
        let versions = self.store.scan(&VERSIONS, all).map_err(|error| faults::store(&error))?;
        batch.expect_version(&PARAMETERS, parameter.row(), stored.row_version);
        batch.delete.extend(versions.into_iter().map(|row| (&VERSIONS, row.key)));
        batch.delete(&PARAMETERS, parameter.row());
        if parameter.current.policies.is_some() {
            let id = due::expiration_id(parameter);
            self.due.remove(batch, &parameter.account, &parameter.region, &id);
        }
        Ok(())
    }
}
