//! Every word that a user may see as an identifier: states and reasons. A test holds the README to them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word itself.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// Reads the word, whatever its case.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str().eq_ignore_ascii_case(word))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// The state of a phone: exactly one, in this precedence.
    State {
        /// Mode Off.
        Suspended,
        /// Its newest desired state has errors.
        Invalid,
        /// It waits at the gate.
        Held,
        /// A session is under way.
        Reconciling,
        /// There is something to read or write, and a reason why not yet.
        Pending,
        /// Some differences stay, because the phone or the policy says so; all else is proven.
        Degraded,
        /// There are differences, and its mode is only to tell them.
        Drifted,
        /// A read that came after the last write found no difference.
        InSync,
        /// Declared, not heard of yet.
        Unknown,
        /// No document names it: shown in lists and otherwise left alone.
        Undeclared,
        /// Vanished from the YAML, not yet released.
        Abandoned,
    }
}

words! {
    /// Why a phone is Pending.
    PendingReason {
        /// Its turn comes.
        Queued,
        /// Contact-me was answered; the phone is awaited.
        Called,
        /// The phone is in a call. Shown without times (promise 10).
        InCall,
        /// Contact-me failed.
        Unreachable,
        /// Contact-me was answered, but no session followed.
        NoAnswer,
        /// Outside its windows.
        WindowClosed,
        /// A limit on contacts or sessions.
        RateLimited,
        /// Waits for others of its site.
        Turn,
        /// A pause is in force.
        Paused,
        /// The brake is on.
        Braked,
        /// A mobile user is logged on.
        MobileUser,
        /// Another provisioning server owns the phone.
        ForeignServer,
        /// It calls from outside its site's networks.
        WrongSite,
        /// Its site comes back from an outage.
        Recovering,
        /// The store cannot be written.
        StoreAway,
    }
}

words! {
    /// Why a phone is Degraded.
    DegradedReason {
        /// The phone refused items.
        Refused,
        /// Items that policy does not allow to write.
        NotAllowed,
        /// Items that someone else keeps writing.
        TugOfWar,
    }
}

words! {
    /// Why a phone is Held.
    HeldReason {
        /// It would be written something else, and that is a person's to decide.
        Change,
        /// No document names it any more, and that is a person's to decide.
        Vanish,
        /// A person has rejected it: it waits for another revision.
        Rejected,
    }
}

words! {
    /// Why an item is not put right any more (`TugOfWar`).
    TugOfWar {
        /// It drifted back on this phone more often than `policy.selfHealLimit` in a day.
        Item,
        /// The same drifted back to the same on many phones of its site: another server or person writes there.
        Site,
    }
}

words! {
    /// Why an item changed, in the history.
    ChangeCause {
        /// A revision of the documents.
        Revision,
        /// The phone went away from what is wanted, or was put right after that.
        Drift,
        /// A value that only new phones get.
        Seed,
    }
}

words! {
    /// What became of a change, in the history.
    ChangeResult {
        /// It was written and read back.
        Proven,
        /// The phone took it; it was not read back, or cannot be.
        Accepted,
        /// The phone refused it, in its own words.
        Refused,
        /// It was read on the phone; phoneops did not write it.
        Seen,
    }
}

words! {
    /// What is wrong with an item that decides over emergency calls.
    SafetyProblem {
        /// The phone has another value.
        Wrong,
        /// The phone has none.
        Empty,
        /// The phone refused it.
        Refused,
        /// The phone says that it has no such item.
        Lacking,
        /// It was not read for 48 h.
        Unread,
    }
}

impl SafetyProblem {
    /// The end of a sentence that begins with the item.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Wrong => "has another value than is wanted",
            Self::Empty => "is empty",
            Self::Refused => "was refused",
            Self::Lacking => "is not there: the phone has no such item",
            Self::Unread => "was not read for 48 hours",
        }
    }
}

words! {
    /// How an item of a phone stands.
    ItemStanding {
        /// It was read to be as it is wanted.
        Right,
        /// It cannot be compared; what is wanted was written and accepted.
        Written,
        /// It cannot be compared, and is taken to be right.
        Assumed,
        /// It is to be written, without being compared.
        Due,
        /// The phone has another value.
        Differs,
        /// It was not read yet.
        Unread,
        /// The phone refused it.
        Refused,
        /// The phone says that it has no such item.
        NotApplicable,
        /// A rule leaves the difference alone.
        Ignored,
        /// Somebody else keeps changing it.
        TugOfWar,
    }
}

words! {
    /// What an alert is about, most pressing first. What each means and what to do stands in `alert/kind.rs`.
    AlertKind {
        /// An item that decides over emergency calls is not as it should be.
        Safety,
        /// A phone was not heard of since it got items that can cut it off.
        LockoutStopped,
        /// The store cannot be written.
        StoreAway,
        /// The store was put back and nobody has resumed.
        Restored,
        /// Somebody else writes to many phones of a site.
        OtherServer,
        /// Somebody keeps changing an item back.
        TugOfWar,
        /// A revision waits for a person.
        Held,
        /// Documents of phones have errors.
        Invalid,
        /// Phones refused an item.
        Refused,
        /// An item that differs may not be written.
        NotAllowed,
        /// An item differs, and mode Report asks for no more.
        Drift,
        /// Phones are not heard of, although they were asked.
        Silent,
        /// Phones of a site have not come back after many of it started.
        NotBack,
        /// Known phones fail in their TLS handshakes.
        Handshake,
        /// Calls in the name of phones come from outside their site's networks.
        WrongSite,
        /// Phones of several sites call from one address.
        Proxy,
        /// The source cannot be read.
        SourceAway,
    }
}

words! {
    /// What a person did outside git, in the audit log.
    AuditAct {
        /// Had a phone asked to call.
        Contact,
        /// Had a phone read, and not written.
        Look,
        /// Had tried again what a phone refused.
        Retry,
        /// Had a phone restarted.
        Restart,
        /// Set a brake.
        Brake,
        /// Released brakes.
        ReleaseBrake,
        /// Let a revision go on that waited at the gate.
        Approve,
        /// Had it wait for another one.
        Reject,
        /// Had put back what a revision changed.
        Undo,
        /// Had values forgotten that nobody wants any more.
        DropLeftovers,
        /// Had the account of an Abandoned phone taken off it.
        Release,
        /// Had an Abandoned phone forgotten as it is.
        Dismiss,
        /// Had what a phone and the service say recorded for support.
        Record,
        /// Ended that.
        EndRecording,
        /// Put a backup in place.
        Restore,
        /// Had a restored service write again.
        Resume,
    }
}
