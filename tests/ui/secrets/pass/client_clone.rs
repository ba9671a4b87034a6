/// Many hold one client by sharing it.
fn share(client: he_nn::Client) -> [std::sync::Arc<he_nn::Client>; 2] {
    let client = std::sync::Arc::new(client);
    [client.clone(), client]
}
