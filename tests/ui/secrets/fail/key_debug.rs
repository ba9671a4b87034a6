fn print(key: &he_core::ckks::SecretKey) {
    println!("{key:?}");
}

fn main() {}
