// Frames, texts, names, times, languages: the small pure parts.

import { pieces } from '../../static/js/hits.js';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { EMOJI, expand, isEmoji, isJumbo, loadEmoji, search } from '../../static/js/emoji.js';
import { format, plainText } from '../../static/js/format.js';
import en from '../../static/js/i18n/en.js';
import '../../static/js/i18n/en_later.js';
import id from '../../static/js/i18n/id.js';
import adminEn from '../../static/js/admin/en.js';
import adminId from '../../static/js/admin/id.js';
import { links, link } from '../../static/js/linkify.js';
import { hue, initials, isName, isRoom, mentions, propose } from '../../static/js/names.js';
import { clock, dayKey, dayLabel, sameRun, untilMidnight } from '../../static/js/time.js';
import { commandOf, holdsSecret, lacksSecret } from '../../static/js/secrets.js';
import { SERVER_TYPES, decode, encode, message, newCid } from '../../static/js/wire.js';
import { dice } from './dice.mjs';

await loadEmoji();

const HOSTILE = [
  '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', 'javascript:alert(1)', 'data:text/html,<script>1</script>', '[x](javascript:1)',
  'http://a.example/"onmouseover="x', 'https://user:pass@evil.example', 'https://bank.example@evil.example/', 'vbscript:x', '`<b>`', '**<i>**', '_javascript:1_', 'http://', 'www.',
  'https://example.org/`x`', '> <svg/onload=1>', 'mailto:a@b.c?subject=<x>', 'java\u0000script:1', '\u202ehttp://moc.elpmaxe', 'http://exa mple.org', '@<img>', '#"><b>', '```<script>```', 'https://\u0430pple.com',
  'HTTPS://EXAMPLE.ORG', 'jAvAsCrIpT:1', 'http:javascript:1', 'file:///etc/passwd', 'blob:https://x', `${'*'.repeat(2000)}x`, `${'_a '.repeat(700)}`,
];
const walk = (nodes) => nodes.flatMap((node) => [node, ...walk(node.c ?? [])]);
const KINDS = new Set(['text', 'b', 'i', 's', 'code', 'pre', 'link', 'mention', 'room', 'quote', 'jumbo']);
const about = { me: 'ana', name: (name) => ['budi', 'ana'].includes(name.toLowerCase()), room: (room) => room === 'rust' };

test('hostile words become a tree of known parts, with no address that acts or lies', () => {
  for (const text of HOSTILE) {
    for (const node of walk(format(text, about))) {
      assert.ok(KINDS.has(node.t), node.t);
      assert.ok(node.s === undefined || typeof node.s === 'string');
      if (node.href) { assert.match(node.href, /^(https?:\/\/[^@]+$|mailto:[^?]+$)/, text); assert.equal(node.t, 'link'); }
    }
  }
  assert.deepEqual(walk(format('https://\u0430pple.com now', about)).find((node) => node.t === 'link').s, 'https://xn--pple-43d.com', 'a host that is not plain is shown as it travels');
});

test('whatever is typed, nothing of the words is lost but the marks, and it takes no time', () => {
  const bits = ['*', '**', '_', '~~', '`', ' ', 'a', 'b c', '@budi', '#rust', 'http://x.example/a_b', '(', ')', '>', '\\', '👍', 'é', ':', '.', '```'];
  for (let seed = 1; seed <= 3000; seed += 1) {
    const chance = dice(seed);
    const some = Array.from({ length: chance.below(14) }, () => chance.pick(bits)).join('');
    const text = chance.below(4) ? some : `\`\`\`${some}\`\`\``;
    const letters = (words) => words.replace(/[*_~`>\s]/g, '');
    assert.equal(letters(plainText(format(text, about))), letters(text), JSON.stringify(text));
  }
});

test('marks stand at the edges of words', () => {
  const kinds = (text) => walk(format(text, about)).map((node) => node.t).filter((kind) => kind !== 'text');
  assert.deepEqual(kinds('*bold* and _this_ and **that** and ~~not~~'), ['b', 'i', 'b', 's']);
  assert.deepEqual(kinds('snake_case_name and 2*3*4 and a * b * c'), []);
  assert.deepEqual(kinds('`a *b* c`'), ['code']);
  assert.deepEqual(kinds('> said *so*'), ['quote', 'b']);
  assert.deepEqual(format('```rust\nfn main() {\n  a\n}\n```'), [{ t: 'pre', s: 'fn main() {\n  a\n}', lang: 'rust' }]);
  assert.deepEqual(format('look:\n```c++\nint *a;\n```\n*so*\n```\nx```'), [{ t: 'text', s: 'look:' }, { t: 'pre', s: 'int *a;', lang: 'c++' }, { t: 'b', c: [{ t: 'text', s: 'so' }] }, { t: 'pre', s: 'x' }]);
  assert.deepEqual(kinds('```\nnothing closes it *so*'), ['b']);
  const began = performance.now();
  for (const text of ['```a\n'.repeat(4000), `\`\`\`\n${'```a\n'.repeat(4000)}`, '```\n'.repeat(4000)]) format(text, about);
  assert.ok(performance.now() - began < 500, 'a message of fences takes no time');
  assert.deepEqual(format('```SELECT id FROM t```'), [{ t: 'pre', s: 'SELECT id FROM t' }], 'the first word of a line of code is code');
  assert.deepEqual(kinds('mail budi@host.example, /#rust, #nowhere, @nobody'), []);
  assert.deepEqual(format('hi @Ana, see #rust', about).filter((node) => node.t !== 'text'), [{ t: 'mention', name: 'Ana', me: true }, { t: 'room', id: 'rust' }]);
  assert.deepEqual(kinds('🎉🎉'), ['jumbo']);
});

test('addresses end where their sentence does', () => {
  const found = (text) => links(text).map((one) => one.text);
  assert.deepEqual(found('see https://example.org/a. And (http://b.example/c), **https://d.example/x**!'), ['https://example.org/a', 'http://b.example/c', 'https://d.example/x']);
  assert.deepEqual(found('https://en.example/wiki/Rust_(language)'), ['https://en.example/wiki/Rust_(language)']);
  for (const bad of ['javascript:1', 'data:x', 'ftp://x', 'https://a:b@c', 'nonsense', 'mailto:a@b.c?cc=x']) assert.equal(link(bad), null, bad);
});

test('only frames that have what they need come in', () => {
  const good = { type: 'Message', room: 'lobby', seq: 1, id: 'x', from: { id: 'a', name: 'b' }, at: 't', text: '' };
  assert.equal(decode(JSON.stringify(good)).act, false, 'what was left out is filled in');
  for (const field of ['room', 'seq', 'from', 'at']) assert.equal(decode(JSON.stringify({ ...good, [field]: undefined })), null, field);
  for (const text of ['', '[]', 'null', '1', '{}', '{"type":"toString"}', '{"type":"__proto__"}', '{"type":"Nix"}', '{"type":1}', '{']) assert.equal(decode(text), null, text);
  assert.equal(decode(JSON.stringify({ ...good, seq: -1 })), null);
  assert.equal(decode(JSON.stringify({ ...good, text: 3 })), null);
  assert.equal(decode(JSON.stringify({ ...good, unknown: 1 })).unknown, 1, 'what is new is let through');
  assert.equal(message({ ...good, type: undefined }).seq, 1);
  assert.equal(encode({ type: 'Send', reply_to: null, act: false, text: 'x' }), '{"type":"Send","text":"x"}');
  assert.equal(encode({ type: 'React', on: false }), '{"type":"React","on":false}');
  assert.match(newCid(), /^[A-Za-z0-9]{22}$/);
});

test('the page knows every frame of the manual, and takes each as it stands there', () => {
  const manual = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8').split('### 2.1')[1].split('### 2.2')[0];
  const named = new Set([...manual.matchAll(/\{"type":"(\w+)"/g)].map((match) => match[1]));
  assert.deepEqual([...named].sort(), [...SERVER_TYPES].sort());
  // The manual abbreviates people and commands by {…}; a frame may run over several lines, and lines hold several frames.
  const code = manual.match(/```jsonc\n([\s\S]*?)```/)[1].replace(/\s\/\/ .*$/gm, '').replaceAll('{…}', '{"id":"1","name":"x"}').replace(/\n /g, ' ');
  const frames = code.split(/\n|\s{2,}(?=\{"type")/).filter((text) => text.startsWith('{'));
  assert.ok(frames.length >= 25, `${frames.length} frames`);
  for (const text of frames) assert.ok(decode(text.trim()), text);
});

test('names', () => {
  for (let seed = 1; seed < 50; seed += 1) { const chance = dice(seed); assert.ok(isName(propose(chance.next(), chance.next()))); }
  assert.ok(isName('_a-1') && !isName('1a') && !isName('two words') && !isName('x'.repeat(33)) && !isName(''));
  assert.ok(isRoom('rust') && !isRoom('') && !isRoom('a b') && !isRoom('x'.repeat(32)));
  assert.equal(initials('bright-otter') + initials('ana') + initials('___'), 'BOAN?');
  assert.ok(hue('ana') === hue('ANA') && hue('ana') >= 0 && hue('ana') < 360);
  assert.ok(!mentions('x', ''));
});

test('times', () => {
  const at = new Date(2026, 10, 22, 15, 4).getTime();
  assert.equal(dayKey(at), '2026-11-22');
  assert.match(clock(at, 'en', '24'), /15.04/);
  assert.match(clock(at, 'en', '12'), /3.04/);
  assert.equal(clock(at, 'en', 'auto', 'h23'), '15:04', 'English on a device that counts to 24');
  assert.match(clock(at, 'en', 'auto', 'h12'), /^3:04\s?PM$/);
  assert.equal(clock(at, 'id', 'auto', 'h23'), '15.04');
  assert.equal(dayLabel(at, at, 'en'), 'Today');
  assert.equal(dayLabel(at - 86400000, at, 'id'), 'Kemarin');
  assert.match(dayLabel(at - 5 * 86400000, at, 'en'), /Tuesday, (November 17|17 November)/);
  assert.ok(untilMidnight(at) > 0 && untilMidnight(at) < 9 * 3600000);
  assert.ok(sameRun(at, at + 299999) && !sameRun(at, at + 300000) && !sameRun(new Date(2026, 10, 22, 23, 59), new Date(2026, 10, 23, 0, 1)));
});

test('emoji by name', () => {
  assert.equal(expand('yes :+1: :nix: 10:30:00 `:tada:`'), 'yes 👍 :nix: 10:30:00 `:tada:`');
  assert.ok(search('hea').some((one) => one.name === 'heart') && EMOJI.get('100') === '💯' && EMOJI.get('-1') === '👎');
  for (const [name, char] of EMOJI) assert.ok(isEmoji(char), name);
  assert.ok(isJumbo('🎉 🎉') && !isJumbo('🎉🎉🎉🎉') && !isJumbo('12') && !isEmoji('a') && !isEmoji('<b>'));
});

test('both languages have the same words to fill, and every word that is asked for', () => {
  assert.deepEqual(Object.keys(en).sort(), Object.keys(id).sort());
  // The second of two words under one key would silently take the first one's place.
  for (const language of ['en', 'id']) {
    const files = language === 'en' ? ['en', 'en_later'] : ['id'];
    const source = files.map((file) => readFileSync(new URL(`../../static/js/i18n/${file}.js`, import.meta.url), 'utf8')).join('\n');
    const keys = [...source.matchAll(/^ {2}'?([\w-]+)'?:(?: |\n {4})'/gm)].map((match) => match[1]);
    assert.deepEqual(keys.sort(), Object.keys(language === 'en' ? en : id).sort(), language);
  }
  const holes = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort().join();
  for (const key of Object.keys(en)) assert.equal(holes(en[key]), holes(id[key]), key);
  const folder = new URL('../../static/', import.meta.url);
  const files = readdirSync(folder, { recursive: true }).filter((file) => /\.(js|html)$/.test(file) && !file.includes('i18n') && !file.includes('admin'));
  const asked = files.flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(/\bt\('([\w-]+)'|data-(?:t|label|hint)="(\w+)"|'(key[A-Z]\w+)'/g)].map((match) => match[1] ?? match[2] ?? match[3]));
  assert.ok(asked.length > 100);
  for (const key of asked) assert.ok(Object.hasOwn(en, key), key);
});

test('so has the dashboard', () => {
  assert.deepEqual(Object.keys(adminId).sort(), Object.keys(adminEn).sort());
  const holes = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))].sort().join();
  for (const key of Object.keys(adminEn)) assert.equal(holes(adminEn[key]), holes(adminId[key]), key);
  const folder = new URL('../../static/', import.meta.url);
  const files = readdirSync(folder, { recursive: true }).filter((file) => /admin.*\.(js|html)$/.test(file) && !/\/(en|id)\.js$/.test(file));
  const source = files.map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n');
  const asked = [...source.matchAll(/\bw\('(\w+)'|data-w="(\w+)"/g)].map((match) => match[1] ?? match[2]);
  assert.ok(asked.length > 60);
  for (const key of asked) assert.ok(Object.hasOwn(adminEn, key), key);
  // And none that stands there for nothing: a column, a heading or a word with its kind is named in quotes.
  for (const key of Object.keys(adminEn)) assert.ok(new RegExp(`['"]${key}['"]|\`${key.split('_')[0]}_`).test(source), key);
});

test('what a search has found is marked where a word begins so', () => {
  const shown = (text, question) => pieces(text, question).map(({ text: part, hit }) => (hit ? `[${part}]` : part)).join('');
  assert.equal(shown('The plan: plans, replan', 'plan'), 'The [plan]: [plan]s, replan');
  assert.equal(shown('Über alle Berge', 'über berg'), '[Über] alle [Berg]e');
  assert.equal(shown('a.b (x)', '.*('), 'a.b (x)', 'signs are no words');
  assert.equal(shown('', 'x'), '');
});

test('a line that holds a password or a key is known, however it is written', () => {
  const commands = [{ name: 'LOGIN', slashes: ['login'], secret: true }, { name: 'OPER', slashes: ['oper'], secret: true }, { name: 'REGISTER', slashes: ['register'], secret: true }, { name: 'PASSWD', slashes: ['passwd'], secret: true }, { name: 'NICK', slashes: ['nick'] }];
  for (const text of ['/login ana pw', '/LOGIN ana', '  /oper', 'OPER:key', 'LOGIN=7:ana pw', '/register pw', '/passwd a b', 'hello\n/oper key']) assert.ok(holdsSecret(text, commands), text);
  for (const text of ['/nick ana', '//login ana', 'oper: hello', 'NICK:ana', '/operator', 'my /login', 'LOGIN ana pw', '']) assert.ok(!holdsSecret(text, commands), text);
  assert.ok(holdsSecret('/anything', []), 'before the table has come');
  const lacks = (text) => lacksSecret(commandOf(text, commands));
  assert.deepEqual(['/oper', '/login', '/login ana', '/register ', 'OPER:', '/passwd'].map(lacks), Array(6).fill(true));
  assert.deepEqual(['/oper key', '/login ana pw', '/register pw', 'OPER:key', '/passwd a b'].map(lacks), Array(5).fill(false));
  assert.equal(commandOf('/ping', commands), null, 'one that is not for the page');
});
