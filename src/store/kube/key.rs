//! The key of fingerprints as a Secret, made once by whoever is the first.

use std::{collections::BTreeMap, io};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::{ClusterStoreError, ClusterStoreSettings};
use crate::fleet::fingerprint::{FingerprintKey, to_hex, unhex};

/// The field of the Secret.
const FIELD: &str = "key";

/// The key of this shard, made when it is missing. `random` fills in new bytes.
///
/// # Errors
/// The server does not answer or refuses, or the Secret holds something else.
pub async fn cluster_key(
    settings: &ClusterStoreSettings,
    random: impl FnOnce(&mut [u8; 32]) -> io::Result<()>,
) -> Result<FingerprintKey, ClusterStoreError> {
    let name = format!("{}-fingerprint-key", settings.shard);
    let api: Api<Secret> = Api::namespaced(settings.client.clone(), &settings.namespace);
    let failed = |source: kube::Error| ClusterStoreError::Api {
        what: "key of fingerprints (a Secret)",
        namespace: settings.namespace.clone(),
        source: Box::new(source),
    };
    if let Some(secret) = api.get_opt(&name).await.map_err(failed)? {
        return read(&secret, &name);
    }
    let mut bytes = [0; 32];
    random(&mut bytes).map_err(|error| failed(kube::Error::Service(Box::new(error))))?;
    let content = BTreeMap::from([(FIELD.to_owned(), ByteString(to_hex(&bytes).into_bytes()))]);
    let secret = Secret {
        metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
        data: Some(content),
        immutable: Some(true),
        ..Secret::default()
    };
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(FingerprintKey::new(&bytes)),
        // another one was quicker
        Err(kube::Error::Api(error)) if error.code == 409 => read(&api.get(&name).await.map_err(failed)?, &name),
        Err(error) => Err(failed(error)),
    }
}

fn read(secret: &Secret, name: &str) -> Result<FingerprintKey, ClusterStoreError> {
    let digits = secret.data.as_ref().and_then(|data| data.get(FIELD)).and_then(|bytes| str::from_utf8(&bytes.0).ok());
    let bytes = digits.and_then(|digits| unhex(digits.trim()));
    bytes
        .map(|bytes| FingerprintKey::new(&bytes))
        .ok_or_else(|| ClusterStoreError::NoKey { name: name.to_owned(), key: FIELD })
}
