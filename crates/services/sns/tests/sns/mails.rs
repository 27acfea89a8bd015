use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use windlass_sns::{SmtpConfig, SmtpSecurity, SnsConfig};
use windlass_value::{Value, object};

use crate::fixture::{BASE_URL, World, text};

/// A relay that takes every mail, of the one user it knows.
async fn relay() -> (u16, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mails, received) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mails = mails.clone();
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                write.write_all(b"220 relay\r\n").await.unwrap();
                let mut mail = String::new();
                let mut in_data = false;
                while let Ok(Some(line)) = lines.next_line().await {
                    if in_data {
                        if line == "." {
                            in_data = false;
                            mails.send(std::mem::take(&mut mail)).unwrap();
                            write.write_all(b"250 taken\r\n").await.unwrap();
                        } else {
                            mail.push_str(&line);
                            mail.push('\n');
                        }
                        continue;
                    }
                    let answer: &[u8] = match line.split(' ').next().unwrap() {
                        "EHLO" => b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n",
                        "AUTH" if line == "AUTH PLAIN AHVzZXIAc2VjcmV0" => b"235 welcome\r\n",
                        "AUTH" => b"535 no\r\n",
                        "DATA" => {
                            in_data = true;
                            b"354 go on\r\n"
                        }
                        "QUIT" => b"221 bye\r\n",
                        _ => b"250 ok\r\n",
                    };
                    write.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (port, received)
}

async fn next(mails: &mut UnboundedReceiver<String>) -> String {
    let mail = tokio::time::timeout(std::time::Duration::from_secs(30), mails.recv()).await.expect("a mail").unwrap();
    // Undo quoted-printable's soft line ends.
    mail.replace("=\n", "").replace("=3D", "=")
}

fn link(mail: &str) -> Value {
    let start = mail.find(&format!("{BASE_URL}/?")).unwrap();
    let url = mail[start..].split_whitespace().next().unwrap();
    let pairs = url.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('='));
    pairs.collect::<windlass_value::Object>().into()
}

#[tokio::test]
async fn mailboxes_confirm_and_get_mails() {
    let (port, mut mails) = relay().await;
    let mut config = SnsConfig::new(BASE_URL);
    config.smtp = Some(SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port,
        security: SmtpSecurity::None,
        credentials: Some(("user".to_owned(), "secret".to_owned())),
        from: "Notifications <no-reply@example.org>".to_owned(),
    });
    assert!(!format!("{config:?}").contains("secret"));
    let world = World::with(config);
    let topic = world.topic("t", Value::Null).await;
    let input = |address: &str| object! { "TopicArn" => &topic, "Protocol" => "email", "Endpoint" => address };
    for address in ["no", "a@b\r\nRCPT TO:<c@d>", "a@b>"] {
        let fault = world.try_call("Subscribe", input(address)).await.unwrap_err();
        assert_eq!(fault.message, "Invalid parameter: Email address", "{address:?}");
    }
    world.call("Subscribe", input("someone@example.com")).await;
    let asked = next(&mut mails).await;
    assert!(asked.contains("To: someone@example.com\n"), "{asked}");
    assert!(asked.contains("From: Notifications <no-reply@example.org>\n"), "{asked}");
    world.follow("ConfirmSubscription", link(&asked)).await.unwrap();
    let more = object! { "Subject" => "Hot: 40 degrees" };
    world.publish(&topic, "It is hot.\n.\nQUIT\nÜ", more).await;
    let mail = next(&mut mails).await;
    assert!(mail.contains("Subject: Hot: 40 degrees\n"), "{mail}");
    assert!(mail.contains("List-Unsubscribe: <"), "{mail}");
    assert!(mail.contains("It is hot."), "{mail}");
    let body = mail.split_once("\n\n").unwrap().1;
    world.follow("Unsubscribe", link(body)).await.unwrap();
    let told = next(&mut mails).await;
    assert_eq!(text(&link(&told), "Action"), "ConfirmSubscription");
    world.settled().await;
}

#[tokio::test]
async fn mailboxes_need_a_relay() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let input = object! { "TopicArn" => &topic, "Protocol" => "email", "Endpoint" => "a@example.com" };
    let fault = world.try_call("Subscribe", input).await.unwrap_err();
    assert!(fault.message.contains("mail relay"), "{}", fault.message);
}
