//! JSONata beside the crate jsonata-core, in one process, turn by turn:
//! `BENCH_PART=jsonata make bench`. Prints tables; judges nothing.
//!
//! Ours reads `$states.input`, as a state machine does. The peer's text names
//! the same members bare, over the input as its context: that is its fastest
//! way (a bytecode machine; with variables it walks its tree). Every line
//! checks first that both answer the same. A figure is the least of many
//! samples, so that what else runs on the machine matters little.
//! `BENCH_SECONDS` is the length of a line, `BENCH_ITEMS` the only count of items; an
//! argument picks lines by name.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jsonata_core::value::JValue;
use windlass_jsonata::{Expression, Limits, World};
use windlass_value::{Timestamp, Value, object};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lines over one small document.
const SMALL: &[(&str, &str)] = &[
    ("field", "$states.input.customer.address.city"),
    ("arithmetic", "($states.input.total + 12.5) * 2 - $states.input.total / 4 % 3"),
    (
        "comparison and condition",
        "$states.input.total > 100 and $states.input.customer.tier = 'gold' ? 'fast' : 'slow'",
    ),
    ("text joined", "'Order ' & $states.input.orderId & ' for ' & $states.input.customer.name & '.'"),
    (
        "object built",
        "{'id': $states.input.orderId, 'name': $states.input.customer.name, 'city': $states.input.customer.address.city, 'total': $states.input.total * 1.2, 'tags': [$states.input.customer.tier, 'new']}",
    ),
    ("block of variables", "($a := $states.input.total; $b := $a * 2; $c := $a + $b; $c > 10 ? $c : $a)"),
    (
        "text functions",
        "$uppercase($substringBefore($states.input.orderId, '-')) & $length($states.input.customer.name)",
    ),
    ("$merge of two", "$merge([$states.input.customer, {'status': 'done', 'count': 3}])"),
    ("regular expression: $replace", "$replace($states.input.note, /[0-9]+/, '#')"),
    ("regular expression: $contains", "$contains($states.input.customer.email, /^[a-z.]+@[a-z]+\\.com$/)"),
    ("$split and $join", "$join($split($states.input.note, ' '), '-')"),
    ("$string of an object", "$string($states.input.customer)"),
    ("$exists, $not, $type", "$exists($states.input.customer.phone) or $not($type($states.input.total) = 'number')"),
    ("$formatNumber", "$formatNumber($states.input.total, '#,##0.00')"),
    ("$fromMillis by picture", "$fromMillis($states.input.at, '[Y0001]-[M01]-[D01] [H01]:[m01]:[s01]')"),
    ("$toMillis by picture", "$toMillis('2026-11-22 10:30:00', '[Y0001]-[M01]-[D01] [H01]:[m01]:[s01]')"),
    ("$toMillis, ISO", "$toMillis('2026-11-22T10:30:00Z')"),
    ("function called by itself, 20 deep", "($f := function($n) { $n < 2 ? 1 : $n * $f($n - 1) }; $f(20))"),
    (
        "function called in a loop, 1,000 times",
        "($f := function($n, $sum) { $n = 0 ? $sum : $f($n - 1, $sum + $n) }; $f(1000, 0))",
    ),
];

/// Lines over 10, 1,000 and 100,000 items.
const MANY: &[(&str, &str)] = &[
    ("items.price", "$states.input.items.price"),
    ("$sum(items.price)", "$sum($states.input.items.price)"),
    ("items.(price * quantity)", "$states.input.items.(price * quantity)"),
    ("items[price > 50].sku", "$states.input.items[price > 50].sku"),
    ("items[inStock and quantity > 2]", "$states.input.items[inStock and quantity > 2]"),
    ("items.{…}", "$states.input.items.{'sku': sku, 'total': price * quantity}"),
    ("$map, arithmetic", "$map($states.input.items, function($i) { $i.price * $i.quantity })"),
    (
        "$map, objects",
        "$map($states.input.items, function($i, $n) { {'n': $n, 'sku': $i.sku, 'total': $i.price * $i.quantity} })",
    ),
    ("$filter", "$filter($states.input.items, function($i) { $i.price > 50 and $i.inStock })"),
    ("$reduce", "$reduce($states.input.items.quantity, function($sum, $n) { $sum + $n }, 0)"),
    ("items^(price)", "$states.input.items^(price).id"),
    ("$sort by function", "$sort($states.input.items, function($a, $b) { $a.price > $b.price }).id"),
    ("items{sku: $sum(price)}", "$states.input.items{sku: $sum(price)}"),
    ("$merge(items.{…})", "$merge($states.input.items.{sku: price})"),
    ("$join of texts", "$join($states.input.items.('<' & sku & '>'), ',')"),
    ("$distinct", "$distinct($states.input.items.sku)"),
    ("[1..n].($ * 2)", "[1..$states.input.count].($ * 2)"),
    ("regular expression by item", "$states.input.items[$contains(sku, /-1[0-9]$/)].id"),
    ("$string of all", "$string($states.input.items)"),
];

fn small() -> Value {
    object! {
        "orderId" => "4711-2026-x",
        "total" => number(1234.5),
        "at" => 1_521_801_216_617_i64,
        "note" => "call 555 1234 before 10 and ring 2 times at door 7",
        "customer" => object! {
            "name" => "Ada Lovelace",
            "tier" => "gold",
            "email" => "ada.l@example.com",
            "address" => object! { "street" => "1 Long Lane", "city" => "London", "zip" => "N1" },
        },
    }
}

fn number(value: f64) -> Value {
    windlass_value::Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn many(count: i64) -> Value {
    let items = (0..count).map(|index| {
        object! {
            "id" => index,
            "sku" => format!("sku-{}", index * 7919 % 997),
            "price" => number((index * 7919 % 10_000) as f64 / 100.0),
            "quantity" => index % 7 + 1,
            "inStock" => index % 3 != 0,
        }
    });
    object! { "count" => count, "items" => Value::array(items.collect()) }
}

/// Both sides of one line.
struct Line {
    name: String,
    ours: Expression,
    source: String,
    theirs: jsonata_core::Expression,
    peer_source: String,
    text: String,
}

const WORLD: World = World { now: Timestamp(1_700_000_000_123), seed: 7 };

/// AWS's limits but for size and work: 100,000 items are more than AWS takes.
fn limits() -> Limits {
    Limits { value_bytes_max: usize::MAX, string_chars_max: usize::MAX, fuel_max: u64::MAX, ..Limits::default() }
}

impl Line {
    fn new(name: &str, source: &str, input: &Value) -> Line {
        let peer_source = source.replace("$states.input.", "");
        Line {
            name: name.to_owned(),
            ours: Expression::compile(source).expect("the benchmark's expressions are right"),
            source: source.to_owned(),
            theirs: jsonata_core::Expression::compile(&peer_source).expect("the peer takes them"),
            peer_source,
            text: input.to_text(),
        }
    }

    fn bindings(&self) -> [(&'static str, Value); 1] {
        let input = windlass_value::parse(&self.text).expect("a document is JSON");
        [("states", object! { "input" => input })]
    }

    fn our_value(&self, bindings: &[(&str, Value)]) -> Option<Value> {
        self.ours.evaluate(bindings, &WORLD, &limits()).expect("the benchmark's expressions evaluate")
    }

    fn our_text(&self) -> String {
        self.our_value(&self.bindings()).map_or_else(String::new, |value| value.to_text())
    }

    fn their_text(&self) -> String {
        let input = JValue::from_json_str(&self.text).expect("a document is JSON");
        let value = self.theirs.evaluate(&input).expect("the peer evaluates them");
        value.to_json_string().expect("an answer is JSON")
    }

    fn check(&self) {
        let ours = windlass_value::parse(&self.our_text()).ok();
        let theirs = windlass_value::parse(&self.their_text()).ok();
        if ours != theirs {
            let shown = |value: &Option<Value>| {
                value.as_ref().map_or(String::new(), Value::to_text).chars().take(120).collect::<String>()
            };
            println!("NOT EQUAL {}: {} / {}", self.name, shown(&ours), shown(&theirs));
        }
    }
}

/// The least time of one call, of each side, taken in turns.
fn measure(length: Duration, ours: &mut dyn FnMut(), theirs: &mut dyn FnMut()) -> (f64, f64) {
    fn rounds(call: &mut dyn FnMut()) -> u32 {
        let mut rounds = 1;
        loop {
            let began = Instant::now();
            (0..rounds).for_each(|_| call());
            if began.elapsed() > Duration::from_millis(2) || rounds > 1 << 20 {
                return rounds;
            }
            rounds *= 2;
        }
    }
    fn sample(rounds: u32, call: &mut dyn FnMut()) -> f64 {
        let began = Instant::now();
        (0..rounds).for_each(|_| call());
        began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
    }
    let (our_rounds, their_rounds) = (rounds(ours), rounds(theirs));
    let mut best = (f64::INFINITY, f64::INFINITY);
    let began = Instant::now();
    let mut samples = 0;
    while samples < 5 || began.elapsed() < length {
        best.0 = best.0.min(sample(our_rounds, ours));
        best.1 = best.1.min(sample(their_rounds, theirs));
        samples += 1;
    }
    best
}

fn row(line: &Line, length: Duration, is_small: bool) -> [f64; 3] {
    line.check();
    let bindings = line.bindings();
    let input = JValue::from_json_str(&line.text).expect("a document is JSON");
    let value = measure(
        length,
        &mut || {
            black_box(line.our_value(black_box(&bindings)));
        },
        &mut || {
            black_box(line.theirs.evaluate(black_box(&input)).expect("the peer evaluates them"));
        },
    );
    let text = measure(
        length,
        &mut || {
            black_box(line.our_text());
        },
        &mut || {
            black_box(line.their_text());
        },
    );
    let mut ratios = [value.1 / value.0, text.1 / text.0, 0.0];
    let mut row = format!(
        "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
        line.name, value.0, value.1, ratios[0], text.0, text.1, ratios[1]
    );
    if is_small {
        let compiled = measure(
            length,
            &mut || {
                black_box(Expression::compile(black_box(&line.source)).expect("checked before"));
            },
            &mut || {
                // Its bytecode is made at the first evaluation; parsing alone is counted.
                black_box(jsonata_core::Expression::compile(black_box(&line.peer_source)).expect("checked before"));
            },
        );
        ratios[2] = compiled.1 / compiled.0;
        row.push_str(&format!(" {:.2} | {:.2} | {:.2} |", compiled.0, compiled.1, ratios[2]));
    }
    println!("{row}");
    ratios
}

/// `BENCH_ONLY=evaluate,name`, or `text`, `compile`, `peer`, `peer-text`: a
/// thousand rounds of a line of one document, ten of many items.
fn only(side: &str) {
    let (side, name) = side.split_once(',').expect("a side and a name");
    let count = std::env::var("BENCH_ITEMS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let line = SMALL.iter().find(|(known, _)| *known == name).map(|(name, source)| Line::new(name, source, &small()));
    let line = line.unwrap_or_else(|| {
        let (name, source) = MANY.iter().find(|(known, _)| *known == name).expect("a line's name");
        Line::new(name, source, &many(count))
    });
    let rounds = std::env::var("BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let bindings = line.bindings();
    let input = JValue::from_json_str(&line.text).expect("a document is JSON");
    for _ in 0..rounds {
        match side {
            "evaluate" => drop(black_box(line.our_value(black_box(&bindings)))),
            "text" => drop(black_box(line.our_text())),
            "compile" => drop(black_box(Expression::compile(black_box(&line.source)))),
            "peer" => drop(black_box(line.theirs.evaluate(black_box(&input)))),
            "peer-compile" => drop(black_box(jsonata_core::Expression::compile(black_box(&line.peer_source)))),
            _ => drop(black_box(line.their_text())),
        }
    }
}

fn main() {
    // For a profiler: one side of one line and nothing else.
    if let Ok(side) = std::env::var("BENCH_ONLY") {
        return only(&side);
    }
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0.3);
    let length = Duration::from_secs_f64(seconds);
    let picks: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_picked = |name: &str| picks.is_empty() || picks.iter().any(|pick| name.contains(pick.as_str()));
    println!("µs of one evaluation, value to value; then from JSON text to JSON text; then of compiling\n");
    println!(
        "| expression | ours | jsonata-core | ratio | text: ours | jsonata-core | ratio | compile: ours | jsonata-core | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let document = small();
    for (name, source) in SMALL.iter().filter(|(name, _)| is_picked(name)) {
        row(&Line::new(name, source, &document), length, true);
    }
    let counts = std::env::var("BENCH_ITEMS").ok().and_then(|text| text.parse().ok()).map(|count| vec![count]);
    for count in counts.unwrap_or_else(|| vec![10, 1_000, 100_000]) {
        println!("\n| {count} items | ours | jsonata-core | ratio | text: ours | jsonata-core | ratio |");
        println!("|---|---|---|---|---|---|---|");
        let document = many(count);
        // The peer compiles a pattern for each item: seconds a round.
        let is_measured = |name: &str| count < 100_000 || !name.starts_with("regular");
        for (name, source) in MANY.iter().filter(|(name, _)| is_picked(name) && is_measured(name)) {
            row(&Line::new(name, source, &document), length, false);
        }
    }
}
