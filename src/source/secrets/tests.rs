use std::{os::unix::fs::symlink, sync::Arc};

use super::*;
use crate::{
    spec::{DesiredItem, DesiredValue, Digest, Policy, SiteName, desired::LayerValue},
    wpi::{DeviceId, ItemId, ItemName},
};

const PLANTED: &str = "planted-secret";

fn phone(items: &[(&str, DesiredValue)]) -> Desired {
    let mut items: Vec<_> = items
        .iter()
        .map(|(name, value)| DesiredItem {
            value: Arc::new(LayerValue {
                id: ItemId::new(ItemName::new(name).unwrap(), None),
                value: value.clone(),
                origin: None,
            }),
        })
        .collect();
    items.sort_by(|a, b| a.id.cmp(&b.id));
    Desired {
        device: DeviceId::from_mac("00:1A:E8:11:22:33").unwrap(),
        name: Arc::from("reception"),
        labels: Arc::default(),
        model: None,
        site: SiteName::new("default"),
        policy: Arc::new(Policy::default()),
        items: items.into(),
        seeds: Box::default(),
        digest: Digest([0; 32]),
        undecided: false,
        files: Arc::from([]),
    }
}

fn reception() -> Desired {
    phone(&[
        ("e164", DesiredValue::Text("4930123456".into())),
        ("terminal-name", DesiredValue::Text("desk".into())),
        ("sip-pwd", DesiredValue::Secret(SecretRef::File("x".into()))),
    ])
}

struct Folder {
    root: tempfile::TempDir,
}

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("secrets")).unwrap();
        let folder = Self { root };
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("secrets")
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn reader(&self) -> SecretsDir {
        SecretsDir::new(Some(self.dir()))
    }

    fn read(&self, reference: &SecretRef) -> Result<Secret, String> {
        self.reader().read(reference, &reception())
    }

    fn file(&self, name: &str) -> Result<Secret, String> {
        self.read(&SecretRef::File(name.into()))
    }

    fn keyed(&self, from: &str, key: &str) -> Result<Secret, String> {
        self.read(&SecretRef::Keyed { from: from.into(), key: key.into() })
    }
}

#[test]
fn one_line_break_at_the_end_is_not_part_of_a_secret() {
    for (content, secret) in [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), ("pw\n\n", "pw\n"), (" pw ", " pw ")] {
        assert_eq!(Folder::new(&[("s", content.as_bytes())]).file("s").unwrap(), Secret::new(secret), "{content:?}");
    }
}

#[test]
fn there_is_no_way_out_of_the_folder() {
    let folder = Folder::new(&[("sub/inner", b"in")]);
    let outside = folder.root.path().join("outside");
    fs::write(&outside, PLANTED).unwrap();
    symlink(&outside, folder.dir().join("link")).unwrap();
    symlink("..", folder.dir().join("up")).unwrap();
    for name in
        ["../outside", "sub/../../outside", outside.to_str().unwrap(), "link", "up/outside", "", ".", "sub", "/"]
    {
        let error = folder.file(name).unwrap_err();
        assert!(!error.contains(PLANTED), "{error}");
        assert!(error.starts_with("secret {file: "), "{error}");
    }
    let reference = SecretRef::Secret { name: "..".into(), key: "outside".into() };
    assert!(folder.read(&reference).unwrap_err().contains("single words"));
}

#[test]
fn a_secret_mounted_by_a_cluster_is_read_through_its_links() {
    let folder = Folder::new(&[("sip/..2024_01/password", b"pw\n")]);
    symlink("..2024_01", folder.dir().join("sip/..data")).unwrap();
    symlink("..data/password", folder.dir().join("sip/password")).unwrap();
    assert_eq!(folder.file("sip/password").unwrap(), Secret::new("pw"));
    let reference = SecretRef::Secret { name: "sip".into(), key: "password".into() };
    assert_eq!(folder.read(&reference).unwrap(), Secret::new("pw"));
}

#[test]
fn what_is_no_secret_is_refused_without_being_quoted() {
    let long = [PLANTED.as_bytes(), &vec![b'x'; SECRET_LIMIT]].concat();
    let binary = [PLANTED.as_bytes(), &[0xff]].concat();
    let folder = Folder::new(&[("empty", b"\n"), ("long", &long), ("binary", &binary)]);
    for (name, word) in [("empty", "is empty"), ("long", "more than"), ("binary", "not UTF-8"), ("none", "create it")] {
        let error = folder.file(name).unwrap_err();
        assert!(error.contains(word) && error.contains(name) && !error.contains(PLANTED), "{error}");
    }
}

#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let folder = Folder::new(&[]);
    let socket = std::os::unix::net::UnixListener::bind(folder.dir().join("socket")).unwrap();
    assert!(folder.file("socket").unwrap_err().contains("not a regular file"));
    drop(socket);
}

#[test]
fn without_a_folder_the_setting_is_named() {
    let error = SecretsDir::new(None).read(&SecretRef::File("x".into()), &reception()).unwrap_err();
    assert!(error.contains("--secrets-dir"), "{error}");
}

#[test]
fn variables_are_read_by_their_prefix_only() {
    let mut reader = SecretsDir::new(None);
    reader.environment = |name| (name != "PHONEOPS_SECRET_NONE").then(|| OsString::from("pw\n"));
    let read = |name: &str| reader.read(&SecretRef::Env(name.into()), &reception());
    assert_eq!(read("PHONEOPS_SECRET_SIP").unwrap(), Secret::new("pw"));
    assert!(read("PATH").unwrap_err().contains("PHONEOPS_SECRET_"));
    assert!(read("PHONEOPS_SECRET_NONE").unwrap_err().contains("not set"));
}

#[test]
fn one_file_serves_many_phones_by_a_key_with_items() {
    let yaml = "# passwords\n4930123456: 0815\n\"desk-4930123456\": 'pw two'\nyes-man: no\n";
    let folder = Folder::new(&[("sip.yaml", yaml.as_bytes()), ("sip.csv", b"#k,v\n4930123456,\"a,b\"\nother, x\n")]);
    assert_eq!(folder.keyed("sip.yaml", "{e164}").unwrap(), Secret::new("0815"));
    assert_eq!(folder.keyed("sip.yaml", "{terminal-name}-{e164}").unwrap(), Secret::new("pw two"));
    assert_eq!(folder.keyed("sip.yaml", "yes-man").unwrap(), Secret::new("no"));
    assert_eq!(folder.keyed("sip.csv", "{e164}").unwrap(), Secret::new("a,b"));
    assert_eq!(folder.keyed("sip.csv", "other").unwrap(), Secret::new(" x"));
}

#[test]
fn keys_that_cannot_be_filled_say_which_item_is_missing() {
    let folder = Folder::new(&[("sip.yaml", b"a: b")]);
    for (key, word) in [
        ("{display-id}", "display-id"),
        ("{sip-pwd}", "sip-pwd"),
        ("{e164", "braces"),
        ("{}", "braces"),
        ("", "no key \"\""),
        ("{e164}", "no key \"4930123456\""),
    ] {
        let error = folder.keyed("sip.yaml", key).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn broken_keyed_files_are_named_and_never_quoted() {
    let files: [(&str, &str, &str); 3] = [
        ("list.yaml", "- planted-secret\n", "one map"),
        ("twice.csv", "a,planted-secret\na,planted-secret\n", "lines 1 and 2"),
        ("empty.yaml", "a: ''\n", "has no value"),
    ];
    for (name, content, word) in files {
        let error = Folder::new(&[(name, content.as_bytes())]).keyed(name, "a").unwrap_err();
        assert!(error.contains(word) && error.contains(name) && !error.contains(PLANTED), "{name}: {error}");
    }
}

const TABLE: &[u8] = include_bytes!("../../../tests/fixtures/secrets/sip.csv.age");
const IDENTITY: &[u8] = include_bytes!("../../../tests/fixtures/secrets/identity.txt");

#[test]
fn encrypted_files_are_read_with_the_key_and_only_by_their_ending() {
    let folder = Folder::new(&[("sip.csv.age", TABLE), ("sip.csv", TABLE), ("sip.age", TABLE)]);
    let key = folder.root.path().join("key");
    fs::write(&key, IDENTITY).unwrap();
    let reader = folder.reader().with_identities(Identities::read(&key).unwrap());
    let read = |from: &str| reader.read(&SecretRef::Keyed { from: from.into(), key: "{e164}".into() }, &reception());
    assert_eq!(read("sip.csv.age").unwrap(), Secret::new("age-planted"));
    assert!(read("sip.csv").unwrap_err().contains("let its name end in .age"));
    assert!(read("sip.age").unwrap_err().contains(".yaml, .yml or .csv"));
    let whole = reader.read(&SecretRef::File("sip.age".into()), &reception()).unwrap();
    assert!(whole.len() > 20, "a file of one secret may be encrypted too");
    let error = folder.keyed("sip.csv.age", "{e164}").unwrap_err();
    assert!(error.contains("--age-identity FILE"), "{error}");
}

#[test]
fn a_key_file_that_cannot_be_used_is_named() {
    let folder = Folder::new(&[("key", PLANTED.as_bytes())]);
    for name in ["key", "none", "."] {
        let error = Identities::read(&folder.dir().join(name)).unwrap_err().to_string();
        assert!(error.starts_with("--age-identity ") && !error.contains(PLANTED), "{error}");
    }
}

#[test]
fn a_file_is_read_once_for_all_phones_and_again_only_when_it_changed() {
    let folder = Folder::new(&[("sip.yaml", b"a: one\nb: two"), ("broken.yaml", b"- x"), ("pw", b"pw")]);
    let mut reader = folder.reader();
    (reader.tables, reader.files) = (Kept::trusting(), Kept::trusting());
    let keyed = |from: &str, key: &str| reader.content(&SecretRef::Keyed { from: from.into(), key: key.into() });
    let reads = || (Kept::reads(&reader.tables), Kept::reads(&reader.files));
    for _ in 0..50 {
        keyed("sip.yaml", "a").unwrap();
        keyed("sip.yaml", "missing").unwrap_err();
        keyed("broken.yaml", "a").unwrap_err();
        reader.content(&SecretRef::File("pw".into())).unwrap();
    }
    assert_eq!(reads(), (2, 1));
    reader.begin_look();
    keyed("sip.yaml", "a").unwrap();
    keyed("broken.yaml", "a").unwrap_err();
    reader.content(&SecretRef::File("pw".into())).unwrap();
    assert_eq!(reads(), (3, 1), "nothing has changed; what was broken is tried again");
    folder.write("sip.yaml", b"a: new");
    assert_eq!(keyed("sip.yaml", "a").unwrap(), Secret::new("new"));
    assert_eq!(keyed("sip.yaml", "a").unwrap(), Secret::new("new"));
    assert_eq!(reads(), (4, 1), "one file has changed");
    reader.begin_look();
    reader.begin_look();
    keyed("sip.yaml", "a").unwrap();
    assert_eq!(reads(), (5, 1), "what a look did not ask for is let go of");
}

#[test]
fn a_file_that_changed_just_now_is_read_again_in_the_next_look() {
    let folder = Folder::new(&[("pw", b"one")]);
    let reader = folder.reader();
    let read = || reader.content(&SecretRef::File("pw".into())).unwrap();
    assert_eq!((read(), read()), (Secret::new("one"), Secret::new("one")));
    assert_eq!(Kept::reads(&reader.files), 1);
    reader.begin_look();
    read();
    assert_eq!(Kept::reads(&reader.files), 2);
}

#[test]
fn a_changed_keyed_file_is_read_again() {
    let folder = Folder::new(&[("sip.yaml", b"a: one")]);
    let reader = folder.reader();
    let read = || reader.read(&SecretRef::Keyed { from: "sip.yaml".into(), key: "a".into() }, &reception());
    assert_eq!(read().unwrap(), Secret::new("one"));
    folder.write("sip.yaml", b"a: another");
    assert_eq!(read().unwrap(), Secret::new("another"));
    folder.write("sip.yaml", b"- not a map");
    assert!(read().is_err());
}
