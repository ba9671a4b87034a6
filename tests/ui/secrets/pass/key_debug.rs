fn count(key: &he_core::ckks::SecretKey) {
    println!("{} bytes", key.to_bytes().len());
}
