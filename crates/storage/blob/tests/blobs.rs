//! Contents: written, adopted, shared, swept, and what a crash leaves.

use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use windlass_blob::{BlobId, BlobStore, Swept, TABLES};
use windlass_store::{Batch, MemoryFaults, Store};

fn id_of(content: &[u8]) -> BlobId {
    BlobId::new(Sha256::digest(content).into())
}

fn open(folder: &Path, state: &MemoryFaults) -> (BlobStore, Store) {
    let store = Store::memory(TABLES, state.clone());
    (BlobStore::open(folder, store.clone()).expect("the folder opens"), store)
}

async fn refer(blobs: &BlobStore, store: &Store, id: &BlobId, owner: &str) {
    let mut batch = Batch::default();
    blobs.add_reference(&mut batch, id, owner.as_bytes());
    store.commit(batch).await.expect("committed");
}

async fn forget(blobs: &BlobStore, store: &Store, id: &BlobId, owner: &str) {
    let mut batch = Batch::default();
    blobs.remove_reference(&mut batch, id, owner.as_bytes());
    store.commit(batch).await.expect("committed");
    blobs.released(*id);
}

fn content_of(blobs: &BlobStore, id: &BlobId) -> Option<Vec<u8>> {
    use std::io::Read;
    let (mut file, bytes) = blobs.get(id).expect("readable")?;
    let mut content = Vec::new();
    file.read_to_end(&mut content).expect("readable");
    assert_eq!(content.len() as u64, bytes);
    Some(content)
}

#[tokio::test]
async fn a_content_lies_once_and_goes_with_its_last_owner() {
    let folder = tempfile::tempdir().expect("a folder");
    let (blobs, store) = open(folder.path(), &MemoryFaults::default());
    let id = id_of(b"hello");
    for owner in ["a", "b"] {
        let written = blobs.put(Bytes::from_static(b"hello")).await.expect("written");
        assert_eq!(written.blob.id(), id);
        assert_eq!(written.blob.bytes(), 5);
        refer(&blobs, &store, &id, owner).await;
        written.blob.keep();
    }
    forget(&blobs, &store, &id, "a").await;
    assert_eq!(blobs.sweep_suspects().await.expect("swept"), Swept { seen: 1, removed: 0, removed_bytes: 0 });
    assert_eq!(content_of(&blobs, &id).as_deref(), Some(&b"hello"[..]));
    forget(&blobs, &store, &id, "b").await;
    assert_eq!(blobs.sweep_suspects().await.expect("swept"), Swept { seen: 1, removed: 1, removed_bytes: 5 });
    assert_eq!(content_of(&blobs, &id), None);
}

#[tokio::test]
async fn what_is_pinned_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let (blobs, _store) = open(folder.path(), &MemoryFaults::default());
    let written = blobs.put(Bytes::from_static(b"pinned")).await.expect("written");
    let id = written.blob.id();
    assert_eq!(blobs.sweep().await.expect("swept").removed, 0);
    let second = blobs.pin(id).expect("readable").expect("there");
    drop(written);
    assert_eq!(blobs.sweep().await.expect("swept").removed, 0);
    drop(second);
    assert_eq!(blobs.sweep_suspects().await.expect("swept").removed, 1);
    assert!(blobs.pin(id).expect("readable").is_none());
}

#[tokio::test]
async fn a_received_file_is_renamed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (blobs, store) = open(folder.path(), &MemoryFaults::default());
    for round in 0..2 {
        let path = blobs.incoming_folder().join(format!("upload{round}"));
        std::fs::write(&path, b"received").expect("written");
        let pinned = blobs.adopt(path.clone(), id_of(b"received")).await.expect("adopted");
        assert_eq!(pinned.bytes(), 8);
        refer(&blobs, &store, &pinned.id(), "owner").await;
        // The second finds the content there, and leaves its own file to who made it.
        assert_eq!(path.exists(), round == 1);
    }
    assert_eq!(content_of(&blobs, &id_of(b"received")).as_deref(), Some(&b"received"[..]));
}

#[tokio::test]
async fn a_start_removes_what_a_crash_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = MemoryFaults::default();
    let (kept, lost) = (id_of(b"kept"), id_of(b"lost"));
    {
        let (blobs, store) = open(folder.path(), &state);
        blobs.put(Bytes::from_static(b"kept")).await.expect("written").blob.keep();
        refer(&blobs, &store, &kept, "owner").await;
        // Written, and then the server died before the reference was stored.
        blobs.put(Bytes::from_static(b"lost")).await.expect("written").blob.keep();
        let mut incoming = blobs.begin().expect("begun");
        incoming.write(b"half").expect("written");
        std::mem::forget(incoming);
        assert_eq!(std::fs::read_dir(blobs.incoming_folder()).expect("a folder").count(), 1);
    }
    // The code of functions lies beside.
    let beside = folder.path().join("blobs/sha256/ab");
    std::fs::create_dir_all(&beside).expect("a folder");
    std::fs::write(beside.join(lost.to_string()), b"code").expect("written");
    let (blobs, _store) = open(folder.path(), &state);
    assert_eq!(std::fs::read_dir(blobs.incoming_folder()).expect("a folder").count(), 0);
    assert_eq!(blobs.sweep().await.expect("swept"), Swept { seen: 2, removed: 1, removed_bytes: 4 });
    assert_eq!(content_of(&blobs, &kept).as_deref(), Some(&b"kept"[..]));
    assert_eq!(content_of(&blobs, &lost), None);
    assert!(beside.join(lost.to_string()).exists());
}

#[tokio::test]
async fn an_upload_that_ends_early_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (blobs, _store) = open(folder.path(), &MemoryFaults::default());
    let failed = blobs.write_with(|incoming| {
        incoming.write(b"half")?;
        Err(std::io::Error::other("the client went away"))
    });
    assert_eq!(failed.await.expect_err("it failed").to_string(), "the client went away");
    assert_eq!(std::fs::read_dir(blobs.incoming_folder()).expect("a folder").count(), 0);
    assert_eq!(blobs.sweep().await.expect("swept").seen, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_the_sweep_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let (blobs, store) = open(folder.path(), &MemoryFaults::default());
    blobs.start();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (blobs, store) = (blobs.clone(), store.clone());
        writers.spawn(async move {
            for round in 0..40 {
                let written = blobs.put(Bytes::from(vec![round % 4; 100])).await.expect("written");
                let (id, owner) = (written.blob.id(), format!("{writer}-{round}"));
                refer(&blobs, &store, &id, &owner).await;
                written.blob.keep();
                assert!(content_of(&blobs, &id).is_some(), "referred to and gone");
                forget(&blobs, &store, &id, &owner).await;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("no panic");
    }
    blobs.stop().await;
    blobs.sweep_suspects().await.expect("swept");
    for content in 0..4 {
        assert_eq!(content_of(&blobs, &id_of(&[content; 100])), None);
    }
}
