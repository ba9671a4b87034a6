fn peek(server: &he_nn::Server, reply: &he_nn::Reply) -> Vec<f32> {
    server.decrypt(reply).unwrap_or_default()
}

fn main() {}
