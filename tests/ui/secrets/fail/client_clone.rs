fn duplicate(client: &he_nn::Client) -> he_nn::Client {
    Clone::clone(client)
}

fn main() {}
