//! Holds `edges.txt` to what the workspace is: which crate uses which, that
//! imports only go down, and that the pure floors stay pure.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

type Edge = (String, String);

/// What `edges.txt` says.
#[derive(Debug, Default)]
struct Rules {
    floors: BTreeMap<String, u32>,
    edges: BTreeSet<Edge>,
    same_floor: BTreeSet<Edge>,
    forbidden: BTreeSet<String>,
    /// The highest floor that must not reach what is forbidden.
    pure_floor_max: u32,
}

impl Rules {
    fn parse(text: &str) -> Rules {
        let mut rules = Rules::default();
        for (number, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
            let is_new = match words[..] {
                [] => true,
                ["floor", floor, name] => {
                    let floor = floor.parse().unwrap_or_else(|_| panic!("line {}: no floor: {line}", number + 1));
                    rules.floors.insert(name.to_owned(), floor).is_none()
                }
                ["pure-floors", floor] => {
                    rules.pure_floor_max =
                        floor.parse().unwrap_or_else(|_| panic!("line {}: no floor: {line}", number + 1));
                    true
                }
                ["forbidden", name] => rules.forbidden.insert(name.to_owned()),
                ["same-floor", from, "->", to] => rules.same_floor.insert(edge(from, to)),
                [from, "->", to] => rules.edges.insert(edge(from, to)),
                _ => panic!("line {}: not understood: {line}", number + 1),
            };
            assert!(is_new, "line {}: said twice: {line}", number + 1);
        }
        rules
    }
}

/// The packages of the workspace and of what it is built from.
struct Packages {
    members: BTreeSet<String>,
    /// Normal and build dependencies by package id.
    uses: BTreeMap<String, BTreeSet<String>>,
    names: BTreeMap<String, String>,
}

impl Packages {
    /// Asks cargo, which needs no network for it: all that is asked about was
    /// needed to compile this test.
    fn ask() -> Packages {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let version = run(Command::new(&cargo).arg("-vV"));
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
        let root = root();
        let manifest = root.join("Cargo.toml");
        let metadata = run(Command::new(&cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
            .arg("--manifest-path")
            .arg(manifest));
        Packages::read(&serde_json::from_str(&metadata).expect("cargo writes JSON"))
    }

    fn read(metadata: &Value) -> Packages {
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let names = items(&metadata["packages"]).iter().map(|one| (text(&one["id"]), text(&one["name"]))).collect();
        let is_built = |dependency: &Value| {
            items(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null() || kind["kind"] == "build")
        };
        let uses = items(&metadata["resolve"]["nodes"])
            .iter()
            .map(|node| {
                let built = items(&node["deps"]).into_iter().filter(is_built).map(|one| text(&one["pkg"])).collect();
                (text(&node["id"]), built)
            })
            .collect();
        let members = items(&metadata["workspace_members"]).iter().map(text).collect();
        Packages { members, uses, names }
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    fn edges(&self) -> BTreeSet<Edge> {
        let edge = |from: &String, to: &String| (self.name(from).to_owned(), self.name(to).to_owned());
        let of = |from: &String| {
            self.uses[from].iter().filter(|to| self.members.contains(*to)).map(|to| edge(from, to)).collect::<Vec<_>>()
        };
        self.members.iter().flat_map(of).collect()
    }

    /// Everything a package is built from, each with the path that leads there.
    fn reached(&self, from: &str) -> BTreeMap<String, String> {
        let mut reached = BTreeMap::new();
        let mut ahead = vec![(from.to_owned(), self.name(from).to_owned())];
        while let Some((id, path)) = ahead.pop() {
            for next in self.uses.get(&id).into_iter().flatten() {
                let name = self.name(next).to_owned();
                if let Entry::Vacant(place) = reached.entry(name) {
                    let path = format!("{path} -> {}", place.key());
                    place.insert(path.clone());
                    ahead.push((next.clone(), path));
                }
            }
        }
        reached
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn rules() -> Rules {
    let file = root().join("edges.txt");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Rules::parse(&text)
}

fn shown(edges: BTreeSet<&Edge>) -> Vec<String> {
    edges.into_iter().map(|(from, to)| format!("{from} -> {to}")).collect()
}

/// What breaks the rules, in words.
fn broken(rules: &Rules, packages: &Packages) -> Vec<String> {
    let mut broken = Vec::new();
    let members: BTreeSet<&str> = packages.members.iter().map(|id| packages.name(id)).collect();
    let floors: BTreeSet<&str> = rules.floors.keys().map(String::as_str).collect();
    broken.extend(members.difference(&floors).map(|name| format!("{name} has no floor in edges.txt")));
    broken.extend(floors.difference(&members).map(|name| format!("edges.txt names {name}, which is no crate here")));

    let edges = packages.edges();
    let unlisted = shown(edges.difference(&rules.edges).collect());
    broken.extend(unlisted.iter().map(|edge| format!("{edge} is not in edges.txt")));
    let unused = shown(rules.edges.difference(&edges).collect());
    broken.extend(unused.iter().map(|edge| format!("{edge} is in edges.txt and is not used")));

    for edge in &edges {
        let (Some(from), Some(to)) = (rules.floors.get(&edge.0), rules.floors.get(&edge.1)) else { continue };
        if to > from || to == from && !rules.same_floor.contains(edge) {
            broken.push(format!("{} (floor {from}) must not use {} (floor {to})", edge.0, edge.1));
        }
    }
    let idle = shown(rules.same_floor.difference(&edges).collect());
    broken.extend(idle.iter().map(|edge| format!("same-floor {edge} is in edges.txt and is not used")));

    for id in &packages.members {
        let is_pure = rules.floors.get(packages.name(id)).is_some_and(|floor| *floor <= rules.pure_floor_max);
        if is_pure {
            let reached = packages.reached(id);
            let forbidden = reached.iter().filter(|(name, _)| rules.forbidden.contains(*name));
            broken.extend(forbidden.map(|(name, path)| format!("{name} must not be reached: {path}")));
        }
    }
    broken
}

#[test]
fn crates_use_what_edges_txt_lists() {
    let broken = broken(&rules(), &Packages::ask());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_breaks_the_rules_is_named() {
    let rules = Rules::parse(
        "floor 0 value\nfloor 1 asl # a language\nfloor 1 jsonata\nfloor 4 lambda\nfloor 4 gone\n\
         same-floor asl -> jsonata\nasl -> jsonata\nlambda -> value\njsonata -> value\n\
         pure-floors 1\nforbidden tokio\n",
    );
    let dependency = |name: &str, kind: Value| serde_json::json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
    let node = |name: &str, deps: Vec<Value>| serde_json::json!({ "id": name, "deps": deps });
    let metadata = serde_json::json!({
        "packages": [],
        "workspace_members": ["value", "asl", "jsonata", "lambda", "new"],
        "resolve": { "nodes": [
            node("value", vec![dependency("asl", Value::Null), dependency("lambda", "dev".into())]),
            node("asl", vec![dependency("jsonata", Value::Null), dependency("cache", Value::Null)]),
            node("jsonata", vec![dependency("value", Value::Null), dependency("tokio", "dev".into())]),
            node("lambda", vec![dependency("value", Value::Null), dependency("tokio", Value::Null)]),
            node("new", vec![]),
            node("cache", vec![dependency("tokio", Value::Null)]),
        ]},
    });
    let found = broken(&rules, &Packages::read(&metadata));
    let expected = [
        "new has no floor in edges.txt",
        "edges.txt names gone, which is no crate here",
        "value -> asl is not in edges.txt",
        "value (floor 0) must not use asl (floor 1)",
        "tokio must not be reached: asl -> cache -> tokio",
    ];
    for text in expected {
        assert!(found.iter().any(|one| one == text), "{text} is not among {found:#?}");
    }
    // value and jsonata reach it too, through the forbidden edge.
    assert_eq!(found.len(), expected.len() + 2, "{found:#?}");
}
