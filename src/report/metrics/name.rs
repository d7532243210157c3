//! Every name that `/metrics` shows, as people query it.

/// Phones by `state`.
pub const PHONES: &str = "phoneops_phones";
/// Pending phones by `reason`; `InCall` counts as `Queued` (promise 10).
pub const PENDING: &str = "phoneops_pending_phones";
/// Phones that are Degraded, Held or Invalid, by `state` and `reason`; one with several reasons counts with each.
pub const REASONS: &str = "phoneops_phones_by_reason";
/// Items that differ, over all phones.
pub const DRIFT: &str = "phoneops_drift_items";
/// Items that phones refused, over all phones.
pub const REFUSED: &str = "phoneops_refused_items";
/// How long the phone has waited that waits longest; 0 = none waits. Phones in a call do not count.
pub const OLDEST_PENDING: &str = "phoneops_oldest_pending_seconds";
/// How long sessions took, by `reason` of the first message.
pub const SESSION_SECONDS: &str = "phoneops_session_seconds";
/// How long phones took for one reply, by `step`: read, write or restart.
pub const STEP_SECONDS: &str = "phoneops_session_step_seconds";
/// From a change in force to its proof, a phone each.
pub const PUSH_TO_PROOF: &str = "phoneops_push_to_proof_seconds";
/// What waits, by `queue`.
pub const QUEUES: &str = "phoneops_queue_depth";
/// When the newest revision was taken over, in seconds since 1970; 0 = none yet.
pub const REVISION_TIME: &str = "phoneops_revision_timestamp_seconds";
/// How long the source could not be read; 0 = it can.
pub const SOURCE_AWAY: &str = "phoneops_source_away_seconds";
/// What is wrong in the newest revision, by `severity`.
pub const PROBLEMS: &str = "phoneops_source_problems";
/// Requests to the status, metrics and webhook servers, by `kind` (read or act) and `status`.
pub const API_REQUESTS: &str = "phoneops_api_requests_total";
/// Statuses written to a cluster, by `result`.
pub const KUBE_WRITES: &str = "phoneops_kubernetes_writes_total";
/// What was kept in a cluster of phones and of the service, by `result`.
pub const KUBE_RECORDS: &str = "phoneops_kubernetes_records_total";
/// 1 for the state of each phone, with `--phone-metrics`.
pub const PHONE_STATE: &str = "phoneops_phone_state";
/// Items of a phone that differ, with `--phone-metrics`.
pub const PHONE_DRIFT: &str = "phoneops_phone_drift_items";
/// When a phone was last proven, in seconds since 1970, with `--phone-metrics`.
pub const PHONE_PROOF: &str = "phoneops_phone_last_proof_timestamp_seconds";
/// Items that are not put right any more, over all phones (`TugOfWar`).
pub const TUG_OF_WAR: &str = "phoneops_tug_of_war_items";
/// Sites at which nothing that drifts is put right, because another server or person writes there.
pub const STOPPED_SITES: &str = "phoneops_healing_stopped_sites";
/// Warnings and errors that the log held back, for they were in it just before.
pub const LOG_HELD_BACK: &str = "phoneops_log_lines_held_back_total";
/// Changes that the history lost because its queue was full.
pub const HISTORY_LOST: &str = "phoneops_history_lost_total";
/// Items that phones do not have, over all phones.
pub const NOT_APPLICABLE: &str = "phoneops_not_applicable_items";
/// Sites where items that can make phones vanish reach no further phone, because one was not heard of since.
pub const STOPPED_LADDERS: &str = "phoneops_lockout_stopped_sites";
/// Phones of selected sites that another release keeps.
pub const FOREIGN_PHONES: &str = "phoneops_foreign_phones";
/// Brakes that hold.
pub const BRAKES: &str = "phoneops_brakes";
/// Declared phones that are braked.
pub const BRAKED_PHONES: &str = "phoneops_braked_phones";
/// Sites that come back from an outage.
pub const RECOVERING_SITES: &str = "phoneops_recovering_sites";
/// Alerts that stand, by `kind`.
pub const ALERTS: &str = "phoneops_alerts";
/// Alerts that fire, by `kind`: those that stand long enough to be told.
pub const ALERTS_FIRING: &str = "phoneops_alerts_firing";
/// Alerts that stand long enough and have no room among those that fire.
pub const ALERTS_WAITING: &str = "phoneops_alerts_without_room";
/// What is still to be told of alerts, by `target`.
pub const ALERT_QUEUE: &str = "phoneops_alert_queue";
/// Deliveries of alerts by `target` and `result`.
pub const ALERT_DELIVERIES: &str = "phoneops_alert_deliveries_total";
/// What was never told of alerts because too much waited.
pub const ALERTS_DROPPED: &str = "phoneops_alerts_dropped_total";
/// Commit statuses that were posted, by `forge` and `result`.
pub const COMMIT_STATUSES: &str = "phoneops_commit_statuses_total";
/// Deliveries of webhooks by `result`.
pub const WEBHOOKS: &str = "phoneops_webhooks_total";
/// Ended sessions by `reason` of the first message and `result`.
pub const SESSIONS: &str = "phoneops_sessions_total";
/// Factory resets that phones showed; their passwords and seeds are written again.
pub const RESETS: &str = "phoneops_factory_resets_total";
/// Contact-me requests by `result`.
pub const CONTACTS: &str = "phoneops_contacts_total";
/// Looks at the source by `result`.
pub const FETCHES: &str = "phoneops_source_fetches_total";
/// Times a `bound` of the service or the status server was hit; the phones' listener counts its own.
pub const BOUNDS: &str = "phoneops_service_bounds_hit_total";
/// 1 while the store cannot be written.
pub const STORE_AWAY: &str = "phoneops_store_away";
/// Commits of the store by `result`.
pub const STORE_COMMITS: &str = "phoneops_store_commits_total";
/// Callers that had to wait for a place in the store's queue.
pub const STORE_WAITS: &str = "phoneops_store_waits_total";
/// Always 1, with the `version` of the program.
pub const BUILD: &str = "phoneops_build";

/// All of them.
pub const ALL: &[&str] = &[
    REFUSED,
    OLDEST_PENDING,
    SESSION_SECONDS,
    STEP_SECONDS,
    PUSH_TO_PROOF,
    QUEUES,
    REVISION_TIME,
    SOURCE_AWAY,
    PROBLEMS,
    API_REQUESTS,
    KUBE_WRITES,
    KUBE_RECORDS,
    PHONES,
    PENDING,
    REASONS,
    DRIFT,
    TUG_OF_WAR,
    STOPPED_SITES,
    STOPPED_LADDERS,
    FOREIGN_PHONES,
    BRAKES,
    BRAKED_PHONES,
    RECOVERING_SITES,
    ALERTS,
    ALERTS_FIRING,
    ALERTS_WAITING,
    ALERT_QUEUE,
    ALERT_DELIVERIES,
    ALERTS_DROPPED,
    COMMIT_STATUSES,
    WEBHOOKS,
    LOG_HELD_BACK,
    HISTORY_LOST,
    NOT_APPLICABLE,
    SESSIONS,
    RESETS,
    CONTACTS,
    FETCHES,
    BOUNDS,
    STORE_AWAY,
    STORE_COMMITS,
    STORE_WAITS,
    BUILD,
];

/// Those of single phones, which show only when they are asked for.
pub const OF_PHONES: &[&str] = &[PHONE_STATE, PHONE_DRIFT, PHONE_PROOF];
