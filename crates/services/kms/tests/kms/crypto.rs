use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::Service;
use windlass_value::{Value, object};

use crate::fixture::{blob, call, contains, world};

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().expect("a blob")).expect("base64")
}

#[tokio::test(start_paused = true)]
async fn what_is_encrypted_opens_with_its_context_only() {
    let mut world = world();
    let (id, arn) = world.key(Value::empty_object()).await;
    let (other, other_arn) = world.key(Value::empty_object()).await;
    let plain = blob("a secret of 22 letters");
    let context = object! { "a" => "1", "b" => "2" };
    let sealed = world
        .ok(
            "Encrypt",
            object! { "KeyId" => id.as_str(), "Plaintext" => plain.as_str(), "EncryptionContext" => context },
        )
        .await;
    assert_eq!(sealed["KeyId"].as_str(), Some(arn.as_str()));
    let ciphertext = sealed["CiphertextBlob"].clone();
    assert!(!contains(&bytes(&ciphertext), b"a secret"));
    world.restart();
    // The order of the pairs does not matter, the rest does.
    let decrypt = |context: Value| object! { "CiphertextBlob" => ciphertext.clone(), "EncryptionContext" => context };
    let opened = world.ok("Decrypt", decrypt(object! { "b" => "2", "a" => "1" })).await;
    let expected = format!(r#"{{"KeyId":"{arn}","Plaintext":"{plain}","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}}"#);
    assert_eq!(opened.to_text(), expected);
    for context in
        [Value::Null, object! { "a" => "1" }, object! { "a" => "12", "b" => "" }, object! { "a" => "2", "b" => "1" }]
    {
        world.refused("Decrypt", decrypt(context), "InvalidCiphertextException", "").await;
    }
    let with_key = |key: &str| {
        object! { "CiphertextBlob" => ciphertext.clone(), "KeyId" => key, "EncryptionContext" => object! { "a" => "1", "b" => "2" } }
    };
    world.ok("Decrypt", with_key(&id)).await;
    let incorrect = "The key ID in the request does not identify a CMK that can perform this operation.";
    world.refused("Decrypt", with_key(&other), "IncorrectKeyException", incorrect).await;
    // Every changed byte is noticed.
    let whole = bytes(&ciphertext);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let context = object! { "a" => "1", "b" => "2" };
        let input = object! { "CiphertextBlob" => STANDARD.encode(changed), "EncryptionContext" => context };
        world.fault("Decrypt", input).await;
    }
    // From one key to another.
    let moved = world
        .ok(
            "ReEncrypt",
            object! {
                "CiphertextBlob" => ciphertext.clone(),
                "SourceEncryptionContext" => object! { "a" => "1", "b" => "2" },
                "DestinationKeyId" => other.as_str(),
            },
        )
        .await;
    assert_eq!((moved["SourceKeyId"].as_str(), moved["KeyId"].as_str()), (Some(&*arn), Some(&*other_arn)));
    let opened = world.ok("Decrypt", object! { "CiphertextBlob" => moved["CiphertextBlob"].clone() }).await;
    assert_eq!(opened["Plaintext"].as_str(), Some(plain.as_str()));
    // In another region, the key is not there.
    let mut elsewhere = call("Decrypt", object! { "CiphertextBlob" => ciphertext.clone() });
    elsewhere.region = "eu-west-1".into();
    assert_eq!(world.kms.call(elsewhere).await.expect_err("refused").code, "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn data_keys_are_new_every_time() {
    let world = world();
    let (id, _) = world.key(Value::empty_object()).await;
    let cases = [
        (object! { "KeyId" => id.as_str(), "KeySpec" => "AES_256" }, 32),
        (object! { "KeyId" => id.as_str(), "KeySpec" => "AES_128" }, 16),
        (object! { "KeyId" => id.as_str(), "NumberOfBytes" => 1000 }, 1000),
    ];
    let mut seen = HashSet::new();
    for (input, len) in cases {
        let made = world.ok("GenerateDataKey", input.clone()).await;
        let opened = world.ok("Decrypt", object! { "CiphertextBlob" => made["CiphertextBlob"].clone() }).await;
        assert_eq!(opened["Plaintext"], made["Plaintext"]);
        assert_eq!(bytes(&made["Plaintext"]).len(), len);
        let hidden = world.ok("GenerateDataKeyWithoutPlaintext", input).await;
        assert!(hidden["Plaintext"].is_null());
        let opened = world.ok("Decrypt", object! { "CiphertextBlob" => hidden["CiphertextBlob"].clone() }).await;
        assert!(seen.insert(bytes(&opened["Plaintext"])) && seen.insert(bytes(&made["Plaintext"])));
        assert!(!contains(&world.everything_stored(), &bytes(&made["Plaintext"])));
    }
    let random = world.ok("GenerateRandom", object! { "NumberOfBytes" => 33 }).await;
    assert_eq!(bytes(&random["Plaintext"]).len(), 33);
}

#[tokio::test(start_paused = true)]
async fn macs_are_those_of_the_standard() {
    let world = world();
    for (bits, mac_len) in [("224", 28), ("256", 32), ("384", 48), ("512", 64)] {
        let (spec, algorithm) = (format!("HMAC_{bits}"), format!("HMAC_SHA_{bits}"));
        let (id, arn) = world.key(object! { "KeySpec" => spec.as_str(), "KeyUsage" => "GENERATE_VERIFY_MAC" }).await;
        let message = blob("message");
        let input =
            object! { "KeyId" => id.as_str(), "Message" => message.as_str(), "MacAlgorithm" => algorithm.as_str() };
        let made = world.ok("GenerateMac", input.clone()).await;
        assert_eq!(bytes(&made["Mac"]).len(), mac_len);
        assert_eq!(world.ok("GenerateMac", input).await, made);
        let verify = |message: &str, mac: Value| {
            object! { "KeyId" => id.as_str(), "Message" => blob(message), "Mac" => mac, "MacAlgorithm" => algorithm.as_str() }
        };
        let verified = world.ok("VerifyMac", verify("message", made["Mac"].clone())).await;
        assert_eq!(verified.to_text(), format!(r#"{{"KeyId":"{arn}","MacValid":true,"MacAlgorithm":"{algorithm}"}}"#));
        for (message, mac) in [("other", made["Mac"].clone()), ("message", blob("short").into())] {
            world.refused("VerifyMac", verify(message, mac), "KMSInvalidMacException", "").await;
        }
    }
}
