//! The edges of bins along an axis, and the bin that holds a value. As numpy's `histogram` has it: a bin holds its lower edge but
//! not its upper one, except the last, which holds both.

use crate::{Error, Result, Scalar};

/// At least two edges, ascending, without NaN.
pub(super) struct Edges {
    edges: Vec<f64>,
    /// The range of the finite edges in cells of equal width: for each a bin that none of its values lies below.
    starts: Vec<u32>,
    low: f64,
    /// How many cells a unit has.
    density: f64,
}

/// The more cells, the fewer edges are passed on the way to a bin.
const CELLS_A_BIN: usize = 4;
const MOST_CELLS: usize = 1 << 20;

impl Edges {
    /// The edges that a parameter lists.
    ///
    /// # Errors
    /// If they are not two numbers at least that ascend.
    pub(super) fn new(parameter: &Scalar) -> Result<Self> {
        let edges = listed(parameter)?;
        let finite = || edges.iter().copied().filter(|edge| edge.is_finite());
        let (low, high) = (finite().next().unwrap_or(0.0), finite().next_back().unwrap_or(0.0));
        let cells = (CELLS_A_BIN * (edges.len() - 1)).min(MOST_CELLS);
        let density = cells as f64 / (high - low);
        let density = if density.is_finite() { density } else { 0.0 };
        let mut found = Self { edges, starts: vec![0; cells], low, density };
        for cell in 1..cells {
            // Cells ascend with values: those of a later cell lie above the edge.
            let mut bin = found.starts[cell - 1] as usize;
            while bin + 1 < found.bins() && found.cell(found.edges[bin + 1]) < cell {
                bin += 1;
            }
            found.starts[cell] = bin as u32;
        }
        Ok(found)
    }

    /// How many bins there are.
    pub(super) fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    /// The bin of a value; none outside of all edges, and for NaN.
    #[inline(always)]
    pub(super) fn bin_of(&self, value: f64) -> Option<usize> {
        let last = self.bins();
        if !(self.edges[0] <= value && value <= self.edges[last]) {
            return None;
        }
        if value == self.edges[last] {
            return Some(last - 1);
        }
        let mut bin = self.starts[self.cell(value)] as usize;
        while self.edges[bin + 1] <= value {
            bin += 1;
        }
        Some(bin)
    }

    /// The cell of a value; that at the end for values beyond.
    #[inline(always)]
    fn cell(&self, value: f64) -> usize {
        (((value - self.low) * self.density) as usize).min(self.starts.len() - 1)
    }
}

fn listed(parameter: &Scalar) -> Result<Vec<f64>> {
    let wrong = |message: &str| Error::new(message).with_hint("write ascending numbers: [0, 10, 20]");
    let Scalar::List(items, _) = parameter else {
        return Err(wrong("the edges of a histogram are a list of numbers"));
    };
    let edges = items.iter().map(Scalar::number).collect::<Option<Vec<f64>>>();
    let edges = edges.ok_or_else(|| wrong("the edges of a histogram are numbers, none of them NULL"))?;
    if edges.len() < 2 {
        return Err(wrong("a histogram needs two edges at least"));
    }
    match edges.windows(2).find(|pair| pair[0].partial_cmp(&pair[1]) != Some(std::cmp::Ordering::Less)) {
        Some(pair) => {
            Err(wrong(&format!("the edges of a histogram must ascend: {} is followed by {}", pair[0], pair[1])))
        }
        None => Ok(edges),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlType;
    use proptest::prelude::*;

    fn of(edges: &[f64]) -> Edges {
        let items = edges.iter().map(|edge| Scalar::Double(*edge)).collect();
        Edges::new(&Scalar::List(items, SqlType::Double)).expect("edges ascend")
    }

    /// What a bin means.
    fn naive(edges: &[f64], value: f64) -> Option<usize> {
        let last = edges.len() - 2;
        (0..=last)
            .find(|bin| edges[*bin] <= value && (value < edges[bin + 1] || (*bin == last && value == edges[bin + 1])))
    }

    fn edge() -> impl Strategy<Value = f64> {
        prop_oneof![
            6 => -10.0..10.0f64, 2 => (-10..10i32).prop_map(f64::from), 1 => Just(f64::INFINITY), 1 => Just(f64::NEG_INFINITY),
            1 => Just(1e300), 1 => Just(-1.7e308), 1 => Just(1e-300), 1 => Just(1.7e308),
        ]
    }

    proptest! {
        #[test]
        fn a_value_is_in_the_bin_that_holds_it(
            mut edges in prop::collection::vec(edge(), 2..40), values in prop::collection::vec(edge(), 60),
        ) {
            edges.sort_by(f64::total_cmp);
            edges.dedup();
            prop_assume!(edges.len() >= 2);
            let found = of(&edges);
            for value in values.into_iter().chain(edges.clone()).chain([f64::NAN, -0.0]) {
                prop_assert_eq!(found.bin_of(value), naive(&edges, value), "{} among {:?}", value, edges);
            }
        }
    }

    #[test]
    fn edges_at_equal_steps_are_found_exactly() {
        let edges: Vec<f64> = (0..=1000).map(|i| f64::from(i) * 0.1).collect();
        let found = of(&edges);
        for edge in &edges[..1000] {
            assert_eq!(found.bin_of(*edge), naive(&edges, *edge));
            assert_eq!(found.bin_of(edge.next_down()), naive(&edges, edge.next_down()));
        }
    }
}
