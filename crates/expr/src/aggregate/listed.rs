//! Lists of times in another calendar than the common one: Arrow holds these as integers, and the type of the list says what they
//! are.

use crate::{Accumulator, Groups, Result, SqlType};
use arrow::array::{Array, ArrayRef, make_array};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;

/// Gives results the type that says what their items are.
struct Listed {
    ty: DataType,
    lists: Box<dyn Accumulator>,
}

/// The accumulator of lists of a type, which may be told apart from lists of plain integers by its metadata alone.
pub(super) fn listed(ty: &SqlType, accumulator: Box<dyn Accumulator>) -> Box<dyn Accumulator> {
    match ty {
        SqlType::List(item) if **item != SqlType::TIMESTAMP && matches!(**item, SqlType::Timestamp(_)) => {
            Box::new(Listed { ty: ty.to_arrow(), lists: accumulator })
        }
        _ => accumulator,
    }
}

impl Accumulator for Listed {
    fn resize(&mut self, groups: usize) {
        self.lists.resize(groups);
    }

    fn bytes_a_group(&self) -> usize {
        self.lists.bytes_a_group()
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        self.lists.update(groups, args, present)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.lists.state()
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.lists.merge(groups, state)
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let lists = self.lists.finish()?;
        Ok(make_array(lists.to_data().into_builder().data_type(self.ty.clone()).build()?))
    }

    fn memory(&self) -> usize {
        self.lists.memory()
    }

    fn met_nan(&self) -> bool {
        self.lists.met_nan()
    }
}
