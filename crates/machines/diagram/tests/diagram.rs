//! Pictures of definitions, compared with files; and laws that every picture holds.

use std::path::Path;

use proptest::prelude::*;
use windlass_diagram::{Diagram, DiagramError, Measure, Shape, ShapeKind, draw, to_svg, to_text};
use windlass_value::{Value, object, parse};

/// Each `cases/NAME.asl.json` looks as `cases/NAME.txt` says. `UPDATE=1` writes what it looks like now.
#[test]
fn definitions_look_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("the cases are here") {
        let path = entry.expect("readable").path();
        let Some(name) = path.to_str().and_then(|path| path.strip_suffix(".asl.json")) else { continue };
        let definition = parse(&std::fs::read_to_string(&path).expect("readable")).expect("JSON");
        let diagram = draw(&definition, &Measure::cells()).expect("it can be drawn");
        let text = to_text(&diagram).expect("it is small");
        let expected = format!("{name}.txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &text).expect("writable");
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        assert!(text == expected, "{name} looks otherwise now:\n{text}");
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} cases were found");
}

#[test]
fn what_cannot_be_drawn_says_why() {
    assert_eq!(draw(&Value::Null, &Measure::pixels()), Err(DiagramError::NoStates));
    assert_eq!(draw(&object! { "States" => 5 }, &Measure::pixels()), Err(DiagramError::NoStates));
    let empty = draw(&object! { "States" => Value::empty_object() }, &Measure::pixels()).expect("an empty picture");
    assert!(empty.shapes.is_empty());
    let many: windlass_value::Object = (0..10_001).map(|state| (format!("S{state}"), Value::empty_object())).collect();
    assert_eq!(draw(&object! { "States" => many }, &Measure::pixels()), Err(DiagramError::TooMany { states: 10_001 }));
}

#[test]
fn texts_of_a_definition_do_not_become_markup() {
    let definition = parse(
        r#"{"StartAt":"<script>","States":{"<script>":{"Type":"\"><b>","Comment":"&","Choices":[{"Condition":"a<b&c","Next":"<script>"}]}}}"#,
    )
    .expect("JSON");
    let svg = to_svg(&draw(&definition, &Measure::pixels()).expect("drawn"), &|_| None);
    assert!(!svg.contains("<script>") && !svg.contains("<b>") && svg.contains("a&lt;b&amp;c"), "{svg}");
}

fn apart(a: &Shape, b: &Shape) -> bool {
    let (a_right, a_bottom) = (a.at.x + a.width, a.at.y + a.height);
    let (b_right, b_bottom) = (b.at.x + b.width, b.at.y + b.height);
    a_right <= b.at.x + 0.01 || b_right <= a.at.x + 0.01 || a_bottom <= b.at.y + 0.01 || b_bottom <= a.at.y + 0.01
}

fn within(inner: &Shape, outer: &Shape) -> bool {
    inner.at.x >= outer.at.x - 0.01
        && inner.at.y >= outer.at.y - 0.01
        && inner.at.x + inner.width <= outer.at.x + outer.width + 0.01
        && inner.at.y + inner.height <= outer.at.y + outer.height + 0.01
}

fn holds(diagram: &Diagram) {
    for (index, shape) in diagram.shapes.iter().enumerate() {
        assert!(shape.at.x >= 0.0 && shape.at.y >= 0.0, "{shape:?} lies outside");
        assert!(shape.at.x + shape.width <= diagram.width && shape.at.y + shape.height <= diagram.height);
        match shape.parent {
            Some(parent) => {
                assert!(parent < index, "a container stands before what is in it");
                assert!(within(shape, &diagram.shapes[parent]), "{shape:?} leaves {:?}", diagram.shapes[parent]);
            }
            None => assert_ne!(shape.kind, ShapeKind::Branch),
        }
        for other in &diagram.shapes[index + 1..] {
            assert!(shape.parent != other.parent || apart(shape, other), "{shape:?} lies on {other:?}");
        }
    }
    for edge in &diagram.edges {
        let (from, to) = (&diagram.shapes[edge.from], &diagram.shapes[edge.to]);
        let (Some(first), Some(last)) = (edge.points.first(), edge.points.last()) else {
            panic!("{edge:?} has no points")
        };
        assert!(
            first.x >= from.at.x - 0.01 && first.x <= from.at.x + from.width + 0.01,
            "{edge:?} does not leave {from:?}"
        );
        assert!(last.x >= to.at.x - 0.01 && last.x <= to.at.x + to.width + 0.01, "{edge:?} does not reach {to:?}");
        assert_eq!(edge.points.len() % 2, 0);
        assert!(edge.points.chunks(2).all(|run| (run[0].x - run[1].x).abs() < 0.01), "{edge:?} is not straight");
    }
}

/// A machine whose states lead anywhere, also to states that are not there.
fn machine(depth: u32) -> BoxedStrategy<Value> {
    let name = || (0..9u8).prop_map(|name| format!("State {name}"));
    let inner = if depth == 0 { Just(Value::Null).boxed() } else { machine(depth - 1) };
    let state = (0..7u8, name(), name(), name(), inner, any::<bool>()).prop_map(|(kind, next, other, third, inner, ends)| {
        let catch = Value::array(vec![object! { "ErrorEquals" => Value::array(vec!["States.ALL".into()]), "Next" => &other }]);
        match kind {
            0 => object! { "Type" => "Succeed" },
            1 => object! { "Type" => "Choice", "Default" => next, "Choices" => Value::array(vec![
                object! { "Variable" => "$.a", "NumericEquals" => 1, "Next" => other },
                object! { "Condition" => "{% a rather long condition that has to be broken into lines %}", "Next" => third },
            ]) },
            2 => object! { "Type" => "Parallel", "Branches" => Value::array(vec![inner.clone(), inner]), "Next" => next },
            3 => object! { "Type" => "Map", "ItemProcessor" => inner, "Catch" => catch, "Next" => next },
            _ if ends => object! { "Type" => "Pass", "End" => true },
            _ => object! { "Type" => "Task", "Resource" => "arn:aws:states:::sqs:sendMessage", "Catch" => catch, "Next" => next },
        }
    });
    proptest::collection::vec(state, 1..9)
        .prop_map(|states| {
            let states: windlass_value::Object =
                states.into_iter().enumerate().map(|(index, state)| (format!("State {index}"), state)).collect();
            object! { "StartAt" => "State 0", "States" => states }
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn nothing_overlaps_and_arrows_reach_their_shapes(definition in machine(2)) {
        for measure in [Measure::pixels(), Measure::cells()] {
            let diagram = draw(&definition, &measure).expect("drawn");
            holds(&diagram);
            prop_assert_eq!(&diagram, &draw(&definition, &measure).expect("drawn"));
        }
        let cells = draw(&definition, &Measure::cells()).expect("drawn");
        let text = to_text(&cells).expect("small");
        for shape in cells.shapes.iter().filter(|shape| shape.kind == ShapeKind::State) {
            prop_assert!(text.contains(&shape.title[0]), "{:?} is not in\n{text}", shape.title);
        }
    }
}
