"use strict";

// Images of the data set's shape on canvases.

/** Draw one image, numbers from 0 to `most`, on a canvas of its size. */
function showImage(canvas, values, most) {
  const [height, width] = app.data.imageShape;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d").putImageData(imageData(values, most), 0, 0);
}

function imageData(values, most) {
  const [height, width, channels = 1] = app.data.imageShape;
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let k = 0; k < 3; k++) {
      const value = values[pixel * channels + (channels === 3 ? k : 0)];
      image.data[pixel * 4 + k] = (255 * value) / most;
    }
    image.data[pixel * 4 + 3] = 255;
  }
  return image;
}

/** The image of an example that has one in the file, bytes. */
function pictureOf(i) {
  const place = app.data.pictured.indexOf(i);
  const size = app.data.pictures.length / app.data.pictured.length;
  return app.data.pictures.subarray(place * size, (place + 1) * size);
}

/** Distance of a decoded image to bytes: the root of the summed squared difference. */
function pixelDistance(decoded, bytes) {
  return Math.sqrt(decoded.reduce((sum, value, k) => sum + (value - bytes[k] / 255) ** 2, 0));
}

/** Distance of two decoded images, likewise. */
function distance(a, b) {
  let square = 0;
  for (let k = 0; k < a.length; k++) square += (a[k] - b[k]) ** 2;
  return Math.sqrt(square);
}

/** Draw images side by side on a canvas. */
function showStrip(canvas, images) {
  const [height, width] = app.data.imageShape;
  canvas.width = width * images.length;
  canvas.height = height;
  const context = canvas.getContext("2d");
  images.forEach((values, k) => context.putImageData(imageData(values, 1), k * width, 0));
}

/** A figure of an image with a caption. */
function figureOf(values, most, caption) {
  const figure = document.createElement("figure");
  const canvas = document.createElement("canvas");
  const text = document.createElement("figcaption");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", caption);
  text.textContent = caption;
  showImage(canvas, values, most);
  figure.append(canvas, text);
  return figure;
}
