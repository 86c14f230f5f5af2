//! What the shop sells: made up from the seed, always the same.

use engine_core::load::DemoTarget;
use serde_json::{Value, json};

/// Products in all.
pub(crate) const PRODUCTS: u64 = 500;
/// Products on one page.
pub(crate) const PAGE: u64 = 20;

const COLOURS: [&str; 8] = ["red", "blue", "green", "black", "white", "yellow", "grey", "purple"];
const THINGS: [&str; 10] = ["chair", "lamp", "table", "shelf", "clock", "kettle", "mirror", "carpet", "vase", "bench"];

/// All products, and the token that forms of the shop carry.
#[derive(Debug)]
pub(crate) struct Catalogue {
    names: Vec<String>,
    prices: Vec<u64>,
    pub(crate) token: String,
}

impl Catalogue {
    pub(crate) fn new(settings: &DemoTarget) -> Self {
        let mut stream = settings.stream("catalogue", 0);
        let names = (0..PRODUCTS)
            .map(|_| {
                let mut pick = |words: &[&'static str]| words[stream.below(words.len() as u64) as usize];
                format!("{} {}", pick(&COLOURS), pick(&THINGS))
            })
            .collect();
        let prices = (0..PRODUCTS).map(|_| 100 + stream.below(20_000)).collect();
        Self { names, prices, token: format!("{:016x}", stream.next_u64()) }
    }

    /// Product `id`, from 1 on.
    pub(crate) fn product(&self, id: u64) -> Option<Value> {
        let at = usize::try_from(id.checked_sub(1)?).ok()?;
        let (name, cents) = (self.names.get(at)?, self.prices.get(at)?);
        Some(json!({ "id": id, "sku": format!("P-{id:04}"), "name": name, "price": *cents as f64 / 100.0 }))
    }

    /// The product of a stock number, or of a plain one.
    pub(crate) fn find(&self, name: &str) -> Option<Value> {
        self.product(name.strip_prefix("P-").unwrap_or(name).parse().ok()?)
    }

    /// One page of the list, from 1 on.
    pub(crate) fn page(&self, page: u64) -> Option<Vec<Value>> {
        let first = page.checked_sub(1)?.checked_mul(PAGE)?;
        (first < PRODUCTS).then(|| (first + 1..=first + PAGE).filter_map(|id| self.product(id)).collect())
    }

    /// The first few products whose name contains a text, and how many there are in all.
    pub(crate) fn search(&self, text: &str) -> (Vec<Value>, usize) {
        let text = text.to_lowercase();
        let all = (1..=PRODUCTS).zip(&self.names).filter(|(_, name)| name.contains(&text)).map(|(id, _)| id);
        let ids: Vec<u64> = all.collect();
        (ids.iter().take(10).filter_map(|id| self.product(*id)).collect(), ids.len())
    }
}
