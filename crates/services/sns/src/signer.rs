use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
use rsa::signature::{SignatureEncoding, Signer as _};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use windlass_protocol::Fault;
use windlass_store::{Batch, CommitError, Store};
use windlass_value::{Now, Text, Timestamp, Value, object};

use crate::certificate;
use crate::faults;
use crate::random;
use crate::tables::{KEYS, signing_key};

const KEY_BITS: usize = 2048;
const COMMON_NAME: &str = "Windlass Simple Notification Service";

/// The key that signs notifications, made when it is first needed, and its certificate.
pub(crate) struct Signer {
    store: Store,
    now: Now,
    keys: OnceCell<Arc<Keys>>,
}

struct Keys {
    sha1: SigningKey<Sha1>,
    sha256: SigningKey<Sha256>,
    certificate: String,
    path: String,
}

impl Signer {
    pub(crate) fn new(store: Store, now: Now) -> Signer {
        Signer { store, now, keys: OnceCell::new() }
    }

    /// The signature of a text, in base64: version 2 is over SHA-256, 1 over SHA-1.
    ///
    /// # Errors
    /// The key cannot be read or made.
    pub(crate) async fn sign(&self, text: &str, version: u8) -> Result<Text, Fault> {
        let keys = self.keys().await?;
        let text = text.to_owned();
        // A signature takes a millisecond of arithmetic.
        let signing = tokio::task::spawn_blocking(move || match version {
            2 => keys.sha256.try_sign(text.as_bytes()).map(|signature| signature.to_vec()),
            _ => keys.sha1.try_sign(text.as_bytes()).map(|signature| signature.to_vec()),
        });
        let signature = signing.await.map_err(|error| Fault::internal(format!("signing ended: {error}")))?;
        let signature = signature.map_err(|error| Fault::internal(format!("signing failed: {error}")))?;
        Ok(STANDARD.encode(signature).into())
    }

    /// The certificate in PEM.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub(crate) async fn certificate(&self) -> Result<String, Fault> {
        Ok(self.keys().await?.certificate.clone())
    }

    /// Where the certificate is served: `/SimpleNotificationService-….pem`.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    pub(crate) async fn certificate_path(&self) -> Result<String, Fault> {
        Ok(self.keys().await?.path.clone())
    }

    async fn keys(&self) -> Result<Arc<Keys>, Fault> {
        self.keys.get_or_try_init(|| self.open()).await.cloned()
    }

    async fn open(&self) -> Result<Arc<Keys>, Fault> {
        if let Some(keys) = self.read()? {
            return Ok(keys);
        }
        let now = (self.now)();
        let making = tokio::task::spawn_blocking(move || make(now));
        let value = making.await.map_err(|error| Fault::internal(format!("making a key ended: {error}")))??;
        let mut batch = Batch::default();
        batch.expect_absent(&KEYS, signing_key());
        batch.put(&KEYS, signing_key(), Vec::new(), value.to_text());
        match self.store.commit(batch).await {
            Ok(()) | Err(CommitError::Expectation { .. }) => {}
            Err(error) => return Err(faults::of_commit(&error)),
        }
        self.read()?.ok_or_else(|| Fault::internal("the signing key is not there"))
    }

    fn read(&self) -> Result<Option<Arc<Keys>>, Fault> {
        let row = self.store.get(&KEYS, &signing_key()).map_err(|error| faults::of_store(&error))?;
        let Some(row) = row else { return Ok(None) };
        let broken = || Fault::internal("the signing key is broken");
        let text = std::str::from_utf8(&row.value).map_err(|_| broken())?;
        let value = windlass_value::parse(text).map_err(|_| broken())?;
        let key = value["private_key"].as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(broken)?;
        let key = RsaPrivateKey::from_pkcs8_der(&key).map_err(|_| broken())?;
        let certificate = value["certificate"].as_str().ok_or_else(broken)?.to_owned();
        let hash = Sha256::digest(certificate.as_bytes());
        let name: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Ok(Some(Arc::new(Keys {
            sha1: SigningKey::new(key.clone()),
            sha256: SigningKey::new(key),
            certificate,
            path: format!("/SimpleNotificationService-{name}.pem"),
        })))
    }
}

/// Makes a key and its certificate; takes a second or so.
fn make(now: Timestamp) -> Result<Value, Fault> {
    let failed = |error: String| Fault::internal(format!("no signing key could be made: {error}"));
    let mut randomness = rsa::rand_core::UnwrapErr(getrandom::SysRng);
    let key = RsaPrivateKey::new(&mut randomness, KEY_BITS).map_err(|error| failed(error.to_string()))?;
    let public = key.to_public_key().to_public_key_der().map_err(|error| failed(error.to_string()))?;
    let to_be_signed = certificate::to_be_signed(COMMON_NAME, public.as_bytes(), &random::bytes()?, now);
    let signing = SigningKey::<Sha256>::new(key.clone());
    let signature = signing.try_sign(&to_be_signed).map_err(|error| failed(error.to_string()))?;
    let private = key.to_pkcs8_der().map_err(|error| failed(error.to_string()))?;
    Ok(object! {
        "private_key" => STANDARD.encode(private.as_bytes()),
        "certificate" => certificate::pem(&to_be_signed, &signature.to_vec()),
    })
}
