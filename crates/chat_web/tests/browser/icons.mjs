// Draws static/icons from static/icon.svg with Chromium: `node tests/browser/icons.mjs`. Run it again when the mark changes.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';

const root = new URL('../../static/', import.meta.url);
const mark = readFileSync(new URL('icon.svg', root), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'icons-'));
// A mask may cut all but the inner four fifths; what is behind the mark is the page's own ground.
for (const [name, size, share, ground] of [
  ['192', 192, 1, 'transparent'],
  ['512', 512, 1, 'transparent'],
  ['maskable', 512, 0.6, '#f6f2ef'],
]) {
  const page = join(folder, 'page.html');
  const css = `html,body{margin:0;height:100%;background:${ground};display:grid;place-items:center}svg{width:${share * size}px;height:${share * size}px}`;
  writeFileSync(page, `<!doctype html><style>${css}</style>${mark}`);
  const out = join(folder, `${name}.png`);
  const flags = ['--headless', '--no-sandbox', '--hide-scrollbars', '--default-background-color=00000000'];
  execFileSync('chromium', [...flags, `--window-size=${size},${size}`, `--screenshot=${out}`, `file://${page}`], { stdio: 'ignore' });
  execFileSync('cp', [out, new URL(`icons/${name}.png`, root).pathname]);
}
rmSync(folder, { recursive: true });
