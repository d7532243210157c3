//! The table of all routes: each with the name that clients give it, what it does, and its handler.

use super::{
    alert, audit, back, brake, contact, explain, export, gate, history, look,
    openapi::{self, About, Routes},
    phones, plan, profiles, release, retry, revisions, service, sites, undo, wire_log,
};

/// All of them but the one of events.
pub(super) fn routes() -> Routes {
    of_service(of_people(of_documents(of_phones(Routes::new()))))
}

/// Those of phones, and of acts on one.
fn of_phones(routes: Routes) -> Routes {
    routes
        .read("/api/v1/phones", About("listPhones", "Phones, sorted by name, undeclared ones behind."), phones::phones)
        .read("/api/v1/phones/{phone}", About("getPhone", "One phone."), phones::phone)
        .read(
            "/api/v1/phones/{phone}/explain",
            About("explainPhone", "Why a phone has what it has: all its items, or one."),
            explain::explain,
        )
        .read(
            "/api/v1/phones/{phone}/sessions",
            About("listSessions", "The last sessions of a phone since the start of the service."),
            phones::sessions,
        )
        .send("/api/v1/phones/{phone}/contact", About("contactPhone", "Asks a phone to call now."), contact::contact)
        .send(
            "/api/v1/phones/{phone}/look",
            About(
                "readPhone",
                "Has a phone read and not written in that session; a read newer than `asked` is the one.",
            ),
            look::look,
        )
        .read(
            "/api/v1/phones/{phone}/export",
            About("exportPhone", "The document of a phone, out of what it has."),
            export::of_phone,
        )
        .send(
            "/api/v1/phones/{phone}/restart",
            About("restartPhone", "Restarts a phone as soon as it is in no call, once."),
            contact::restart,
        )
        .send(
            "/api/v1/phones/{phone}/retry",
            About("retryPhone", "Has refused items tried again, and with `secrets` all that is never compared."),
            retry::retry,
        )
        .send(
            "/api/v1/phones/{phone}/release",
            About("releasePhone", "Has the account of an Abandoned phone taken off it."),
            release::release,
        )
        .send(
            "/api/v1/phones/{phone}/dismiss",
            About("dismissPhone", "Forgets an Abandoned phone as it is."),
            release::dismiss,
        )
        .send(
            "/api/v1/phones/{phone}/wire-log",
            About("recordPhone", "Has a phone recorded for support, secrets masked."),
            wire_log::record,
        )
        .send(
            "/api/v1/phones/{phone}/wire-log/end",
            About("endRecording", "Ends the recording of a phone."),
            wire_log::end,
        )
        .read("/api/v1/wire-log", About("listRecordings", "The phones that are recorded, 16 at most."), wire_log::list)
}

/// Those of what documents say, and what became of it.
fn of_documents(routes: Routes) -> Routes {
    routes
        .read("/api/v1/sites", About("listSites", "Sites, and how their phones are."), sites::sites)
        .read("/api/v1/sites/{site}", About("getSite", "One site."), sites::site)
        .read(
            "/api/v1/profiles",
            About("listProfiles", "Profiles, and how the phones are that build on them."),
            profiles::profiles,
        )
        .read("/api/v1/profiles/{profile}", About("getProfile", "One profile."), profiles::profile)
        .read(
            "/api/v1/revisions",
            About("listRevisions", "Revisions, the newest first, and how their phones are."),
            revisions::revisions,
        )
        .read(
            "/api/v1/revisions/{revision}",
            About("getRevision", "One revision, and what fails."),
            revisions::revision,
        )
        .read("/api/v1/export", About("exportPhones", "The documents of declared phones, in pages."), export::of_all)
        .read(
            "/api/v1/undeclared",
            About("listUndeclared", "What calls in although nobody wants it, and handshakes that failed."),
            service::undeclared,
        )
        .read(
            "/api/v1/history",
            About("listHistory", "Who changed which item when, the newest first."),
            history::history,
        )
}

/// Those of what people decide for many phones.
fn of_people(routes: Routes) -> Routes {
    routes
        .read("/api/v1/brake", About("listBrakes", "The brakes that hold."), brake::list)
        .send(
            "/api/v1/brake",
            About("setBrake", "Nothing is written to these phones any more, also while the store is away."),
            brake::set,
        )
        .send("/api/v1/brake/release", About("releaseBrakes", "Releases one brake, or all."), brake::release)
        .read("/api/v1/gate", About("getGate", "What waits at the gate."), gate::show)
        .send("/api/v1/gate/approve", About("approve", "Lets what waits at the gate go on."), gate::approve)
        .send(
            "/api/v1/gate/reject",
            About("reject", "Has what waits at the gate wait for another revision."),
            gate::reject,
        )
        .read("/api/v1/undo", About("previewUndo", "What an undo of a revision would put back."), undo::dry_run)
        .send("/api/v1/undo", About("undo", "Puts back what a revision changed."), undo::undo)
        .read(
            "/api/v1/leftovers",
            About("listLeftovers", "What phoneops wrote and nobody wants any more."),
            undo::leftovers,
        )
        .send("/api/v1/leftovers/drop", About("dropLeftovers", "Forgets leftovers."), undo::drop_leftovers)
        .send(plan::PATH, About("plan", "What documents would change; it changes nothing."), plan::plan)
        .send("/api/v1/resume", About("resume", "Has a restored service write again."), service::resume)
}

/// Those of the service, and of what it thinks somebody should see.
fn of_service(routes: Routes) -> Routes {
    routes
        .read("/api/v1/service", About("getService", "How the service as a whole stands."), service::service)
        .read("/api/v1/audit", About("listAudit", "What people did outside git, the oldest act first."), audit::page)
        .read("/api/v1/audit/verify", About("verifyAudit", "Whether the audit log is whole."), audit::verify)
        .read("/api/v1/alerts", About("listAlerts", "What somebody should look at."), alert::alerts)
        .read(
            "/api/v1/back",
            About("getBack", "Which phones have come back from a storm or an absence, and which have not."),
            back::back,
        )
        .read(
            "/api/v1/safety",
            About("listSafety", "What is not as it should be with items that decide over emergency calls."),
            alert::safety,
        )
        .read(openapi::PATH, About("getOpenapi", "The description of this API."), openapi::openapi)
        .read("/healthz", About("healthz", "Answers as long as the process does."), service::alive)
        .read("/readyz", About("readyz", "Whether the service can do its work."), service::ready)
        .read("/metrics", About("metrics", "All metrics as OpenMetrics text."), service::metrics)
}
