// What Enter does with what stands in the composer, and what a typed command means.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { meaning, suggestions, usageHere } from '../../static/js/commands.js';
import { submission } from '../../static/js/composing.js';
import { holdsSecret } from '../../static/js/secrets.js';

const COMMANDS = [
  { name: 'LOGIN', slashes: ['login'], usage: '/login name password', help: 'Signs in', secret: true },
  { name: 'TOPIC', slashes: ['topic'], usage: '/topic [#room] [text]', help: 'The topic' },
  { name: 'LIST', slashes: ['list', 'ls'], usage: '/list', help: 'Who is on' },
];
const enter = (value, about = {}) => submission(value, { over: -1000, editing: null, answered: null, holdsSecret: (text) => holdsSecret(text, COMMANDS), ...about });

test('a text is said as it was typed, without what stands around it', () => {
  assert.deepEqual(enter('  hello '), { do: 'say', text: 'hello', answered: null });
  assert.deepEqual(enter('yes', { answered: 7 }), { do: 'say', text: 'yes', answered: 7 });
  assert.deepEqual(enter(' \n '), { do: 'nothing' });
  assert.equal(enter('\n\n  fn main() {\n  }\n\n').text, '  fn main() {\n  }', 'the first line keeps what it is indented by');
  assert.equal(enter('//roll is a command').text, '/roll is a command');
});

test('a command is one line; of several only what speaks can be one', () => {
  assert.deepEqual(enter('/list'), { do: 'command', text: '/list' });
  assert.deepEqual(enter('/me waves\nand goes'), { do: 'command', text: '/me waves\nand goes' });
  assert.equal(enter('/list\nis a command').do, 'say');
  assert.equal(enter('/ 2').do, 'say', 'a slash and a space is no command');
});

test('a password is given alone, and beside nothing else', () => {
  assert.deepEqual(enter(' /login ana pw'), { do: 'command', text: '/login ana pw' });
  assert.deepEqual(enter('hello\n/login ana pw'), { do: 'refuse', why: 'secretAlone' });
});

test('too long is refused before anything else; a correction is saved where it differs', () => {
  assert.deepEqual(enter('long', { over: 12 }), { do: 'refuse', why: 'tooLong', n: 12 });
  assert.deepEqual(enter('new', { editing: { text: 'old' } }), { do: 'save', text: 'new' });
  assert.deepEqual(enter('old ', { editing: { text: 'old' } }), { do: 'close' });
  assert.deepEqual(enter('/list', { editing: { text: 'old' } }), { do: 'save', text: '/list' }, 'a correction is no command');
});

const means = (text, where = {}) => meaning(text, { talk: false, commands: COMMANDS, signedIn: false, keeps: true, ...where });

test('what the page does itself', () => {
  assert.deepEqual(means('/me waves\ntwice'), { do: 'act', text: 'waves\ntwice' });
  assert.deepEqual(means('/join #rust key'), { do: 'join', room: 'rust', key: 'key' });
  assert.deepEqual(means('/w @ana the salary'), { do: 'whisper', to: 'ana', text: 'the salary' });
  assert.deepEqual(means('/search tea'), { do: 'search', words: 'tea' });
  assert.deepEqual(means('/search tea', { keeps: false }), { do: 'give' }, 'the server says that it keeps nothing');
  assert.deepEqual(means('/quit'), { do: 'leave', everywhere: false });
  assert.deepEqual(means('/logout all', { signedIn: true }), { do: 'leave', everywhere: true });
  assert.deepEqual(means('/logout'), { do: 'give' });
  assert.equal(means('/login ana').do, 'ask');
  assert.deepEqual(means('/login ana pw'), { do: 'give' });
  assert.deepEqual(means('/list'), { do: 'give' });
});

test('in a direct talk a command acts there, or asks for a room', () => {
  const talk = (text) => means(text, { talk: true });
  assert.deepEqual(talk('/me waves\ntwice'), { do: 'act', text: 'waves\ntwice' });
  assert.deepEqual(talk('/r yes'), { do: 'say', text: 'yes' });
  assert.deepEqual(talk('/part'), { do: 'part' });
  assert.deepEqual(talk('/topic tea'), { do: 'name-room', word: '/topic' });
  assert.deepEqual(talk('/topic #rust tea'), { do: 'give' });
  assert.deepEqual(talk('/join rust'), { do: 'join', room: 'rust', key: undefined });
});

test('suggestions go by the beginning, or by another name that is typed out', () => {
  assert.deepEqual(suggestions('l', COMMANDS).map((one) => one.slash), ['login', 'list']);
  assert.deepEqual(suggestions('ls', COMMANDS).map((one) => one.slash), ['list']);
  assert.deepEqual(suggestions('exit', COMMANDS).map((one) => one.slash), ['quit']);
});

test('a command is shown as the page takes it, and what is to be filled in, in the language of its reader', () => {
  const words = 'new password=kata sandi baru,password=kata sandi,name=nama,key=kunci,why=alasan,room=ruang,code=kode';
  assert.equal(usageHere('JOIN:<name> or /join #room [key]', words), '/join #ruang [kunci]');
  assert.equal(usageHere('/register <password>, or REGISTER:<name> <password> [code]', words), '/register <kata sandi>');
  assert.equal(usageHere('/reset <code> [new password]', words), '/reset <kode> [kata sandi baru]');
  assert.equal(usageHere('/invitecode [uses] [7d], list, or end <number>', ''), '/invitecode [uses] [7d], list, or end <number>');
  assert.equal(usageHere('/name <name>', words), '/name <nama>', 'the command itself stays');
});
