//! The phones of a cluster, kept up to date by a watch: as long as nothing changes there, the API server is asked nothing.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{
    StreamExt as _,
    stream::{BoxStream, select_all},
};
use kube::{
    api::DynamicObject,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, Event, watcher},
    },
};
use tokio::time::{Instant, sleep_until};

use super::{
    client::ClientError,
    cluster::{ClusterClient, Seen},
};

/// What the API server says when it no longer knows where a watch was: then everything is listed anew, by itself.
const GONE: u16 = 410;

type Told = Result<Event<DynamicObject>, watcher::Error>;

/// The resources of a cluster as they are now.
pub(super) struct Live {
    client: ClusterClient,
    stream: BoxStream<'static, (usize, Told)>,
    parts: Vec<Part>,
    /// Whether an error was told and nothing came since.
    away: bool,
    changed: bool,
}

/// The resources of one kind in one namespace.
#[derive(Debug, Default)]
struct Part {
    here: BTreeMap<String, DynamicObject>,
    /// A list that is being read.
    listing: Option<BTreeMap<String, DynamicObject>>,
    /// Whether it was read once.
    whole: bool,
}

impl Part {
    /// Takes a change over; whether people see another state now.
    fn take(&mut self, event: Event<DynamicObject>) -> bool {
        let name = |object: &DynamicObject| object.metadata.name.clone().unwrap_or_default();
        match event {
            Event::Init => self.listing = Some(BTreeMap::new()),
            Event::InitApply(object) => drop(self.listing.get_or_insert_default().insert(name(&object), object)),
            Event::InitDone => {
                self.here = self.listing.take().unwrap_or_default();
                self.whole = true;
                return true;
            }
            Event::Apply(object) => {
                self.here.insert(name(&object), object);
                return true;
            }
            Event::Delete(object) => return self.here.remove(&name(&object)).is_some(),
        }
        false
    }
}

impl Live {
    /// Lists once and watches from there on.
    pub(super) async fn start(client: ClusterClient) -> Result<Self, ClientError> {
        let apis = client.apis();
        let parts = apis.iter().map(|_| Part::default()).collect();
        let streams = apis.into_iter().enumerate().map(|(place, api)| {
            let changes = watcher(api, watcher::Config::default()).default_backoff();
            changes.map(move |told| (place, told)).boxed()
        });
        let stream = select_all(streams).boxed();
        let mut live = Self { client, stream, parts, away: false, changed: false };
        while !live.parts.iter().all(|part| part.whole) {
            let Some((place, told)) = live.stream.next().await else { break };
            live.take(place, told)?;
        }
        Ok(live)
    }

    /// What there is.
    pub(super) fn seen(&self) -> Seen {
        self.client.seen(self.parts.iter().map(|part| part.here.values()))
    }

    /// Where it is.
    pub(super) fn server(&self) -> &str {
        self.client.server()
    }

    /// Takes in what comes for that long, and then on until something has changed, where nothing else is `due`. Of several
    /// errors in a row the first one is told.
    pub(super) async fn wait(&mut self, time: Duration, due: bool) -> Result<(), ClientError> {
        let end = Instant::now() + time;
        loop {
            let is_over = Instant::now() >= end;
            if is_over && (due || self.changed) {
                self.changed = false;
                return Ok(());
            }
            let over = async { if is_over { std::future::pending().await } else { sleep_until(end).await } };
            tokio::select! {
                told = self.stream.next() => match told {
                    Some((place, told)) => self.take(place, told)?,
                    None => std::future::pending().await,
                },
                () = over => {}
            }
        }
    }

    fn take(&mut self, place: usize, told: Told) -> Result<(), ClientError> {
        match told {
            Ok(event) => {
                self.away = false;
                self.changed |= self.parts.get_mut(place).is_some_and(|part| part.take(event));
                Ok(())
            }
            Err(watcher::Error::WatchError(status)) if status.code == GONE => Ok(()),
            Err(_) if std::mem::replace(&mut self.away, true) => Ok(()),
            Err(error) => Err(self.client.said(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn object(name: &str, version: &str) -> DynamicObject {
        let metadata = serde_json::json!({"name": name, "resourceVersion": version});
        let object =
            serde_json::json!({"apiVersion": "phoneops.dev/v1alpha1", "kind": "PhoneConfig", "metadata": metadata});
        serde_json::from_value(object).unwrap()
    }

    fn names(part: &Part) -> Vec<String> {
        part.here
            .values()
            .map(|object| {
                format!(
                    "{}@{}",
                    object.metadata.name.as_deref().unwrap(),
                    object.metadata.resource_version.as_deref().unwrap()
                )
            })
            .collect()
    }

    #[test]
    fn a_list_takes_the_place_of_what_was_known_only_when_it_is_whole() {
        let mut part = Part::default();
        assert!(!part.take(Event::Init) && !part.take(Event::InitApply(object("a", "1"))) && !part.whole);
        assert!(part.take(Event::InitDone) && part.whole);
        assert!(part.take(Event::Apply(object("b", "2"))));
        assert_eq!(names(&part), ["a@1", "b@2"]);
        // the watch was lost: what came meanwhile is in the new list, and what went is not
        assert!(!part.take(Event::Init) && !part.take(Event::InitApply(object("b", "5"))));
        assert_eq!(names(&part), ["a@1", "b@2"], "people go on seeing what was known");
        assert!(part.take(Event::InitDone));
        assert_eq!(names(&part), ["b@5"]);
        assert!(part.take(Event::Delete(object("b", "6"))) && !part.take(Event::Delete(object("b", "6"))));
    }

    #[tokio::test]
    async fn an_error_is_told_once_until_something_comes_and_a_watch_that_is_too_old_is_none() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let config = kube::Config::new(url.parse().unwrap());
        let client = ClusterClient::of(config, &["voice".to_owned()]).unwrap();
        let stream = futures_util::stream::pending().boxed();
        let mut live = Live { client, stream, parts: vec![Part::default()], away: false, changed: false };
        let error = |code| Err(watcher::Error::WatchError(Box::new(Status { code, ..Status::default() })));
        assert!(live.take(0, error(GONE)).is_ok());
        assert!(live.take(0, error(500)).is_err() && live.take(0, error(500)).is_ok());
        assert!(live.take(0, Ok(Event::Init)).is_ok() && live.take(0, error(500)).is_err());
    }
}
