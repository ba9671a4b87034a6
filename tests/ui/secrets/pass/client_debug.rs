fn print(client: &he_nn::Client) {
    println!("{}", client.key_id());
}
