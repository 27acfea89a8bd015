//! Where in a definition one stands, as a chain on the stack: nothing is written
//! out until a finding needs it.

/// One step from a node to a child.
#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Item(usize),
}

/// A node's place in the definition.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

impl<'p> Place<'p> {
    /// The whole definition.
    pub(crate) fn root() -> Place<'p> {
        Place { parent: None, step: Step::Root }
    }

    /// A member of this object.
    pub(crate) fn member<'c>(&'c self, name: &'c str) -> Place<'c> {
        Place { parent: Some(self), step: Step::Member(name) }
    }

    /// An element of this array.
    pub(crate) fn item(&self, index: usize) -> Place<'_> {
        Place { parent: Some(self), step: Step::Item(index) }
    }

    fn steps(&self) -> Vec<Step<'p>> {
        let mut steps = Vec::new();
        let mut place = Some(self);
        while let Some(here) = place {
            steps.push(here.step);
            place = here.parent;
        }
        steps.reverse();
        steps
    }

    /// AWS's form: `/`, `/States/S/Choices[0]/Next`; names are not escaped.
    pub(crate) fn location(&self) -> String {
        let mut out = String::new();
        for step in self.steps() {
            match step {
                Step::Root => {}
                Step::Member(name) => {
                    out.push('/');
                    out.push_str(name);
                }
                Step::Item(index) => {
                    out.push('[');
                    out.push_str(&index.to_string());
                    out.push(']');
                }
            }
        }
        if out.is_empty() { "/".to_owned() } else { out }
    }

    /// The JSON pointer (RFC 6901).
    pub(crate) fn pointer(&self) -> String {
        let mut out = String::new();
        for step in self.steps() {
            match step {
                Step::Root => {}
                Step::Member(name) => {
                    out.push('/');
                    out.push_str(&name.replace('~', "~0").replace('/', "~1"));
                }
                Step::Item(index) => {
                    out.push('/');
                    out.push_str(&index.to_string());
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn writes_both_forms() {
        let root = Place::root();
        let states = root.member("States");
        let state = states.member("a/b~");
        let choices = state.member("Choices");
        let rule = choices.item(2);
        assert_eq!(root.location(), "/");
        assert_eq!(root.pointer(), "");
        assert_eq!(rule.member("Next").location(), "/States/a/b~/Choices[2]/Next");
        assert_eq!(rule.member("Next").pointer(), "/States/a~1b~0/Choices/2/Next");
    }
}
