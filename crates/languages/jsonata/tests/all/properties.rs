//! Properties of random expressions, pictures and documents: nothing panics,
//! and the quick ways give the answers of the long ones.

use proptest::prelude::*;
use windlass_jsonata::{Expression, Limits};
use windlass_value::{Object, Value};

fn limits() -> Limits {
    Limits { fuel_max: 100_000, ..Limits::default() }
}

/// Pieces that make up texts which are often almost expressions.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "$",
        "$$",
        "$x",
        "a",
        "b.c",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'k'",
        ":",
        ",",
        ";",
        ".",
        "..",
        "+",
        "-",
        "*",
        "/",
        "%",
        "&",
        "=",
        "!=",
        "<",
        ">=",
        "and",
        "or",
        "in",
        "?",
        "??",
        "?:",
        ":=",
        "~>",
        "@$i",
        "#$j",
        "^(",
        "**",
        "1",
        "2.5",
        "\"t\"",
        "/a+/",
        "function($n){",
        "λ",
        "$map(",
        "$sum(",
        "$reduce(",
        "$sort(",
        "$string(",
        "$merge(",
        "|",
        "null",
        "true",
        "`q`",
        "/*",
        "é",
        "\\u00e9",
        "$formatNumber(",
        "$fromMillis(",
        "[]",
        "<s-n?:s>",
    ];
    prop_oneof![8 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-20i64..20).prop_map(Value::int),
        (-2000i64..2000).prop_map(|value| windlass_value::parse(&format!("{}.{:02}", value / 100, value.abs() % 100))
            .expect("a number is JSON")),
        "[a-c]{0,3}".prop_map(Value::from),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-d]", inner), 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<Object>())),
        ]
    })
}

fn answer(source: &str, document: &Value) -> Result<Option<Value>, String> {
    let expression = Expression::compile(source).expect("the expression is right");
    let bindings = [("x", document.clone())];
    expression.evaluate(&bindings, &super::world(), &limits()).map_err(|error| error.text())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the text is, compiling and evaluating it come to an end.
    #[test]
    fn any_text_is_answered(pieces in prop::collection::vec(piece(), 0..14), document in document()) {
        let source = pieces.concat();
        if let Ok(expression) = Expression::compile(&source) {
            let bindings = [("x", document.clone())];
            let (first, fuel) = expression.evaluate_counted(&bindings, &super::world(), &limits());
            let (second, again) = expression.evaluate_counted(&bindings, &super::world(), &limits());
            prop_assert_eq!((first, fuel), (second, again));
            let _ = expression.evaluate_with_context(&document, &bindings, &super::world(), &limits());
        }
    }

    /// Whatever a picture is, it formats, reads or fails.
    #[test]
    fn any_picture_is_answered(
        picture in "[\\[\\]#0-9,.;eoAaIiWwYMDdFHhmsfPZzXxNn%‰()+\\-é ①]{0,12}",
        text in "[0-9a-zA-Z:, +.\\-]{0,16}",
        number in any::<f64>(),
    ) {
        let bindings = [
            ("p", Value::from(picture)),
            ("t", Value::from(text)),
            ("n", Value::Number(windlass_value::Number::from_f64(number).unwrap_or(windlass_value::Number::Int(0)))),
        ];
        for source in [
            "$formatNumber($n, $p)",
            "$formatInteger($n, $p)",
            "$parseInteger($t, $p)",
            "$fromMillis($n, $p)",
            "$fromMillis(1521801216617, $p, '+0530')",
            "$toMillis($t, $p)",
            "$toMillis($t)",
        ] {
            let expression = Expression::compile(source).expect("the expression is right");
            let _ = expression.evaluate(&bindings, &super::world(), &limits());
        }
    }

    /// An instant that a picture shows whole is read again as it was.
    #[test]
    fn dates_are_read_as_they_are_written(millis in -60_000_000_000_000i64..200_000_000_000_000) {
        for picture in [
            "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001]",
            "[D1o] [MNn] [Y0001], [h]:[m01]:[s01].[f001] [P]",
            "[Y0001]/[d001] [H01][m01][s01] [f001] [Z0001]",
            "[Dwo] of [MNn,3-3] [Yw] [H]:[m]:[s].[f001]",
            "[Y0001] [Mi] [Da] [H]:[m]:[s].[f001] [z]",
        ] {
            let source = format!("$toMillis($fromMillis({millis}, '{picture}'), '{picture}')");
            prop_assert_eq!(answer(&source, &Value::Null), Ok(Some(Value::int(millis))), "{}", source);
        }
        let source = format!("$toMillis($fromMillis({millis}))");
        prop_assert_eq!(answer(&source, &Value::Null), Ok(Some(Value::int(millis))));
    }

    /// What is done quickly where it can be gives what the long way gives.
    #[test]
    fn quick_ways_answer_as_long_ones(document in document()) {
        for (quick, long) in [
            // Members read without an evaluator; inside a block they are not.
            ("$x.a", "($x.a)"),
            ("$x.a.b", "($y := $x; $y.a.b)"),
            ("$x.a.b.c", "(($x.a).b).c"),
            ("$x.a.b", "$x.(a).(b)"),
            // Sorting by key, and by calling the function.
            ("$sort($x, function($l, $r) { $l.a > $r.a })", "$sort($x, function($l, $r) { ($l.a > $r.a) })"),
            ("$sort($x, function($l, $r) { $l.a < $r.a })", "$sort($x, function($l, $r) { ($l.a < $r.a) })"),
            ("$sort($x, function($l, $r) { $r.a < $l.a })", "$sort($x, function($l, $r) { ($r.a < $l.a) })"),
            ("$sort($x, function($l, $r) { $l > $r })", "$sort($x, function($l, $r) { ($l > $r) })"),
            // Texts joined as one, and one after another.
            ("$string($x) & 'a' & 1 & $string($x)", "($string($x) & 'a') & (1 & $string($x))"),
            // Literal names, and names that are computed.
            ("{'a': $x, 'b': 1}", "{$string('a'): $x, 'b': 1}"),
            ("$map($x, function($v) { {'a': $v} })", "$map($x, function($v) { {'a' & '': $v} })"),
        ] {
            let (quick_answer, long_answer) = (answer(quick, &document), answer(long, &document));
            prop_assert!(quick_answer == long_answer, "{quick}: {quick_answer:?}\n{long}: {long_answer:?}");
        }
    }

    /// `$distinct` compares a few items and hashes many.
    #[test]
    fn distinct_keeps_the_first_of_equals(items in prop::collection::vec(leaf(), 2..40)) {
        let mut kept: Vec<Value> = Vec::new();
        for item in &items {
            if !kept.contains(item) {
                kept.push(item.clone());
            }
        }
        let got = answer("[$distinct($x)]", &Value::from(items));
        prop_assert_eq!(got, Ok(Some(Value::from(kept))));
    }
}
