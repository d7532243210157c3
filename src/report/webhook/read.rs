//! A delivery on its way in: strangers send as much as a forge does before anything is proven, so what is held of all of
//! them is bounded.
//!
//! Usual deliveries are small: the first [`SMALL`] bytes of each are always read, one to a connection, whether it says how
//! long it is or not. What has more needs one of [`PLACES`] from there on: who holds all of these keeps large deliveries
//! out for [`PATIENCE`], and no small one. The branch is looked at anyway.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, header},
};
use futures_util::StreamExt as _;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::Verdict;

/// Largest body, in bytes.
pub(super) const BODY: usize = 5 << 20;
/// Largest body that needs no place, in bytes.
pub(super) const SMALL: usize = 64 << 10;
/// Larger bodies that are held at a time.
pub(super) const PLACES: usize = 8;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A whole delivery.
pub(super) struct Delivery<'p> {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Held as long as the body is.
    pub(super) place: Option<SemaphorePermit<'p>>,
}

/// Reads a delivery. One that announces too much is not read, and the rest of a large one without a place is not either.
pub(super) async fn whole(request: Request, places: &Semaphore) -> Result<Delivery<'_>, Verdict> {
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY as u64) {
        return Err(Verdict::TooLarge);
    }
    let (body, place) = timeout(PATIENCE, read(body, places)).await.map_err(|_| Verdict::Broken)??;
    Ok(Delivery { headers: parts.headers, body, place })
}

/// Reads a body, and takes a place when it turns out to be large.
async fn read(body: Body, places: &Semaphore) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Verdict> {
    let mut parts = body.into_data_stream();
    let mut whole = Vec::new();
    let mut place = None;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Verdict::Broken)?;
        let length = whole.len() + part.len();
        if length > BODY {
            return Err(Verdict::TooLarge);
        }
        if length > SMALL && place.is_none() {
            place = Some(places.try_acquire().map_err(|_| Verdict::Crowded)?);
        }
        whole.extend_from_slice(&part);
    }
    Ok((whole.into(), place))
}
