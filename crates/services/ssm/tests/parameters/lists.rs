use windlass_value::{Value, object};

use crate::fixture::{Fixture, world};

async fn names(world: &Fixture, operation: &str, input: Value) -> Vec<String> {
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut page = windlass_value::Object::clone(input.as_object().expect("an object"));
        page.insert("NextToken", token);
        page.insert("MaxResults", 2);
        let page = world.ok(operation, page.into()).await;
        let list = page["Parameters"].as_array().expect("a list");
        seen.extend(list.iter().map(|one| one["Name"].as_str().expect("a name").to_owned()));
        token = page["NextToken"].clone();
        if token.is_null() {
            return seen;
        }
    }
}

const ALL: [&str; 8] = ["/a", "/a/b", "/a/b/c", "/a/b/d", "/a-b", "/ab/c", "/b", "root"];

async fn full() -> Fixture {
    let world = world();
    for name in ALL {
        let kind = if name.ends_with('c') { "SecureString" } else { "String" };
        world.put(name, kind, &format!("value of {name}")).await;
    }
    world.put("/a/b/d", "String", "newer").await;
    let label = object! { "Name" => "/a/b/d", "ParameterVersion" => 1, "Labels" => vec![Value::from("old")] };
    world.ok("LabelParameterVersion", label).await;
    let tags = vec![object! { "Key" => "team", "Value" => "blue" }];
    world
        .ok("AddTagsToResource", object! { "ResourceType" => "Parameter", "ResourceId" => "/a/b", "Tags" => tags })
        .await;
    world
}

fn filter(key: &str, option: Option<&str>, values: &[&str]) -> Value {
    object! { "Key" => key, "Option" => option, "Values" => values.iter().map(|value| Value::from(*value)).collect::<Vec<_>>() }
}

#[tokio::test(start_paused = true)]
async fn paths_are_walked_one_level_or_all() {
    let world = full().await;
    let cases: [(&str, bool, &[&str]); 8] = [
        ("/", false, &["/a", "/a-b", "/b", "root"]),
        ("/", true, &["/a", "/a-b", "/a/b", "/a/b/c", "/a/b/d", "/ab/c", "/b", "root"]),
        ("/a", false, &["/a/b"]),
        ("/a", true, &["/a/b", "/a/b/c", "/a/b/d"]),
        ("/a/", true, &["/a/b", "/a/b/c", "/a/b/d"]),
        ("/a/b", false, &["/a/b/c", "/a/b/d"]),
        ("/ab", true, &["/ab/c"]),
        ("/none", true, &[]),
    ];
    for (path, recursive, expected) in cases {
        let input = object! { "Path" => path, "Recursive" => recursive };
        assert_eq!(names(&world, "GetParametersByPath", input).await, expected, "{path} {recursive}");
    }
    let secure = object! { "Path" => "/", "Recursive" => true, "ParameterFilters" => vec![filter("Type", None, &["SecureString"])] };
    assert_eq!(names(&world, "GetParametersByPath", secure).await, ["/a/b/c", "/ab/c"]);
    let labelled =
        object! { "Path" => "/a", "Recursive" => true, "ParameterFilters" => vec![filter("Label", None, &["old"])] };
    let found = world.ok("GetParametersByPath", labelled).await;
    let one = found["Parameters"].at(0).expect("one");
    assert_eq!((one["Value"].as_str(), one["Selector"].as_str()), (Some("value of /a/b/d"), Some(":old")));
    let opened = object! { "Path" => "/ab", "WithDecryption" => true };
    let found = world.ok("GetParametersByPath", opened).await;
    assert_eq!(found["Parameters"].at(0).expect("one")["Value"].as_str(), Some("value of /ab/c"));
}

#[tokio::test(start_paused = true)]
async fn descriptions_are_filtered() {
    let world = full().await;
    let cases: [(Value, &[&str]); 9] = [
        (filter("Name", Some("Equals"), &["/a", "root"]), &["/a", "root"]),
        (filter("Name", Some("BeginsWith"), &["/a/b"]), &["/a/b", "/a/b/c", "/a/b/d"]),
        (filter("Name", Some("BeginsWith"), &["ro"]), &["root"]),
        (filter("Name", Some("Contains"), &["b/"]), &["/a/b/c", "/a/b/d", "/ab/c"]),
        (filter("Path", Some("OneLevel"), &["/a"]), &["/a/b"]),
        (filter("Path", Some("Recursive"), &["/a"]), &["/a/b", "/a/b/c", "/a/b/d"]),
        (filter("Type", None, &["SecureString"]), &["/a/b/c", "/ab/c"]),
        (filter("KeyId", None, &["alias/aws/ssm"]), &["/a/b/c", "/ab/c"]),
        (filter("tag:team", None, &["blue"]), &["/a/b"]),
    ];
    for (filter, expected) in cases {
        let input = object! { "ParameterFilters" => vec![filter.clone()] };
        assert_eq!(names(&world, "DescribeParameters", input).await, expected, "{filter}");
    }
    let older = object! { "Filters" => vec![filter("Name", None, &["/b"])] };
    assert_eq!(names(&world, "DescribeParameters", older).await, ["/b"]);
    let wrong = object! { "ParameterFilters" => vec![filter("Type", Some("Contains"), &["S"])] };
    assert_eq!(world.fault("DescribeParameters", wrong).await.code, "InvalidFilterOption");
}
