//! Files become documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    str,
    sync::Arc,
};

use crate::spec::{
    code,
    phone_config::{self, PhoneConfig},
    phone_profile::{self, PhoneProfile},
    phone_site::{self, PhoneSite},
    problem::{Place, Problem, Severity},
    read::{
        Findings, Lexicon,
        envelope::{self, Kind, Owner},
        secret,
    },
    snapshot::{FileContent, SourceFile},
    wanted::Counts,
    yaml::{self, DOCUMENT_LIMIT, Document, Parsed},
};

/// What was read of all files.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) phones: Vec<PhoneConfig>,
    pub(super) profiles: Vec<PhoneProfile>,
    pub(super) sites: Vec<PhoneSite>,
    pub(super) broken_files: BTreeSet<Arc<str>>,
    pub(super) unparsed: BTreeSet<Arc<str>>,
    pub(super) masks: BTreeMap<Arc<str>, Vec<(u32, u32)>>,
    pub(super) problems: Vec<Problem>,
    pub(super) counts: Counts,
}

impl Read {
    /// Reads one file.
    pub(super) fn file(&mut self, lexicon: &Lexicon<'_>, file: &SourceFile) {
        self.counts.files += 1;
        let text = match text(file) {
            Ok(text) => text,
            Err(problem) => {
                self.broken(&file.path);
                self.problems.push(problem);
                return;
            }
        };
        let (documents, faults) = parse(file, text);
        if !faults.is_empty() {
            self.broken(&file.path);
        }
        for document in documents {
            self.document(lexicon, &file.path, text, document, &faults);
        }
        self.problems.extend(faults);
    }

    fn broken(&mut self, file: &Arc<str>) {
        self.broken_files.insert(file.clone());
        self.unparsed.insert(file.clone());
    }

    /// `faults` are those of its file: what stands in a file that is not YAML throughout counts as wrong itself,
    /// because nobody knows where the mistake begins.
    fn document(&mut self, lexicon: &Lexicon<'_>, file: &Arc<str>, text: &str, document: Document, faults: &[Problem]) {
        let Document { root, notes } = document;
        let mut findings = Findings::new(file.clone());
        let owner = envelope::owner(&mut findings, &root);
        let kind = match owner {
            Owner::Empty => return,
            Owner::Other => {
                self.counts.skipped += 1;
                self.problems.append(&mut findings.problems);
                return;
            }
            Owner::Unclear => None,
            Owner::Ours(kind) => Some(kind),
        };
        self.counts.documents += 1;
        let plain = secret::plain_spans(lexicon, text, &root);
        if !plain.is_empty() {
            self.masks.entry(file.clone()).or_default().extend(plain);
        }
        for note in notes {
            findings.error(note.mark, note.code, note.message);
        }
        match kind {
            // whatever it declares must not look as if it were gone
            None => {
                self.broken_files.insert(file.clone());
            }
            Some(Kind::Config) => {
                let mut phone = phone_config::read(&mut findings, lexicon, &root, file);
                phone.errors = with(faults, &findings);
                if phone.device.is_none() {
                    self.broken_files.insert(file.clone());
                }
                self.phones.push(phone);
            }
            Some(Kind::Profile) => {
                let mut profile = phone_profile::read(&mut findings, lexicon, &root, file);
                profile.errors = with(faults, &findings);
                self.profiles.push(profile);
            }
            Some(Kind::Site) => {
                let mut site = phone_site::read(&mut findings, &root, file);
                site.errors = with(faults, &findings);
                if site.site.is_none() {
                    self.broken_files.insert(file.clone());
                }
                self.sites.push(site);
            }
        }
        self.problems.append(&mut findings.problems);
    }
}

/// The text of a file, or why there is none.
pub(super) fn text(file: &SourceFile) -> Result<&str, Problem> {
    const LFS: &[u8] = b"version https://git-lfs";
    let whole = |code, message: String| {
        let place = Place { file: file.path.clone(), line: 0, column: 0, span: (0, 0) };
        Err(Problem::new(Severity::Error, place, code, message))
    };
    match &file.content {
        FileContent::Bytes(bytes) if bytes.starts_with(LFS) => whole(
            code::LFS_POINTER,
            "the file is kept by Git LFS and only a pointer to it is here; keep YAML in git itself".to_owned(),
        ),
        FileContent::Bytes(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(error) => {
                let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
                whole(code::ENCODING, format!("the file is not UTF-8 (first wrong byte on line {line})"))
            }
        },
        FileContent::Link => {
            whole(code::LINK, "the file is a symbolic link, which is not followed; put the file itself here".to_owned())
        }
        FileContent::Submodule => {
            whole(code::SUBMODULE, "a git submodule is not followed; put its files into this repository".to_owned())
        }
        FileContent::TooLarge(size) => {
            whole(code::TOO_LARGE, format!("the file has {size} bytes, more than is read; cut it into several files"))
        }
        FileContent::Unreadable(reason) => whole(code::UNREADABLE, format!("the file cannot be read: {reason}")),
    }
}

fn with(faults: &[Problem], findings: &Findings) -> Vec<Problem> {
    faults.iter().cloned().chain(findings.errors()).collect()
}

fn parse(file: &SourceFile, text: &str) -> (Vec<Document>, Vec<Problem>) {
    let problem = |mark: yaml::Mark, code, message| {
        let place = Findings::new(file.path.clone()).place(mark);
        Problem::new(Severity::Error, place, code, message)
    };
    let Parsed { documents, faults } = yaml::parse(text);
    match documents.get(DOCUMENT_LIMIT) {
        None => (documents, faults.into_iter().map(|fault| problem(fault.mark, fault.code, fault.message)).collect()),
        Some(first_too_many) => {
            let message = format!("the file has more than {DOCUMENT_LIMIT} documents; cut it into several files");
            (Vec::new(), vec![problem(first_too_many.root.mark, code::TOO_MANY_DOCUMENTS, message)])
        }
    }
}

/// The byte span of a line, from 1.
pub(super) fn line_span(text: &str, line: u32) -> (u32, u32) {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let mut start = 0;
    for (number, content) in (1..).zip(text.split_inclusive('\n')) {
        if number == line {
            return (small(start), small(start + content.trim_end().len()));
        }
        start += content.len();
    }
    (small(text.len()), small(text.len()))
}
