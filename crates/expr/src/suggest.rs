//! Which known name was meant by an unknown one.

/// Shorter names are the beginning of too many others.
const SHORTEST_BEGINNING: usize = 3;

/// The known name that was probably meant: one that begins as the unknown one or is its beginning (`lat` and `latitude`),
/// or else the one that is the fewest edits away, if these are few for its length. Case does not matter.
///
/// ```
/// use hyperslab_expr::closest;
/// assert_eq!(closest("lat", ["lag", "latitude"]), Some("latitude"));
/// assert_eq!(closest("medain", ["mean", "median"]), Some("median"));
/// assert_eq!(closest("pressure", ["mean", "median"]), None);
/// ```
pub fn closest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let unknown = unknown.to_lowercase();
    let ranked = known.into_iter().filter_map(|name| Some((rank(&unknown, &name.to_lowercase())?, name)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, name)| name)
}

/// How far a name is from the unknown one, beginnings first; `None` if it is too far.
fn rank(unknown: &str, name: &str) -> Option<(bool, usize)> {
    let edits = strsim::damerau_levenshtein(unknown, name);
    let letters = unknown.chars().count();
    let is_beginning =
        unknown.len().min(name.len()) >= SHORTEST_BEGINNING && (unknown.starts_with(name) || name.starts_with(unknown));
    let is_near = edits * 3 <= letters.max(3) && edits < letters;
    (is_beginning || is_near).then_some((!is_beginning, edits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_forms_of_coordinates_are_one() {
        let long = ["time", "latitude", "longitude", "sla"];
        assert_eq!([closest("lat", long), closest("LON", long)], [Some("latitude"), Some("longitude")]);
        let short = ["time", "lat", "lon", "air"];
        assert_eq!([closest("latitude", short), closest("longitude", short)], [Some("lat"), Some("lon")]);
        assert_eq!(closest("temp", ["tamp", "temperature_anomaly", "temperature"]), Some("temperature"));
    }

    #[test]
    fn slips_of_the_hand_are_few_for_the_length() {
        assert_eq!(closest("lta", ["lat", "lon"]), Some("lat"));
        assert_eq!(closest("x", ["y", "z"]), None);
        assert_eq!(closest("la", ["latitude"]), None);
        assert_eq!(closest("frobnicate", ["floor", "from_base", "format"]), None);
    }
}
