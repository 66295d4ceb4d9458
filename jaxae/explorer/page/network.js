"use strict";

// Encoder and decoder, layer by layer, as in network.py.

const logistic = (x) => 1 / (1 + Math.exp(-x));
// The approximation that nnx.gelu computes.
const bent = (x) => Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));

// Each, and its derivative at x, where its value is y.
const ACTIVATIONS = {
  linear: { of: (x) => x, slope: () => 1 },
  relu: { of: (x) => Math.max(0, x), slope: (x) => (x > 0 ? 1 : 0) },
  gelu: {
    of: (x) => (x / 2) * (1 + bent(x)),
    slope: (x) =>
      (1 + bent(x)) / 2 +
      (x / 2) * (1 - bent(x) ** 2) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x ** 2),
  },
  silu: { of: (x) => x * logistic(x), slope: (x, y) => y + logistic(x) * (1 - y) },
  tanh: { of: Math.tanh, slope: (x, y) => 1 - y ** 2 },
  sigmoid: { of: logistic, slope: (x, y) => y * (1 - y) },
};

/** Unpack the arrays of layers. */
function unpackLayers(layers) {
  return Promise.all(
    layers.map(async (layer) => {
      const [whole, bias] = await Promise.all([unpack(layer.kernel), unpack(layer.bias)]);
      const kernel = Float32Array.from(whole, (value) => value * layer.step);
      return { ...layer, kernel, bias };
    }),
  );
}

/** Apply layers to an image or a point; returns a Float32Array. */
function evaluate(layers, x) {
  return layers.reduce(
    (input, layer) => linear(layer, input, layer.bias).map(ACTIVATIONS[layer.activation].of),
    x,
  );
}

/** Apply layers to a point; returns the output and its derivatives along directions. */
function differentiate(layers, x, directions) {
  let [value, slopes] = [x, directions];
  for (const layer of layers) {
    const activation = ACTIVATIONS[layer.activation];
    const none = new Float32Array(layer.bias.length);
    const sum = linear(layer, value, layer.bias);
    slopes = slopes.map((along) => linear(layer, along, none));
    value = sum.map(activation.of);
    for (let k = 0; k < sum.length; k++) {
      const factor = activation.slope(sum[k], value[k]);
      for (const along of slopes) along[k] *= factor;
    }
  }
  return { value, slopes };
}

// A layer before its activation.
function linear(layer, x, bias) {
  const y = multiply(layer.patches ? patchesOf(x, layer.patches) : x, layer.kernel, bias);
  return layer.shuffled ? shuffled(y, layer.patches, layer.shuffled) : y;
}

// Rows of inputs, one after the other, times the kernel, plus the bias.
function multiply(x, kernel, bias) {
  const outputs = bias.length;
  const inputs = kernel.length / outputs;
  const rows = x.length / inputs;
  const y = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const sum = y.subarray(row * outputs, (row + 1) * outputs);
    sum.set(bias);
    for (let i = 0; i < inputs; i++) {
      const value = x[row * inputs + i];
      if (value === 0) continue; // Half of the hidden units are zero, and most pixels.
      const start = i * outputs;
      for (let k = 0; k < outputs; k++) sum[k] += value * kernel[start + k];
    }
  }
  return y;
}

// The 3×3 neighbourhood of every stride-th pixel, padded with zeros, as im2col in jaxae.
function patchesOf(x, [height, width, channels, stride]) {
  const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
  const before = (size, count) => Math.floor(Math.max(0, (count - 1) * stride + 3 - size) / 2);
  const [top, left] = [before(height, rows), before(width, columns)];
  const patches = new Float32Array(rows * columns * 9 * channels);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let k = 0; k < 9; k++, at += channels) {
        const y = row * stride + Math.floor(k / 3) - top;
        const x0 = column * stride + (k % 3) - left;
        if (y < 0 || y >= height || x0 < 0 || x0 >= width) continue;
        const from = (y * width + x0) * channels;
        patches.set(x.subarray(from, from + channels), at);
      }
    }
  }
  return patches;
}

// Four groups of channels as 2×2 pixels, cropped, as pixel_shuffle in jaxae.
function shuffled(y, [height, width], [shownHeight, shownWidth]) {
  const channels = y.length / (height * width * 4);
  const image = new Float32Array(shownHeight * shownWidth * channels);
  for (let row = 0; row < shownHeight; row++) {
    for (let column = 0; column < shownWidth; column++) {
      const pixel = (row >> 1) * width + (column >> 1);
      const from = (pixel * 4 + (row % 2) * 2 + (column % 2)) * channels;
      image.set(y.subarray(from, from + channels), (row * shownWidth + column) * channels);
    }
  }
  return image;
}
