use windlass_value::Text;

/// Children that were read in one go. After a restart only windows that are not
/// wholly ended are read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Number of its first child.
    pub first: u64,
    /// How many children it holds.
    pub children: u64,
    /// How many items those hold.
    pub items: u64,
    /// Where its reading began; `None`: at the beginning.
    pub before: Option<Text>,
    /// How many of its children ended.
    pub(super) ended: u64,
}

impl Window {
    /// A window none of whose children is known to have ended.
    pub fn new(first: u64, children: u64, items: u64, before: Option<Text>) -> Window {
        Window { first, children, items, before, ended: 0 }
    }

    pub(super) fn holds(&self, index: u64) -> bool {
        (self.first..self.first + self.children).contains(&index)
    }
}
