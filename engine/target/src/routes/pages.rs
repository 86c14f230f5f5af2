//! The pages of the shop. When they run, a worker has been held for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine_core::stats::Stream;
use serde_json::{Value, json};

use super::fields::{fields, text};
use super::{answer, failure};
use crate::catalogue::{PAGE, PRODUCTS};
use crate::lock::lock;
use crate::shop::Shop;

type Shared = State<Arc<Shop>>;
type Words = Query<HashMap<String, String>>;

/// A JSON page of at least so many bytes as the settings say.
fn page(shop: &Shop, value: &Value) -> Response {
    let mut body = value.to_string();
    let extra = ",\"padding\":\"\"".len();
    let missing = missing(shop, body.len() + extra);
    if missing > 0 {
        body.pop();
        body.push_str(",\"padding\":\"");
        body.extend(std::iter::repeat_n('x', missing));
        body.push_str("\"}");
    }
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Bytes that a page of a size lacks.
fn missing(shop: &Shop, size: usize) -> usize {
    usize::try_from(shop.settings.body).unwrap_or(0).saturating_sub(size)
}

/// The field of a form that orders must carry if they come as a form.
fn form(shop: &Shop) -> String {
    format!("<input type='hidden' name='csrf' value='{}'>", shop.catalogue.token)
}

pub(crate) async fn home(State(shop): Shared) -> Response {
    let mut body = format!(
        "<!doctype html>\n<title>Shop</title>\n<h1>Shop</h1>\n<p><a href='/products?page=1'>{PRODUCTS} products</a>\n\
         <form method='post' action='/orders'>{}</form>\n",
        form(&shop)
    );
    let missing = missing(&shop, body.len() + "<!---->".len());
    if missing > 0 {
        body.push_str("<!--");
        body.extend(std::iter::repeat_n('x', missing));
        body.push_str("-->");
    }
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}

pub(crate) async fn products(State(shop): Shared, Query(words): Words) -> Response {
    let number = words.get("page").map_or(Some(1), |page| page.parse().ok());
    match number.and_then(|number| Some((number, shop.catalogue.page(number)?))) {
        Some((number, items)) => {
            let pages = PRODUCTS.div_ceil(PAGE);
            page(&shop, &json!({ "page": number, "pages": pages, "items": items, "form": form(&shop) }))
        }
        None => failure(StatusCode::NOT_FOUND, "no such page"),
    }
}

pub(crate) async fn product(State(shop): Shared, Path(id): Path<String>) -> Response {
    match shop.catalogue.find(&id) {
        Some(product) => page(&shop, &product),
        None => failure(StatusCode::NOT_FOUND, "no such product"),
    }
}

pub(crate) async fn search(State(shop): Shared, Query(words): Words) -> Response {
    let text = words.get("q").map_or("", String::as_str);
    let (hits, total) = shop.catalogue.search(text);
    page(&shop, &json!({ "q": text, "total": total, "hits": hits }))
}

pub(crate) async fn feed(State(shop): Shared) -> Response {
    let entry =
        |id: u64| json!({ "id": id, "text": shop.catalogue.product(id).map_or(Value::Null, |p| p["name"].clone()) });
    page(&shop, &json!({ "entries": (1..=10).map(entry).collect::<Vec<_>>() }))
}

pub(crate) async fn login(State(shop): Shared, request: Request) -> Response {
    let fields = match fields(request).await {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    let (Some(email), Some(_)) = (text(&fields, "email"), text(&fields, "password")) else {
        return failure(StatusCode::UNAUTHORIZED, "`email` and `password` are needed");
    };
    let token = shop.settings.stream("token", Stream::key_of(&email)).next_u64();
    answer(StatusCode::OK, &json!({ "token": format!("{token:016x}"), "user": email }))
}

pub(crate) async fn cart(request: Request) -> Response {
    let fields = match fields(request).await {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    match text(&fields, "sku") {
        Some(sku) => {
            let items = json!([{ "sku": sku, "n": count(text(&fields, "n")) }]);
            answer(StatusCode::CREATED, &json!({ "cart": { "items": items } }))
        }
        None => failure(StatusCode::UNPROCESSABLE_ENTITY, "`sku` is needed"),
    }
}

fn count(text: Option<String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(1)
}

pub(crate) async fn place_order(State(shop): Shared, request: Request) -> Response {
    let fields = match fields(request).await {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    if text(&fields, "csrf").is_some_and(|token| token != shop.catalogue.token) {
        return failure(StatusCode::FORBIDDEN, "`csrf` is not what the list of products said");
    }
    let (sku, count) = (text(&fields, "sku").unwrap_or_default(), count(text(&fields, "n")));
    let placed = lock(&shop.orders).place(&sku, count);
    match placed {
        Ok(id) => {
            shop.counters.orders.fetch_add(1, Relaxed);
            answer(StatusCode::CREATED, &json!({ "order": { "id": id, "sku": sku, "n": count } }))
        }
        Err(error) => failure(StatusCode::INTERNAL_SERVER_ERROR, &format!("the order could not be kept: {error}")),
    }
}

pub(crate) async fn order(State(shop): Shared, Path(id): Path<String>) -> Response {
    let found = id.parse().ok().and_then(|id| lock(&shop.orders).get(id));
    match found {
        Some(order) => answer(StatusCode::OK, &json!({ "order": order })),
        None => failure(StatusCode::NOT_FOUND, "no such order"),
    }
}
