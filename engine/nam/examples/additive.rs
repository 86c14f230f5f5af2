//! Fits neural additive models to the five folds of the breast-cancer data and shows which measures explain the diagnosis:
//!
//! ```text
//! cargo run --release -p engine-nam --example additive [-- members=3 epochs=60 ...]
//! ```
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::time::Instant;

use engine_nam::{Additive, AdditiveOptions, FirstUnits, Task, data, score};

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = AdditiveOptions::default();
    for word in std::env::args().skip(1) {
        let (name, value) = word.split_once('=').ok_or("give options as name=value")?;
        match name {
            "members" => options.members = value.parse()?,
            "epochs" => options.epochs = value.parse()?,
            "width" => options.width = value.parse()?,
            "hidden" => options.hidden = value.parse()?,
            "batch" => options.batch = value.parse()?,
            "rate" => options.rate = value.parse()?,
            "anneal" => options.anneal = value.parse()?,
            "dropout" => options.dropout = value.parse()?,
            "penalty" => options.output_penalty = value.parse()?,
            "decay" => options.decay = value.parse()?,
            "seed" => options.seed = value.parse()?,
            "exu" => options.units = if value == "1" { FirstUnits::ExpCentred } else { FirstUnits::Relu },
            _ => return Err(format!("no option `{name}`").into()),
        }
    }
    let (cancer, folds) = data::breast_cancer()?;
    let clock = Instant::now();
    let mut areas = Vec::new();
    for fold in 0..5 {
        let (test, train): (Vec<usize>, Vec<usize>) = (0..folds.len()).partition(|row| folds[*row] == fold);
        let targets: Vec<f32> = train.iter().map(|row| cancer.labels()[*row] as f32).collect();
        let model = Additive::fit(&cancer.table().select(&train)?, &targets, Task::Classification, &options)?;
        let scores = model.predict(&cancer.table().select(&test)?)?;
        let positive: Vec<bool> = test.iter().map(|row| cancer.labels()[*row] == 1).collect();
        areas.push(score::auc(&scores, &positive).ok_or("a fold with one class")?);
        if fold == 0 {
            let mut ranked: Vec<(usize, f32)> = model.importance().iter().copied().enumerate().collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
            for (feature, importance) in ranked.into_iter().take(5) {
                let shape = model.shape(feature, 5);
                println!("{:24} {importance:.3}  {:.2?}", data::BREAST_CANCER_COLUMNS[feature], shape.contributions);
            }
        }
    }
    let mean = areas.iter().sum::<f64>() / 5.0;
    println!("AUC by fold {areas:.4?}, mean {mean:.4}, {:.2} s", clock.elapsed().as_secs_f64());
    Ok(())
}
