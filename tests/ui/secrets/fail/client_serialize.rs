fn serializes<T: serde::Serialize>(_: &T) {}

fn store(client: &he_nn::Client) {
    serializes(client);
}

fn main() {}
