use windlass_protocol::{Call, Outcome, Reply};
use windlass_value::object;

use crate::archive::UNPACKED_BYTES_MAX;
use crate::code_store::ZIP_BYTES_MAX;
use crate::lambda::Lambda;

/// AWS's bound on the code of an account; here the disk is the bound.
const TOTAL_CODE_BYTES: u64 = 75 * 1024 * 1024 * 1024;

impl Lambda {
    /// `GetAccountSettings`.
    pub(crate) fn get_account_settings(&self, call: &Call) -> Outcome {
        let functions = self.shared.catalogue.list(&call.account, &call.region);
        let versions = functions.iter().flat_map(|function| function.versions.values().chain([&function.latest]));
        let code_bytes: u64 = versions.map(|configuration| configuration.code_bytes).sum();
        let places = self.shared.config.concurrency_max;
        let reserved: usize =
            functions.iter().filter_map(|function| function.reserved_concurrency).map(|places| places as usize).sum();
        Ok(Reply::from(object! {
            "AccountLimit" => object! {
                "TotalCodeSize" => TOTAL_CODE_BYTES,
                "CodeSizeUnzipped" => UNPACKED_BYTES_MAX,
                "CodeSizeZipped" => ZIP_BYTES_MAX,
                "ConcurrentExecutions" => places,
                "UnreservedConcurrentExecutions" => places.saturating_sub(reserved),
            },
            "AccountUsage" => object! { "TotalCodeSize" => code_bytes, "FunctionCount" => functions.len() },
        }))
    }

    /// `GetFunctionCodeSigningConfig`: functions here have none.
    pub(crate) fn get_code_signing(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let function = self.shared.catalogue.find(&name, None)?;
        Ok(Reply::from(object! { "CodeSigningConfigArn" => "", "FunctionName" => function.name.name.as_str() }))
    }
}
