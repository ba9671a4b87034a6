/// A secret is stored by name, where only its owner can read it.
fn store(client: &he_nn::Client) -> he_nn::Result<()> {
    client.save_secret("client.secret")
}
