use windlass_jsonata::{ErrorKind, Limits};
use windlass_value::{Value, object};

/// Expressions that would never end, or take all memory. Each must give an error;
/// the fuel is small so that a slow build ends soon as well.
#[test]
fn runaway_expressions_end() {
    let limits = Limits { fuel_max: 1_000_000, ..Limits::default() };
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
    let expressions = [
        "($f := function(){ $f() }; $f())".to_owned(),
        "($f := function($n){ 1 + $f($n) }; $f(1))".to_owned(),
        "($f := function($n){ $f($n + 1) }; $f(1))".to_owned(),
        "($f := λ($x){ $x($x) }; $f($f))".to_owned(),
        "$sum([1..9000000].($*2))".to_owned(),
        "[1..9000000]".to_owned(),
        "[1..800000].([1..800000])".to_owned(),
        "$range(1, 9000000000, 1)".to_owned(),
        "$range(-9223372036854775808, 9223372036854775807, 1)".to_owned(),
        "($f := function($s){ $f($s & $s) }; $f('xy'))".to_owned(),
        "($f := function($s){ $f([$s, $s]) }; $f([1]))".to_owned(),
        "($f := function($s){ $f({'a': $s, 'b': $s}) }; $f(1))".to_owned(),
        "($f := function($s){ $f([[$s]]) }; $f(1))".to_owned(),
        "($f := function($s){ $f($append($s, $s)) }; $f([1]))".to_owned(),
        "($f := function($g){ $f($g ~> $string) }; $f($string))".to_owned(),
        "$reduce([1..100000], function($a, $b){ {'a': $a} })".to_owned(),
        "$reduce([1..100000], function($a, $b){ function(){ $a } })".to_owned(),
        "$reduce([1..100000], function($a, $b){ $a.(function(){ 1 }) })".to_owned(),
        "$formatInteger(1e300, 'I')".to_owned(),
        "$fromMillis(0, '[Y,1000000000]')".to_owned(),
        "$fromMillis(0, '[Y,*-1000000000]')".to_owned(),
        "$formatNumber(1, $pad('0', 1000000, '0'))".to_owned(),
        "$pad('x', 1000000000)".to_owned(),
        "$pad('x', -9223372036854775808)".to_owned(),
        "$join([1..800000].$pad('x', 1000000))".to_owned(),
        "$replace($pad('x', 4000000, 'x'), 'x', $pad('y', 4000000))".to_owned(),
        "$match($pad('a', 3000000, 'a') & 'b', /(a+)+$/)".to_owned(),
        "$match($pad('a', 3000000, 'a'), /(a?){500}(a){500}b/)".to_owned(),
        "$contains('x', /((((x{100}){100}){100}){100})/)".to_owned(),
        "$map([1..800000], function($x){ $map([1..800000], function($y){ $y }) })".to_owned(),
        "$sort([1..200000], function($a, $b){ $count([1..100000]) > 1 })".to_owned(),
        "[1..100000].$big".to_owned(),
        "$string([1..100].$big)".to_owned(),
        deep("(", ")"),
        deep("[", "]"),
        deep("{'a':", "}"),
        deep("-", ""),
        deep("$f(", ")"),
        deep("1+", ""),
        deep("a.", ""),
        deep("1?", ":1"),
        format!("1{}", "[0]".repeat(20_000)),
        format!("1{}", "+1".repeat(20_000)),
    ];
    let items: Vec<Value> = (0..5_000i64).map(|index| object! { "id" => index, "name" => "item" }).collect();
    let bindings = object! { "big" => Value::array(items) };
    for source in expressions {
        let name: String = source.chars().take(60).collect();
        let outcome = super::evaluate(&source, None, &bindings, &limits);
        let error = outcome.err().map(|error| error.kind);
        let is_refused = matches!(error, Some(ErrorKind::Limit | ErrorKind::Evaluation { code: Some(_) }))
            || error == Some(ErrorKind::FunctionResult);
        assert!(is_refused, "{name}: {error:?}");
    }
}

/// The same fuel buys the same work every time.
#[test]
fn limits_are_counted() {
    let cost = |fuel_max| {
        let limits = Limits { fuel_max, ..Limits::default() };
        super::evaluate("$sum([1..1000].($ * 2))", None, &Value::Null, &limits).is_ok()
    };
    let least = (0..20_000u64).collect::<Vec<u64>>().partition_point(|fuel| !cost(*fuel)) as u64;
    assert!(least > 3_000 && cost(least) && !cost(least - 1), "{least}");
}
