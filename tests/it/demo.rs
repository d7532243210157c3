//! The demo as people run it, by the binary.

use std::process::Command;

/// What the demo says on its way, over git and over a cluster.
pub(crate) const STEPS: [&str; 9] = [
    "24 phones Drifted; 120 items would change",
    "nothing was written",
    "24 phones InSync",
    "the 8 phones of berlin have it, no other phone was touched",
    "hamburg-01 is Pending, InCall",
    "called by itself",
    "its drift is seen",
    "put right in a session of its own",
    "every step came out right",
];

#[test]
fn the_demo_plays_every_step_and_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_phoneops"))
        .args(["demo", "--once", "--status-listen", "127.0.0.1:0", "--patience", "120s", "--folder"])
        .arg(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for step in STEPS {
        assert!(told.contains(step), "{step:?} is missing in:\n{told}");
    }
}
