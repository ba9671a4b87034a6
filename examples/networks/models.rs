//! The networks, with the layers and the names of weights that their files have.

use clap::ValueEnum;
use he_nn::Model;
use he_nn::prelude::*;

/// Logistic regression on 256 features.
#[he_nn::model(input = [256], depth = 1)]
pub fn logreg256(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc1"), Linear::out(1))
}

/// One hidden layer.
#[he_nn::model(input = [784], depth = 3)]
pub fn mlp_square_mnist(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

/// Two hidden layers.
#[he_nn::model(input = [784], depth = 5)]
pub fn mlp3_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    let x = square(linear(x, w.at("fc2"), Linear::out(128)));
    linear(x, w.at("fc3"), Linear::out(10))
}

/// LoLa (Brutzkus, Elisha, Gilad-Bachrach, ICML 2019).
#[he_nn::model(input = [1, 28, 28], depth = 5)]
pub fn lola(x: Tensor, w: Weights) -> Tensor {
    let x = square(flatten(conv2d(
        x,
        w.at("conv1"),
        Conv2d::out(5).kernel(2).stride(2),
    )));
    let x = square(linear(x, w.at("fc1"), Linear::out(100)));
    linear(x, w.at("fc2"), Linear::out(10))
}

/// CryptoNets (Gilad-Bachrach et al., ICML 2016).
#[he_nn::model(input = [1, 28, 28], depth = 5)]
pub fn cryptonets_mnist(x: Tensor, w: Weights) -> Tensor {
    let x = square(conv2d(
        x,
        w.at("conv1"),
        Conv2d::out(5).kernel(5).stride(2).padding(1),
    ));
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(100)));
    linear(x, w.at("fc2"), Linear::out(10))
}

/// LeNet-5 with squares.
#[he_nn::model(input = [1, 28, 28], depth = 9)]
pub fn lenet5_square(x: Tensor, w: Weights) -> Tensor {
    let x = avg_pool2d(
        square(conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2))),
        2,
    );
    let x = avg_pool2d(square(conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5))), 2);
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(120)));
    let x = square(linear(x, w.at("fc2"), Linear::out(84)));
    linear(x, w.at("fc3"), Linear::out(10))
}

/// LeNet-5 with cubics whose coefficients come with the weights.
#[he_nn::model(input = [1, 28, 28], depth = 13)]
pub fn lenet5_cubic(x: Tensor, w: Weights) -> Tensor {
    let x = polynomial(
        conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2)),
        w.at("act1"),
        3,
    );
    let x = polynomial(
        conv2d(avg_pool2d(x, 2), w.at("conv2"), Conv2d::out(16).kernel(5)),
        w.at("act2"),
        3,
    );
    let x = polynomial(
        linear(flatten(avg_pool2d(x, 2)), w.at("fc1"), Linear::out(120)),
        w.at("act3"),
        3,
    );
    let x = polynomial(linear(x, w.at("fc2"), Linear::out(84)), w.at("act4"), 3);
    linear(x, w.at("fc3"), Linear::out(10))
}

/// A wide network with strides in place of pools.
#[he_nn::model(input = [1, 28, 28], depth = 7)]
pub fn lenet_wide(x: Tensor, w: Weights) -> Tensor {
    let x = square(conv2d(
        x,
        w.at("conv1"),
        Conv2d::out(32).kernel(5).stride(2).padding(2),
    ));
    let x = square(conv2d(
        x,
        w.at("conv2"),
        Conv2d::out(64).kernel(5).stride(2).padding(2),
    ));
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(512)));
    linear(x, w.at("fc2"), Linear::out(10))
}

/// Three convolutions with pools on 32 x 32 colour images.
#[he_nn::model(input = [3, 32, 32], depth = 9)]
pub fn alexnet32(x: Tensor, w: Weights) -> Tensor {
    let x = avg_pool2d(
        square(conv2d(x, w.at("conv1"), Conv2d::out(16).kernel(3).padding(1))),
        2,
    );
    let x = avg_pool2d(
        square(conv2d(x, w.at("conv2"), Conv2d::out(32).kernel(3).padding(1))),
        2,
    );
    let x = avg_pool2d(
        square(conv2d(x, w.at("conv3"), Conv2d::out(64).kernel(3).padding(1))),
        2,
    );
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

/// Two residual stages, squares for activations.
#[he_nn::model(input = [3, 32, 32], depth = 13)]
pub fn resnet8_square(x: Tensor, w: Weights) -> Tensor {
    let skip = square(conv2d(x, w.at("conv1"), Conv2d::out(16).kernel(3).padding(1)));
    let x = square(conv2d(skip, w.at("conv2"), Conv2d::out(16).kernel(3).padding(1)));
    let x = conv2d(x, w.at("conv3"), Conv2d::out(16).kernel(3).padding(1));
    let x = square(x + skip);
    let skip = square(conv2d(
        x,
        w.at("conv4"),
        Conv2d::out(32).kernel(3).stride(2).padding(1),
    ));
    let x = square(conv2d(skip, w.at("conv5"), Conv2d::out(32).kernel(3).padding(1)));
    let x = conv2d(x, w.at("conv6"), Conv2d::out(32).kernel(3).padding(1));
    let x = square(x + skip);
    linear(flatten(avg_pool2d(x, 16)), w.at("fc1"), Linear::out(10))
}

/// Large kernels on 224 x 224 colour images.
#[he_nn::model(input = [3, 224, 224], depth = 9)]
pub fn covid224(x: Tensor, w: Weights) -> Tensor {
    let x = avg_pool2d(
        square(conv2d(x, w.at("conv1"), Conv2d::out(8).kernel(9).stride(4))),
        2,
    );
    let x = square(conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5).stride(2)));
    let x = square(conv2d(x, w.at("conv3"), Conv2d::out(32).kernel(3).stride(2)));
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(64)));
    linear(x, w.at("fc2"), Linear::out(3))
}

/// AlexNet (Krizhevsky, Sutskever, Hinton, NeurIPS 2012) in one tower, with squares and averages.
#[he_nn::model(input = [3, 224, 224], depth = 15)]
pub fn alexnet224(x: Tensor, w: Weights) -> Tensor {
    let pool = AvgPool2d::kernel(3).stride(2);
    let x = square(conv2d(
        x,
        w.at("conv1"),
        Conv2d::out(64).kernel(11).stride(4).padding(5),
    ));
    let x = avg_pool2d_with(x, pool);
    let x = square(conv2d(x, w.at("conv2"), Conv2d::out(192).kernel(5).padding(2)));
    let x = avg_pool2d_with(x, pool);
    let x = square(conv2d(x, w.at("conv3"), Conv2d::out(384).kernel(3).padding(1)));
    let x = square(conv2d(x, w.at("conv4"), Conv2d::out(256).kernel(3).padding(1)));
    let x = square(conv2d(x, w.at("conv5"), Conv2d::out(256).kernel(3).padding(1)));
    let x = flatten(avg_pool2d_with(x, pool));
    let x = square(linear(x, w.at("fc1"), Linear::out(4096)));
    let x = square(linear(x, w.at("fc2"), Linear::out(4096)));
    linear(x, w.at("fc3"), Linear::out(1000))
}

/// The networks by their files' names.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Name {
    #[value(name = "logreg256")]
    Logreg256,
    MlpSquareMnist,
    #[value(name = "mlp3_square")]
    Mlp3Square,
    Lola,
    CryptonetsMnist,
    #[value(name = "lenet5_square")]
    Lenet5Square,
    #[value(name = "lenet5_poly3_mnist")]
    Lenet5Poly3Mnist,
    #[value(name = "lenet5_cubic")]
    Lenet5Cubic,
    LenetWide,
    #[value(name = "alexnet32")]
    Alexnet32,
    #[value(name = "resnet8_square")]
    Resnet8Square,
    #[value(name = "covid224")]
    Covid224,
    #[value(name = "alexnet224")]
    Alexnet224,
}

impl Name {
    /// The stem of its files.
    pub fn file(self) -> String {
        let value = self.to_possible_value();
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The network.
    pub fn model(self) -> &'static Model {
        match self {
            Name::Logreg256 => logreg256(),
            Name::MlpSquareMnist => mlp_square_mnist(),
            Name::Mlp3Square => mlp3_square(),
            Name::Lola => lola(),
            Name::CryptonetsMnist => cryptonets_mnist(),
            Name::Lenet5Square => lenet5_square(),
            // The same network with trained coefficients.
            Name::Lenet5Poly3Mnist | Name::Lenet5Cubic => lenet5_cubic(),
            Name::LenetWide => lenet_wide(),
            Name::Alexnet32 => alexnet32(),
            Name::Resnet8Square => resnet8_square(),
            Name::Covid224 => covid224(),
            Name::Alexnet224 => alexnet224(),
        }
    }
}
