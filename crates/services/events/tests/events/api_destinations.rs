use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use windlass_value::Value;

use crate::world::{World, call};

/// An HTTP server that writes down requests and answers what it is told, else well.
struct Endpoint {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// One whole request.
async fn request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let read = socket.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8(request.clone()).unwrap();
        let lower = text.to_ascii_lowercase();
        let length = lower.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if read == 0 || body.is_some_and(|body| body >= length.parse().unwrap()) {
            return text;
        }
    }
}

impl Endpoint {
    /// Answers (status line and headers, body), one after the other.
    async fn new(answers: &'static [(&'static str, &'static str)]) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            let mut answers = answers.iter();
            while let Ok((mut socket, _)) = listener.accept().await {
                let request = request(&mut socket).await;
                seen.lock().unwrap().push(request);
                let (head, body) = answers.next().copied().unwrap_or(("200 OK", ""));
                let length = body.len();
                let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Endpoint { address, requests }
    }

    async fn wait(&self, count: usize) -> Vec<String> {
        for _ in 0..4000 {
            let requests = self.requests.lock().unwrap().clone();
            if requests.len() >= count {
                return requests;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("{} of {count} requests came", self.requests.lock().unwrap().len());
    }
}

async fn destination(world: &World, connection: &str, endpoint: &str) -> String {
    let made = world.ok("CreateConnection", connection).await;
    let arn = made["ConnectionArn"].as_str().unwrap();
    let input =
        format!(r#"{{"Name":"d","ConnectionArn":"{arn}","InvocationEndpoint":"{endpoint}","HttpMethod":"POST"}}"#);
    let made = world.ok("CreateApiDestination", &input).await;
    made["ApiDestinationArn"].as_str().unwrap().to_owned()
}

fn has(request: &str, part: &str) {
    assert!(request.to_ascii_lowercase().contains(&part.to_ascii_lowercase()), "no {part} in {request}");
}

#[tokio::test]
async fn an_api_destination_is_called_with_its_connection() {
    let mut world = World::new();
    let endpoint = Endpoint::new(&[("503 Slow\r\nretry-after: 7", "")]).await;
    let connection = r#"{"Name":"c","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"x-key","ApiKeyValue":"planted-secret"},"InvocationHttpParameters":{"HeaderParameters":[{"Key":"x-more","Value":"planted-too","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","Value":"a b","IsValueSecret":false}],"BodyParameters":[{"Key":"added","Value":"yes"}]}}}"#;
    let arn = destination(&world, connection, &format!("{}/things/*/parts", endpoint.address)).await;
    world.restart(0).await;
    let target = format!(
        r#"{{"Id":"d","Arn":"{arn}","RoleArn":"arn:aws:iam::123456789012:role/r","InputPath":"$.detail","HttpParameters":{{"PathParameterValues":["7/8"],"HeaderParameters":{{"x-own":"o"}},"QueryStringParameters":{{"p":"1"}}}}}}"#
    );
    world.rule("r", r#"{"source":["s"]}"#, &target).await;
    world.put("s", r#"{"n":1}"#).await;
    endpoint.wait(1).await;
    world.settle().await;
    world.advance(6_000);
    world.settle().await;
    assert_eq!(endpoint.requests.lock().unwrap().len(), 1, "the endpoint asked for 7 seconds");
    world.advance(1_500);
    let request = endpoint.wait(2).await.remove(1);
    let parts = [
        "POST /things/7%2F8/parts?p=1&q=a%20b HTTP/1.1",
        "x-key: planted-secret",
        "x-more: planted-too",
        "x-own: o",
        "content-type: application/json; charset=utf-8",
        r#"{"n":1,"added":"yes"}"#,
    ];
    for part in parts {
        has(&request, part);
    }
    let shown = world.ok("DescribeConnection", r#"{"Name":"c"}"#).await;
    let parameters = r#"{"ApiKeyAuthParameters":{"ApiKeyName":"x-key"},"InvocationHttpParameters":{"HeaderParameters":[{"Key":"x-more","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","Value":"a b","IsValueSecret":false}],"BodyParameters":[{"Key":"added","Value":"yes"}]}}"#;
    assert_eq!(shown["AuthParameters"].to_text(), parameters);
    let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:events!connection/c/";
    assert!(shown["SecretArn"].as_str().unwrap().starts_with(secret));
    assert!(!shown.to_text().contains("planted-secret"));
}

#[tokio::test]
async fn tokens_are_fetched_kept_and_fetched_anew() {
    let world = World::new();
    let server = Endpoint::new(&[
        ("200 OK", r#"{"access_token":"first","expires_in":3600}"#),
        ("200 OK", ""),
        ("401 No", ""),
        ("200 OK", r#"{"access_token":"second","expires_in":3600}"#),
        ("200 OK", ""),
    ])
    .await;
    let connection = format!(
        r#"{{"Name":"c","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{{"OAuthParameters":{{"ClientParameters":{{"ClientID":"me","ClientSecret":"s&cret"}},"AuthorizationEndpoint":"{}/token","HttpMethod":"POST","OAuthHttpParameters":{{"BodyParameters":[{{"Key":"audience","Value":"them"}}]}}}}}}}}"#,
        server.address
    );
    let arn = destination(&world, &connection, &format!("{}/in", server.address)).await;
    let target = format!(r#"{{"Id":"d","Arn":"{arn}","RoleArn":"arn:aws:iam::123456789012:role/r"}}"#);
    world.rule("r", r#"{"source":["s"]}"#, &target).await;
    world.put("s", "{}").await;
    let requests = server.wait(2).await;
    has(&requests[0], "POST /token");
    has(&requests[0], "grant_type=client_credentials&client_id=me&client_secret=s%26cret&audience=them");
    has(&requests[1], "authorization: Bearer first");
    world.put("s", "{}").await;
    let requests = server.wait(5).await;
    has(&requests[2], "authorization: Bearer first");
    has(&requests[3], "POST /token");
    has(&requests[4], "authorization: Bearer second");

    // Another of our services asks for it: an HTTP task of a workflow.
    let connection_arn = world.ok("DescribeConnection", r#"{"Name":"c"}"#).await["ConnectionArn"].to_text();
    let mut asked = call("windlass:ConnectionAuthorization", &format!(r#"{{"ConnectionArn":{connection_arn}}}"#));
    asked.depth = 1;
    let answer = world.raw(asked.clone()).await.unwrap();
    let expected = r#"{"Headers":{"Authorization":"Bearer second"},"QueryParameters":{},"BodyParameters":{}}"#;
    assert_eq!(answer.to_text(), expected);
    world.ok("DeauthorizeConnection", r#"{"Name":"c"}"#).await;
    assert_eq!(world.raw(asked.clone()).await.unwrap_err().code, "InvalidStateException");
    let shown = world.ok("DescribeConnection", r#"{"Name":"c"}"#).await;
    assert_eq!(shown["ConnectionState"], Value::from("DEAUTHORIZED"));
    let shown = world.ok("DescribeApiDestination", r#"{"Name":"d"}"#).await;
    assert_eq!(shown["ApiDestinationState"], Value::from("INACTIVE"));
    world.ok("DeleteConnection", r#"{"Name":"c"}"#).await;
    assert_eq!(world.raw(asked).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn connections_are_checked() {
    let world = World::new();
    let cases = [
        (
            r#"{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{}}"#,
            "BasicAuthParameters must be specified for the authorization type BASIC.",
        ),
        (
            r#"{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"p"},"ApiKeyAuthParameters":{"ApiKeyName":"a","ApiKeyValue":"b"}}}"#,
            "Only one kind of authorization parameters can be specified.",
        ),
    ];
    for (input, expected) in cases {
        let expected = format!("ValidationException: Parameter AuthParameters is not valid. Reason: {expected}");
        assert_eq!(world.refusal("CreateConnection", input).await, expected, "{input}");
    }
    let basic = r#"{"Name":"c","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"p"}}}"#;
    world.ok("CreateConnection", basic).await;
    // What is not named stays: the password here.
    let update = r#"{"Name":"c","AuthParameters":{"BasicAuthParameters":{"Username":"w"}}}"#;
    world.ok("UpdateConnection", update).await;
    let arn = world.ok("DescribeConnection", r#"{"Name":"c"}"#).await["ConnectionArn"].to_text();
    let mut asked = call("windlass:ConnectionAuthorization", &format!(r#"{{"ConnectionArn":{arn}}}"#));
    asked.depth = 1;
    let answer = world.raw(asked).await.unwrap();
    assert_eq!(answer["Headers"]["Authorization"], Value::from("Basic dzpw"));
    let missing = world.refusal("DescribeConnection", r#"{"Name":"x"}"#).await;
    let expected = "ResourceNotFoundException: Failed to describe the connection(s). Connection 'x' does not exist.";
    assert_eq!(missing, expected);
}
