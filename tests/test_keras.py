"""check_keras on the VAE of Keras' documentation, in the form that each backend allows, and on models with
add_loss.
"""

import os

import numpy as np
import pytest

from scratchvae.reference import check_keras

BACKEND = os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
pytest.importorskip(keras.backend.backend())
layers, ops = keras.layers, keras.ops
SIDE, H, Z, B = 8, 16, 2, 12


class Sampling(layers.Layer):
    """z = mean + exp(half · log_var) · noise."""

    def __init__(self, half=0.5, **rest):
        super().__init__(**rest)
        self.half, self.seeds = half, keras.random.SeedGenerator(7)

    def call(self, inputs):
        mean, log_var = inputs
        return mean + ops.exp(self.half * log_var) * keras.random.normal(ops.shape(mean), seed=self.seeds)


def parts(half=0.5, convolutional=False):
    """Encoder and decoder, functional models, as the documentation has them."""
    image = keras.Input((SIDE, SIDE, 1))
    h = layers.Conv2D(4, 3, activation="relu", strides=2, padding="same")(image) if convolutional else image
    h = layers.Dense(H, activation="relu")(layers.Flatten()(h))
    mean, log_var = layers.Dense(Z, name="z_mean")(h), layers.Dense(Z, name="z_log_var")(h)
    encoder = keras.Model(image, [mean, log_var, Sampling(half)([mean, log_var])])
    code = keras.Input((Z,))
    if convolutional:
        h = layers.Reshape((SIDE // 2, SIDE // 2, 4))(layers.Dense(SIDE * SIDE, activation="relu")(code))
        out = layers.Conv2DTranspose(1, 3, activation="sigmoid", strides=2, padding="same")(h)
    else:
        h = layers.Dense(H, activation="relu")(code)
        out = layers.Reshape((SIDE, SIDE, 1))(layers.Dense(SIDE * SIDE, activation="sigmoid")(h))
    return encoder, keras.Model(code, out)


class VAE(keras.Model):
    """A model with a train_step of its own, on either backend."""

    def __init__(self, encoder, decoder, kl_weight=1.0, pixels=ops.sum):
        super().__init__()
        self.encoder, self.decoder, self.kl_weight, self.pixels = encoder, decoder, kl_weight, pixels

    def call(self, x):
        return self.decoder(self.encoder(x)[2])

    def loss_of(self, x):
        mean, log_var, z = self.encoder(x)
        error = keras.losses.binary_crossentropy(x, self.decoder(z))
        kl = ops.sum(-0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var)), axis=1)
        return ops.mean(self.pixels(error, axis=(1, 2))) + self.kl_weight * ops.mean(kl)

    if keras.backend.backend() == "torch":

        def train_step(self, data):
            self.zero_grad()
            loss = self.loss_of(data)
            loss.backward()
            variables = self.trainable_variables
            self.optimizer.apply([v.value.grad for v in variables], variables)
            return {"loss": loss}

    else:

        def compute_loss_and_updates(self, trainable, frozen, x):
            with keras.StatelessScope([*zip(self.trainable_variables, trainable, strict=True)]):
                return self.loss_of(x), frozen

        def train_step(self, state, data):
            import jax

            trainable, frozen, optimizer, metrics = state
            gradient = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, frozen), gradients = gradient(trainable, frozen, data)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
            return {"loss": loss}, (trainable, frozen, optimizer, metrics)


class WithLosses(keras.Model):
    """The KL by add_loss, and the reconstruction by compile(loss=…), with the train_step of Keras."""

    def __init__(self, encoder, decoder, kl_weight=1.0):
        super().__init__()
        self.encoder, self.decoder, self.kl_weight = encoder, decoder, kl_weight

    def call(self, x):
        mean, log_var, z = self.encoder(x)
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(self.kl_weight * ops.mean(kl))
        return self.decoder(z)


def summed_error(x, y):
    return ops.sum(ops.reshape(keras.losses.binary_crossentropy(x, y), (-1, SIDE * SIDE)), axis=1)


def images():
    return (np.random.default_rng(0).random((B, SIDE, SIDE, 1)) > 0.5).astype("float32")


def compiled(model, loss=None):
    model(images())
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return model


def weights(model):
    held = [variable.value for variable in model.weights]
    return [np.asarray(value.detach() if hasattr(value, "detach") else value).copy() for value in held]


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def test_the_example_of_the_documentation_matches():
    model, x = compiled(VAE(*parts(convolutional=True))), images()
    before = weights(model)
    report = check_keras(model, x)
    assert report.matches, f"{report} {report.blind}"
    assert all(np.array_equal(a, b) for a, b in zip(before, weights(model), strict=True))
    assert int(model.optimizer.iterations.value) == 0


@pytest.mark.parametrize("kl_weight", [1.0, 0.0])
def test_a_loss_without_the_kl_is_no_silent_pass(kl_weight):
    model = compiled(VAE(*parts(), kl_weight=kl_weight))
    for name in ("z_mean", "z_log_var"):  # the KL is 0 at these weights
        kernel = model.encoder.get_layer(name).kernel
        kernel.assign(np.zeros(tuple(kernel.shape), "float32"))
    report = check_keras(model, images())
    assert report.matches == (kl_weight == 1.0), f"{report} {report.blind}"
    assert report.cause == (None if kl_weight else "kl_missing"), str(report)
    assert "N(0, 1) was added" in str(report)


@pytest.mark.parametrize(
    ("how", "of_model", "cause"),
    [
        ({"half": 1.0}, {}, "sampling_log_var_read_as_log_std"),
        ({}, {"pixels": ops.mean}, "reconstruction_mean_over_pixels"),
        ({}, {"kl_weight": -1.0}, "kl_sign"),
    ],
)
def test_mistakes_are_named(how, of_model, cause):
    report = check_keras(compiled(VAE(*parts(**how), **of_model)), images())
    assert report.cause == cause, str(report)


def test_losses_of_compile_and_add_loss():
    x = images()
    assert check_keras(compiled(WithLosses(*parts()), summed_error), x, x).matches
    report = check_keras(compiled(WithLosses(*parts()), "binary_crossentropy"), x, x)
    assert report.cause == "reconstruction_mean_over_pixels", str(report)
    assert not check_keras(compiled(WithLosses(*parts(), kl_weight=0.0), summed_error), x, x).matches


class Summed(layers.Layer):
    """Adds the loss of a model whose prior mean depends on the label."""

    def __init__(self, sign=1.0, **rest):
        super().__init__(**rest)
        self.sign = sign

    def call(self, inputs):
        x, out, mean, log_var, of_label = inputs
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean - of_label) - ops.exp(log_var), axis=1)
        self.add_loss(ops.mean(summed_error(x, out) + self.sign * kl))
        return out


@pytest.mark.parametrize(("sign", "cause"), [(1.0, None), (-1.0, "kl_sign")])
def test_several_inputs_are_a_list(sign, cause):
    label, (encoder, decoder) = keras.Input((3,)), parts()
    mean, log_var, z = encoder(image := keras.Input((SIDE, SIDE, 1)))
    out = Summed(sign)([image, decoder(z), mean, log_var, layers.Dense(Z)(label)])
    model = keras.Model([image, label], out)
    model.compile(optimizer="adam")
    report = check_keras(model, [images(), np.eye(3, dtype="float32")[np.arange(B) % 3]])
    assert report.matches == (cause is None), f"{report} {report.blind}"
    assert report.cause == cause
