/// A condition operator without its qualifiers: `StringLike` of
/// `ForAnyValue:StringLikeIfExists`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) test: Test,
    /// `…Not…`: none of the values may match.
    pub(crate) negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    BinaryEquals,
    IpAddress,
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Order::Equal => left == right,
            Order::Less => left < right,
            Order::LessOrEqual => left <= right,
            Order::Greater => left > right,
            Order::GreaterOrEqual => left >= right,
        }
    }
}

/// What stands before the operator, for keys with many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    None,
    ForAllValues,
    ForAnyValue,
}

impl Operator {
    /// The operator of that name, in any case; `None` where there is none.
    pub(crate) fn parse(name: &str) -> Option<Operator> {
        let plain = |test| Some(Operator { test, negated: false });
        let negated = |test| Some(Operator { test, negated: true });
        match name.to_ascii_lowercase().as_str() {
            "stringequals" => plain(Test::StringEquals),
            "stringnotequals" => negated(Test::StringEquals),
            "stringequalsignorecase" => plain(Test::StringEqualsIgnoreCase),
            "stringnotequalsignorecase" => negated(Test::StringEqualsIgnoreCase),
            "stringlike" => plain(Test::StringLike),
            "stringnotlike" => negated(Test::StringLike),
            "numericequals" => plain(Test::Numeric(Order::Equal)),
            "numericnotequals" => negated(Test::Numeric(Order::Equal)),
            "numericlessthan" => plain(Test::Numeric(Order::Less)),
            "numericlessthanequals" => plain(Test::Numeric(Order::LessOrEqual)),
            "numericgreaterthan" => plain(Test::Numeric(Order::Greater)),
            "numericgreaterthanequals" => plain(Test::Numeric(Order::GreaterOrEqual)),
            "dateequals" => plain(Test::Date(Order::Equal)),
            "datenotequals" => negated(Test::Date(Order::Equal)),
            "datelessthan" => plain(Test::Date(Order::Less)),
            "datelessthanequals" => plain(Test::Date(Order::LessOrEqual)),
            "dategreaterthan" => plain(Test::Date(Order::Greater)),
            "dategreaterthanequals" => plain(Test::Date(Order::GreaterOrEqual)),
            "bool" => plain(Test::Bool),
            "binaryequals" => plain(Test::BinaryEquals),
            "ipaddress" => plain(Test::IpAddress),
            "notipaddress" => negated(Test::IpAddress),
            "arnequals" | "arnlike" => plain(Test::Arn),
            "arnnotequals" | "arnnotlike" => negated(Test::Arn),
            "null" => plain(Test::Null),
            _ => None,
        }
    }
}
