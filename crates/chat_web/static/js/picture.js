// Picture: makes of any picture the icon that the server takes, a square PNG of few bytes.
const SIDE = 192;
const MOST = 60 * 1024;
/** How many shades are left of a picture that would be too large: by the bits that stay of each colour. */
const MASKS = [0xff, 0xf8, 0xf0, 0xe0];

/** @param {Blob} file */
export async function squarePng(file) {
  const picture = await createImageBitmap(file),
    side = Math.min(picture.width, picture.height);
  const canvas = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
  const context = canvas.getContext('2d');
  for (const mask of MASKS) {
    const [x, y] = [(picture.width - side) / 2, (picture.height - side) / 2];
    context.clearRect(0, 0, SIDE, SIDE);
    context.drawImage(picture, x, y, side, side, 0, 0, SIDE, SIDE);
    const pixels = context.getImageData(0, 0, SIDE, SIDE);
    for (let i = 0; i < pixels.data.length; i += 1) pixels.data[i] &= mask;
    context.putImageData(pixels, 0, 0);
    const png = await new Promise((made) => canvas.toBlob(made, 'image/png'));
    if (png && png.size <= MOST) return png;
  }
  throw new Error('too many colours');
}
