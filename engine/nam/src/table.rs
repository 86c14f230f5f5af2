//! Rows of numbers, and rows with labels: checked once, when they are made, so that nothing behind has to ask again.

/// Why data cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DataError {
    /// There is nothing.
    #[error("there are no rows")]
    Empty,
    /// The values do not make whole rows.
    #[error("{values} values do not make rows of {columns}")]
    Ragged {
        /// Values given.
        values: usize,
        /// Columns asked for.
        columns: usize,
    },
    /// A value is NaN or infinite.
    #[error("row {row}, column {column}: `{value}` is not a finite number")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A label names no class.
    #[error("row {row}: the label {label} is out of range, there are {classes} classes (0..{classes})")]
    Label {
        /// Row, from 0.
        row: usize,
        /// The label.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// There are not as many targets as rows.
    #[error("{rows} rows need as many labels or targets, got {targets}")]
    Count {
        /// Rows given.
        rows: usize,
        /// Labels or targets given.
        targets: usize,
    },
    /// Rows of another width than the model's.
    #[error("rows must have {expected} columns, got {found}")]
    Columns {
        /// Columns of the model.
        expected: usize,
        /// Columns of the data.
        found: usize,
    },
    /// Labels of other classes than the model's.
    #[error("the model tells {expected} classes apart, the data has {found}")]
    Classes {
        /// Outputs of the model.
        expected: usize,
        /// Classes of the data.
        found: usize,
    },
}

/// Rows of finite numbers, in row order.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    values: Vec<f32>,
    columns: usize,
}

impl Table {
    /// Rows of `columns` values each, one behind the other.
    ///
    /// # Errors
    /// When there is no row, the values make no whole rows, or one of them is NaN or infinite.
    pub fn new(values: Vec<f32>, columns: usize) -> Result<Self, DataError> {
        if values.is_empty() {
            return Err(DataError::Empty);
        }
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(DataError::Ragged { values: values.len(), columns });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(DataError::NotFinite { row: at / columns, column: at % columns, value: values[at] }),
            None => Ok(Self { values, columns }),
        }
    }

    /// Number of rows, at least one.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// Values in a row.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// All values, row behind row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// The values of one column.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f32> + '_ {
        self.values.iter().skip(column).step_by(self.columns).copied()
    }

    /// Some of the rows, in the given order.
    ///
    /// # Errors
    /// When none is asked for.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn select(&self, rows: &[usize]) -> Result<Self, DataError> {
        Self::new(rows.iter().flat_map(|row| self.row(*row)).copied().collect(), self.columns)
    }
}

/// Rows with the class of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    table: Table,
    labels: Vec<usize>,
    classes: usize,
}

impl Labelled {
    /// Rows and a label below `classes` for each.
    ///
    /// # Errors
    /// When the numbers of rows and labels differ or a label is out of range.
    pub fn new(table: Table, labels: Vec<usize>, classes: usize) -> Result<Self, DataError> {
        if table.rows() != labels.len() {
            return Err(DataError::Count { rows: table.rows(), targets: labels.len() });
        }
        match labels.iter().position(|label| *label >= classes) {
            Some(row) => Err(DataError::Label { row, label: labels[row], classes }),
            None => Ok(Self { table, labels, classes }),
        }
    }

    /// The rows.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The class of each row.
    #[must_use]
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Number of classes.
    #[must_use]
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// Some of the rows, in the given order.
    ///
    /// # Errors
    /// When none is asked for.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn select(&self, rows: &[usize]) -> Result<Self, DataError> {
        let labels = rows.iter().map(|row| self.labels[*row]).collect();
        Self::new(self.table.select(rows)?, labels, self.classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_data_is_refused_with_its_place() {
        assert_eq!(Table::new(vec![], 2), Err(DataError::Empty));
        assert_eq!(Table::new(vec![1.0; 5], 2), Err(DataError::Ragged { values: 5, columns: 2 }));
        assert!(Table::new(vec![1.0; 5], 0).is_err());
        let error = Table::new(vec![1.0, 2.0, 3.0, f32::NAN], 2).unwrap_err();
        assert_eq!(error.to_string(), "row 1, column 1: `NaN` is not a finite number");
        assert!(Table::new(vec![f32::INFINITY], 1).is_err());
        let table = Table::new(vec![1.0, 2.0, 3.0, 4.0], 2).unwrap();
        let error = Labelled::new(table.clone(), vec![0, 3], 3).unwrap_err();
        assert_eq!(error.to_string(), "row 1: the label 3 is out of range, there are 3 classes (0..3)");
        assert_eq!(Labelled::new(table.clone(), vec![0], 3), Err(DataError::Count { rows: 2, targets: 1 }));
        let data = Labelled::new(table, vec![0, 2], 3).unwrap();
        let last = data.select(&[1, 1]).unwrap();
        assert_eq!((last.table().values(), last.labels()), (&[3.0, 4.0, 3.0, 4.0][..], &[2, 2][..]));
        assert_eq!(data.table().column(1).collect::<Vec<_>>(), [2.0, 4.0]);
        assert_eq!(data.select(&[]), Err(DataError::Empty));
    }
}
