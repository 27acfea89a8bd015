use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use windlass_value::{Value, object, parse};

use crate::fixture::{World, text, topic_arn};

/// A request's head, in small letters, and its body.
pub(crate) struct Request {
    head: String,
    body: String,
}

/// An HTTP endpoint that answers with the statuses given, the last one for ever.
async fn endpoint(statuses: &[u16]) -> (String, UnboundedReceiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    let (requests, received) = unbounded_channel();
    let statuses = Arc::new(Mutex::new(statuses.to_vec()));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (requests, statuses) = (requests.clone(), statuses.clone());
            tokio::spawn(async move {
                let mut buffer = Vec::new();
                loop {
                    let text = String::from_utf8_lossy(&buffer).into_owned();
                    if let Some((head, body)) = text.split_once("\r\n\r\n") {
                        let head = head.to_lowercase();
                        let len = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                        let len: usize = len.parse().unwrap();
                        if body.len() >= len {
                            requests.send(Request { head, body: body.to_owned() }).unwrap();
                            buffer.clear();
                            let status = {
                                let mut statuses = statuses.lock();
                                if statuses.len() > 1 { statuses.remove(0) } else { statuses[0] }
                            };
                            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
                            stream.write_all(answer.as_bytes()).await.unwrap();
                            continue;
                        }
                    }
                    if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
            });
        }
    });
    (url, received)
}

async fn next(received: &mut UnboundedReceiver<Request>) -> Request {
    tokio::time::timeout(std::time::Duration::from_secs(30), received.recv()).await.expect("a request").unwrap()
}

fn query(url: &str) -> Value {
    let pairs = url.split_once('?').unwrap().1.split('&').filter_map(|pair| pair.split_once('='));
    pairs.collect::<windlass_value::Object>().into()
}

#[tokio::test]
async fn an_http_endpoint_confirms_and_takes_back() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let (url, mut received) = endpoint(&[200]).await;
    let with_password = url.replace("://", "://user:pa%3Ass@");
    let input = object! { "TopicArn" => &topic, "Protocol" => "http", "Endpoint" => &with_password };
    let output = world.call("Subscribe", input).await;
    assert_eq!(text(&output, "SubscriptionArn"), "pending confirmation");
    let asked = next(&mut received).await;
    for header in [
        "post /hook?x=1 http/1.1",
        "x-amz-sns-message-type: subscriptionconfirmation",
        &format!("x-amz-sns-topic-arn: {topic}"),
        "content-type: text/plain; charset=utf-8",
        "user-agent: amazon simple notification service agent",
        "authorization: basic dxnlcjpwytpzcw==",
    ] {
        assert!(asked.head.contains(header), "{header} is not in {}", asked.head);
    }
    let document = parse(&asked.body).unwrap();
    let members: Vec<&str> = document.as_object().unwrap().keys().map(|name| &**name).collect();
    let expected = [
        "Type",
        "MessageId",
        "Token",
        "TopicArn",
        "Message",
        "SubscribeURL",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
    ];
    assert_eq!(members, expected);
    let link = query(&text(&document, "SubscribeURL"));
    assert_eq!(text(&link, "Action"), "ConfirmSubscription");
    let wrong = [
        (object! { "TopicArn" => topic_arn("other"), "Token" => &link["Token"] }, "Invalid parameter: Topic"),
        (object! { "TopicArn" => &topic, "Token" => "0".repeat(112) }, "Invalid parameter: Token"),
    ];
    for (input, expected) in wrong {
        assert_eq!(world.follow("ConfirmSubscription", input).await.unwrap_err().message, expected);
    }
    let arn = text(&world.follow("ConfirmSubscription", link.clone()).await.unwrap(), "SubscriptionArn");
    // A link may be followed twice.
    world.follow("ConfirmSubscription", link).await.unwrap();
    let read = world.call("GetSubscriptionAttributes", object! { "SubscriptionArn" => &arn }).await;
    assert_eq!(text(&read["Attributes"], "PendingConfirmation"), "false");
    assert_eq!(text(&read["Attributes"], "ConfirmationWasAuthenticated"), "false");

    world.publish(&topic, "one", Value::Null).await;
    let notified = next(&mut received).await;
    assert!(notified.head.contains("x-amz-sns-message-type: notification"));
    assert!(notified.head.contains(&format!("x-amz-sns-subscription-arn: {arn}")));
    let unsubscribe = query(&text(&parse(&notified.body).unwrap(), "UnsubscribeURL"));
    world.follow("Unsubscribe", unsubscribe).await.unwrap();
    let told = parse(&next(&mut received).await.body).unwrap();
    assert_eq!(text(&told, "Type"), "UnsubscribeConfirmation");
    world.publish(&topic, "unseen", Value::Null).await;
    assert_eq!(world.call("ListSubscriptions", Value::empty_object()).await["Subscriptions"], Value::array(vec![]));
    let restore = query(&text(&told, "SubscribeURL"));
    world.follow("ConfirmSubscription", restore).await.unwrap();
    let set =
        object! { "SubscriptionArn" => &arn, "AttributeName" => "RawMessageDelivery", "AttributeValue" => "true" };
    world.call("SetSubscriptionAttributes", set).await;
    world.publish(&topic, "two", Value::Null).await;
    let raw = next(&mut received).await;
    assert!(raw.head.contains("x-amz-sns-rawdelivery: true"));
    assert_eq!(raw.body, "two");
    world.settled().await;
}

#[tokio::test]
async fn unconfirmed_subscriptions_are_forgotten() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let (url, mut received) = endpoint(&[200]).await;
    let input = object! { "TopicArn" => &topic, "Protocol" => "http", "Endpoint" => &url };
    world.call("Subscribe", input.clone()).await;
    let old = query(&text(&parse(&next(&mut received).await.body).unwrap(), "SubscribeURL"));
    // Asked anew, only the new token counts.
    world.call("Subscribe", input).await;
    let new = query(&text(&parse(&next(&mut received).await.body).unwrap(), "SubscribeURL"));
    world.follow("ConfirmSubscription", old).await.unwrap_err();
    world.pass(3 * 24 * 3_600_000);
    world.follow("ConfirmSubscription", new).await.unwrap_err();
    world.sns.sweep().await.unwrap();
    assert_eq!((world.rows("sns_subscriptions"), world.rows("sns_endpoints")), (0, 0));
}

#[tokio::test]
async fn signed_confirmations_may_forbid_the_link() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let (url, mut received) = endpoint(&[200]).await;
    world.call("Subscribe", object! { "TopicArn" => &topic, "Protocol" => "http", "Endpoint" => &url }).await;
    let token = text(&parse(&next(&mut received).await.body).unwrap(), "Token");
    let input = object! { "TopicArn" => &topic, "Token" => token, "AuthenticateOnUnsubscribe" => "true" };
    let arn = text(&world.call("ConfirmSubscription", input).await, "SubscriptionArn");
    let fault = world.follow("Unsubscribe", object! { "SubscriptionArn" => &arn }).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.status), ("AuthorizationError", 403));
    world.call("Unsubscribe", object! { "SubscriptionArn" => &arn }).await;
    assert_eq!(world.rows("sns_subscriptions"), 0);
}

#[tokio::test]
async fn http_deliveries_follow_the_delivery_policy() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let (url, mut received) = endpoint(&[200, 503, 429, 500, 404, 200]).await;
    world.call("Subscribe", object! { "TopicArn" => &topic, "Protocol" => "http", "Endpoint" => &url }).await;
    let token = text(&parse(&next(&mut received).await.body).unwrap(), "Token");
    let input = object! { "TopicArn" => &topic, "Token" => token };
    let arn = text(&world.call("ConfirmSubscription", input).await, "SubscriptionArn");
    let policy = r#"{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":60,"numRetries":5,"numNoDelayRetries":2},"requestPolicy":{"headerContentType":"application/json"}}"#;
    let dead = object! { "deadLetterTargetArn" => "arn:aws:sqs:us-east-1:000000000000:dead" }.to_text();
    for (name, value) in [("DeliveryPolicy", policy), ("RedrivePolicy", &dead)] {
        let set = object! { "SubscriptionArn" => &arn, "AttributeName" => name, "AttributeValue" => value };
        world.call("SetSubscriptionAttributes", set).await;
    }
    world.publish(&topic, "x", Value::Null).await;
    for _ in 0..3 {
        let request = next(&mut received).await;
        assert!(request.head.contains("content-type: application/json"));
    }
    // Two retries without a pause are over; the third waits a second.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(received.try_recv().is_err());
    world.pass(1_000);
    next(&mut received).await;
    // 404: no retry would help.
    let buried = world.next_sent().await;
    assert!(text(&buried.input, "QueueUrl").ends_with("/dead"));
    assert_eq!(text(&parse(&crate::fixture::body(&buried)).unwrap(), "Message"), "x");
    world.settled().await;
}
