//! That the server's sources name no secret key; what its type forbids is checked under `tests/ui/secrets`.

#[test]
fn the_server_names_no_secret_key() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/he-nn/src/server");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        for name in ["SecretKey", "decrypt", "secret_bytes"] {
            assert!(!source.contains(name), "{} names {name}", path.display());
        }
        files += 1;
    }
    assert!(files >= 3, "{files} files");
}
