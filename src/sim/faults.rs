//! The faults that one phone has at a time.

use smol_str::SmolStr;

use super::fault::Fault;
use crate::wpi::ItemStatus;

/// The faults of one phone; at most one of each name, or of each name and item.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        let mut set = Self::default();
        for fault in faults {
            set.set(fault);
        }
        set
    }

    /// Adds a fault in place of an older one of the same name and item.
    pub(super) fn set(&mut self, fault: Fault) {
        self.0.retain(|old| old.name() != fault.name() || old.item() != fault.item());
        self.0.push(fault);
    }

    /// Takes out every fault of that name; whether there was one.
    pub(super) fn clear(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|fault| fault.name() != name);
        self.0.len() < before
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.0.contains(fault)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// The value that `pick` finds in one of the faults.
    pub(super) fn find<'a, T>(&'a self, pick: impl FnMut(&'a Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(pick)
    }

    /// The status that an item is to get when it is read or written.
    pub(super) fn item_status(&self, name: &str) -> Option<&SmolStr> {
        self.0.iter().find_map(|fault| match fault {
            Fault::ItemStatus(item, word) | Fault::LacksItem(item, word) if item == name => Some(word),
            _ => None,
        })
    }

    /// The status that an item is to get when it is written.
    pub(super) fn write_status(&self, name: &str) -> Option<ItemStatus> {
        let told = self.find(|fault| match fault {
            Fault::WriteStatus(item, word) if item == name => Some(word),
            _ => None,
        });
        let word = self.item_status(name).or(told).map(|word| ItemStatus::from_wire(word));
        word.or_else(|| self.fixes(name).then_some(ItemStatus::ReadOnly))
    }

    /// Whether DHCP sets this item.
    pub(super) fn fixes(&self, name: &str) -> bool {
        self.0.iter().any(|fault| matches!(fault, Fault::FixedByDhcp(item) if item == name))
    }

    /// Whether the phone has no such item.
    pub(super) fn lacks(&self, name: &str) -> bool {
        self.0.iter().any(|fault| matches!(fault, Fault::LacksItem(item, _) if item == name))
    }

    /// Whether no message of the phone can be read (F-24, F-25).
    pub(super) fn spoil_messages(&self) -> bool {
        self.0.iter().any(|fault| matches!(fault, Fault::NotWellFormed | Fault::Dtd | Fault::HugeBody))
    }

    /// Counts down `busy-times`; whether this action is to be refused.
    pub(super) fn take_busy(&mut self) -> bool {
        let Some(left) = self.find(|fault| if let Fault::BusyTimes(left) = fault { Some(*left) } else { None }) else {
            return false;
        };
        if left > 1 {
            self.set(Fault::BusyTimes(left - 1));
        } else {
            self.clear("busy-times");
        }
        left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_has_one_fault_of_a_name_and_others_have_theirs() {
        let parsed = |text: &str| text.parse::<Fault>().unwrap();
        let mut faults = Faults::new(vec![parsed("lacks-item:a=unknown item"), parsed("lacks-item:b=not supported")]);
        faults.set(parsed("lacks-item:a=invalid index"));
        assert_eq!(faults.item_status("a").unwrap(), "invalid index");
        assert!(faults.lacks("b") && !faults.lacks("c") && !faults.fixes("a"));
    }

    #[test]
    fn busy_times_counts_down_and_clears_itself() {
        let mut faults = Faults::new(vec![Fault::BusyTimes(2)]);
        assert_eq!([faults.take_busy(), faults.take_busy(), faults.take_busy()], [true, true, false]);
        assert_eq!(faults.iter().count(), 0);
    }
}
