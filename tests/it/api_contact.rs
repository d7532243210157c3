//! `phoneops contact`: how it ends.

use std::{fs, time::Duration};

use jiff::Timestamp;
use phoneops::report::ContactAnswer;

use crate::{
    api_service::{ACT, MadeUp, READ, service},
    service_child::{phoneops, run},
};

async fn contact(contact: ContactAnswer, token: &str) -> (i32, String) {
    let service = service(MadeUp { contact, ..MadeUp::default() }).await;
    let file = service.folder.path().join("token");
    fs::write(&file, token).unwrap();
    let mut command = phoneops("contact");
    command.args(["phone-0001", "--reason", "a test", "--server", &format!("http://{}", service.address)]);
    command.args(["--token-file", file.to_str().unwrap()]);
    run(command).await
}

#[tokio::test]
async fn a_phone_that_may_not_be_asked_yet_is_exit_code_3_and_one_that_cannot_be_is_2() {
    let at = Timestamp::now() + Duration::from_secs(50);
    for (answer, code, said) in [
        (ContactAnswer::Queued { at: Timestamp::UNIX_EPOCH }, 0, "phone-0001: it is asked to call now"),
        (ContactAnswer::AlreadyUnderWay, 0, "phone-0001: it is asked already, or a session is under way"),
        (
            ContactAnswer::RateLimited { next: at },
            3,
            "phone-0001: contacts to one phone keep a distance; it is asked at",
        ),
        (ContactAnswer::CannotBeReached { why: "its mode is Off".to_owned() }, 2, "its mode is Off"),
        (ContactAnswer::NotFound, 2, "there is no phone"),
    ] {
        let (exit, out) = contact(answer, ACT).await;
        assert!(exit == code && out.contains(said), "{exit} {out}");
    }
    assert_eq!(contact(ContactAnswer::AlreadyUnderWay, READ).await.0, 2);
}
