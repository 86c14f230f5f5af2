//! Three small public data sets, embedded: real data for tests and measurements, without a network. Sources and licences
//! are in `data/README.md` beside the files.

use crate::table::{DataError, Labelled, Table};

static DIGITS: &[u8] = include_bytes!("../data/digits.bin");
static BREAST_CANCER: &[u8] = include_bytes!("../data/breast_cancer.bin");
static PHISHING: &[u8] = include_bytes!("../data/phishing.bin");

/// Columns of the breast-cancer data, in order.
pub const BREAST_CANCER_COLUMNS: [&str; 30] = [
    "mean radius",
    "mean texture",
    "mean perimeter",
    "mean area",
    "mean smoothness",
    "mean compactness",
    "mean concavity",
    "mean concave points",
    "mean symmetry",
    "mean fractal dimension",
    "radius error",
    "texture error",
    "perimeter error",
    "area error",
    "smoothness error",
    "compactness error",
    "concavity error",
    "concave points error",
    "symmetry error",
    "fractal dimension error",
    "worst radius",
    "worst texture",
    "worst perimeter",
    "worst area",
    "worst smoothness",
    "worst compactness",
    "worst concavity",
    "worst concave points",
    "worst symmetry",
    "worst fractal dimension",
];

/// Columns of the phishing data, in order.
pub const PHISHING_COLUMNS: [&str; 9] = [
    "empty_server_form_handler",
    "popup_window",
    "https",
    "request_from_other_domain",
    "anchor_from_other_domain",
    "is_popular",
    "long_url",
    "age_of_domain",
    "ip_in_url",
];

/// A data set in a part to learn from and a part to judge by.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// To learn from.
    pub train: Labelled,
    /// To judge by.
    pub test: Labelled,
}

/// 1,797 handwritten digits of 8 x 8 pixels, ten classes; pixels are scaled to 0..1. 450 of them are for judging: those
/// that scikit-learn's `train_test_split(test_size=0.25, random_state=0)` takes.
///
/// # Errors
/// Never, unless the embedded file was changed.
pub fn digits() -> Result<Split, DataError> {
    let all = digits_in_order()?;
    let is_test = |row: &usize| DIGITS[row * 66 + 65] == 1;
    let (test, train): (Vec<usize>, Vec<usize>) = (0..all.labels().len()).partition(is_test);
    Ok(Split { train: all.select(&train)?, test: all.select(&test)? })
}

/// All 1,797 digits in the order in which scikit-learn gives them.
///
/// # Errors
/// Never, unless the embedded file was changed.
pub fn digits_in_order() -> Result<Labelled, DataError> {
    let rows = DIGITS.chunks_exact(66);
    let pixels = rows.clone().flat_map(|row| &row[..64]).map(|pixel| f32::from(*pixel) / 16.0).collect();
    Labelled::new(Table::new(pixels, 64)?, rows.map(|row| usize::from(row[64])).collect(), 10)
}

/// 569 tumours with 30 measures each, labelled 0 (malignant) or 1 (benign); and for each row in which of five parts it is
/// the test: those of `StratifiedKFold(5, shuffle=True, random_state=42)`.
///
/// # Errors
/// Never, unless the embedded file was changed.
pub fn breast_cancer() -> Result<(Labelled, Vec<usize>), DataError> {
    const ROWS: usize = 569;
    let (values, rest) = BREAST_CANCER.split_at(ROWS * 30 * 4);
    let values = values.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let whole = |bytes: &[u8]| bytes.iter().map(|byte| usize::from(*byte)).collect();
    Ok((Labelled::new(Table::new(values, 30)?, whole(&rest[..ROWS]), 2)?, whole(&rest[ROWS..])))
}

/// 1,250 web pages with 9 features each in the order in which river streams them, labelled 1 when they are phishing.
///
/// # Errors
/// Never, unless the embedded file was changed.
pub fn phishing() -> Result<Labelled, DataError> {
    let rows = PHISHING.chunks_exact(10);
    let values = rows.clone().flat_map(|row| &row[..9]).map(|value| f32::from(*value) / 2.0).collect();
    Labelled::new(Table::new(values, 9)?, rows.map(|row| usize::from(row[9])).collect(), 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_what_its_sources_say() {
        let split = digits().unwrap();
        assert_eq!((split.train.labels().len(), split.test.labels().len()), (1347, 450));
        let all = digits_in_order().unwrap();
        assert_eq!(&all.labels()[..10], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(&all.table().row(0)[..8], &[0.0, 0.0, 0.3125, 0.8125, 0.5625, 0.0625, 0.0, 0.0]);
        let (cancer, folds) = breast_cancer().unwrap();
        assert_eq!(cancer.labels().iter().filter(|label| **label == 0).count(), 212, "malignant");
        assert!((cancer.table().row(0)[0] - 17.99).abs() < 1e-5 && (cancer.table().row(0)[3] - 1001.0).abs() < 1e-3);
        let sizes: Vec<usize> = (0..5).map(|at| folds.iter().filter(|fold| **fold == at).count()).collect();
        assert_eq!(sizes, [114, 114, 114, 114, 113]);
        let pages = phishing().unwrap();
        assert_eq!((pages.labels().len(), pages.labels().iter().sum::<usize>()), (1250, 548));
        assert_eq!(pages.table().row(1), &[1.0, 0.0, 0.5, 0.5, 0.0, 0.5, 0.0, 1.0, 0.0]);
    }
}
