//! Pictures of definitions, compared with files; and laws every picture holds.
