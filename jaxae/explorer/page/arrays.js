"use strict";

// Arrays as written by arrays.py: base64 of deflated bytes, grouped by significance.

const TYPES = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
};

/**
 * @param {{type: string, shape: number[], data: string}} packed
 * @returns {Promise<Float32Array | Uint8Array | Int16Array>} the numbers, row by row
 */
async function unpack({ type, data }) {
  const text = atob(data);
  const deflated = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = TYPES[type].BYTES_PER_ELEMENT;
  const count = planes.length / size;
  const bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < size; plane++) {
    for (let i = 0; i < count; i++) bytes[i * size + plane] = planes[plane * count + i];
  }
  return new TYPES[type](bytes.buffer);
}
