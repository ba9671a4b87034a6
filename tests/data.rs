//! The bundled models: each file opens, and its README's claims about sizes hold.

use he_nn::Checkpoint;

fn path(name: &str) -> String {
    format!("{}/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn bundled_checkpoints_open_and_hold_the_stated_tensors() {
    for (folder, tensor, shape, count) in [
        ("cryptonets_mnist", "fc1.weight", vec![100, 845], 6),
        ("mlp_square_mnist", "fc1.weight", vec![128, 784], 4),
        ("lenet5_poly3_mnist", "act4.coef", vec![4], 14),
        ("logreg_heart", "scaler.mean", vec![15], 4),
        ("logreg_breast_cancer", "linear.weight", vec![1, 30], 4),
    ] {
        let checkpoint = Checkpoint::open(path(&format!("{folder}/model.safetensors"))).unwrap();
        assert_eq!(checkpoint.get(tensor).unwrap().shape(), shape, "{folder}");
        assert_eq!(checkpoint.names().count(), count, "{folder}");
    }
}

#[test]
fn the_bundle_stays_small() {
    let folders = std::fs::read_dir(path(""))
        .unwrap()
        .map(|f| f.unwrap().path())
        .filter(|f| f.is_dir());
    let files = folders.flat_map(|f| std::fs::read_dir(f).unwrap());
    let bytes: u64 = files.map(|f| f.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 3 << 20, "{bytes} bytes");
}
