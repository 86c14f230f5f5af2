//! What the pages are made of, embedded and compressed when the crate was built.
//!
//! Only the compressed bytes are in the binary; who cannot take them gets them inflated. The pages are one document for
//! every address, whose script looks at the address.

use std::io::Read as _;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use crate::error::ApiError;

/// One embedded file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Path below `/assets/`.
    pub(crate) name: &'static str,
    /// The first half of the SHA-256 of the plain bytes, hexadecimal.
    tag: &'static str,
    /// Length of the plain bytes.
    plain_len: usize,
    /// The bytes, as gzip.
    packed: &'static [u8],
    /// The bytes, as brotli, where they are stored so.
    smaller: Option<&'static [u8]>,
}

/// How bytes go on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Brotli(&'static [u8]),
    Gzip,
    Plain,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What the pages may load and do. Styles may stand in the document, because the chart library writes its own; scripts may not.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; frame-ancestors 'none'; \
base-uri 'none'; form-action 'none'";

/// First parts of the addresses that are pages.
pub(crate) const PAGES: [&str; 12] =
    ["", "now", "runs", "run", "compare", "trends", "alerts", "advice", "scenarios", "schedules", "machine", "help"];

/// `GET /assets/{*path}`.
pub(crate) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    find(&path).map(|asset| answer(asset, &headers)).ok_or_else(|| ApiError::not_found("no such file"))
}

/// `GET /favicon.ico` and `.svg`.
pub(crate) async fn icon(headers: HeaderMap) -> Result<Response, ApiError> {
    find("favicon.svg").map(|asset| answer(asset, &headers)).ok_or_else(|| ApiError::not_found("no icon"))
}

/// Every other address: the document of the pages, or nothing.
pub(crate) async fn page(uri: Uri, headers: HeaderMap) -> Result<Response, ApiError> {
    let mut parts = uri.path().trim_start_matches('/').splitn(3, '/');
    let is_page = parts.next().is_some_and(|first| PAGES.contains(&first));
    parts.next();
    if !is_page || parts.next().is_some() {
        return Err(ApiError::not_found("no such page; `/` is the first one"));
    }
    find("index.html").map(|asset| answer(asset, &headers)).ok_or_else(|| ApiError::not_found("no pages are built in"))
}

fn find(name: &str) -> Option<&'static Asset> {
    TABLE.iter().find(|asset| asset.name == name)
}

fn answer(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let coding = match asset.smaller {
        Some(bytes) if accepts(headers, &["br"]) => Coding::Brotli(bytes),
        _ if accepts_gzip(headers) => Coding::Gzip,
        _ => Coding::Plain,
    };
    let mark = match coding {
        Coding::Brotli(_) => "-br",
        Coding::Gzip => "-gz",
        Coding::Plain => "",
    };
    // A tag names bytes, and compressed ones are others.
    let tag = format!("\"{}{mark}\"", asset.tag);
    let caching = if asset.name.starts_with("vendor/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let builder = Response::builder()
        .header(header::ETAG, &tag)
        .header(header::CACHE_CONTROL, caching)
        .header(header::VARY, "accept-encoding");
    if matches(headers, &tag) {
        return builder.status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap_or_default();
    }
    let builder = builder.header(header::CONTENT_TYPE, media_type(asset.name));
    let built = match coding {
        Coding::Brotli(bytes) => builder.header(header::CONTENT_ENCODING, "br").body(Body::from(bytes)),
        Coding::Gzip => builder.header(header::CONTENT_ENCODING, "gzip").body(Body::from(asset.packed)),
        Coding::Plain => {
            let mut plain = Vec::with_capacity(asset.plain_len);
            // What the build compressed inflates.
            let _ = flate2::read::GzDecoder::new(asset.packed).read_to_end(&mut plain);
            builder.body(Body::from(plain))
        }
    };
    built.unwrap_or_default()
}

/// Whether the client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    accepts(headers, &["gzip", "x-gzip", "*"])
}

/// Whether the client takes an encoding: one of its names is there, and not with a weight of zero.
fn accepts(headers: &HeaderMap, names: &[&str]) -> bool {
    let text = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let refused =
            weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok()).is_some_and(|q: f64| q <= 0.0);
        names.contains(&name.trim()) && !refused
    })
}

/// Whether the client has these bytes already.
pub(crate) fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let text = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_inflates_to_its_length_and_tag() {
        use sha2::Digest as _;
        assert!(find("index.html").is_some(), "the pages have a document");
        for asset in TABLE {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(asset.packed).read_to_end(&mut plain).unwrap();
            assert_eq!(plain.len(), asset.plain_len, "{}", asset.name);
            let tag: String = sha2::Sha256::digest(&plain).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(tag, asset.tag, "{}", asset.name);
            if let Some(smaller) = asset.smaller {
                let mut same = Vec::new();
                brotli_decompressor::BrotliDecompress(&mut &*smaller, &mut same).unwrap();
                assert!(same == plain && smaller.len() < asset.packed.len(), "{}", asset.name);
            }
        }
        assert!(TABLE.iter().any(|asset| asset.smaller.is_some()), "the library of charts is stored so");
    }

    #[test]
    fn compression_is_used_only_where_it_is_accepted() {
        let of = |text: &str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, text.parse().unwrap())]);
        let accepts = |text: &str| accepts_gzip(&of(text));
        assert!(accepts("gzip, deflate, br"));
        assert!(accepts("br;q=1.0, gzip;q=0.5"));
        assert!(!accepts("gzip;q=0, br"));
        assert!(!accepts("identity"));
        assert!(!accepts_gzip(&HeaderMap::new()));
        let stored = TABLE.iter().find(|asset| asset.smaller.is_some()).unwrap();
        let coding = |text: &str| {
            let answer = answer(stored, &of(text));
            let head = |name| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            (head(header::CONTENT_ENCODING), head(header::ETAG))
        };
        let tag = |mark: &str| Some(format!("\"{}{mark}\"", stored.tag));
        assert_eq!(coding("gzip, deflate, br"), (Some("br".to_owned()), tag("-br")));
        assert_eq!(coding("gzip, br;q=0"), (Some("gzip".to_owned()), tag("-gz")));
        assert_eq!(coding("identity"), (None, tag("")));
    }
}
