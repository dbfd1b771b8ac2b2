// Picture: makes of any picture what the server takes: the icon of the place, or the picture of an account.
const SIDE = 192;
const MOST = 60 * 1024;
/** How many shades are left of a picture that would be too large: by the bits that stay of each colour. */
const MASKS = [0xff, 0xf8, 0xf0, 0xe0];

/** The side of the picture of an account, and its most bytes. */
const FACE = 64;
const FACE_MOST = 4 * 1024;

/** The middle of a picture, as a square with that side. */
async function square(file, side) {
  const picture = await createImageBitmap(file),
    least = Math.min(picture.width, picture.height);
  const canvas = Object.assign(document.createElement('canvas'), { width: side, height: side });
  const context = canvas.getContext('2d');
  const draw = () => {
    context.clearRect(0, 0, side, side);
    const [x, y] = [(picture.width - least) / 2, (picture.height - least) / 2];
    context.drawImage(picture, x, y, least, least, 0, 0, side, side);
  };
  return { canvas, context, draw };
}

/**
 * The picture of an account, as the server takes it: a JPEG in base64, on lines that are not too long.
 * @param {Blob} file
 */
export async function face(file) {
  const { canvas, context, draw } = await square(file, FACE);
  draw();
  // A JPEG has nothing that is seen through.
  context.globalCompositeOperation = 'destination-over';
  context.fillStyle = '#fff';
  context.fillRect(0, 0, FACE, FACE);
  for (const quality of [0.9, 0.8, 0.6, 0.4]) {
    const [, words] = canvas.toDataURL('image/jpeg', quality).split(',');
    if ((words.length * 3) / 4 <= FACE_MOST) return words.match(/.{1,3000}/g).join('\n');
  }
  throw new Error('too many colours');
}

/** @param {Blob} file */
export async function squarePng(file) {
  const { canvas, context, draw } = await square(file, SIDE);
  for (const mask of MASKS) {
    draw();
    const pixels = context.getImageData(0, 0, SIDE, SIDE);
    for (let i = 0; i < pixels.data.length; i += 1) pixels.data[i] &= mask;
    context.putImageData(pixels, 0, 0);
    const png = await new Promise((made) => canvas.toBlob(made, 'image/png'));
    if (png && png.size <= MOST) return png;
  }
  throw new Error('too many colours');
}
