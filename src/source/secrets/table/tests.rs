use proptest::prelude::*;

use super::*;

const PLANTED: &str = "planted-secret";

fn table(name: &str, text: &str) -> Table {
    Table::read(name, text.as_bytes().to_vec()).unwrap()
}

fn error(name: &str, text: &str) -> String {
    let error = Table::read(name, text.as_bytes().to_vec()).unwrap_err();
    assert!(!error.contains(PLANTED), "{error}");
    error
}

#[test]
fn a_sheet_has_its_columns_by_name_or_the_first_two() {
    for text in [
        "4930,pw,more\n4931,x,\n",
        "key,value\n4930,pw\n4931,x\n",
        "name,Value,KEY\nann,pw,4930\nbob,x,4931\n",
        "\u{feff}key;value\r\n4930;pw\r\n4931;x\r\n",
        "# passwords, new; ones\n4930\tpw\n\n4931\tx\n",
        "4930,\"pw\"\n,,\n4931,x\n",
    ] {
        let table = table("a.csv", text);
        assert_eq!(table.get("4930").unwrap(), Secret::new("pw"), "{text}");
        assert_eq!(table.get("4931").unwrap(), Secret::new("x"), "{text}");
        assert_eq!(table.warning(), None);
    }
    assert_eq!(table("a.csv", "4930;a,b\n").get("4930").unwrap(), Secret::new("a,b"), "the first separator is the one");
}

#[test]
fn a_map_keeps_what_is_written() {
    let table = table("a.yml", "\u{feff}---\n4930: 0815\n\"a b\": 'pw, \"two\"'\nyes: no\nblock: |-\n  two\n  lines\n");
    for (key, value) in [("4930", "0815"), ("a b", "pw, \"two\""), ("yes", "no"), ("block", "two\nlines")] {
        assert_eq!(table.get(key).unwrap(), Secret::new(value), "{key}");
    }
}

#[test]
fn one_key_on_two_lines_is_an_error_that_names_both() {
    let both = |error: String| assert!(error.starts_with("lines 2 and 4 have the same key;"), "{error}");
    both(error("a.csv", "key,value\n4930,planted-secret\n1,x\n4930,planted-secret\n"));
    both(error("a.csv", "x,1\nplanted-secret,4930\ny,2\nplanted-secret,4931\n"));
    both(error("a.yaml", "# one\n4930: planted-secret\n1: x\n\"4930\": planted-secret\n"));
}

#[test]
fn what_a_spreadsheet_has_rounded_is_warned_of_and_named_where_a_key_is_missed() {
    for text in ["4.93012E+11,planted-secret\n1,x\n", "1;x\n4,93012E+11;planted-secret\n", "1,x\n2,4.9E+11\n"] {
        let table = table("a.csv", text);
        let warning = table.warning().unwrap();
        assert!(warning.contains("E+") && !warning.contains(PLANTED), "{warning}");
        assert!(table.get("493012345678").unwrap_err().contains("format the column as text"));
        assert_eq!(table.get("1").unwrap(), Secret::new("x"), "the others are served");
    }
    for fine in ["E+5", "aE+5", "1E+x", "1E5", "4.9e+11"] {
        assert_eq!(table("a.csv", &format!("{fine},x\n")).warning(), None, "{fine}");
    }
}

#[test]
fn what_is_no_table_is_refused_without_being_quoted() {
    for (name, text, word) in [
        ("a.yaml", "- planted-secret\n", "one map of keys to texts; something else is found at line 1"),
        ("a.yaml", "a: {b: planted-secret}\n", "at line 1"),
        ("a.yaml", "a: 1\nb: [planted-secret]\n", "at line 2"),
        ("a.yaml", "a: &x planted-secret\nb: *x\n", "at line 1"),
        ("a.yaml", "a: !planted-secret b\n", "at line 1"),
        ("a.yaml", "a: \"planted-secret\n", "one map"),
        ("a.yaml", "a: b\n---\nplanted-secret: c\n", "at line 3"),
        ("a.yaml", "'': planted-secret\n", "line 1 has no key"),
        ("a.csv", "a,b\nplanted-secret\n", "line 2 must have two columns"),
        ("a.csv", ",planted-secret\n", "line 1 has no key"),
        ("a.txt", "a,planted-secret\n", ".yaml, .yml or .csv"),
        ("a", "a,planted-secret\n", ".yaml, .yml or .csv"),
    ] {
        let error = error(name, text);
        assert!(error.contains(word), "{text}: {error}");
    }
    assert!(Table::read("a.csv", b"\xff\xfea\0,\0".to_vec()).unwrap_err().contains("UTF-16"));
    assert!(Table::read("a.csv", b"a,\xff".to_vec()).unwrap_err().contains("not UTF-8"));
}

#[test]
fn a_key_without_a_value_is_no_empty_password() {
    for (name, text) in
        [("a.csv", "1,x\na,\n"), ("a.yaml", "1: x\na:\n"), ("a.yaml", "1: x\na: ~\n"), ("a.yaml", "1: x\na: ''\n")]
    {
        assert!(table(name, text).get("a").unwrap_err().contains("on line 2 has no value"), "{text}");
    }
    assert!(table("a.yaml", "").get("a").unwrap_err().contains("no key \"a\""));
}

#[test]
fn keys_and_values_are_bounded() {
    let many = (0..=KEY_LIMIT).fold(String::new(), |many, number| many + &number.to_string() + ",x\n");
    assert!(error("a.csv", &many).contains("more than 100000 keys"));
    assert!(
        error("a.csv", &format!("a,{}\n", "x".repeat(SECRET_LIMIT + 1))).contains("line 1 has a value of more than")
    );
    assert!(table("a.csv", "a,b\n").get(&"k".repeat(10_000)).unwrap_err().len() < 200);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_secrets_written_as_a_sheet_are_read_back(
        entries in prop::collection::btree_map("[0-9a-z]{1,12}", "[^\\p{C}]{1,20}", 1..20), separator in 0_usize..3,
    ) {
        let separator = [b',', b';', b'\t'][separator];
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        writer.write_record(["key", "value"]).unwrap();
        for (key, value) in &entries {
            writer.write_record([key, value]).unwrap();
        }
        let table = Table::read("a.csv", writer.into_inner().unwrap()).unwrap();
        for (key, value) in &entries {
            prop_assert_eq!(table.get(key).unwrap(), Secret::new(value.as_str()));
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic_or_quote(bytes in prop::collection::vec(any::<u8>(), 0..200), csv in any::<bool>()) {
        let _ = Table::read(if csv { "a.csv" } else { "a.yaml" }, bytes);
    }

    #[test]
    fn no_text_is_quoted_but_its_keys(
        text in "(planted-secret|key|value|[,;\t:\n\"'|>&*!{}\\[\\] #-]|E\\+1|x){0,30}", csv in any::<bool>(),
    ) {
        let value_only = !text.contains("planted-secret\"") && !text.contains("planted-secret'");
        if let Err(error) = Table::read(if csv { "a.csv" } else { "a.yaml" }, text.into_bytes()) {
            prop_assert!(!value_only || error.contains("same key") || !error.contains(PLANTED), "{}", error);
        }
    }
}
