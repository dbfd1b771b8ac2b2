// Qr: sixty digits as a QR code of version 2, level M, mask 0, which they fill exactly: numeric mode, 28 bytes of data
// and 16 that correct errors.
const SIZE = 25;
const [DATA, MORE] = [28, 16];
/** The format of level M and mask 0, with the bits that correct it. */
const FORMAT = 0b101010000010010;

/** Products in the field of 256 that QR codes use. */
function times(a, b) {
  let product = 0;
  for (; b; b >>= 1, a = (a << 1) ^ (a & 128 ? 0x11d : 0)) if (b & 1) product ^= a;
  return product;
}

/** What corrects errors: the rest of the data divided by the generator. */
function correction(data) {
  let generator = [1];
  for (let i = 0, root = 1; i < MORE; i++, root = times(root, 2)) {
    const moved = [...generator, 0];
    generator.forEach((term, at) => (moved[at + 1] ^= times(term, root)));
    generator = moved;
  }
  const rest = [...data, ...Array(MORE).fill(0)];
  for (let i = 0; i < data.length; i++) {
    const factor = rest[i];
    generator.forEach((term, at) => (rest[i + at] ^= times(term, factor)));
  }
  return rest.slice(data.length);
}

function bytesOf(digits) {
  const bits = (number, count) => number.toString(2).padStart(count, '0');
  const groups = digits.match(/\d{3}/g).map((three) => bits(+three, 10));
  const all = `0001${bits(digits.length, 10)}${groups.join('')}0000`.padEnd(DATA * 8, '0');
  return all.match(/.{8}/g).map((byte) => parseInt(byte, 2));
}

/**
 * The rows of the code, each with true for a dark module.
 * @param {string} text sixty digits, and spaces
 */
export function qr(text) {
  const digits = text.replace(/\D/g, '');
  if (digits.length !== 60) throw new Error('sixty digits');
  /** @type {(boolean | null)[][]} */
  const rows = Array.from({ length: SIZE }, () => Array(SIZE).fill(null));
  const square = (top, left, radius, ring) => {
    for (let y = -radius; y <= radius; y++)
      for (let x = -radius; x <= radius; x++)
        if (rows[top + y]?.[left + x] !== undefined) rows[top + y][left + x] = ring(Math.max(Math.abs(x), Math.abs(y)));
  };
  for (const [top, left] of [
    [3, 3],
    [3, SIZE - 4],
    [SIZE - 4, 3],
  ])
    square(top, left, 4, (at) => at !== 2 && at !== 4);
  square(18, 18, 2, (at) => at !== 1);
  for (let at = 8; at < SIZE - 8; at++) rows[6][at] = rows[at][6] = at % 2 === 0;
  for (let bit = 0; bit < 15; bit++) {
    const dark = ((FORMAT >> bit) & 1) === 1;
    rows[bit < 6 ? bit : bit < 8 ? bit + 1 : SIZE - 15 + bit][8] = dark;
    rows[8][bit < 8 ? SIZE - 1 - bit : bit < 9 ? 7 : 14 - bit] = dark;
  }
  rows[SIZE - 8][8] = true;
  const data = bytesOf(digits);
  const bits = [...data, ...correction(data)].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((at) => (byte >> at) & 1));
  let next = 0;
  for (let right = SIZE - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right--;
    for (let i = 0; i < SIZE; i++) {
      const y = up ? SIZE - 1 - i : i;
      for (const x of [right, right - 1])
        if (rows[y][x] === null) rows[y][x] = ((bits[next++] ?? 0) ^ ((x + y) % 2 === 0 ? 1 : 0)) === 1;
    }
  }
  return rows;
}
