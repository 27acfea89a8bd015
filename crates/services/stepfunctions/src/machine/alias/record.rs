use windlass_value::{Object, Text, Timestamp, Value, object};

/// What the weights of an alias's routes add up to.
pub(crate) const WEIGHTS_SUM: u64 = 100;

/// A version that an alias leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) version: u64,
    /// Of 100 starts, 0 to 100.
    pub(crate) weight: u64,
}

/// An alias, kept in its machine's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alias {
    pub(crate) name: Text,
    pub(crate) description: Option<Text>,
    /// One or two; their weights sum up to [`WEIGHTS_SUM`].
    pub(crate) routes: Vec<Route>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl Alias {
    pub(crate) fn leads_to(&self, version: u64) -> bool {
        self.routes.iter().any(|route| route.version == version)
    }

    /// The version for a number below [`WEIGHTS_SUM`], each of which is as likely.
    pub(crate) fn version_at(&self, mut drawn: u64) -> Option<u64> {
        self.routes.iter().find_map(|route| match drawn.checked_sub(route.weight) {
            Some(rest) => {
                drawn = rest;
                None
            }
            None => Some(route.version),
        })
    }

    /// The version that most starts get; the first of equal ones.
    pub(crate) fn main_version(&self) -> Option<u64> {
        let heaviest = self.routes.iter().map(|route| route.weight).max()?;
        self.routes.iter().find(|route| route.weight == heaviest).map(|route| route.version)
    }

    /// Whether two routings are the same, in whatever order.
    pub(crate) fn has_routes(&self, routes: &[Route]) -> bool {
        self.routes.len() == routes.len() && routes.iter().all(|route| self.routes.contains(route))
    }

    /// As stored.
    pub(in crate::machine) fn to_value(&self) -> Value {
        let route = |route: &Route| object! { "version" => route.version, "weight" => route.weight };
        let mut out = Object::new();
        out.insert("name", &self.name);
        if let Some(description) = &self.description {
            out.insert("description", description);
        }
        out.insert("routes", Value::array(self.routes.iter().map(route).collect()));
        out.insert("createdAtMs", self.created_at.as_ms());
        out.insert("updatedAtMs", self.updated_at.as_ms());
        out.into()
    }

    /// From [`Alias::to_value`]; `None` for what that does not write.
    pub(in crate::machine) fn from_value(value: &Value) -> Option<Alias> {
        let number = |value: &Value| value.as_i64().and_then(|number| u64::try_from(number).ok());
        let route = |item: &Value| Some(Route { version: number(&item["version"])?, weight: number(&item["weight"])? });
        Some(Alias {
            name: value["name"].as_str()?.into(),
            description: value["description"].as_str().map(Text::from),
            routes: value["routes"].as_array()?.iter().map(route).collect::<Option<_>>()?,
            created_at: Timestamp(value["createdAtMs"].as_i64()?),
            updated_at: Timestamp(value["updatedAtMs"].as_i64()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(routes: &[(u64, u64)]) -> Alias {
        Alias {
            name: "a".into(),
            description: None,
            routes: routes.iter().map(|&(version, weight)| Route { version, weight }).collect(),
            created_at: Timestamp(1),
            updated_at: Timestamp(2),
        }
    }

    #[test]
    fn each_version_gets_its_share_of_all_draws() {
        let cases: [(&[(u64, u64)], u64); 6] = [
            (&[(1, 100)], 1),
            (&[(1, 50), (2, 50)], 1),
            (&[(1, 0), (2, 100)], 2),
            (&[(1, 100), (2, 0)], 1),
            (&[(7, 1), (3, 99)], 3),
            (&[(3, 70), (7, 30)], 3),
        ];
        for (routes, main) in cases {
            let alias = alias(routes);
            let drawn: Vec<u64> = (0..WEIGHTS_SUM).filter_map(|drawn| alias.version_at(drawn)).collect();
            assert_eq!(drawn.len() as u64, WEIGHTS_SUM, "{routes:?}");
            for (version, weight) in routes {
                let share = drawn.iter().filter(|one| *one == version).count();
                assert_eq!(share as u64, *weight, "{routes:?}");
            }
            assert_eq!(alias.main_version(), Some(main), "{routes:?}");
            assert_eq!(Alias::from_value(&alias.to_value()), Some(alias));
        }
    }
}
