//! The handle of one simulated phone.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    contact, deployment,
    fault::Fault,
    run::{self, Shared},
    settings::{SimError, SimSettings},
    state::{Cause, State},
    transcript::{Counts, Exchange},
};
use crate::wpi::{ItemId, ItemText};

/// What was waited for did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("phone {phone} did not get there within {limit:?}; {counts}; last: {last}")]
pub struct WaitError {
    /// The phone.
    pub phone: String,
    /// How long it was given.
    pub limit: Duration,
    /// What it did so far.
    pub counts: Counts,
    /// Its last exchange.
    pub last: String,
}

/// A running simulated phone. Clones are handles of the same phone; when the last one is dropped, its tasks end.
///
/// It is made without power: [`SimPhone::boot`] has it register.
#[derive(Debug, Clone)]
pub struct SimPhone {
    shared: Arc<Shared>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl SimPhone {
    /// Opens the contact-me port and starts the phone's tasks. The phone has no power yet.
    pub async fn start(settings: SimSettings) -> Result<Self, SimError> {
        let id = settings.id.clone();
        let address = SocketAddr::new(settings.address, settings.contact_port);
        let listener = contact::open(address).map_err(|source| SimError::Listen { id: id.clone(), address, source })?;
        let contact = listener.local_addr().map_err(|source| SimError::Listen { id, address, source })?;
        let state = State::new(settings, contact);
        let shared = Arc::new(Shared::new(state));
        let mut tasks = JoinSet::new();
        tasks.spawn(contact::listen(Arc::clone(&shared), listener));
        let living = Arc::clone(&shared);
        tasks.spawn(async move { run::live(&living).await });
        // both tasks are on their way before anybody uses the handle
        tokio::task::yield_now().await;
        Ok(Self { shared, tasks: Arc::new(Mutex::new(tasks)) })
    }

    /// Power on: the phone registers at once, also when it had fallen silent for good.
    pub fn boot(&self) {
        self.shared.boot(Duration::ZERO, |_| ());
    }

    /// Power off and on again, whatever it is doing: it registers after the time of a reboot.
    pub fn restart(&self) {
        let pause = self.look(|view| view.settings.timing.reboot);
        self.shared.boot(pause, |_| ());
    }

    /// A person has the phone forget everything but what DHCP sets (R-1508): it registers after the time of a reboot.
    pub fn factory_reset(&self) {
        let pause = self.look(|view| view.settings.timing.reboot);
        self.shared.boot(pause, |state| {
            state.tell(|| "factory reset by a person".to_owned());
            state.device.reset(&state.faults);
            state.user_changes = None;
        });
    }

    /// A mobile user logs on: the phone has the user's number and reports its inventory.
    pub fn logon(&self, user: &str) {
        self.shared.change(|state| state.logon(user, Instant::now()));
    }

    /// The mobile user logs off: the phone has its own number again and reports its inventory.
    pub fn logoff(&self) {
        self.shared.change(|state| state.logoff(Instant::now()));
    }

    /// The user lifts the handset.
    pub fn start_call(&self) {
        self.shared.change(|state| {
            state.device.in_call = true;
            state.tell(|| "in a call".to_owned());
        });
    }

    /// The user hangs up; a kept wish has the phone call its server.
    pub fn end_call(&self) {
        self.shared.change(|state| {
            state.tell(|| "call ended".to_owned());
            state.end_call(Instant::now());
        });
    }

    /// Whether the user is in a call.
    pub fn in_call(&self) -> bool {
        self.look(State::in_call)
    }

    /// The user or the local web page changes a setting; it is reported after a while.
    pub fn local_change(&self, id: ItemId, text: ItemText) {
        self.shared.change(|state| {
            state.tell(|| format!("local change of {id}"));
            state.local_change(id, text, Instant::now());
        });
    }

    /// A module is plugged in: the phone reports its inventory.
    pub fn plug_in_module(&self) {
        self.shared.change(|state| state.plan(Cause::Inventory, Instant::now()));
    }

    /// A file that another server had the phone fetch is there: the phone reports it.
    pub fn file_arrived(&self, name: &str, kind: &str) {
        self.shared.change(|state| {
            let files = deployment::file(name, kind, &state.faults);
            if !files.is_empty() {
                state.plan(Cause::Files(files), Instant::now());
            }
        });
    }

    /// A person or another server gives the phone new firmware, such as `3.5.12.0`: it restarts.
    pub fn update(&self, version: &str) {
        let pause = self.look(|view| view.settings.timing.reboot);
        self.shared.boot(pause, |state| state.device.install(version, &state.faults));
    }

    /// The value that the phone has; a secret stays in custody. `None` for an item that it does not know.
    pub fn value(&self, id: &ItemId) -> Option<ItemText> {
        self.look(|view| view.value(id))
    }

    /// From now on the phone does this wrong.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.change(|state| state.faults.set(fault));
    }

    /// The phone stops doing that wrong, by the fault's name; whether it did.
    pub fn clear_fault(&self, name: &str) -> bool {
        self.shared.change(|state| state.faults.clear(name))
    }

    /// The phone's own id, as it was given.
    pub fn id(&self) -> String {
        self.look(|view| view.settings.id.clone())
    }

    /// Where it takes contact-me.
    pub fn contact_address(&self) -> SocketAddr {
        self.look(State::contact_address)
    }

    /// The exchanges that are kept, oldest first.
    pub fn transcript(&self) -> Vec<Exchange> {
        self.look(|view| view.exchanges().cloned().collect())
    }

    /// How often what happened.
    pub fn counts(&self) -> Counts {
        self.look(State::counts)
    }

    /// How many contact-me requests came.
    pub fn contacts_received(&self) -> u64 {
        self.counts().contacts
    }

    /// How many `WriteItems` were carried out.
    pub fn writes(&self) -> u64 {
        self.counts().writes
    }

    /// What the server did against the protocol.
    pub fn violations(&self) -> Vec<String> {
        self.look(|view| view.violations().to_vec())
    }

    /// A look at the phone that holds still.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.look())
    }

    /// Waits until the phone is as wished, without polling: it is asked after each change.
    pub async fn wait_for(&self, wish: impl Fn(&State) -> bool, limit: Duration) -> Result<(), WaitError> {
        let mut changes = self.shared.changes();
        let reached = async {
            loop {
                if self.look(&wish) {
                    return;
                }
                if changes.changed().await.is_err() {
                    // the sender lives as long as this handle
                    std::future::pending::<()>().await;
                }
            }
        };
        timeout(limit, reached).await.map_err(|_| self.look(|view| Self::not_reached(view, limit)))
    }

    /// Ends the phone's tasks and waits until they are gone.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
    }

    fn not_reached(view: &State, limit: Duration) -> WaitError {
        let last = view.exchanges().next_back().map_or_else(|| "none".to_owned(), |last| format!("{last:?}"));
        WaitError { phone: view.settings.id.clone(), limit, counts: view.counts(), last }
    }
}
