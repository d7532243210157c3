use super::*;

const BUILTIN: &str = include_str!("items.csv");

fn overlay(csv: &str) -> Parsed {
    parse(csv, &parse(BUILTIN, &[]).items)
}

fn get<'a>(parsed: &'a Parsed, name: &str) -> &'a ItemType {
    parsed.items.iter().find(|item| item.name == name).unwrap()
}

fn complaints(csv: &str) -> Vec<(u64, String)> {
    overlay(csv).errors.into_iter().map(|error| (error.line, error.column)).collect()
}

#[test]
fn the_built_in_table_has_no_error() {
    let parsed = parse(BUILTIN, &[]);
    assert_eq!(parsed.errors, []);
    assert_eq!(parsed.items.len(), BUILTIN.lines().count() - 1);
    assert!(parsed.items.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn the_built_in_table_leaves_no_required_word_out() {
    let mut reader = csv::Reader::from_reader(BUILTIN.as_bytes());
    assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
    for record in reader.records() {
        let record = record.unwrap();
        for column in ["name", "type", "access", "owner", "evidence"] {
            let place = COLUMNS.iter().position(|known| *known == column).unwrap();
            assert!(!record[place].is_empty(), "{} has no {column}", &record[0]);
        }
    }
}

#[test]
fn a_row_is_read_whole() {
    let parsed = parse(BUILTIN, &[]);
    let transport = get(&parsed, "sip-transport-user");
    assert_eq!(transport.kind, Kind::Enum);
    assert_eq!((transport.values[2].wire.as_str(), transport.values[2].meaning.as_str()), ("2", "TLS"));
    assert!(!transport.open && transport.documented() && !transport.indexed());
    assert_eq!((transport.default.as_deref(), transport.group.as_deref()), (Some("0"), Some("sip-account")));
    assert_eq!(transport.effect, Effect::Service);
    let timer = get(&parsed, "transaction-timer");
    assert_eq!((timer.range.clone(), timer.unit.as_str()), (Some(3700..=32000), "ms"));
    assert_eq!(get(&parsed, "send-solicited").since.as_deref(), Some("V3R3"));
    assert_eq!(get(&parsed, "key-label-unicode").max_length, Some(24));
    assert!(get(&parsed, "key-label-unicode").index_allowed(Some(crate::wpi::Index(4003))));
}

#[test]
fn an_overlay_corrects_only_the_columns_it_has() {
    let parsed = overlay("max_length,name\n40,sip-name\n");
    assert_eq!(parsed.errors, []);
    let name = get(&parsed, "sip-name");
    assert_eq!((name.max_length, name.effect, name.group.as_deref()), (Some(40), Effect::Service, Some("sip-account")));
}

#[test]
fn an_empty_cell_takes_a_constraint_away_but_never_a_required_word() {
    let parsed = overlay("name,range,type,owner\nsntp-tz-offset,,,\n");
    assert_eq!(parsed.errors, []);
    let offset = get(&parsed, "sntp-tz-offset");
    assert_eq!((offset.range.clone(), offset.kind, offset.owner), (None, Kind::Integer, Owner::Admin));
}

#[test]
fn a_new_item_is_lockout_until_its_row_says_otherwise() {
    let parsed = overlay("name,type\nnew-item,boolean\n");
    assert_eq!((get(&parsed, "new-item").effect, get(&parsed, "new-item").kind), (Effect::Lockout, Kind::Boolean));
    let parsed = overlay("name,type,effect\nnew-item,boolean,\n");
    assert_eq!(get(&parsed, "new-item").effect, Effect::None);
}

#[test]
fn every_problem_is_reported_at_once_with_line_and_column() {
    let csv = "name,type,index,range,values,open,max_length,access,effect,owner,evidence,description\n\
               a,text,9..1,9..1,,,x,write,bad,boss,rumour,\n\
               b,boolean,,0..1,,,,,,,,\n\
               a b,,,,,,,,,,,\n\
               c,enum,,,0|0,maybe,,,,,,\n\
               d,enum,,,,no,,,,,,\n\
               e,integer\n\
               b,boolean,,,,,,,,,,\n";
    let expected = [
        (2, "index"),
        (2, "type"),
        (2, "range"),
        (2, "max_length"),
        (2, "access"),
        (2, "effect"),
        (2, "owner"),
        (2, "evidence"),
        (2, "range"),
        (3, "range"),
        (4, "name"),
        (5, "values"),
        (5, "open"),
        (6, "values"),
        (7, "name"),
        (8, "name"),
    ];
    let found = complaints(csv);
    assert_eq!(found, expected.map(|(line, column)| (line, column.to_owned())));
}

#[test]
fn a_wrong_header_names_what_was_meant() {
    let errors = overlay("name,max-length,owner,owner\ne164,3,admin,admin\n").errors;
    assert_eq!(errors.len(), 2);
    assert!(errors[0].to_string().contains("perhaps max_length"), "{}", errors[0]);
    assert_eq!((errors[1].line, errors[1].column.as_str()), (1, "owner"));
    assert_eq!(complaints("e164,string\n").last(), Some(&(1, "name".to_owned())));
    assert_eq!(complaints(""), [(1, "name".to_owned())]);
}

#[test]
fn line_numbers_survive_quoted_line_breaks_and_a_byte_order_mark() {
    let csv = "\u{feff}name,description,type\r\na,\"two\r\nlines\",string\r\nb,,text\r\n";
    assert_eq!(complaints(csv), [(4, "type".to_owned())]);
    assert_eq!(complaints("name,type\n\n\na,x\n\nb,x"), [(4, "type".to_owned()), (6, "type".to_owned())]);
}

#[test]
fn a_huge_file_ends_at_the_bounds() {
    let rows: Vec<String> =
        (0..ROW_LIMIT + 5).map(|row| format!("item-{row},{}", if row < ROW_LIMIT { "" } else { "x" })).collect();
    let parsed = parse(&format!("name,type\n{}", rows.join("\n")), &[]);
    assert_eq!((parsed.items.len(), parsed.errors.len()), (ROW_LIMIT, 1));
    let wrong: Vec<String> = (0..ROW_LIMIT).map(|row| format!("item-{row},x")).collect();
    assert_eq!(parse(&format!("name,type\n{}", wrong.join("\n")), &[]).errors.len(), ERROR_LIMIT);
    let long = format!("name,description\na,{}\n", "x".repeat(CELL_LIMIT + 1));
    assert_eq!(complaints(&long), [(2, "description".to_owned())]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_reading_fail_as_a_whole(csv in "(name)?[a-z,\"\n\r|=.0-9;]{0,80}") {
        let known = [ItemType::unknown("kept")];
        let parsed = parse(&csv, &known);
        proptest::prop_assert!(parsed.items.iter().any(|item| item.name == "kept"));
    }
}
