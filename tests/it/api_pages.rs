//! Lists of the API in pages, over real sockets: a client can follow them, and what is no page is said.

use jiff::Timestamp;
use phoneops::fleet::{
    alert::{Alert, AlertList},
    words::AlertKind,
};

use crate::api_service::{MadeUp, service};

/// Every list, with a `continue` that is of another one.
const LISTS: [(&str, &str); 12] = [
    ("phones", "alerts:08:one"),
    ("export", "alerts:08:one"),
    ("undeclared", "n:00:1A:E8:00:00:01/desk"),
    ("alerts", "safety:a:b:c:d"),
    ("safety", "alerts:08:one"),
    ("leftovers", "n:00:1A:E8:00:00:01/desk"),
    ("back", "undeclared:a:b"),
    ("history", "alerts:08:one"),
    ("audit", "alerts:08:one"),
    ("sites", "revisions:a:b"),
    ("profiles", "sites:berlin"),
    ("revisions", "sites:berlin"),
];

fn alert(id: &str) -> Alert {
    Alert {
        kind: AlertKind::Safety,
        id: id.to_owned(),
        site: None,
        item: None,
        revision: None,
        since: Timestamp::UNIX_EPOCH,
        phones: 1,
        names: Vec::new(),
        text: "look at it".to_owned(),
    }
}

#[tokio::test]
async fn pages_of_alerts_in_a_row_are_all_alerts_and_each_tells_how_many_follow() {
    let ids = ["Safety:a b", "Safety:berlin", "Safety:c%3a", "Safety:d&e", "Safety:f"];
    let service = service(MadeUp { alerts: ids.map(alert).into(), ..MadeUp::default() }).await;
    let (mut read, mut behind) = (Vec::new(), Vec::new());
    let mut path = "GET /api/v1/alerts?limit=2".to_owned();
    loop {
        let page: AlertList = serde_json::from_value(service.ask(&path, &[]).await.json()).unwrap();
        read.extend(page.alerts.into_iter().map(|alert| alert.id));
        behind.push(page.more);
        let Some(next) = page.next else { break };
        let next = next.replace('%', "%25").replace(' ', "%20").replace('&', "%26");
        path = format!("GET /api/v1/alerts?limit=2&continue={next}");
    }
    assert_eq!((read, behind), (ids.map(str::to_owned).into(), vec![3, 1, 0]));
}

#[tokio::test]
async fn no_list_begins_anew_for_a_continue_that_is_none_of_its_own() {
    let service = service(MadeUp::default()).await;
    for (list, other) in LISTS {
        for token in [other, "nothing"] {
            let answer = service.ask(&format!("GET /api/v1/{list}?continue={token}"), &[]).await;
            assert_eq!(answer.error(), (400, "continue".to_owned()), "{list}: {token}");
        }
    }
}

#[tokio::test]
async fn every_list_says_which_parameters_it_has_and_takes_each_once() {
    let service = service(MadeUp::default()).await;
    for (list, _) in LISTS {
        let ask = async |parameters: &str| service.ask(&format!("GET /api/v1/{list}?{parameters}"), &[]).await;
        for wrong in ["limit=0", "limit=-1", "limit=all"] {
            assert_eq!(ask(wrong).await.error(), (400, "limit".to_owned()), "{list}: {wrong}");
        }
        let answer = ask("sort=name").await;
        assert_eq!(answer.error(), (400, "parameter".to_owned()), "{list}");
        assert!(answer.body.contains("limit") && answer.body.contains("continue"), "{answer:?}");
        assert_eq!(ask("limit=1&limit=2").await.error(), (400, "parameter".to_owned()), "{list}");
    }
}
