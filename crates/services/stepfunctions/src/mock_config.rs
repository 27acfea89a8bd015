use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_protocol::Fault;
use windlass_task_mock::{MockFile, TestCase};
use windlass_value::Text;

/// Bytes of a mock file at most.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Names that a message lists.
const NAMES_MAX: usize = 20;

/// The mock file of the server, read anew at each start that names a test case.
///
/// A change of the file counts from the next start on; executions under way keep the
/// case they began with. A file that is missing or wrong refuses those starts and
/// nothing else.
#[derive(Clone, Default)]
pub struct MockConfig(Option<Arc<Inner>>);

struct Inner {
    path: PathBuf,
    /// The last text that was right, and what it says.
    read: Mutex<Option<(Text, Arc<MockFile>)>>,
}

impl MockConfig {
    /// Mocks from a file.
    pub fn from_file(path: PathBuf) -> MockConfig {
        MockConfig(Some(Arc::new(Inner { path, read: Mutex::default() })))
    }

    /// The test case of a machine. Blocks on the file.
    ///
    /// # Errors
    /// `ValidationException`: there is no mock file, or it cannot be read or is wrong;
    /// `InvalidName`: it has no such case.
    pub(crate) fn case(&self, machine: &str, case: &str) -> Result<TestCase, Fault> {
        let Some(inner) = &self.0 else {
            return Err(Fault::validation(format!(
                "The ARN names the test case '{case}', but this server has no mock file. Name one with SFN_MOCK_CONFIG, with mock_config under [stepfunctions] or with --mock-config."
            )));
        };
        let file = inner.file()?;
        file.case(machine, case).cloned().ok_or_else(|| unknown_case(&inner.path, &file, machine, case))
    }

    /// Whether test cases can be named at all.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

impl Inner {
    fn file(&self) -> Result<Arc<MockFile>, Fault> {
        let shown = self.path.display();
        let text = read(&self.path)
            .map_err(|error| Fault::validation(format!("The mock file {shown} cannot be read: {error}")))?;
        if let Some((known, file)) = &*self.read.lock()
            && **known == *text
        {
            return Ok(file.clone());
        }
        let file = MockFile::read(&text)
            .map_err(|error| Fault::validation(format!("The mock file {shown} is wrong: {error}")))?;
        let file = Arc::new(file);
        *self.read.lock() = Some((text.into(), file.clone()));
        Ok(file)
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

fn unknown_case(path: &Path, file: &MockFile, machine: &str, case: &str) -> Fault {
    let shown = path.display();
    let cases = file.cases(machine);
    let list = |names: &[&Text]| {
        let more = if names.len() > NAMES_MAX { ", …" } else { "" };
        let names: Vec<&str> = names.iter().take(NAMES_MAX).map(|name| &***name).collect();
        format!("{}{more}", names.join(", "))
    };
    let known = if cases.is_empty() {
        let machines: Vec<&Text> = file.machines().collect();
        match machines.is_empty() {
            true => "it has no state machines".to_owned(),
            false => format!("it has no cases of this machine, but of: {}", list(&machines)),
        }
    } else {
        format!("its cases of this machine: {}", list(&cases))
    };
    Fault::new(
        "InvalidName",
        format!(
            "Invalid Name: the mock file {shown} has no test case '{case}' of the state machine '{machine}'; {known}"
        ),
    )
}
