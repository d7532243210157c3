//! The files under tests/fixtures/secrets were made with another implementation of age.

use super::*;

const IDENTITY: &str = include_str!("../../../../tests/fixtures/secrets/identity.txt");
const OTHER: &str = include_str!("../../../../tests/fixtures/secrets/other.txt");
const TWO_RECIPIENTS: &[u8] = include_bytes!("../../../../tests/fixtures/secrets/sip.csv.age");
const ARMOURED: &[u8] = include_bytes!("../../../../tests/fixtures/secrets/sip.csv.asc");
const CHUNKS: &[u8] = include_bytes!("../../../../tests/fixtures/secrets/big.yaml.age");
const ONE_CHUNK: &[u8] = include_bytes!("../../../../tests/fixtures/secrets/chunk.age");
const EMPTY: &[u8] = include_bytes!("../../../../tests/fixtures/secrets/empty.age");

fn identities(text: &str) -> Identities {
    Identities::parse(text).unwrap()
}

#[test]
fn what_others_encrypt_is_read() {
    let mine = identities(IDENTITY);
    let table = decrypt(TWO_RECIPIENTS, &mine).unwrap();
    assert!(table.starts_with(b"key,value\n4930123456,"));
    assert_eq!(decrypt(TWO_RECIPIENTS, &identities(OTHER)).unwrap(), table, "each recipient reads the same");
    assert_eq!(decrypt(ARMOURED, &mine).unwrap(), table);
    assert_eq!(decrypt(CHUNKS, &mine).unwrap().len(), 126_000);
    assert_eq!(decrypt(ONE_CHUNK, &mine).unwrap(), vec![b'x'; CHUNK]);
    assert_eq!(decrypt(EMPTY, &mine).unwrap(), b"");
}

#[test]
fn a_key_that_does_not_fit_is_told_from_no_key_at_all() {
    assert!(decrypt(CHUNKS, &identities(OTHER)).unwrap_err().contains("none of the keys in --age-identity"));
    assert!(decrypt(CHUNKS, &Identities::default()).unwrap_err().contains("--age-identity FILE"));
}

#[test]
fn no_changed_or_shortened_file_opens() {
    let mine = identities(IDENTITY);
    for position in 0..TWO_RECIPIENTS.len() {
        let mut changed = TWO_RECIPIENTS.to_vec();
        changed[position] ^= 1;
        decrypt(&changed, &mine).unwrap_err();
        decrypt(&TWO_RECIPIENTS[..position], &mine).unwrap_err();
    }
    for cut in [CHUNKS.len() - 1, CHUNKS.len() - CHUNK / 2, CHUNKS.len() / 2] {
        decrypt(&CHUNKS[..cut], &mine).unwrap_err();
    }
    let first_chunk = CHUNKS.len() - (126_000 - CHUNK) - TAG;
    decrypt(&CHUNKS[..first_chunk], &mine).unwrap_err();
    decrypt(&[TWO_RECIPIENTS, b"more"].concat(), &mine).unwrap_err();
}

#[test]
fn keys_are_read_and_never_shown() {
    let good = identities(&format!("{IDENTITY}\n\n{OTHER}"));
    assert_eq!(format!("{good:?}"), "Identities(2)");
    let line = OTHER.trim();
    let lower = line.to_ascii_lowercase();
    assert!(Identities::parse(&lower).is_ok());
    let swapped: String = line.chars().rev().collect();
    let mixed = format!("{}{}", &line[..20], &lower[20..]);
    for bad in
        ["", "# only a comment", &line[..line.len() - 1], &swapped, &mixed, &format!("{line}q"), "ssh-ed25519 AAAA"]
    {
        let error = Identities::parse(bad).unwrap_err();
        assert!(bad.is_empty() || !error.contains(bad), "{error}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    use proptest::prelude::*;
    let mine = identities(IDENTITY);
    let piece = prop_oneof![
        Just("age-encryption.org/v1\n".to_owned()),
        Just("-> X25519 ".to_owned()),
        Just("-> scrypt a 1\n".to_owned()),
        Just("--- ".to_owned()),
        Just("AAAA\n".to_owned()),
        Just(format!("{ARMOR_BEGIN}\n")),
        Just(format!("\n{ARMOR_END}\n")),
        "[A-Za-z0-9+/=\n-]{0,70}",
    ];
    proptest!(ProptestConfig::with_cases(256), |(pieces in prop::collection::vec(piece, 0..12))| {
        let text = pieces.concat();
        prop_assert!(decrypt(text.as_bytes(), &mine).is_err());
        let _ = Identities::parse(&text);
    });
}
