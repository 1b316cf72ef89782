//! One call of a function on arrays: its arguments, and the loops that most functions share.

use crate::{Result, SqlType};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Datum, PrimitiveArray, StringArray};
use arrow::compute::kernels::arity;
use std::sync::Arc;

/// What an expression gives: an array with a value for each row, or one value that holds for all rows.
#[derive(Clone, Debug)]
pub enum Value {
    /// A value for each row.
    Array(ArrayRef),
    /// One value, in an array of length 1.
    Constant(ArrayRef),
}

impl Value {
    /// The array that holds the values.
    pub fn array(&self) -> &ArrayRef {
        match self {
            Self::Array(array) | Self::Constant(array) => array,
        }
    }

    /// Whether one value holds for all rows.
    pub fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    /// Where the value of a row lies in the array.
    pub fn place(&self, row: usize) -> usize {
        if self.is_constant() { 0 } else { row }
    }

    /// The values as an array with an entry for each row.
    ///
    /// # Errors
    /// None that a constant of a supported type could cause.
    pub fn into_array(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Self::Array(array) => Ok(array),
            Self::Constant(array) if rows == 1 => Ok(array),
            Self::Constant(array) => {
                let zeros = arrow::array::UInt32Array::from_value(0, rows);
                Ok(arrow::compute::take(&array, &zeros, None)?)
            }
        }
    }
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        (self.array().as_ref(), self.is_constant())
    }
}

/// A call of an eager function.
pub struct Call<'a> {
    /// The arguments, of the types that the function was bound to.
    pub args: &'a [Value],
    /// Those types.
    pub types: &'a [SqlType],
    /// The type of the result.
    pub ty: &'a SqlType,
}

impl Call<'_> {
    /// An argument as an array of an Arrow type.
    pub fn primitive<T: ArrowPrimitiveType>(&self, at: usize) -> &PrimitiveArray<T> {
        self.args[at].array().as_primitive()
    }

    /// An argument, row by row.
    pub fn reader<T: ArrowPrimitiveType>(&self, at: usize) -> Reader<'_, T> {
        Reader { array: self.primitive(at), constant: self.args[at].is_constant() }
    }

    /// A text argument, row by row.
    pub fn text(&self, at: usize) -> TextReader<'_> {
        TextReader { array: self.args[at].array().as_string(), constant: self.args[at].is_constant() }
    }

    /// How many values to compute: one if all arguments are constants.
    pub fn count(&self) -> usize {
        let varying = self.args.iter().find(|arg| !arg.is_constant());
        varying.map_or(1, |arg| arg.array().len())
    }

    /// The result of a call that computed [`count`](Self::count) values.
    pub fn wrap(&self, array: ArrayRef) -> Value {
        if self.args.iter().all(Value::is_constant) { Value::Constant(array) } else { Value::Array(array) }
    }

    /// Computes the result from one argument.
    pub fn unary<A: ArrowPrimitiveType, O: ArrowPrimitiveType>(
        &self,
        f: impl Fn(A::Native) -> O::Native,
    ) -> Result<Value> {
        Ok(self.wrap(Arc::new(arity::unary::<A, _, O>(self.primitive(0), f))))
    }

    /// Computes the result from two arguments.
    pub fn binary<A, B, O>(&self, f: impl Fn(A::Native, B::Native) -> O::Native) -> Result<Value>
    where
        A: ArrowPrimitiveType,
        B: ArrowPrimitiveType,
        O: ArrowPrimitiveType,
    {
        let (a, b) = (self.primitive::<A>(0), self.primitive::<B>(1));
        let out: PrimitiveArray<O> = match (self.args[0].is_constant(), self.args[1].is_constant()) {
            (true, false) if a.is_null(0) => PrimitiveArray::new_null(b.len()),
            (false, true) if b.is_null(0) => PrimitiveArray::new_null(a.len()),
            (true, false) => {
                let x = a.value(0);
                arity::unary(b, |y| f(x, y))
            }
            (false, true) => {
                let y = b.value(0);
                arity::unary(a, |x| f(x, y))
            }
            (true, true) | (false, false) => arity::binary(a, b, f)?,
        };
        Ok(self.wrap(Arc::new(out)))
    }

    /// Computes the result from two arguments where both are not NULL, or fails.
    ///
    /// # Errors
    /// The first of `f`.
    pub fn try_binary<A, B, O>(&self, f: impl Fn(A::Native, B::Native) -> Result<O::Native>) -> Result<Value>
    where
        A: ArrowPrimitiveType,
        B: ArrowPrimitiveType,
        O: ArrowPrimitiveType,
    {
        let (a, b) = (self.reader::<A>(0), self.reader::<B>(1));
        self.rows(|row| match (a.get(row), b.get(row)) {
            (Some(a), Some(b)) => f(a, b).map(Some),
            _ => Ok(None),
        })
        .map(|out: PrimitiveArray<O>| self.wrap(Arc::new(out)))
    }

    /// Computes a value or NULL for each row.
    ///
    /// # Errors
    /// The first of `f`.
    pub fn rows<O: ArrowPrimitiveType>(
        &self,
        f: impl FnMut(usize) -> Result<Option<O::Native>>,
    ) -> Result<PrimitiveArray<O>> {
        (0..self.count()).map(f).collect()
    }

    /// Computes a text or NULL for each row.
    ///
    /// # Errors
    /// The first of `f`.
    pub fn text_rows<S: AsRef<str>>(&self, f: impl FnMut(usize) -> Result<Option<S>>) -> Result<Value> {
        let texts: StringArray = (0..self.count()).map(f).collect::<Result<_>>()?;
        Ok(self.wrap(Arc::new(texts)))
    }
}

/// A number argument, row by row.
pub struct Reader<'a, T: ArrowPrimitiveType> {
    array: &'a PrimitiveArray<T>,
    constant: bool,
}

// Derived, these would ask the same of the type parameter.
impl<T: ArrowPrimitiveType> Clone for Reader<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ArrowPrimitiveType> Copy for Reader<'_, T> {}

impl<T: ArrowPrimitiveType> Reader<'_, T> {
    /// The value in a row; `None` for NULL.
    pub fn get(&self, row: usize) -> Option<T::Native> {
        let at = if self.constant { 0 } else { row };
        self.array.is_valid(at).then(|| self.array.value(at))
    }
}

/// A text argument, row by row.
#[derive(Clone, Copy)]
pub struct TextReader<'a> {
    array: &'a StringArray,
    constant: bool,
}

impl<'a> TextReader<'a> {
    /// The text in a row; `None` for NULL.
    pub fn get(&self, row: usize) -> Option<&'a str> {
        let at = if self.constant { 0 } else { row };
        self.array.is_valid(at).then(|| self.array.value(at))
    }
}
