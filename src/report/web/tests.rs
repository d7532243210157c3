//! Pages, made from what a test makes up.

use jiff::Timestamp;
use maud::Markup;
use proptest::prelude::*;

use super::{
    frame::{self, Here},
    glance::Glance,
    guide, overview, phone, phones, revisions, undeclared,
};
use crate::{
    fleet::{
        alert::{Alert, AlertList},
        explain::{Explanation, ItemStory, LayeredView},
        gate::view::{GateView, HeldView, PlannedChange},
        history::{ChangeView, CommitView, HistoryPage},
        sentences::Sentences,
        service_view::ServiceView,
        survey::{RevisionTally, Survey},
        tally::LayerTally,
        view::{DriftView, Page, PendingView, PhoneView, Query, RefusedView},
        words::{AlertKind, ChangeCause, ChangeResult, DegradedReason, HeldReason, ItemStanding, PendingReason, State},
    },
    report::{ContactAnswer, FailedHandshake, SessionView, Undeclared},
    spec::Mode,
};

fn now() -> Timestamp {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

/// A phone in which every text that somebody else wrote is `text`.
pub(super) fn made_up(text: &str) -> PhoneView {
    let some = || Some(text.to_owned());
    PhoneView {
        name: some(),
        mac: text.to_owned(),
        model: some(),
        firmware: some(),
        e164: some(),
        site: some(),
        labels: [(text.to_owned(), text.to_owned())].into(),
        mode: Some(Mode::Enforce),
        state: State::Pending,
        pending: Some(PendingView { reason: PendingReason::Queued, since: Some(now()), next: Some(now()) }),
        degraded: vec![DegradedReason::Refused],
        drift: vec![DriftView {
            item: text.to_owned(),
            index: Some(2),
            desired: text.to_owned(),
            observed: some(),
            risky: None,
            first_seen: Some(now()),
            times: 1,
        }],
        drift_count: 1,
        refused: vec![RefusedView { item: text.to_owned(), index: None, status: text.to_owned() }],
        assumed: Vec::new(),
        assumed_count: 0,
        not_applicable: Vec::new(),
        not_applicable_count: 0,
        notes: vec![text.to_owned()],
        problems: vec![text.to_owned()],
        proven: 1,
        managed: 2,
        tug_of_war: Vec::new(),
        ignored: Vec::new(),
        ignored_count: 0,
        warnings: vec![text.to_owned()],
        revision: some(),
        address: some(),
        last_seen: Some(now()),
        last_proof: None,
    }
}

fn tally() -> LayerTally {
    LayerTally { phones: 3, in_sync: 1, pending: 1, awaited: 1, suspended: 0, unread: 0, drifted: 1 }
}

fn glance(text: &str) -> Glance {
    let revision = RevisionTally { tally: tally(), failing: vec![(text.to_owned(), State::Drifted)] };
    let survey = Survey {
        revision: Some(text.to_owned()),
        phones: 3,
        states: [(State::InSync, 1), (State::Pending, 1), (State::Drifted, 1)].into(),
        pending: [(PendingReason::Queued, 1)].into(),
        sites: [(text.to_owned(), tally())].into(),
        models: [(text.into(), 3)].into(),
        other_models: 0,
        drift: [(text.into(), 1)].into(),
        revisions: [(text.to_owned(), revision)].into(),
    };
    let change = PlannedChange {
        item: text.to_owned(),
        index: None,
        from: None,
        to: text.to_owned(),
        risky: Some(text.to_owned()),
        put_back: false,
        phones: 1,
        names: vec![text.to_owned()],
    };
    let held = HeldView {
        revision: text.to_owned(),
        digest: text.to_owned(),
        since: now(),
        causes: vec![text.to_owned()],
        phones: 1,
        vanishing: 0,
        returned: 0,
        sites: [].into(),
        catalogue: false,
        changes: vec![change],
        more: 0,
        approvals: Vec::new(),
        rejected: None,
    };
    let alert = Alert {
        kind: AlertKind::Safety,
        id: text.to_owned(),
        site: None,
        item: None,
        since: now(),
        phones: 1,
        names: vec![text.to_owned()],
        revision: None,
        text: text.to_owned(),
    };
    Glance {
        survey,
        service: ServiceView { notes: vec![text.to_owned()], ..ServiceView::default() },
        alerts: AlertList { alerts: vec![alert], more: 0, next: None },
        gate: GateView { held: Some(held), newest: None },
        away: vec![text.to_owned()],
    }
}

fn history(text: &str) -> HistoryPage {
    let some = || Some(text.to_owned());
    let change = ChangeView {
        at: now(),
        phone: some(),
        mac: text.to_owned(),
        item: text.to_owned(),
        index: None,
        old: some(),
        new: some(),
        cause: ChangeCause::Drift,
        revision: some(),
        author: some(),
        committer: some(),
        result: ChangeResult::Refused,
        word: some(),
    };
    HistoryPage { changes: vec![change], next: some() }
}

fn explanation(text: &str) -> Explanation {
    let layered =
        || LayeredView { value: Some(text.to_owned()), layer: Some(text.to_owned()), place: Some(text.to_owned()) };
    let story = ItemStory {
        item: text.to_owned(),
        index: Some(1),
        wanted: layered(),
        over: vec![layered()],
        observed: Some(text.to_owned()),
        standing: ItemStanding::Differs,
        why: Some(text.to_owned()),
    };
    Explanation {
        name: Some(text.to_owned()),
        mac: text.to_owned(),
        state: State::Pending,
        revision: Some(text.to_owned()),
        read: Some(now()),
        items: vec![story],
    }
}

fn commit(text: &str) -> CommitView {
    CommitView {
        revision: text.to_owned(),
        at: now(),
        author: Some(text.to_owned()),
        committer: Some(format!("{text}!")),
    }
}

/// Every page, in which every text that somebody else wrote is `text`.
fn pages(text: &str) -> Vec<(&'static str, String)> {
    let (glance, view, history, explanation) = (glance(text), made_up(text), history(text), explanation(text));
    let session = SessionView {
        at: now(),
        reason: "start-up",
        result: "failed",
        problem: Some(text.to_owned()),
        written: 1,
        refused: 1,
        drift: 1,
    };
    let query = Query {
        site_selector: Some("region!=north".parse().unwrap()),
        state: Some(State::Pending),
        selector: crate::spec::Labels::from([(text, text)]),
        reason: Some(PendingReason::Queued),
        site: Some(text.to_owned()),
        model: Some(text.to_owned()),
        item: Some(text.to_owned()),
        revision: Some(text.to_owned()),
        text: Some(text.to_owned()),
        limit: None,
        after: Some(text.to_owned()),
    };
    let page = Page { revision: Some(text.to_owned()), phones: vec![view.clone()], next: Some(text.to_owned()) };
    let asked = phone::told(&ContactAnswer::CannotBeReached { why: text.to_owned() }, now());
    let known = phone::Known {
        phone: &view,
        explanation: Some(&explanation),
        history: Ok(&history),
        sessions: &[session],
        asked: Some(asked),
    };
    let unwanted = PhoneView { name: None, state: State::Undeclared, pending: None, ..view.clone() };
    let of_unwanted =
        phone::Known { phone: &unwanted, explanation: None, history: Err(text), sessions: &[], asked: None };
    let handshake = FailedHandshake {
        address: text.to_owned(),
        phone: Some(text.to_owned()),
        highest_version: Some(text.to_owned()),
        cause: text.to_owned(),
        remedy: Some(text.to_owned()),
        count: 1,
        last: now(),
    };
    let strangers = Undeclared { phones: vec![unwanted.clone()], next: None, handshakes: vec![handshake] };
    let commit = commit(text);
    let revision = revisions::Known { name: text, glance: &glance, commit: Some(&commit), history: Ok(&history) };
    let framed = |main: &Markup| frame::page(Here::Fleet, text, Some(&glance), Some(text), main).0;
    vec![
        ("fleet", framed(&overview::main(&glance, Some(&commit), now()))),
        ("phones", framed(&phones::main(&glance, &query, &page, now()))),
        ("phone", framed(&phone::main(&known, now()))),
        ("undeclared phone", framed(&phone::main(&of_unwanted, now()))),
        ("revisions", framed(&revisions::list(&glance, vec![commit.clone()], now()))),
        ("revision", framed(&revisions::one(&revision, now()))),
        ("undeclared", framed(&undeclared::main(&strangers, 0, now()))),
        ("guide", framed(&guide::main())),
        ("refusal", frame::refusal(text, text, None).0),
    ]
}

/// The marks that make up HTML, in order; all else is text. Where a name may be broken depends on the name.
fn marks(page: &str) -> String {
    page.replace("<wbr>", "").chars().filter(|c| matches!(c, '<' | '>' | '"')).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_of_others_becomes_markup(
        text in "[a-z<>\"'&=/;:#?{}\\\\\u{202e}\u{7}äß]{0,12}(<script>|<img src=x onerror=y>|\"><b>|' onload='|&lt;|--></style>)",
    ) {
        for ((name, hostile), (_, plain)) in pages(&text).into_iter().zip(pages("x")) {
            // whatever stands in them, the pages have the same elements and attributes; only escaped YAML has more lines
            prop_assert_eq!(marks(&hostile), marks(&plain), "the page {} with {}", name, text);
            for bad in ["<script>", "<img", "<b>", "</style>", "javascript:"] {
                prop_assert!(!hostile.contains(bad), "{} in the page {}", bad, name);
            }
        }
    }
}

#[test]
fn pages_load_and_run_nothing_that_is_not_a_file_of_ours() {
    for (name, page) in pages("x") {
        for bad in [" style=", " onclick", "<style", "http://", "https://", "//"] {
            assert!(!page.contains(bad), "{bad} in the page {name}");
        }
        let scripts: Vec<_> = page.match_indices("<script").collect();
        assert!(scripts.len() <= 1, "one script at most in the page {name}");
        assert!(scripts.is_empty() || page.contains("></script>"), "none is written into the page {name}");
    }
}

#[test]
fn each_page_has_what_people_need_who_do_not_see_it() {
    for (name, page) in pages("x") {
        assert_eq!(page.matches("<h1").count(), 1, "one headline on the page {name}");
        assert_eq!(page.matches("<main ").count(), 1, "{name}");
        assert!(page.contains("class=\"skip\" href=\"#main\"") && page.contains("lang=\"en\""), "{name}");
        assert_eq!(
            page.matches("<table").count(),
            page.matches("<caption").count(),
            "{name}: each table says what it is"
        );
        assert_eq!(
            page.matches("<input").count() - page.matches("type=\"hidden\"").count() + page.matches("<select").count(),
            page.matches("<label").count(),
            "{name}: each field has a label"
        );
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for id in &ids {
            assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{name}: {id} stands once");
        }
        for named in page.split(" aria-labelledby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(ids.contains(&named), "{name}: {named} is there");
        }
        for live in page.split('<').filter(|element| element.contains(" data-live")) {
            assert!(live.contains(" id=\""), "{name}: what is replaced has a name: {live}");
        }
    }
}

#[test]
fn a_phone_in_a_call_shows_no_times_of_it() {
    let view = PhoneView {
        pending: Some(PendingView { reason: PendingReason::InCall, since: None, next: None }),
        last_seen: None,
        notes: Vec::new(),
        ..made_up("x")
    };
    let known = phone::Known {
        phone: &view,
        explanation: None,
        history: Ok(&HistoryPage::default()),
        sessions: &[],
        asked: None,
    };
    let page = phone::main(&known, now()).0;
    assert!(page.contains("InCall") && page.contains(PendingReason::InCall.sentences().means), "{page}");
    assert!(!page.contains("<time"), "{page}");
}

#[test]
fn the_state_and_the_reason_of_a_phone_say_what_to_do() {
    let page = pages("x").into_iter().find(|(name, _)| *name == "phone").unwrap().1;
    for sentences in [State::Pending.sentences(), PendingReason::Queued.sentences()] {
        assert!(page.contains(sentences.means) && page.contains(sentences.advice), "{page}");
    }
}

#[test]
fn the_list_of_words_says_of_each_what_it_means() {
    let page = pages("x").into_iter().find(|(name, _)| *name == "guide").unwrap().1;
    // parts of a sentence in backquotes have a mark of their own
    let shown = |sentence: &str| sentence.split('`').all(|part| page.contains(part));
    let words = State::ALL.iter().map(|word| word.sentences());
    let words = words.chain(PendingReason::ALL.iter().map(|word| word.sentences()));
    let words = words.chain(DegradedReason::ALL.iter().map(|word| word.sentences()));
    for Sentences { means, advice } in words.chain(HeldReason::ALL.iter().map(|word| word.sentences())) {
        assert!(shown(means) && shown(advice), "{means} {advice}");
    }
}

#[test]
fn the_first_page_of_ten_thousand_phones_at_three_hundred_sites_is_small() {
    let mut large = glance("x");
    large.survey.phones = 10_000;
    large.survey.states = State::ALL.iter().map(|state| (*state, 900)).collect();
    large.survey.pending = PendingReason::ALL.iter().map(|reason| (*reason, 60)).collect();
    large.survey.sites = (0..300).map(|site| (format!("site-with-a-long-name-{site:03}"), tally())).collect();
    large.survey.models = (0..100).map(|model| (format!("OpenScape Desk Phone {model}").into(), 100)).collect();
    large.survey.drift = (0..1_000).map(|item| (format!("an-item-of-the-catalogue-{item}").into(), 9)).collect();
    large.alerts.alerts = vec![large.alerts.alerts[0].clone(); 1_000];
    let page = frame::page(Here::Fleet, "Fleet", Some(&large), None, &overview::main(&large, None, now())).0;
    let drawn: usize =
        [super::drawing::STYLE, super::drawing::SCRIPT, super::drawing::ICON].iter().map(|file| file.len()).sum();
    let list = Page { revision: None, phones: vec![made_up(&"x".repeat(60)); super::phones::ROWS], next: None };
    let list = phones::main(&large, &Query::default(), &list, now()).0.len();
    assert!(page.len() + drawn < 200_000, "{} bytes and {drawn}", page.len());
    assert!(list < 200_000, "{list} bytes");
}
