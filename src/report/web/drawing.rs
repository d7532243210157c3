//! What the page is drawn with: style, script and icon. They are in the binary, the same everywhere, and their address
//! changes with their content, so browsers may keep them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::OnceLock,
};

use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("live.js");
pub(super) const ICON: &str = include_str!("icon.svg");

pub(super) const STYLE_PATH: &str = "/web/style.css";
pub(super) const SCRIPT_PATH: &str = "/web/live.js";
pub(super) const ICON_PATH: &str = "/web/icon.svg";

/// Whether this is one of them: they tell nothing of the fleet.
pub(in crate::report) fn is_drawing(path: &str) -> bool {
    [STYLE_PATH, SCRIPT_PATH, ICON_PATH].contains(&path)
}

/// An address that is another one when the content is.
pub(super) fn address(path: &str) -> String {
    static VERSION: OnceLock<u64> = OnceLock::new();
    let version = VERSION.get_or_init(|| {
        let mut hash = DefaultHasher::new();
        (STYLE, SCRIPT, ICON).hash(&mut hash);
        hash.finish()
    });
    format!("{path}?{version:016x}")
}

pub(super) async fn style() -> Response {
    kept(STYLE, "text/css; charset=utf-8")
}

pub(super) async fn script() -> Response {
    kept(SCRIPT, "text/javascript; charset=utf-8")
}

pub(super) async fn icon() -> Response {
    kept(ICON, "image/svg+xml")
}

fn kept(content: &'static str, form: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=604800, immutable"));
    response
}
