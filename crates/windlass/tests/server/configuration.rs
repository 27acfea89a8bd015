use std::collections::HashMap;
use std::path::{Path, PathBuf};

use windlass::config::{Config, ConfigError, Flags};
use windlass_iam::AuthorizationMode;

use super::harness::Folder;

type Env<'a> = &'a [(&'a str, &'a str)];

struct Told<'a> {
    flags: Flags,
    env: Env<'a>,
    here: &'a Path,
}

impl Told<'_> {
    fn resolve(&self) -> Result<Config, ConfigError> {
        let env: HashMap<&str, &str> = self.env.iter().copied().collect();
        let names: Vec<String> = env.keys().map(|name| (*name).to_owned()).collect();
        Config::resolve(&self.flags, &|name| env.get(name).map(|value| (*value).to_owned()), &names, self.here)
    }
}

fn resolve(listen: Option<&str>, env: Env<'_>, file: &str) -> Result<Config, ConfigError> {
    let folder = Folder::new();
    folder.file("windlass.toml", file);
    let env: Vec<(&str, &str)> = [("HOME", "/home/nobody")].iter().chain(env).copied().collect();
    let flags = Flags { listen: listen.map(str::to_owned), ..Flags::default() };
    Told { flags, env: &env, here: &folder.0 }.resolve()
}

#[test]
fn flag_before_environment_before_file_before_default() {
    let file = "listen = \"127.0.0.1:3\"\ndrain_ms = 3";
    let env = [("WINDLASS_LISTEN", "127.0.0.1:2"), ("WINDLASS_DRAIN_MS", "2")];
    let cases: [(Option<&str>, Env<'_>, &str, u16, u64); 4] = [
        (Some("127.0.0.1:1"), &env, file, 1, 2),
        (None, &env, file, 2, 2),
        (None, &[], file, 3, 3),
        (None, &[], "", 4566, 10_000),
    ];
    for (listen, env, file, port, drain_ms) in cases {
        let config = resolve(listen, env, file).unwrap();
        assert_eq!((config.listen.port(), config.drain_ms), (port, drain_ms));
    }
}

#[test]
fn the_data_folder_is_in_the_users_data_home() {
    let cases: [(Env<'_>, &str); 4] = [
        (&[], "/home/nobody/.local/share/windlass"),
        (&[("XDG_DATA_HOME", "/data")], "/data/windlass"),
        (&[("XDG_DATA_HOME", "relative")], "/home/nobody/.local/share/windlass"),
        (&[("WINDLASS_DATA", "/else")], "/else"),
    ];
    for (env, expected) in cases {
        assert_eq!(resolve(None, env, "").unwrap().data, PathBuf::from(expected), "{env:?}");
    }
    let homeless = Told { flags: Flags::default(), env: &[], here: Path::new("/nowhere") }.resolve().unwrap_err();
    assert!(homeless.to_string().contains("--data DIR"), "{homeless}");
}

#[test]
fn the_file_in_the_data_folder_comes_before_the_one_here() {
    let (data, here) = (Folder::new(), Folder::new());
    let file = here.file("windlass.toml", "drain_ms = 1");
    let flags = Flags { data: Some(data.0.clone()), ..Flags::default() };
    let told = Told { flags, env: &[], here: &here.0 };
    let config = told.resolve().unwrap();
    assert_eq!((config.drain_ms, config.file), (1, Some(file)));
    let file = data.file("windlass.toml", "drain_ms = 2");
    let config = told.resolve().unwrap();
    assert_eq!((config.drain_ms, config.file), (2, Some(file)));
}

#[test]
fn what_is_wrong_is_named() {
    let cases: [(Option<&str>, Env<'_>, &str, &[&str]); 14] = [
        (None, &[], "drain_ms = 1\nlissten = \"x\"", &["line 2", "lissten", "windlass.toml"]),
        (None, &[], "[tls]\ncertificate = \"x\"", &["line 2", "certificate"]),
        (None, &[], "[[credentials]]\naccess_key_id = \"a\"\nsecret = \"planted\"", &["line 3", "secret"]),
        (None, &[], "[[credentials]]\naccess_key_id = \"a\"\nsecret_access_key = \"planted", &["line 3"]),
        (None, &[], "drain_ms = \"soon\"", &["line 1", "drain_ms"]),
        (None, &[], "drain_ms =", &["line 1"]),
        (None, &[], "listen = \"here\"", &["listen in", "windlass.toml", "here", "127.0.0.1:4566"]),
        (Some("4566"), &[], "", &["--listen", "4566", "127.0.0.1:4566"]),
        (None, &[("WINDLASS_DRAIN_MS", "soon")], "", &["WINDLASS_DRAIN_MS", "soon", "whole number"]),
        (None, &[("WINDLASS_LOG_FORMAT", "xml")], "", &["WINDLASS_LOG_FORMAT", "xml", "json"]),
        (None, &[], "account_id = \"12\"", &["account_id", "12 digits"]),
        (None, &[], "[tls]\ncert = \"x\"", &["private key"]),
        (None, &[("WINDLASS_CONFIG", "/no/such/file")], "", &["/no/such/file", "--config"]),
        (None, &[("WINDLASS_ACCESS_KEY_ID", "AKIA")], "", &["WINDLASS_SECRET_ACCESS_KEY_FILE"]),
    ];
    for (listen, env, file, expected) in cases {
        let error = resolve(listen, env, file).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{part:?} is missing in: {error}");
        }
        assert!(!error.contains("planted"), "{error}");
    }
}

#[test]
fn other_machines_need_tls_and_keys() {
    let tls = "[tls]\ncert = \"c\"\nkey = \"k\"\n";
    let keys = "[[credentials]]\naccess_key_id = \"AKIA\"\nsecret_access_key = \"s\"\n";
    let both = format!("{tls}{keys}");
    let cases = [
        ("127.0.0.1:1", "", true),
        ("127.8.8.8:1", "", true),
        ("[::1]:1", "", true),
        ("localhost:1", "", true),
        ("0.0.0.0:1", "", false),
        ("[::]:1", "", false),
        ("10.0.0.1:1", "", false),
        ("0.0.0.0:1", tls, false),
        ("0.0.0.0:1", keys, false),
        ("0.0.0.0:1", &both, true),
    ];
    for (listen, file, allowed) in cases {
        match resolve(Some(listen), &[], file) {
            Ok(_) => assert!(allowed, "{listen} {file}"),
            Err(ConfigError::Unsafe(text)) => {
                assert!(!allowed, "{listen} {file}");
                assert!(text.contains("[tls]") && text.contains("[[credentials]]") && text.contains("127.0.0.1"));
                assert!(text.lines().count() <= 24, "more than a screen:\n{text}");
            }
            Err(error) => panic!("{listen} {file}: {error}"),
        }
    }
}

#[test]
fn secrets_come_from_file_and_environment_and_are_never_printed() {
    let folder = Folder::new();
    folder.file("secret", "from-the-file\n");
    let file = folder.file(
        "windlass.toml",
        "account_id = \"111111111111\"\n\
         [[credentials]]\naccess_key_id = \"A\"\nsecret_access_key_file = \"secret\"\n\
         [[credentials]]\naccess_key_id = \"B\"\nsecret_access_key_env = \"B_SECRET\"\naccount_id = \"222222222222\"\n\
         user = \"bob\"\n",
    );
    let flags = Flags { config: Some(file), ..Flags::default() };
    let env = [
        ("HOME", "/home/nobody"),
        ("B_SECRET", "from-the-variable"),
        ("WINDLASS_ACCESS_KEY_ID", "C"),
        ("WINDLASS_SECRET_ACCESS_KEY", "from-the-environment"),
    ];
    let config = Told { flags, env: &env, here: Path::new("/nowhere") }.resolve().unwrap();
    let known: Vec<(&str, &str, &str)> = config
        .credentials
        .iter()
        .map(|known| (known.access_key_id.as_str(), known.secret_access_key.reveal(), known.account_id.as_str()))
        .collect();
    let expected = [
        ("C", "from-the-environment", "111111111111"),
        ("A", "from-the-file", "111111111111"),
        ("B", "from-the-variable", "222222222222"),
    ];
    assert_eq!(known, expected);
    assert!(!format!("{config:?}").contains("from-the"));
}

#[test]
fn misspelt_variables_are_reported() {
    let env = [("WINDLASS_LISTNE", "x"), ("WINDLASS_PORT_4566_TCP", "x"), ("WINDLASS_SERVICE_HOST", "x")];
    assert_eq!(resolve(None, &env, "").unwrap().unknown_variables, ["WINDLASS_LISTNE"]);
}

#[test]
fn refusals_refuse_unless_they_are_only_logged() {
    assert_eq!(resolve(None, &[], "").unwrap().authorization, AuthorizationMode::Enforced);
    let logged = resolve(None, &[], "[authorization]\nmode = \"logged\"\n").unwrap();
    assert_eq!(logged.authorization, AuthorizationMode::Logged);
    let error = resolve(None, &[("WINDLASS_AUTHORIZATION_MODE", "off")], "").unwrap_err().to_string();
    assert!(error.contains("enforced or logged"), "{error}");
}

#[test]
fn traces_go_where_the_file_or_opentelemetrys_variables_say() {
    use windlass::OtlpProtocol::{Json, Protobuf};
    let file = "[tracing]\nendpoint = \"http://127.0.0.1:4318\"\nprotocol = \"http/json\"\nsample_ratio = 0.5";
    let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let cases: [(Env<'_>, &str, &str, windlass::OtlpProtocol, f64); 6] = [
        (&[], file, "http://127.0.0.1:4318/v1/traces", Json, 0.5),
        (&[], "[tracing]\nendpoint = \"https://c/otlp\"", "https://c/otlp", Protobuf, 1.0),
        (&[(endpoint, "http://e:4318/")], file, "http://e:4318/v1/traces", Json, 0.5),
        (&[(endpoint, "http://e/otlp")], "", "http://e/otlp/v1/traces", Protobuf, 1.0),
        (&[(endpoint, "http://e"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t")], "", "http://t", Protobuf, 1.0),
        (
            &[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")],
            file,
            "http://127.0.0.1:4318/v1/traces",
            Json,
            0.25,
        ),
    ];
    for (env, file, endpoint, protocol, sample_ratio) in cases {
        let tracing = resolve(None, env, file).unwrap().tracing.unwrap();
        assert_eq!((&*tracing.endpoint, tracing.protocol, tracing.sample_ratio), (endpoint, protocol, sample_ratio));
        assert!(tracing.resource.iter().any(|(key, value)| key == "service.name" && value == "windlass"));
    }
    let off: [(Env<'_>, &str); 4] = [
        (&[], ""),
        (&[("OTEL_SDK_DISABLED", "true")], file),
        (&[("OTEL_TRACES_EXPORTER", "none")], file),
        (&[("OTEL_TRACES_EXPORTER", "console"), (endpoint, "http://e")], ""),
    ];
    for (env, file) in off {
        assert_eq!(resolve(None, env, file).unwrap().tracing, None, "{env:?}");
    }
    let wrong: [(Env<'_>, &str, &str); 5] = [
        (&[], "[tracing]\nendpoint = \"127.0.0.1:4318\"", "tracing.endpoint"),
        (&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], file, "tracing.protocol"),
        (&[], "[tracing]\nendpoint = \"http://e\"\nsample_ratio = 2.0", "tracing.sample_ratio"),
        (&[("OTEL_TRACES_SAMPLER", "jaeger_remote")], file, "OTEL_TRACES_SAMPLER"),
        (&[("OTEL_BSP_SCHEDULE_DELAY", "soon")], file, "OTEL_BSP_SCHEDULE_DELAY"),
    ];
    for (env, file, named) in wrong {
        let error = resolve(None, env, file).unwrap_err().to_string();
        assert!(error.starts_with(named), "{error}");
    }
}

#[test]
fn express_executions_are_kept_as_said() {
    let read = |env: Env<'_>, file: &str| resolve(None, env, file).unwrap().express;
    let default = read(&[], "");
    assert_eq!((default.count, default.age_ms, default.events), (10_000, 86_400_000, false));
    let file = "[stepfunctions]\nexpress_retention = 5\nexpress_retention_hours = 2\nexpress_events = true";
    let said = read(&[("WINDLASS_STEPFUNCTIONS_EXPRESS_RETENTION", "7")], file);
    assert_eq!((said.count, said.age_ms, said.events), (7, 7_200_000, true));
}
