"use strict";

// Encoder and decoder, layer by layer, as in network.py.

const ACTIVATIONS = {
  linear: (y) => y,
  relu: (y) => y.map((value) => Math.max(0, value)),
  // The approximation that nnx.gelu computes.
  gelu: (y) =>
    y.map((value) => {
      const bent = Math.sqrt(2 / Math.PI) * (value + 0.044715 * value ** 3);
      return (value / 2) * (1 + Math.tanh(bent));
    }),
  silu: (y) => y.map((value) => value / (1 + Math.exp(-value))),
  tanh: (y) => y.map(Math.tanh),
  sigmoid: (y) => y.map((value) => 1 / (1 + Math.exp(-value))),
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
  return layers.reduce((input, layer) => {
    const rows = layer.patches ? patchesOf(input, layer.patches) : input;
    let y = multiply(rows, layer.kernel, layer.bias);
    if (layer.shuffled) y = shuffled(y, layer.patches, layer.shuffled);
    return ACTIVATIONS[layer.activation](y);
  }, x);
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
