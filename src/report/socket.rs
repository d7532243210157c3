//! The Unix socket in the state folder, and the name of the user behind a connection.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
};

use tokio::net::{UnixListener, UnixStream};

/// Name of the socket in the state folder.
pub const SOCKET_NAME: &str = "api.sock";

/// Listens at a path, for its owner alone (0600). A socket that an earlier process left there is replaced: the caller
/// holds the lock of the state folder, so nobody listens on it. Any other file there is an error.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("socket {}: {error}", path.display()));
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(named(io::Error::new(io::ErrorKind::AlreadyExists, "something else has this name")));
        }
        _ => {}
    }
    // bound under another name, so that it never has its own name with a wider mode
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = Path::new(&fresh);
    match fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
        _ => {}
    }
    let listener = UnixListener::bind(fresh).map_err(named)?;
    fs::set_permissions(fresh, fs::Permissions::from_mode(0o600)).map_err(named)?;
    fs::rename(fresh, path).map_err(named)?;
    Ok(listener)
}

/// Who is at the other end, as the kernel says: the user's name, or `uid 1000` when it has none.
pub fn user_of(stream: &UnixStream) -> io::Result<String> {
    Ok(user_named(stream.peer_cred()?.uid()))
}

/// The name of a user, or `uid 1000` when it has none.
pub fn user_named(uid: u32) -> String {
    let mut passwd = String::new();
    // a machine without the file has no names
    if let Ok(file) = fs::File::open("/etc/passwd") {
        let _ = file.take(1 << 20).read_to_string(&mut passwd);
    }
    user_name(uid, &passwd).unwrap_or_else(|| format!("uid {uid}"))
}

fn user_name(uid: u32, passwd: &str) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_socket_is_private_and_replaces_one_that_was_left_behind() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(SOCKET_NAME);
        drop(listen(&path).unwrap());
        assert!(path.exists(), "a dead process leaves its socket behind");
        let listener = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let _client = UnixStream::connect(&path).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert!(!user_of(&server).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_of_that_name_is_not_removed() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(SOCKET_NAME);
        fs::write(&path, "precious").unwrap();
        let error = listen(&path).unwrap_err();
        assert!(error.to_string().contains("api.sock"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_user_has_a_name_where_the_machine_knows_it() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(user_name(1000, passwd).as_deref(), Some("ada"));
        assert_eq!(user_name(1001, passwd), None);
    }
}
