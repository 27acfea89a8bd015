use windlass_value::Value;

/// Largest and smallest operand of `States.MathAdd` and its kin.
const OPERAND_MAX: i64 = 2_147_483_648;

/// A number argument, rounded half up as Java's `Math.round` does: -1.5 is -1.
pub(super) fn integer(value: &Value, which: &str) -> Result<i64, String> {
    if let Some(integer) = value.as_i64() {
        return Ok(integer);
    }
    let number =
        value.as_f64().ok_or_else(|| format!("The {which} argument must be a number, but was: {}", value.kind()))?;
    // Adding 0.5 first would round 0.49999999999999994 up.
    let floor = number.floor();
    let rounded = if number - floor >= 0.5 { floor + 1.0 } else { floor };
    if rounded.abs() < 9.2e18 {
        Ok(rounded as i64)
    } else {
        Err(format!("The {which} argument is out of range: {value}"))
    }
}

fn operand(value: &Value, which: &str) -> Result<i64, String> {
    let integer = integer(value, which)?;
    if integer.abs() > OPERAND_MAX {
        return Err(format!("The {which} argument is out of range: {value}"));
    }
    Ok(integer)
}

pub(super) fn add(left: &Value, right: &Value) -> Result<Value, String> {
    Ok(Value::int(operand(left, "first")? + operand(right, "second")?))
}

fn bounds(first: &Value, last: &Value) -> Result<(i64, u64), String> {
    let (first, last) = (operand(first, "first")?, operand(last, "second")?);
    if first >= last {
        return Err("The first argument must be less than the second".to_owned());
    }
    Ok((first, last.abs_diff(first)))
}

/// `States.MathRandom` without a seed, from given random bits.
pub(super) fn random(first: &Value, last: &Value, bits: u64) -> Result<Value, String> {
    let (first, width) = bounds(first, last)?;
    // The high part of a product: uniform to within 2^-31 for these widths.
    let offset = ((u128::from(bits) * u128::from(width)) >> 64) as i64;
    Ok(Value::int(first + offset))
}

/// `States.MathRandom` with a seed. AWS does not say which generator it uses;
/// this is `java.util.Random(seed)`, the one its JSONata `$random` is measured
/// to be: `first + nextInt(last - first)`, or for wider ranges
/// `first + floor(nextDouble() * width)`.
pub(super) fn seeded(first: &Value, last: &Value, seed: &Value) -> Result<Value, String> {
    let (first, width) = bounds(first, last)?;
    let mut random = JavaRandom::new(integer(seed, "third")?);
    let offset = match i32::try_from(width) {
        Ok(width) => i64::from(random.next_int(width)),
        Err(_) => (random.next_double() * width as f64) as i64,
    };
    Ok(Value::int(first + offset))
}

/// The published generator of `java.util.Random`: 48 bits, linear congruential.
struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    fn new(seed: i64) -> JavaRandom {
        JavaRandom((seed as u64 ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        (self.0 >> (48 - bits)) as i32
    }

    fn next_int(&mut self, bound: i32) -> i32 {
        if bound & bound.wrapping_neg() == bound {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            // Refused where it would favour small values.
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value;
            }
        }
    }

    fn next_double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 / (1u64 << 53) as f64
    }
}
