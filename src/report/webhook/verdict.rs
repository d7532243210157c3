//! What becomes of a delivery, as its sender, the metrics and the log are told.

use axum::http::StatusCode;

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The branch is looked at.
    Fetched,
    /// It tells of something else than a push.
    OtherEvent,
    /// It tells of a push to another branch.
    OtherBranch,
    /// Its signature was seen in the last minutes.
    Repeated,
    /// Nothing proves that the sender knows the secret.
    Unsigned,
    /// It is signed with a time that is too far from ours.
    Stale,
    /// Too many came in a minute.
    Limited,
    /// It is large, and as many large ones come in as may.
    Crowded,
    /// It has more bytes than are read.
    TooLarge,
    /// It broke off.
    Broken,
    /// The secret cannot be read, so that nothing can be proven.
    NoSecret,
}

impl Verdict {
    /// The word of the metric.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::OtherEvent | Self::OtherBranch => "ignored",
            Self::Repeated => "repeated",
            Self::Unsigned => "refused",
            Self::Stale => "stale",
            Self::Limited | Self::Crowded => "limited",
            Self::TooLarge => "too-large",
            Self::Broken => "broken",
            Self::NoSecret => "no-secret",
        }
    }

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Fetched => StatusCode::ACCEPTED,
            Self::OtherEvent | Self::OtherBranch | Self::Repeated => StatusCode::OK,
            Self::Unsigned | Self::Stale => StatusCode::UNAUTHORIZED,
            Self::Limited | Self::Crowded => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::NoSecret => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the forge is told, and shows to those who set it up.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Fetched => "the branch is looked at now\n",
            Self::OtherEvent => "nothing to do for this event\n",
            Self::OtherBranch => "another branch is followed\n",
            Self::Repeated => "this delivery was seen already\n",
            Self::Unsigned => "no good signature\n",
            Self::Stale => {
                "the signature is good, but its time is more than 5 minutes from ours: set both clocks, and sign each delivery anew\n"
            }
            Self::Limited | Self::Crowded => "too many deliveries; the branch is looked at anyway\n",
            Self::TooLarge => "a delivery has at most 5 MiB; the branch is looked at anyway\n",
            Self::Broken => "the delivery broke off\n",
            Self::NoSecret => "the secret cannot be read\n",
        }
    }
}
