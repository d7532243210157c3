//! The stable words for kinds of problems: what `validate` prints in brackets, JSON has as `code`, and people search
//! for. Those on one value are the catalogue's ([`crate::catalogue::finding::code`]) and stand here as well.

pub use crate::catalogue::finding::code::{
    ACTION, CONTROL, EMPTY, INDEX, LENGTH, NULL, RANGE, READ_ONLY, SECRET, SPACE, SYNTAX as VALUE_SYNTAX, TYPE, VALUE,
};

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $word:literal;)+) => {
        $($(#[$doc])+ pub const $name: &str = $word;)+

        /// All words of this page, the catalogue's included.
        pub const ALL: &[&str] = &[
            ACTION, CONTROL, EMPTY, INDEX, LENGTH, NULL, RANGE, READ_ONLY, SECRET, SPACE, VALUE_SYNTAX, TYPE, VALUE,
            $($name),+
        ];
    };
}

codes! {
    /// A symbolic link.
    LINK = "link";
    /// A git submodule.
    SUBMODULE = "submodule";
    /// A pointer of Git LFS.
    LFS_POINTER = "lfs-pointer";
    /// A file above the size limit.
    TOO_LARGE = "too-large";
    /// A file that cannot be read.
    UNREADABLE = "unreadable";
    /// A file that is not UTF-8.
    ENCODING = "encoding";
    /// A file that is not YAML.
    SYNTAX = "syntax";
    /// A file with more documents than the bound.
    TOO_MANY_DOCUMENTS = "too-many-documents";
    /// A file with more keys and values than the bound.
    TOO_MANY_NODES = "too-many-nodes";
    /// Maps and lists nested deeper than the bound.
    TOO_DEEP = "too-deep";
    /// An unquoted value that starts with a character YAML keeps for itself.
    RESERVED_CHARACTER = "reserved-character";
    /// An unquoted `*`, or an alias.
    ALIAS = "alias";
    /// An unquoted `&`, or an anchor.
    ANCHOR = "anchor";
    /// An unquoted `!`, or a tag.
    TAG = "tag";
    /// A block of lines where one line is wanted.
    BLOCK = "block";
    /// A map or list as a key.
    KEY = "key";
    /// The same key twice in one map.
    DUPLICATE_KEY = "duplicate-key";
    /// `<<`
    MERGE_KEY = "merge-key";
    /// An unquoted number with leading zeros.
    LEADING_ZERO = "leading-zero";
    /// An unquoted number with a plus.
    LEADING_PLUS = "leading-plus";
    /// An unquoted number with an exponent.
    EXPONENT = "exponent";
    /// An unquoted number of another base.
    NUMBER_BASE = "number-base";
    /// An unquoted number with underscores.
    UNDERSCORE = "underscore";
    /// Unquoted yes, no, on or off.
    YES_NO = "yes-no";
    /// `True` or `FALSE`
    BOOLEAN_CASE = "boolean-case";
    /// An unquoted date.
    DATE = "date";
    /// A document that is no resource and is skipped.
    NO_RESOURCE = "no-resource";
    /// A document without `apiVersion`.
    NO_API_VERSION = "no-api-version";
    /// Another version of our group, or a group that is nearly ours.
    API_VERSION = "api-version";
    /// A document without `kind`.
    NO_KIND = "no-kind";
    /// A kind that our group does not have.
    UNKNOWN_KIND = "unknown-kind";
    /// A document without a name.
    NO_NAME = "no-name";
    /// A document without `spec`.
    NO_SPEC = "no-spec";
    /// A `PhoneConfig` without the identity of one phone.
    NO_PHONE = "no-phone";
    /// A MAC or device id that is none.
    DEVICE = "device";
    /// A name that breaks the rules of Kubernetes.
    NAME = "name";
    /// A label that breaks the rules of Kubernetes.
    LABEL = "label";
    /// A field that does not exist.
    UNKNOWN_FIELD = "unknown-field";
    /// A duration that is none, or out of bounds.
    DURATION = "duration";
    /// A point in time that is none.
    TIME = "time";
    /// A rule or a pause whose end has come.
    EXPIRED = "expired";
    /// A cron schedule that is none, or that never comes.
    SCHEDULE = "schedule";
    /// A time zone that is none, or that nobody names.
    TIME_ZONE = "time-zone";
    /// More entries, or another number, than the bound.
    LIMIT = "limit";
    /// A field that must be there.
    MISSING_FIELD = "missing-field";
    /// An item of effect safety where none may stand.
    SAFETY_ITEM = "safety-item";
    /// An ignore rule for an item that is never compared.
    IGNORES_NOTHING = "ignores-nothing";
    /// The name or address of a server that is none.
    SERVER = "server";
    /// A network that is none.
    NETWORK = "network";
    /// A range of call numbers that is none.
    NUMBERS = "numbers";
    /// A call number that its site or owner does not have.
    FOREIGN_NUMBER = "foreign-number";
    /// One call number or primary line on two phones.
    SHARED_NUMBER = "shared-number";
    /// A rule on owners that is none, or does not hold.
    OWNER = "owner";
    /// Something that the owner's files may not say.
    NOT_THEIRS = "not-theirs";
    /// One name or one device on two documents.
    DECLARED_TWICE = "declared-twice";
    /// A profile that is not there.
    MISSING_PROFILE = "missing-profile";
    /// Profiles that build on each other in a circle.
    PROFILE_CYCLE = "profile-cycle";
    /// A profile named twice in one list.
    PROFILE_TWICE = "profile-twice";
    /// A profile that lies below an earlier one of the same list.
    PROFILE_BELOW = "profile-below";
    /// A site that is not declared while others are, or while a broken file may declare it.
    UNKNOWN_SITE = "unknown-site";
    /// A name that no item can have.
    ITEM_NAME = "item-name";
    /// One item with two values in one document.
    DUPLICATE_ITEM = "duplicate-item";
    /// One item with a value and in `unmanaged`.
    CONTRADICTION = "contradiction";
    /// An item that the catalogue does not know.
    UNKNOWN_ITEM = "unknown-item";
    /// A name that no phone has reported and that is one slip away from one that is known.
    MISSPELT_ITEM = "misspelt-item";
    /// A final item that a higher layer sets or takes out.
    FINAL_ITEM = "final-item";
    /// A required item that is not there, or does not fit.
    REQUIRED_ITEM = "required-item";
    /// A rule on values that is none.
    REQUIREMENT = "requirement";
    /// An item of the phone's user that policy does not manage.
    USER_ITEM = "user-item";
    /// An item of effect lockout that policy does not let through.
    LOCKOUT_ITEM = "lockout-item";
    /// A reference for an item that is no secret.
    NOT_A_SECRET = "not-a-secret";
    /// A reference of no known form.
    SECRET_REFERENCE = "secret-reference";
    /// A file name that leads out of the folder of secrets.
    SECRET_FILE = "secret-file";
    /// An environment variable that may not be read.
    SECRET_ENV = "secret-env";
    /// The key of a secret.
    SECRET_KEY = "secret-key";
    /// A secret that is not there.
    MISSING_SECRET = "missing-secret";
    /// An error in the overlay of the catalogue.
    CATALOGUE = "catalogue";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_problem_has_a_word_of_its_own() {
        assert_eq!(ALL.iter().collect::<BTreeSet<_>>().len(), ALL.len());
        assert!(ALL.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
