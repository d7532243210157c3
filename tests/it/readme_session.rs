//! The session that the README shows, typed into the demo that it was recorded on: each command ends well and says what
//! the README says, but for times and names of commits.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::service_child::phoneops;

const PATIENCE: Duration = Duration::from_mins(1);

/// Something that runs, until it is dropped.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The commands of the README with what each prints.
fn session() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let chapter = page.split("### A change, from end to end").nth(1).unwrap();
    let block = chapter.split("```").nth(1).unwrap();
    let mut commands: Vec<(String, Vec<String>)> = Vec::new();
    for line in block.lines().filter(|line| !line.is_empty() && *line != "^C") {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), Vec::new())),
            (None, Some((_, lines))) => lines.push(line.to_owned()),
            (None, None) => panic!("{line} is no command's"),
        }
    }
    commands
}

/// A line without times, names of commits and the width of columns.
fn plain(line: &str) -> String {
    let is_commit = |word: &str| [12, 40].contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_time = |word: &str| {
        word.strip_suffix(['s', 'm', 'h']).is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let bare = |word: &str| word.trim_matches(['(', ')', ',', '`', '.']).to_owned();
    let words = line.split_whitespace().filter(|word| !is_time(word) && !["ago", "ago;", "now"].contains(word));
    words
        .map(|word| if is_commit(&bare(word)) { "commit".to_owned() } else { word.to_owned() })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The folder of a demo that has played all its steps.
fn played(parent: &Path, demo: &mut Background) -> PathBuf {
    let mut out = demo.0.stdout.take().unwrap();
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !String::from_utf8_lossy(&text).contains("It stays up") {
        assert_eq!(out.read(&mut byte).unwrap(), 1, "the demo ended: {}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    // it prints a few lines more
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    fs::read_dir(parent).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn the_session_of_the_readme_goes_as_it_is_shown() {
    let parent = tempfile::tempdir().unwrap();
    let mut demo = phoneops("demo");
    demo.args(["--status-listen", "127.0.0.1:0", "--folder"]).arg(parent.path()).stdout(Stdio::piped());
    let mut demo = Background(demo.spawn().unwrap());
    let folder = played(parent.path(), &mut demo).join("fleet");
    let program = Path::new(env!("CARGO_BIN_EXE_phoneops")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let told = parent.path().join("told");
    let commands = session();
    let names: Vec<&str> =
        commands.iter().filter_map(|(command, _)| command.strip_prefix("phoneops ")?.split(' ').next()).collect();
    assert_eq!(names, ["validate", "plan", "status", "approve", "status", "explain", "history"]);
    for (command, lines) in &commands {
        let watches = command.contains("--watch");
        // what is under way is not the same each time
        let expected: Vec<String> =
            lines.iter().filter(|line| !watches || !line.contains("Pending")).map(|line| plain(line)).collect();
        let mut child = Command::new("bash");
        child.args(["-c", &format!("exec 2>&1; {}{command}", if watches { "exec " } else { "" })]).current_dir(&folder);
        child.env("PATH", &path).env("PHONEOPS_SERVER", "unix:../state/api.sock");
        let mut child = Background(child.stdout(fs::File::create(&told).unwrap()).spawn().unwrap());
        let began = Instant::now();
        let said = || fs::read_to_string(&told).unwrap().lines().map(plain).collect::<Vec<_>>();
        let missing = || expected.iter().filter(|line| !said().contains(line)).cloned().collect::<Vec<_>>();
        loop {
            assert!(began.elapsed() < PATIENCE, "{command} never says {:#?}, but {:#?}", missing(), said());
            if watches && missing().is_empty() {
                break;
            }
            if let Some(status) = child.0.try_wait().unwrap() {
                // plan says by its exit code that something would change
                assert_eq!(
                    status.code(),
                    Some(i32::from(command.contains("phoneops plan"))),
                    "{command}: {:#?}",
                    said()
                );
                let (said, expected) = (said(), expected.clone());
                let said: Vec<String> = said.into_iter().filter(|line| !line.is_empty()).collect();
                assert_eq!(said, expected, "{command}");
                break;
            }
            sleep(Duration::from_millis(20));
        }
    }
}
