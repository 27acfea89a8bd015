//! The surroundings all rows are evaluated in.

use std::cell::Cell;

use windlass_asl::Surroundings;
use windlass_value::{Timestamp, Value};

pub(crate) struct Fixed {
    context: Value,
    variables: Value,
    state: Cell<u64>,
}

impl Fixed {
    pub(crate) fn new() -> Fixed {
        let json = |text: &str| windlass_value::parse(text).expect("the fixture is JSON");
        Fixed {
            context: json(r#"{"Execution":{"Name":"run-1","Input":{"n":7,"input-value":0}},"State":{"Name":"S"}}"#),
            variables: json(r#"{"answer":42,"list":[1,2,3],"nested":{"a":{"b":"deep"}},"_under":"u","größe":"XL"}"#),
            state: Cell::new(1),
        }
    }
}

impl Surroundings for Fixed {
    fn context(&self) -> &Value {
        &self.context
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.get(name)
    }

    fn variables(&self) -> Vec<(&str, &Value)> {
        self.variables
            .as_object()
            .into_iter()
            .flat_map(|all| all.iter())
            .map(|(name, value)| (&**name, value))
            .collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_767_225_600_000)
    }

    /// SplitMix64.
    fn random(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
