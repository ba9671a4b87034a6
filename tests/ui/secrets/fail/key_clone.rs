fn duplicate(key: &he_core::ckks::SecretKey) -> he_core::ckks::SecretKey {
    Clone::clone(key)
}

fn main() {}
