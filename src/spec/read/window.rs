//! `policy.windows`, and `windows` of a site: what they say of windows. The zone may be left to the site.

use std::{sync::Arc, time::Duration};

use super::{Findings, duration, fields, scalar};
use crate::spec::{
    code,
    export::written_duration,
    problem::{Place, Problem, Severity},
    window::{DURATIONS, Schedule, Window},
    written::Yaml,
    yaml::Node,
    zone::Zone,
};

/// Most windows of one list.
const WINDOW_LIMIT: usize = 20;

/// The windows that one layer sets in place of those of the layers below.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::spec) struct WindowList {
    /// All of them, if each names its zone.
    pub(in crate::spec) ready: Arc<[Window]>,
    /// All of them, if one leaves its zone to the site.
    pub(in crate::spec) zoneless: Arc<[ZonelessWindow]>,
}

/// A window whose zone may be the site's.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::spec) struct ZonelessWindow {
    schedule: Schedule,
    duration: Duration,
    time_zone: Option<Zone>,
    place: Place,
}

impl WindowList {
    /// The list as a document says it.
    pub(in crate::spec) fn written(&self) -> Yaml {
        let window = |schedule: &Schedule, length: Duration, zone: Option<&Zone>| {
            let mut fields = vec![
                ("schedule".to_owned(), Yaml::text(schedule.as_str())),
                ("duration".to_owned(), written_duration(length)),
            ];
            fields.extend(zone.map(|zone| ("timeZone".to_owned(), Yaml::text(zone.name()))));
            Yaml::Map(fields)
        };
        let ready = self.ready.iter().map(|own| window(&own.schedule, own.duration, Some(&own.time_zone)));
        let zoneless = self.zoneless.iter().map(|own| window(&own.schedule, own.duration, own.time_zone.as_ref()));
        Yaml::List(ready.chain(zoneless).collect())
    }
}

impl ZonelessWindow {
    fn on(&self, site: Option<&Zone>) -> Option<Window> {
        let time_zone = self.time_zone.clone().or_else(|| site.cloned())?;
        Some(Window { schedule: self.schedule.clone(), duration: self.duration, time_zone })
    }
}

/// The windows on the clock of a site; those without any clock are left out, and [`clockless`] tells of them.
pub(in crate::spec) fn on_clock(windows: &[ZonelessWindow], site: Option<&Zone>) -> Arc<[Window]> {
    windows.iter().filter_map(|window| window.on(site)).collect()
}

/// The windows that have no clock, because their site has none either.
pub(in crate::spec) fn clockless(windows: &[ZonelessWindow], site: &str) -> impl Iterator<Item = Problem> {
    windows.iter().filter(|window| window.time_zone.is_none()).map(move |window| {
        let message = format!(
            "the window says no `timeZone`, and neither does the PhoneSite `{site}`; write it, such as `timeZone: Europe/Berlin`"
        );
        Problem::new(Severity::Error, window.place.clone(), code::TIME_ZONE, message)
    })
}

/// Reads the list, which is named `what`. One window that is wrong makes the document invalid, so what is left of the list does no harm.
pub(in crate::spec) fn read(findings: &mut Findings, node: &Node, what: &str) -> Option<WindowList> {
    let nodes = fields::list(findings, node, what)?;
    if nodes.len() > WINDOW_LIMIT {
        let message = format!("{what} has {} entries and may have {WINDOW_LIMIT}", nodes.len());
        findings.error(node.mark, code::LIMIT, message);
        return None;
    }
    let drafts: Vec<ZonelessWindow> = nodes.iter().filter_map(|node| window(findings, node)).collect();
    let ready: Option<Arc<[Window]>> = drafts.iter().map(|draft| draft.on(None)).collect();
    Some(match ready {
        Some(ready) => WindowList { ready, ..WindowList::default() },
        None => WindowList { zoneless: drafts.into(), ..WindowList::default() },
    })
}

fn window(findings: &mut Findings, node: &Node) -> Option<ZonelessWindow> {
    const WHAT: &str = "a window";
    fields::known(findings, node, WHAT, &["schedule", "duration", "timeZone"])?;
    let schedule = fields::needed(findings, node, WHAT, "schedule").and_then(|node| {
        let text = scalar::string(findings, node, "`schedule`")?;
        Schedule::new(text).map_err(|problem| findings.error(node.mark, code::SCHEDULE, problem)).ok()
    });
    let length = fields::needed(findings, node, WHAT, "duration")
        .and_then(|node| duration::within(findings, node, "`duration`", DURATIONS, "at least 1m and at most 7d"));
    let time_zone = node.get("timeZone").map(|node| zone(findings, node));
    Some(ZonelessWindow {
        schedule: schedule?,
        duration: length?,
        time_zone: match time_zone {
            Some(zone) => Some(zone?),
            None => None,
        },
        place: findings.place(node.mark),
    })
}

/// Reads a `timeZone`.
pub(in crate::spec) fn zone(findings: &mut Findings, node: &Node) -> Option<Zone> {
    let name = scalar::string(findings, node, "`timeZone`")?;
    Zone::new(name).map_err(|problem| findings.error(node.mark, code::TIME_ZONE, problem)).ok()
}
