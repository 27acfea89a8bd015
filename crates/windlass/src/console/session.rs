//! Who is signed in. Sessions are kept in memory: a restart signs everybody out.

use std::collections::HashMap;

use http::header::COOKIE;
use http::{HeaderValue, request::Parts};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use windlass_protocol::Fault;
use windlass_value::Timestamp;

/// Sessions open at once.
const SESSIONS_MAX: usize = 1_000;
/// After so long one signs in again.
const SESSION_MS: i64 = 12 * 3_600_000;
/// Wrong secrets that are looked at in one minute, of all callers together.
const WRONG_PER_MINUTE_MAX: u32 = 30;

const COOKIE_NAME: &str = "windlass_session";

#[derive(Default)]
pub(crate) struct Sessions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By the hash of the cookie, so that memory holds no cookie.
    open: HashMap<[u8; 32], Session>,
    /// The minute that is counted, and wrong secrets in it.
    wrong: (i64, u32),
}

struct Session {
    access_key_id: String,
    ends: Timestamp,
}

impl Sessions {
    /// Whether another secret is looked at now.
    ///
    /// # Errors
    /// `ThrottlingException` (429).
    pub(crate) fn admit_attempt(&self, now: Timestamp) -> Result<(), Fault> {
        let (minute, wrong) = self.0.lock().wrong;
        if minute == now.as_ms() / 60_000 && wrong >= WRONG_PER_MINUTE_MAX {
            return Err(
                Fault::new("ThrottlingException", "Too many wrong sign-ins. Try again in a minute.").with_status(429)
            );
        }
        Ok(())
    }

    /// Counts a wrong secret.
    pub(crate) fn note_wrong(&self, now: Timestamp) {
        let mut inner = self.0.lock();
        let minute = now.as_ms() / 60_000;
        inner.wrong = if inner.wrong.0 == minute { (minute, inner.wrong.1 + 1) } else { (minute, 1) };
    }

    /// Opens a session and answers its cookie.
    ///
    /// # Errors
    /// Where the machine gives no randomness.
    pub(crate) fn open(&self, access_key_id: &str, now: Timestamp, secure: bool) -> Result<HeaderValue, Fault> {
        let mut secret = [0; 32];
        let broken = |reason: String| {
            Fault::new("InternalFailure", "No session can be opened.").with_status(500).explained(reason)
        };
        getrandom::fill(&mut secret).map_err(|error| broken(error.to_string()))?;
        let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut inner = self.0.lock();
        inner.open.retain(|_, session| session.ends > now);
        if inner.open.len() >= SESSIONS_MAX {
            let oldest = inner.open.iter().min_by_key(|(_, session)| session.ends).map(|(hash, _)| *hash);
            oldest.map(|hash| inner.open.remove(&hash));
        }
        let ends = now.plus_ms(SESSION_MS);
        inner.open.insert(hash(&text), Session { access_key_id: access_key_id.to_owned(), ends });
        let secure = if secure { "; Secure" } else { "" };
        let cookie =
            format!("{COOKIE_NAME}={text}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", SESSION_MS / 1_000);
        HeaderValue::from_str(&cookie).map_err(|error| broken(error.to_string()))
    }

    /// Whose session a request belongs to.
    pub(crate) fn access_key_id(&self, parts: &Parts, now: Timestamp) -> Option<String> {
        let inner = self.0.lock();
        let session = cookies(parts).find_map(|cookie| inner.open.get(&hash(cookie)))?;
        (session.ends > now).then(|| session.access_key_id.clone())
    }

    /// Ends a request's session.
    pub(crate) fn close(&self, parts: &Parts) {
        let mut inner = self.0.lock();
        cookies(parts).for_each(|cookie| drop(inner.open.remove(&hash(cookie))));
    }

    /// The cookie that takes the session's away.
    pub(crate) fn no_cookie(&self) -> HeaderValue {
        HeaderValue::from_static("windlass_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }
}

fn cookies(parts: &Parts) -> impl Iterator<Item = &str> {
    let texts = parts.headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    texts
        .flat_map(|text| text.split(';'))
        .filter_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
}

fn hash(cookie: &str) -> [u8; 32] {
    Sha256::digest(cookie.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_cookie(cookie: &str) -> Parts {
        http::Request::builder().header(COOKIE, cookie).body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_session_is_known_by_its_cookie_until_it_ends() {
        let sessions = Sessions::default();
        let now = Timestamp(0);
        let cookie = sessions.open("AKIA1", now, true).unwrap();
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.ends_with("Secure"),
            "{cookie}"
        );
        let sent = format!("theme=dark; {}", cookie.split(';').next().unwrap());
        let parts = with_cookie(&sent);
        assert_eq!(sessions.access_key_id(&parts, now).as_deref(), Some("AKIA1"));
        assert_eq!(sessions.access_key_id(&with_cookie("windlass_session=00"), now), None);
        assert_eq!(sessions.access_key_id(&parts, now.plus_ms(SESSION_MS)), None);
        sessions.close(&parts);
        assert_eq!(sessions.access_key_id(&parts, now), None);
    }

    #[test]
    fn sessions_and_guesses_are_bounded() {
        let sessions = Sessions::default();
        for at in 0..SESSIONS_MAX as i64 + 5 {
            sessions.open("AKIA1", Timestamp(at), false).unwrap();
        }
        assert_eq!(sessions.0.lock().open.len(), SESSIONS_MAX);
        for _ in 0..WRONG_PER_MINUTE_MAX {
            sessions.admit_attempt(Timestamp(0)).unwrap();
            sessions.note_wrong(Timestamp(0));
        }
        assert_eq!(sessions.admit_attempt(Timestamp(59_999)).unwrap_err().status, 429);
        sessions.admit_attempt(Timestamp(60_000)).unwrap();
    }
}
