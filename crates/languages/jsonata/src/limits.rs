/// How far one evaluation may go. The defaults are AWS's measured figures where
/// AWS has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nested evaluations: a sum of 100 terms is 100 deep.
    pub depth_max: usize,
    /// Size of any value, counted as a tree: a number 8, a character 1.
    pub value_bytes_max: usize,
    /// Items `$range` may make.
    pub range_items_max: usize,
    /// Characters of any string.
    pub string_chars_max: usize,
    /// Work, counted: one for each node evaluated and each item or 16 bytes a
    /// function handles. About a second's worth by default.
    pub fuel_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            depth_max: 100,
            value_bytes_max: 6_990_256,
            range_items_max: 360_145,
            string_chars_max: 6_990_256,
            fuel_max: 10_000_000,
        }
    }
}
