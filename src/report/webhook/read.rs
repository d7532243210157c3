//! A delivery on its way in: strangers send as much as a forge does before anything is proven, so what is held of all of
//! them is bounded.
//!
//! Usual deliveries are small and are always read, one to a connection. Large ones have [`PLACES`] among them: who holds
//! all of these keeps large deliveries out for [`PATIENCE`], and no small one. The branch is looked at anyway.

use std::{error::Error, time::Duration};

use axum::{
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, header},
};
use http_body_util::LengthLimitError;
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

/// Reads a delivery. One that announces too much is not read, and so is a large one without a place.
pub(super) async fn whole(request: Request, places: &Semaphore) -> Result<Delivery<'_>, Verdict> {
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > BODY as u64) {
        return Err(Verdict::TooLarge);
    }
    let is_small = length.is_some_and(|length| length <= SMALL as u64);
    let place = if is_small { None } else { Some(places.try_acquire().map_err(|_| Verdict::Crowded)?) };
    let read = timeout(PATIENCE, to_bytes(body, if is_small { SMALL } else { BODY })).await;
    let body = read.map_err(|_| Verdict::Broken)?.map_err(|error| {
        let is_of_limit = Error::source(&error).is_some_and(<dyn Error>::is::<LengthLimitError>);
        if is_of_limit { Verdict::TooLarge } else { Verdict::Broken }
    })?;
    Ok(Delivery { headers: parts.headers, body, place })
}
