use std::io::Write;
fn main() {
    let mut args = std::env::args().skip(1);
    let text = std::fs::read_to_string(args.next().unwrap_or_default()).unwrap_or_default();
    let value = windlass_value::parse(&text).unwrap_or_default();
    let out = match args.next().as_deref() {
        Some("svg") => windlass_diagram::to_svg(&windlass_diagram::draw(&value, &windlass_diagram::Measure::pixels()).unwrap(), &|_| None),
        _ => windlass_diagram::to_text(&windlass_diagram::draw(&value, &windlass_diagram::Measure::cells()).unwrap()).unwrap_or_default(),
    };
    let _ = std::io::stdout().write_all(out.as_bytes());
}
