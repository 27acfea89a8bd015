/// How the service runs on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Config {
    /// How many notifications are delivered at once; at least 1.
    pub deliveries_max: usize,
    /// What stands before a bucket in the `Location` of completed uploads, e.g.
    /// `http://127.0.0.1:8080`. Without it, AWS's own address.
    pub endpoint: Option<String>,
}

impl Default for S3Config {
    fn default() -> S3Config {
        S3Config { deliveries_max: 16, endpoint: None }
    }
}
